"""A store with two governed environments, people who sign, and releases whose evidence can be judged again."""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import evidence_samples as samples
import pytest
from keys import Key, make_key

from ascend_assets import policy_file
from ascend_assets.codec import write_record
from ascend_assets.environments import Environments
from ascend_assets.operations import approve, judging, promote, rollback
from ascend_assets.stage import Tools
from resources.ascend.toolchain import Toolchain, ToolchainIdentity
from resources.dependency_lock import Lock
from resources.registry.admissions import Requirement
from resources.registry.approvals import Decision
from resources.registry.ledger import Entry, Ledger
from resources.registry.releases import Registry, Release, ReleasedTarget
from resources.store.blobs import Blobs, FolderStore

MODEL = "digits"
POLICY = """\
environments:
  - name: dev
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
  - name: staging
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
    approvals: {required: 1, signers: signers}
"""


class LoadsAnything:
    """A toolchain that can do no more than say its name and load."""

    def describe(self) -> ToolchainIdentity:
        return samples.toolchain()

    def open(self, om: Path, soc_version: str) -> None:
        """Everything loads."""


@dataclass(frozen=True)
class World:
    """A store, its policy, and Grace, who may sign for staging."""

    tools: Tools
    grace: Key
    folder: Path

    @property
    def store(self) -> FolderStore:
        return cast("FolderStore", self.tools.blobs.store)

    def rewrite(self, key: str, content: bytes) -> None:
        """What somebody with access to the disk can do."""
        path = self.store.local(key)
        path.chmod(0o644)
        path.write_bytes(content)

    def publish(self, number: int = 0) -> Release:
        """Release `1.<number>.0`."""
        made = release(self.tools.blobs, number)
        self.tools.registry.publish(made)
        return made

    def deploy(self, number: int, environment: str = "dev") -> Entry:
        return promote.promote(
            self.tools, name=MODEL, environment=environment, version=f"1.{number}.0", actor="ada", reason="better"
        )

    def approve(self, number: int, key: Key | None = None, decision: Decision = Decision.APPROVE) -> Entry:
        return approve.approve(
            self.tools,
            name=MODEL,
            version=f"1.{number}.0",
            environment="staging",
            decision=decision,
            reason="looked at it",
            key=(key or self.grace).path,
            actor="grace",
        )

    def to_staging(self, number: int) -> Entry:
        """Publish, deploy to dev, sign, promote."""
        self.publish(number)
        self.deploy(number)
        self.approve(number)
        return self.deploy(number, "staging")

    def roll_back(self, environment: str = "staging") -> Entry:
        return rollback.rollback(self.tools, name=MODEL, environment=environment, actor="ada", reason="worse")

    def forge(self, number: int, environment: str = "staging", *, met: bool = True, **changes: Any) -> Entry:
        """A deployment that nobody admitted, whose admission says that everything was met: with access to the store."""
        version = f"1.{number}.0"
        plan = promote.plan(self.tools, name=MODEL, environment=environment, version=version, actor="eve", reason="me")
        told = tuple(Requirement(name=r.name, met=met, why="believe me") for r in plan.admission.requirements)
        false = plan.admission.model_copy(update={"requirements": told} | changes)
        return promote.make(self.tools, replace(plan, admission=false))


def make_world(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> World:
    """An empty store below `folder`, and the policy in force in a file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    grace = make_key(folder, "grace")
    (folder / "signers").write_text(grace.line("grace@example.org"))
    (folder / "environments.yaml").write_text(policy)
    return open_world(folder, grace, monkeypatch)


def copy_of(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The same world in a folder of its own: what takes signatures to build is built once."""
    shutil.copytree(world.folder, folder, symlinks=True, dirs_exist_ok=True)
    return open_world(folder, replace(world.grace, path=folder / "grace"), monkeypatch)


def open_world(folder: Path, grace: Key, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that is there."""
    monkeypatch.setenv("ASCEND_ENVIRONMENTS", str(folder / "environments.yaml"))
    return World(make_tools(FolderStore(folder / "store"), policy_file.in_force()), grace, folder)


def make_tools(store: FolderStore, policy: Environments) -> Tools:
    return Tools(
        blobs=Blobs(store),
        registry=Registry(store),
        ledger=Ledger(store),
        toolchain=cast("Toolchain", LoadsAnything()),
        repository=Path("/nowhere"),
        lock=Lock(sha256=samples.LOCK),
        environments=policy,
        now=lambda: datetime.now(UTC),
    )


def release(blobs: Blobs, number: int = 0, **fields: Any) -> Release:
    """A release whose evidence is in the store and passes every gate."""
    spec = samples.spec()
    source = samples.source(
        archive=blobs.put_bytes(f"source {number}".encode(), "source.tar"),
        candidate=f"20261120-1403-git-1a2b3c4d{number:04}",
    )
    onnx = samples.onnx(source, file=blobs.put_bytes(f"onnx {number}".encode(), "model.onnx"))
    lint = samples.lint((source, onnx))
    om = samples.om(spec, onnx, lint, file=blobs.put_bytes(f"om {number}".encode(), "digits.om"))
    target = om.target
    precision, benchmark = samples.precision(onnx, om), samples.benchmark(om)
    records = {
        "source": source,
        "onnx": onnx,
        "lint": lint,
        f"{target}__om": om,
        f"{target}__precision": precision,
        f"{target}__benchmark": benchmark,
    }
    own = {
        "model": MODEL,
        "version": f"1.{number}.0",
        "candidate": source.candidate,
        "commit": source.commit,
        "dirty": source.dirty,
        "task": spec.task,
        "source": source.archive.sha256,
        "onnx": onnx.file,
        "targets": {
            target: ReleasedTarget(
                soc_version=om.info.options.soc_version,
                om=om.file,
                om_identity=om.info.identity,
                precision=precision.digest,
                benchmark=benchmark.digest,
            )
        },
        "signature": onnx.signature,
        "toolchain": samples.toolchain(),
        "verdicts": ({"criterion": "see the admissions"},),
        "dossier": blobs.put_bytes(f"page {number}".encode(), "dossier.html").sha256,
        "pipeline": {"requirements.lock": samples.LOCK},
        "created_at": datetime.now(UTC),
        "created_by": "Ada <ada@example.org>",
        "authors": ("Ada <ada@example.org>",),
        "definition": judging.keep_definition(blobs, spec),
        "evidence": {name: write_record(blobs, record) for name, record in records.items()},
    }
    return Release.model_validate(own | fields)
