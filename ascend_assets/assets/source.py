"""source: a candidate's files at its commit, as one archive.

Here belong naming the candidate and freezing its files, so that later stages never look at the working tree. Not here:
how git is asked (`resources/git.py`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ascend_assets import models
from ascend_assets.records import SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from resources import git, tarball
from resources.candidates import Candidate
from resources.digests import sha256_file

FOLDER = Path("ascend_assets", "defs")
"""Where a project keeps its models."""


class OtherDefinition(Exception):
    """The candidate's `defs.yaml` is not the one that the loaded assets were built from."""


@dataclass(frozen=True)
class Origin:
    """Where frozen files are from. `commit` is empty for files that are in none."""

    commit: str
    author: str
    dirty: bool
    candidate: str


def make(tools: Tools, key: str, order: Order, *, spec: ModelSpec) -> SourceRecord:
    """Freeze the model's files: at the commit asked for, else at the one checked out, else as they lie there.

    Files that lie there are taken only while some are not committed (or outside git); such a candidate stays in dev.
    Raises `GitError`, and `OtherDefinition` where the frozen `defs.yaml` describes another graph than the loaded one.
    """
    with tools.scratch() as folder:
        archive = folder / "source.tar"
        origin = _freeze(tools.repository, spec.name, order, archive)
        _same_definition(spec, archive, folder / spec.name)
        stored = tools.keep(archive, f"{spec.name}.tar")
    return SourceRecord(
        key=key,
        made_from={},
        model=spec.name,
        candidate=origin.candidate,
        commit=origin.commit,
        author=origin.author,
        dirty=origin.dirty,
        archive=stored,
    )


def _freeze(project: Path, model: str, order: Order, output: Path) -> Origin:
    folder = project / FOLDER / model
    repository = git.repository(project)
    dirty = repository is None or git.is_dirty(project)
    if repository is None or (dirty and not order.commit):
        git.snapshot(folder, output)
        name = order.candidate or str(Candidate.from_sources(sha256_file(output), _last_change(folder)))
        return Origin(commit="", author="", dirty=True, candidate=name)
    commit = git.resolve(project, order.commit or "HEAD")
    git.archive(project, commit, folder, output)
    name = order.candidate or str(Candidate.from_commit(commit, git.committed_at(project, commit)))
    # With a commit asked for by name the files are clean, but the pipeline that judges them may not be.
    return Origin(commit=commit, author=git.author(project, commit), dirty=dirty, candidate=str(Candidate.parse(name)))


def _last_change(folder: Path) -> datetime:
    """When a file of the folder was last written: the same files give the same candidate, however often it is built."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return datetime.fromtimestamp(max((path.stat().st_mtime for path in files), default=0.0), UTC)


def _same_definition(spec: ModelSpec, archive: Path, folder: Path) -> None:
    tarball.unpack(archive, folder)
    if models.load(folder) != spec:
        raise OtherDefinition(
            f"{spec.name}: this candidate's defs.yaml is not the one that the assets were loaded from: reload the "
            f"definitions, or use the command line, `ascend run {spec.name} --commit REV`, which reads its own"
        )
