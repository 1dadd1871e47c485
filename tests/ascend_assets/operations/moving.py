"""A store with four environments, a clock of the test's own, and releases whose evidence can be judged again."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import evidence_samples as samples
import pytest
from keys import Key, make_key

from ascend_assets import policy_file
from ascend_assets.codec import write_record
from ascend_assets.operations import approve, judging, promote, result, rollback
from ascend_assets.stage import Tools
from resources.ascend.toolchain import NotLoadable, Origin, Toolchain, ToolchainIdentity
from resources.dependency_lock import Lock
from resources.registry.approvals import Decision
from resources.registry.ledger import Entry, Ledger
from resources.registry.releases import Registry, Release, ReleasedTarget
from resources.store.blobs import Blobs, FolderStore

POLICY = """\
environments:
  - name: dev
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    allows_dirty: true
  - name: staging
    evidence: [measured]
    may_stay_unjudged: [latency_regression]
    soak_hours: 2
  - name: trial
    evidence: [measured]
    may_stay_unjudged: [latency_regression]
    required_checks: [rollout_result]
  - name: prod
    evidence: [measured]
    may_stay_unjudged: [latency_regression]
    approvals: {required: 1, signers: signers}
"""
MORNING = datetime(2026, 11, 20, 8, tzinfo=UTC)


class Device:
    """A toolchain that can load whatever does not say that it is broken."""

    def __init__(self, name: str = "emulator") -> None:
        self.name = name

    def describe(self) -> ToolchainIdentity:
        return samples.toolchain(name=self.name)

    def open(self, om: Path, soc_version: str) -> None:
        if om.read_bytes().startswith(b"broken"):
            raise NotLoadable(f"{om.name} does not load on {soc_version}: truncated")


@dataclass
class World:
    """A store, its policy, a clock that stands still until it is moved, and Grace, who may sign for prod."""

    tools: Tools
    grace: Key
    folder: Path
    moment: datetime = MORNING
    commands: dict[str, Any] = field(default_factory=lambda: {"name": "digits", "actor": "ada"})

    @property
    def store(self) -> FolderStore:
        return cast("FolderStore", self.tools.blobs.store)

    def wait(self, hours: float) -> None:
        self.moment += timedelta(hours=hours)

    def rewrite(self, key: str, content: bytes) -> None:
        """What somebody with access to the disk can do."""
        path = self.store.local(key)
        path.chmod(0o644)
        path.write_bytes(content)

    def publish(self, number: int = 0, **how: Any) -> Release:
        made = release(self.tools.blobs, number, at=self.moment, **how)
        self.tools.registry.publish(made)
        return made

    def promote(self, number: int, environment: str = "dev", **how: Any) -> Entry:
        options = {"reason": "better", "version": f"1.{number}.0", "environment": environment}
        return promote.promote(self.tools, **self.commands | options | how)

    def plan(self, number: int, environment: str) -> dict[str, Any]:
        """Every requirement by its name."""
        version = f"1.{number}.0"
        made = promote.plan(self.tools, **self.commands, environment=environment, version=version, reason="better")
        return {requirement.name: requirement for requirement in made.admission.requirements}

    def live(self, number: int, environment: str = "dev") -> Entry:
        """Publish and promote."""
        self.publish(number)
        return self.promote(number, environment)

    def roll_back(self, environment: str = "dev", **how: Any) -> Entry:
        options = {"reason": "worse", "environment": environment}
        return rollback.rollback(self.tools, **self.commands | options | how)

    def record(self, report: bytes, number: int = 0, environment: str = "trial", **how: Any) -> result.Recorded:
        options = {"reason": "tested", "environment": environment, "version": f"1.{number}.0", "report": report}
        return result.record(self.tools, **self.commands | options | how)

    def approve(self, number: int, environment: str = "prod", decision: Decision = Decision.APPROVE) -> Entry:
        return approve.approve(
            self.tools,
            name="digits",
            version=f"1.{number}.0",
            environment=environment,
            decision=decision,
            reason="looked at it",
            key=self.grace.path,
            actor="grace",
        )

    def history(self, environment: str = "dev") -> list[str]:
        return [f"{e.kind} {e.version}" for e in self.tools.ledger.history(environment, "digits")]


def make_world(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> World:
    """An empty store below `folder`, and the policy in force in a file beside it."""
    folder.mkdir(exist_ok=True)
    grace = make_key(folder, "grace")
    (folder / "signers").write_text(grace.line("grace@example.org"))
    (folder / "environments.yaml").write_text(policy)
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(folder / "environments.yaml"))
    store = FolderStore(folder / "store")
    tools = Tools(
        blobs=Blobs(store),
        registry=Registry(store),
        ledger=Ledger(store),
        toolchain=cast("Toolchain", Device()),
        repository=folder / "no repository",
        lock=Lock(sha256="0" * 64),  # not that of the releases: they are judged by their own
        environments=policy_file.in_force(),
        now=lambda: MORNING,
    )
    made = World(tools, grace, folder)
    made.tools = replace(tools, now=lambda: made.moment)
    return made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(tmp_path / "world", monkeypatch)


def release(
    blobs: Blobs,
    number: int = 0,
    *,
    at: datetime = MORNING,
    origin: Origin = "measured",
    content: bytes = b"",
    p99: float = 1.2,
    dirty: bool = False,
    authors: tuple[str, ...] = ("Ada <ada@example.org>",),
    **fields: Any,
) -> Release:
    """Release `1.<number>.0`, its evidence in the store. `content` begins the om; `p99` in milliseconds."""
    spec = samples.spec()
    source = samples.source(
        archive=blobs.put_bytes(f"source {number}".encode(), "source.tar"),
        candidate=f"20261120-1403-{'dirty' if dirty else 'git'}-1a2b3c4d{number:04}",
        commit="" if dirty else "a" * 40,
        dirty=dirty,
    )
    onnx = samples.onnx(source, file=blobs.put_bytes(f"onnx {number}".encode(), "model.onnx"))
    lint = samples.lint((source, onnx))
    om = samples.om(spec, onnx, lint, origin, file=blobs.put_bytes(content + f"om {number}".encode(), "digits.om"))
    precision = samples.precision(onnx, om, origin)
    profile = samples.profile(origin, latency_ms={"p50": p99 / 2, "p90": p99 / 1.5, "p99": p99})
    benchmark = samples.benchmark(om, origin, profile=profile)
    key = om.target
    records = {
        "source": source,
        "onnx": onnx,
        "lint": lint,
        f"{key}__om": om,
        f"{key}__precision": precision,
        f"{key}__benchmark": benchmark,
    }
    target = ReleasedTarget(
        soc_version=om.info.options.soc_version,
        om=om.file,
        om_identity=om.info.identity,
        precision=precision.digest,
        benchmark=benchmark.digest,
    )
    own = {
        "model": "digits",
        "version": f"1.{number}.0",
        "candidate": source.candidate,
        "commit": source.commit,
        "dirty": dirty,
        "task": spec.task,
        "source": source.archive.sha256,
        "onnx": onnx.file,
        "targets": {key: target},
        "signature": onnx.signature,
        "toolchain": samples.toolchain(origin),
        "verdicts": ({"criterion": "forged", "admits": ["dev", "staging", "prod"]},),
        "dossier": blobs.put_bytes(f"page {number}".encode(), "dossier.html").sha256,
        "pipeline": {"requirements.lock": samples.LOCK},
        "created_at": at,
        "created_by": "Ada <ada@example.org>",
        "authors": authors,
        "definition": judging.keep_definition(blobs, spec),
        "evidence": {name: write_record(blobs, record) for name, record in records.items()},
    }
    return Release.model_validate(own | fields)


def report(number: int = 0, baseline: int | None = None, at: datetime = MORNING, **fields: Any) -> dict[str, Any]:
    """A report of a test that went well, as JSON's types. `at`: when it ended."""
    side = {"requests": 5000, "errors": 10, "latency_p99_ms": 2.0}
    own: dict[str, Any] = {
        "kind": "canary",
        "origin": "measured",
        "baseline": None if baseline is None else {"version": f"1.{baseline}.0", **side},
        "candidate": {"version": f"1.{number}.0", **side},
        "started": (at - timedelta(minutes=30)).isoformat(),
        "ended": at.isoformat(),
    }
    return own | fields
