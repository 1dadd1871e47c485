"""What git knows about a folder, and a folder's files as git would keep them. Only `tag` changes the repository.

Here belong questions about commits and working trees, and the two ways to freeze sources: `archive` (at a commit) and
`snapshot` (as they are now). Both give the same bytes for the same content, because both take git's own form of a file:
line ends and encodings as committed, no attribute that rewrites or leaves out (`export-subst`, `export-ignore`), and
for a Git LFS pointer the file itself. Not here: how git is run (`git_command.py`), the archive's format (`tarball.py`).
"""

import re
import shutil
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from resources.digests import sha256_file
from resources.git_command import GitError, GitFailed, NotARepository, filters_off, run
from resources.git_objects import Entry, Pointer, members, small_blobs
from resources.tarball import pack
from resources.working_files import plain_members

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99})*")
_MAX_PERSON = 200
_TAGGING = {
    "user.name": "ascend",
    "user.email": "ascend@localhost",
    "tag.forceSignAnnotated": "false",  # would run the program that the repository names
    "core.fsync": "all",
}
_REVISION = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_./@^~{}+-]{0,199}")


class UnknownRevision(GitError):
    """A name of no commit here."""


class TagExists(GitError):
    """A tag's name is taken by another commit."""


class UnknownFolder(GitError):
    """A folder that is not in the commit, or not in the repository."""


def repository(folder: Path) -> Path | None:
    """Top of the working tree that a folder is in, or None outside git. Raises `GitError`."""
    if not any((above / ".git").exists() for above in (folder.absolute(), *folder.absolute().parents)):
        return None
    return _top(folder)


def head(repo: Path) -> str:
    """Full id of the commit that is checked out. Raises `UnknownRevision` where there is none yet."""
    return resolve(repo, "HEAD")


def resolve(repo: Path, revision: str) -> str:
    """Full commit id of a branch, tag or abbreviated id. Raises `UnknownRevision`, which says what may be wrong."""
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise UnknownRevision(f"{revision[:80]!r} is no name of a commit: give a branch, a tag or an id")
    found = _verified(repo, f"{revision}^{{commit}}")
    if found is None:
        shallow = run(repo, "rev-parse", "--is-shallow-repository").strip() == b"true"
        hint = "this clone is shallow: `git fetch --unshallow` first" if shallow else "`git fetch` if it is new"
        nothing = "it has no commit yet" if revision == "HEAD" else hint
        raise UnknownRevision(f"{repo} has no commit {revision}: {nothing}")
    return found


def author(repo: Path, commit: str) -> str:
    """Author of a commit as `Name <mail>`."""
    lines = run(repo, "cat-file", "commit", _full(commit)).decode(errors="replace").splitlines()
    line = next((line for line in lines if line.startswith("author ")), "author unknown <> 0 +0000")
    return line.removeprefix("author ").rsplit(" ", 2)[0]


