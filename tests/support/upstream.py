"""A repository that somebody pushes to, the server it lies on, and a project whose sensor follows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from git_server import GitServer, bare_copy, http_server
from sandbox import Sandbox, git
from tiny import DEFS_YAML, write_tiny

from ascend_assets.commits.cursor import Cursor, read
from ascend_assets.triggers import Repository
from resources.configurable import Project
from sensors import commits

DEFS = "ascend_assets/defs"


@dg.op
def nothing() -> None:
    """What the daemon would run is of no interest here."""


@dg.job(name="tiny_candidate")
def JOB() -> None:  # noqa: N802 - a constant
    nothing()


ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="nothing")), "nothing"),
    "nothing",
)
"""Dagster demands one of a queued run."""


@dataclass
class Upstream:
    """`work`: a clone from which commits are pushed to `server`'s bare repository."""

    work: Path
    server: GitServer
    count: int = 0

    def git(self, *arguments: str) -> str:
        return git(self.work, *arguments)

    def commit(self, path: str = f"{DEFS}/tiny/note.txt", text: str = "") -> str:
        """A commit that changes one file; not pushed."""
        self.count += 1
        file = self.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text or f"change {self.count}\n")
        self.git("add", "-A")
        self.git("commit", "-qm", f"change {self.count}")
        return self.git("rev-parse", "HEAD")

    def push(self, *refspecs: str) -> None:
        self.git("push", "-q", "--force", "origin", *(refspecs or ("HEAD",)))

    def pushed(self, path: str = f"{DEFS}/tiny/note.txt", text: str = "") -> str:
        commit = self.commit(path, text)
        self.push()
        return commit

    def model(self, name: str, watch: str = "") -> None:
        """Write a model; not committed."""
        folder = self.work / DEFS / name
        write_tiny(folder)
        extra = f"  watch: [{watch}]\n" if watch else ""
        (folder / "defs.yaml").write_text(DEFS_YAML.replace("name: tiny", f"name: {name}") + extra)


@dataclass
class Follower:
    """The project's sensor for that repository, ticked by hand as the daemon does it."""

    sandbox: Sandbox
    upstream: Upstream
    settings: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    told: str = ""
    asked: list[dg.RunRequest] = field(default_factory=list)

    @property
    def repository(self) -> Repository:
        return Repository.model_validate({"url": self.upstream.server.url, "branches": ["*"], **self.settings})

    @property
    def state(self) -> Cursor:
        return read(self.cursor)

    def tick(self, instance: dg.DagsterInstance | None = None) -> list[tuple[str, str]]:
        """One tick: (model, commit) of every candidate asked for. The cursor moves."""
        sensor = commits.build(self.repository, [self.sandbox.spec], [JOB])
        context = dg.build_sensor_context(instance=instance or self.sandbox.instance, cursor=self.cursor)
        result = sensor(context, project=Project(folder=str(self.sandbox.root)))
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        self.told = (result.skip_reason.skip_message or "") if result.skip_reason else ""
        self.asked = list(result.run_requests or [])
        return [
            (each.tags["ascend/model"], each.tags["ascend/commit"])
            for each in self.asked
            if each.job_name != "fetch_commits"
        ]

    def ticks(self, count: int = 10) -> list[tuple[str, str]]:
        """So many ticks, with every request kept as a run, as the daemon keeps it."""
        found = []
        for _ in range(count):
            found += self.tick()
            self.keep()
        return found

    def keep(self, status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS) -> list[str]:
        """Make runs of what was asked for, without running them."""
        return [keep(self.sandbox.instance, each, status) for each in self.asked]


def keep(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    tags = {**request.tags, "dagster/run_key": request.run_key or ""}
    run = dg.DagsterRun(job_name=request.job_name or "", tags=tags, status=status, remote_job_origin=ORIGIN)
    return instance.add_run(run).run_id


@pytest.fixture
def upstream(sandbox: Sandbox, tmp_path: Path) -> Iterator[Upstream]:
    bare = tmp_path / "served" / "models.git"
    bare.parent.mkdir()
    bare_copy(sandbox.root, bare)
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(bare), str(work))
    with http_server(bare) as server:
        yield Upstream(work, server)


@pytest.fixture
def follow(sandbox: Sandbox, upstream: Upstream) -> Callable[..., Follower]:
    """A follower that has its base line."""

    def _follow(**settings: Any) -> Follower:
        made = Follower(sandbox, upstream, settings)
        assert made.tick() == []
        return made

    return _follow
