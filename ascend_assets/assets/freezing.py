"""Freezing a model's folder: its files at a commit as one archive, and where they are from.

Here belong which files are taken, and that they describe the model that is loaded. Not here: a candidate's record
(`source.py`), or how git is asked (`resources/git.py`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ascend_assets import models
from ascend_assets.spec import ModelSpec
from resources import git, tarball
from resources.candidates import Candidate
from resources.digests import sha256_file
from resources.git_command import GitError

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


def freeze(project: Path, model: str, output: Path, *, commit: str = "", candidate: str = "") -> Origin:
    """Write the files to `output`: of the commit asked for, else of the one checked out, else as they lie there.

    Files that lie there are taken only while some are not committed (or outside git). `candidate` is its name where
    one was chosen. Raises `GitError`, `ArchiveError`.
    """
    folder = project / FOLDER / model
    repository = git.repository(project)
    dirty = repository is None or git.is_dirty(project)
    if repository is None or (dirty and not commit):
        git.snapshot(folder, output)
        name = candidate or str(Candidate.from_sources(sha256_file(output), _last_change(folder)))
        return Origin(commit="", author="", dirty=True, candidate=name)
    commit = git.resolve(project, commit or "HEAD")
    git.archive(project, commit, folder, output)
    name = candidate or str(Candidate.from_commit(commit, git.committed_at(project, commit)))
    # With a commit asked for by name the files are clean, but the pipeline that judges them may not be.
    return Origin(commit=commit, author=git.author(project, commit), dirty=dirty, candidate=str(Candidate.parse(name)))


def require_same_definition(spec: ModelSpec, archive: Path, folder: Path) -> None:
    """Unpack into `folder`. Raises `OtherDefinition` where the archive describes another graph than the loaded one."""
    tarball.unpack(archive, folder)
    if models.load(folder) != spec:
        raise OtherDefinition(
            f"{spec.name}: this candidate's defs.yaml is not the one that the assets were loaded from: reload the "
            f"definitions, or use the command line, `ascend run {spec.name} --commit REV`, which reads its own"
        )


def in_repository(project: Path, file: Path) -> str:
    """A file's path from the top of the repository, where `git apply` is run; outside git from the project's."""
    try:
        top = git.repository(project) or project
    except GitError:
        top = project
    return file.resolve().relative_to(top.resolve()).as_posix()


def _last_change(folder: Path) -> datetime:
    """When a file of the folder was last written: the same files give the same candidate, however often it is built."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return datetime.fromtimestamp(max((path.stat().st_mtime for path in files), default=0.0), UTC)
