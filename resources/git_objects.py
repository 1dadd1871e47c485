"""Files that git keeps, streamed out of its object store.

Here belong entries of trees and indexes, blobs, and Git LFS pointers. Not here: which entries are wanted (`git.py`).

Blobs are read as they are, through no filter and no attribute. Instead of a Git LFS pointer the file that it names is
taken from the repository's LFS folder, its digest verified: a pointer has the sha256, so this needs no LFS program.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Self

from resources.digests import CHUNK, sha256_file
from resources.git_command import GitError, run, started
from resources.tarball import Member, UnsafePath, sort_key

_MAX_SMALL = 1024
"""Git LFS's own bound on a pointer's size, in bytes."""
_MAX_SECONDS = 1800.0
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]{1,18})\n"
)


class LfsMissing(GitError):
    """A Git LFS pointer whose file is not here."""


class Submodule(GitError):
    """A submodule or nested repository inside a folder of sources."""


@dataclass(frozen=True)
class Entry:
    """A file in a tree or index: git's mode (`100644`), object id, and path relative to the folder."""

    mode: str
    oid: str
    path: str

    @property
    def executable(self) -> bool:
        """Whether a file may be run."""
        return bool(int(self.mode, 8) & 0o100)

    @property
    def is_link(self) -> bool:
        """Whether the blob is a symbolic link's target."""
        return self.mode == "120000"

    @classmethod
    def from_tree(cls, line: str) -> Self:
        """A line of `git ls-tree`."""
        fields, _, path = line.partition("\t")
        mode, _, oid = fields.split(" ")
        return cls(mode, oid, path)

    @classmethod
    def from_index(cls, line: str) -> Self:
        """A line of `git ls-files --stage`."""
        fields, _, path = line.partition("\t")
        mode, oid, _ = fields.split(" ")
        return cls(mode, oid, path)


@dataclass(frozen=True)
class Pointer:
    """What a Git LFS pointer says. `size` in bytes."""

    sha256: str
    size: int

    @classmethod
    def parse(cls, data: bytes) -> Self | None:
        """Read a pointer; None for any other content."""
        match = _POINTER.fullmatch(data)
        return cls(match[1].decode(), int(match[2])) if match else None


class _Exactly:
    """The next `size` bytes of a stream, and no more. Raises `EOFError` if the stream ends before."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self.stream = stream
        self.left = size

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.stream.read(wanted)
        if len(data) < wanted:
            raise EOFError("git ended in the middle of a file")
        self.left -= len(data)
        return data


class Blobs:
    """A running `git cat-file --batch`."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._stdin = stdin
        self._stdout = stdout

    @contextmanager
    def blob(self, oid: str) -> Iterator[_Exactly]:
        """A blob's content. Raises `GitError` for what is no blob here."""
        self._stdin.write(f"{oid}\n".encode())
        self._stdin.flush()
        answer = self._stdout.readline(200).decode(errors="replace").split()
        if not answer:
            raise EOFError("git ended before it answered")
        if answer[1:2] != ["blob"]:
            raise GitError(f"object {oid} is {' '.join(answer[1:])}: is the clone partial or damaged? Try `git fsck`")
        content = _Exactly(self._stdout, int(answer[2]))
        yield content
        while content.left:
            content.read(CHUNK)
        self._stdout.read(1)


def members(repo: Path, entries: Iterable[Entry], env: Mapping[str, str] | None = None) -> Generator[Member]:
    """Members of an archive from entries, sorted; each must be used up before the next one is asked for.

    Raises `Submodule`, `LfsMissing`, `UnsafePath`, `GitError`.
    """
    ordered = sorted(entries, key=lambda entry: sort_key(entry.path))
    for entry in ordered:
        if not re.fullmatch(r"100[0-7]{3}|120000", entry.mode):
            raise Submodule(
                f"{entry.path} is a submodule or a nested repository: its files are not in this repository's commits. "
                "Put them into the folder, or ignore it"
            )
    with started(repo, "cat-file", "--batch", env=env, timeout=_MAX_SECONDS) as pipes:
        blobs = Blobs(*pipes)
        for entry in ordered:
            with blobs.blob(entry.oid) as content:
                if content.left > _MAX_SMALL and not entry.is_link:
                    yield Member(entry.path, content.left, content, entry.executable)
                elif content.left > _MAX_SMALL:
                    raise UnsafePath(f"{entry.path} is a link to a place of {content.left} characters")
                elif entry.is_link:
                    yield Member.link(entry.path, content.read().decode(errors="surrogateescape"))
                else:
                    with _small(repo, entry, content.read()) as member:
                        yield member


def small_blobs(repo: Path, oids: Iterable[str]) -> dict[str, bytes]:
    """Contents of those blobs that are small enough to be a Git LFS pointer. Raises `GitError`."""
    found = {}
    with started(repo, "cat-file", "--batch", timeout=_MAX_SECONDS) as pipes:
        blobs = Blobs(*pipes)
        for oid in oids:
            with blobs.blob(oid) as content:
                if content.left <= _MAX_SMALL:
                    found[oid] = content.read()
    return found


@contextmanager
def _small(repo: Path, entry: Entry, data: bytes) -> Iterator[Member]:
    """A small file, or the file that it points to."""
    pointer = Pointer.parse(data)
    if pointer is None:
        yield Member(entry.path, len(data), BytesIO(data), entry.executable)
        return
    with _lfs_file(repo, entry.path, pointer).open("rb") as file:
        yield Member(entry.path, pointer.size, file, entry.executable)


def _lfs_file(repo: Path, path: str, pointer: Pointer) -> Path:
    common = run(repo, "rev-parse", "--path-format=absolute", "--git-common-dir").decode(errors="surrogateescape")
    digest = pointer.sha256
    file = Path(common.rstrip("\n")) / "lfs" / "objects" / digest[:2] / digest[2:4] / digest
    if not file.is_file():
        raise LfsMissing(f"{path} is a Git LFS pointer and its file is not here: run `git lfs fetch`")
    if file.stat().st_size != pointer.size or sha256_file(file) != digest:
        raise LfsMissing(f"{file}, the content of {path}, is damaged: remove it and run `git lfs fetch`")
    return file
