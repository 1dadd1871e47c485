"""Questions about commits and what they change, each answered within seconds and within bounds.

Here belong the few things that whoever follows a branch asks. Not here: freezing files (`git.py`), or getting commits
from elsewhere (`git_remote.py`).
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.git_command import GitError, GitFailed, started

MAX_COMMITS = 20_000
"""Commits of one branch that are looked at together."""
_SECONDS = 8.0
_MAX_OUTPUT = 32 * 1024 * 1024
_AT_ONCE = 500
"""Lines that git is given before anything is read from it: they, and its answers, must fit into a pipe."""
_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class TooMuch(GitError):
    """An answer of a size that no commit should have."""


@dataclass(frozen=True)
class Commit:
    """A commit, and the first of its parents: what the branch was before it; empty for a root."""

    id: str
    parent: str


@dataclass(frozen=True)
class File:
    """A file in a commit: git's mode and the object's id."""

    mode: str
    oid: str


def known(repo: Path, commits: Iterable[str]) -> frozenset[str]:
    """Those of the ids that are commits here. Raises `GitError`."""
    asked = [commit for commit in dict.fromkeys(commits) if _OID.fullmatch(commit)]
    found: set[str] = set()
    for begin in range(0, len(asked), _AT_ONCE):
        part = asked[begin : begin + _AT_ONCE]
        answers = _ask(repo, "cat-file", "--batch-check=%(objectname) %(objecttype)", lines=part).decode()
        found |= {line.split(" ")[0] for line in answers.splitlines() if line.endswith(" commit")}
    return frozenset(found)


def first_parents(repo: Path, new: str, handled: Collection[str], *, limit: int = MAX_COMMITS) -> tuple[Commit, ...]:
    """What a branch went through: the newest `limit` commits of `new`'s first-parent chain, oldest first.

    Left out is what is reachable from `handled`, all of which must be here. Raises `GitError`.
    """
    starts = [_id(new), *(f"^{_id(commit)}" for commit in handled)]
    options = ("--first-parent", "--parents", "--reverse", f"--max-count={limit}", "--stdin")
    listed = _ask(repo, "rev-list", *options, lines=starts).decode()
    fields = (line.split(" ") for line in listed.splitlines())
    return tuple(Commit(each[0], each[1] if len(each) > 1 else "") for each in fields)


def changed(repo: Path, commit: Commit, places: Iterable[str]) -> tuple[str, ...]:
    """Paths below `places` that a commit changed against its first parent; of a root all that it has.

    Raises `GitError`, and `TooMuch` for more than 32 MiB of paths.
    """
    both = (_id(commit.parent), _id(commit.id)) if commit.parent else ("--root", _id(commit.id))
    options = ("-r", "-z", "--name-only", "--no-renames", "--no-commit-id")
    return _paths(_ask(repo, "diff-tree", *options, *both, "--", *places))


def folders(repo: Path, commit: str, place: str) -> tuple[str, ...]:
    """Names of the folders in a folder of a commit; none where that is not there. Raises `GitError`."""
    listed = _ask(repo, "ls-tree", "-z", "-d", "--name-only", "--full-tree", _id(commit), "--", f"{place}/")
    return tuple(path.rpartition("/")[2] for path in _paths(listed))


def files(repo: Path, commit: str, paths: Iterable[str]) -> Mapping[str, File]:
    """Those of the paths that a commit has as files or links. Raises `GitError`."""
    wanted = tuple(paths)
    if not wanted:
        return {}
    found = {}
    for line in _paths(_ask(repo, "ls-tree", "-z", "--full-tree", _id(commit), "--", *wanted)):
        fields, _, path = line.partition("\t")
        mode, kind, oid = fields.split(" ")
        if kind == "blob":
            found[path] = File(mode, oid)
    return found


def content(repo: Path, oid: str, *, limit: int) -> bytes:
    """A file's bytes. Raises `TooMuch` beyond `limit`, `GitError`."""
    return _ask(repo, "cat-file", "blob", _id(oid), limit=limit)


def _ask(repo: Path, *arguments: str, lines: Iterable[str] = (), limit: int = _MAX_OUTPUT) -> bytes:
    with started(repo, *arguments, timeout=_SECONDS) as (stdin, stdout):
        stdin.write("".join(f"{line}\n" for line in lines).encode())
        stdin.close()
        output = stdout.read(limit + 1)
        if len(output) > limit:
            raise TooMuch(f"git {arguments[0]} in {repo} answers with more than {limit} bytes: look at that commit")
    return output


def _paths(output: bytes) -> tuple[str, ...]:
    return tuple(path for path in output.decode(errors="surrogateescape").split("\0") if path)


def _id(commit: str) -> str:
    if not _OID.fullmatch(commit):
        raise GitFailed("rev-list", Path(), f"{commit[:80]!r} is no full id")
    return commit