def committed_at(repo: Path, commit: str) -> datetime:
    """When a commit was made, in UTC. A committer whose clock says nonsense gives the epoch."""
    lines = run(repo, "cat-file", "commit", _full(commit)).decode(errors="replace").splitlines()
    line = next((line for line in lines if line.startswith("committer ")), "committer unknown <> 0 +0000")
    try:
        return datetime.fromtimestamp(int(line.rsplit(" ", 2)[1]), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def subjects(repo: Path, since: str, until: str, folder: Path | str, *, limit: int = 50) -> tuple[str, ...]:
    """What commits say that changed a folder after `since` and up to `until`: `1a2b3c4 subject`, newest first.

    Both are full commit ids. Nothing if `since` is not known here (a shallow clone, a rewritten branch).
    """
    if _verified(repo, f"{_full(since)}^{{commit}}") is None:
        return ()
    place = _relative(repo, folder) or "."
    arguments = ("--no-show-signature", f"--max-count={limit}", "--format=%h %s", f"{since}..{_full(until)}")
    listed = run(_top(repo), "log", *arguments, "--", place)
    return tuple(listed.decode(errors="replace").splitlines())


def authors(repo: Path, since: str, until: str, folder: Path | str) -> tuple[str, ...]:
    """Who wrote the commits that changed a folder after `since` and up to `until`, as `Name <mail>`, sorted.

    Co-authors are authors, and somebody whom .mailmap knows by another name has both. `since` may be empty: everybody
    who ever wrote there; so it is where `since` is not known here (a shallow clone, a rewritten branch), because nobody
    who may have written must be left out. Raises `UnknownRevision` for what is no full commit id.
    """
    known = bool(since) and _verified(repo, f"{_full(since)}^{{commit}}") is not None
    commits = f"{since}..{_full(until)}" if known else _full(until)
    names = "%an <%ae>%n%aN <%aE>%n%(trailers:key=Co-authored-by,valueonly)"
    listed = run(
        _top(repo), "log", "--no-show-signature", f"--format={names}", commits, "--", _relative(repo, folder) or "."
    )
    lines = (" ".join(line.split()) for line in listed.decode(errors="replace").splitlines())
    return tuple(sorted({line[:_MAX_PERSON] for line in lines if line}))


def tag(repo: Path, name: str, commit: str, message: str) -> bool:
    """Create an annotated tag of a commit; False where that very tag is there already. Nothing is pushed.

    Raises `TagExists` where the name is taken by another commit, `UnknownRevision`, and `GitError` for a bad name.
    """
    if not _TAG.fullmatch(name):
        raise UnknownRevision(f"{name[:80]!r} is no name of a tag: use letters, digits, '.', '_', '-' and single '/'")
    taken = _verified(repo, f"refs/tags/{name}^{{commit}}")
    if taken == resolve(repo, _full(commit)):
        return False
    if taken is not None:
        raise TagExists(f"the tag {name} names commit {taken[:12]}, not {commit[:12]}: look at who set it, and why")
    run(repo, "tag", "--annotate", "--no-sign", f"--message={message}", name, commit, settings=_TAGGING)
    return True


def is_dirty(repo: Path) -> bool:
    """Whether the working tree differs from its commit; see `dirty_files`."""
    return bool(dirty_files(repo))


def dirty_files(repo: Path) -> tuple[str, ...]:
    """Paths, from the top, that are changed, staged, in conflict, or new and not ignored; a new folder counts as one.

    Only the repository's own ignore rules count, not the user's: another machine must give the same answer.
    Raises `NotARepository`, also for a bare repository.
    """
    top = _top(repo)
    arguments = (
        "status",
        "--porcelain=v2",
        "-z",
        "--untracked-files=normal",
        "--ignore-submodules=dirty",
        "--no-renames",
    )
    records = run(top, *arguments, settings=filters_off(top)).decode(errors="surrogateescape").split("\0")
    changes = [_Change.parse(record) for record in records if record]
    fetched = _fetched(top, changes)
    return tuple(change.path for change in changes if change.path not in fetched)


def archive(repo: Path, commit: str, folder: Path | str, output: Path) -> Path:
    """Write a folder's files at a commit to `output`; `folder` is absolute, or relative to the top.

    Raises `UnknownFolder`, `UnknownRevision`, `LfsMissing`, `tarball.ArchiveError`.
    """
    place = _relative(repo, folder)
    tree = _verified(repo, f"{_full(commit)}:{place}" if place else f"{_full(commit)}^{{tree}}")
    if tree is None:
        resolve(repo, commit)
        raise UnknownFolder(f"commit {commit[:12]} has no folder {place}: commit it first")
    if run(repo, "cat-file", "-t", tree).strip() != b"tree":
        raise UnknownFolder(f"{place} is no folder in commit {commit[:12]}")
    listing = run(repo, "ls-tree", "-r", "-z", "--full-tree", tree)
    entries = [Entry.from_tree(line) for line in listing.decode(errors="surrogateescape").split("\0") if line]
    with closing(members(repo, entries)) as files:
        return pack(files, output)


def snapshot(folder: Path, output: Path) -> Path:
    """Write a folder's files as they are now to `output`: what `git add` would take, and `archive` give after a commit.

    Outside git: all files but names that begin with a dot, `__pycache__` and `.venv`.
    Raises `LfsMissing`, `tarball.ArchiveError`, `GitError`.
    """
    if repository(folder) is None:
        return pack(plain_members(folder), output)
    with tempfile.TemporaryDirectory(prefix="ascend-index-") as temporary:
        env = _scratch(folder, Path(temporary))
        try:
            run(folder, "add", "--all", "--", ".", env=env, settings=filters_off(folder))
        except GitFailed as error:
            raise GitFailed("add", folder, f"{error.message}\nGit cannot take the folder as it is") from error
        listing = run(folder, "ls-files", "--stage", "-z", "--", ".", env=env)
        entries = [Entry.from_index(line) for line in listing.decode(errors="surrogateescape").split("\0") if line]
        with closing(members(folder, entries, env)) as files:
            return pack(files, output)


def _scratch(folder: Path, temporary: Path) -> dict[str, str]:
    """An index and an object store of our own on top of the repository's, which are only read."""
    paths = run(folder, "rev-parse", "--path-format=absolute", "--git-path", "index", "--git-path", "objects")
    index, objects = (Path(line) for line in paths.decode(errors="surrogateescape").splitlines())
    if index.exists():
        # With its time: git re-reads a file that is as young as the index, and must not take it for older.
        shutil.copy2(index, temporary / "index")
    (temporary / "objects" / "info").mkdir(parents=True)
    (temporary / "objects" / "info" / "alternates").write_bytes(f"{objects}\n".encode(errors="surrogateescape"))
    return {"GIT_INDEX_FILE": str(temporary / "index"), "GIT_OBJECT_DIRECTORY": str(temporary / "objects")}


@dataclass(frozen=True)
class _Change:
    """A record of `git status --porcelain=v2`. `blob`: what the index has, where only the file's content is changed."""

    path: str
    blob: str | None

    @classmethod
    def parse(cls, record: str) -> Self:
        if record.startswith("1 "):
            _, states, _, _, mode, mode_now, _, blob, path = record.split(" ", 8)
            return cls(path, blob if states == ".M" and mode == mode_now else None)
        return cls(record.split(" ", 10)[10] if record.startswith("u ") else record[2:], None)


def _fetched(top: Path, changes: list[_Change]) -> frozenset[str]:
    """Paths whose content is the very file that a committed Git LFS pointer names.

    With filters off, git takes such a file for changed as soon as its time is.
    """
    changed = {change.path: change.blob for change in changes if change.blob}
    pointers = {oid: Pointer.parse(data) for oid, data in small_blobs(top, set(changed.values())).items()}
    same = set()
    for path, blob in changed.items():
        pointer, file = pointers.get(blob), top / path
        if pointer and file.is_file() and file.stat().st_size == pointer.size and sha256_file(file) == pointer.sha256:
            same.add(path)
    return frozenset(same)


def _top(folder: Path) -> Path:
    try:
        printed = run(folder, "rev-parse", "--show-toplevel")
    except GitFailed as error:
        raise NotARepository(
            f"{folder} has no working tree ({error.message}): name a clone that is not bare"
        ) from error
    top = Path(printed.decode(errors="surrogateescape").removesuffix("\n"))
    if not folder.resolve().is_relative_to(top.resolve()):
        # With core.worktree set, git would go there and speak of files that nobody asked about.
        raise NotARepository(f"{folder} is not in the working tree of its repository, {top}: unset core.worktree")
    return top


def _verified(repo: Path, expression: str) -> str | None:
    """Full id of an object, or None. `expression` is built of validated parts and begins with no dash."""
    try:
        return run(repo, "rev-parse", "--verify", "--quiet", expression).decode().strip()
    except GitFailed as error:
        if not error.message or "expected commit type" in error.message:
            return None
        raise


def _full(commit: str) -> str:
    if not _COMMIT.fullmatch(commit):
        raise UnknownRevision(f"{commit[:80]!r} is no full commit id: resolve the name first")
    return commit


def _relative(repo: Path, folder: Path | str) -> str:
    """A folder's path from the top, without a slash at the end; empty for the top itself."""
    path = Path(folder)
    if path.is_absolute():
        top = _top(repo).resolve()
        if not path.resolve().is_relative_to(top):
            raise UnknownFolder(f"{path} is not inside the repository {top}")
        path = path.resolve().relative_to(top)
    if ".." in path.parts:
        raise UnknownFolder(f"{folder} leaves the repository: name a folder below its top")
    return "" if path == Path() else path.as_posix()
