"""Archives of source files: one content, one sequence of bytes, one digest; and unpacking that trusts nothing.

Here belong the archive's format, what a path and a link in it may be, and the limits. Not here: where files come from
(`git.py`).

The format is an uncompressed GNU tar of files and symbolic links, sorted by path, with no owner, no time, and of a
file's mode only whether it is executable: what git keeps of a file, and no more.
"""

import os
import shutil
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

_MAX_PATH_BYTES = 1000
_MAX_NAME_BYTES = 255
_PARTIAL = ".partial"
_OVERHEAD = 6 * tarfile.BLOCKSIZE
"""Bytes that a member takes beside its content, at most: header, long name and its header, padding."""


class ArchiveError(Exception):
    """Base of what is wrong with an archive or what shall go into one. The message names the file."""


class UnsafePath(ArchiveError):
    """A path or a link that leaves the folder, or that not every file system can hold."""


class TooLarge(ArchiveError):
    """More files or bytes than the limits allow."""


class BadArchive(ArchiveError):
    """A file that is no archive of ours."""


@dataclass(frozen=True)
class Limits:
    """Bounds of an archive: number of members, and bytes of all of them together."""

    members: int = 20_000
    size: int = 4 * 1024**3


DEFAULT = Limits()


class Readable(Protocol):
    """What a member's content is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, fewer only at the end."""
        ...


@dataclass(frozen=True)
class Member:
    """A file, or a symbolic link where `target` is set. `content` is read once, exactly `size` bytes."""

    path: str
    size: int
    content: Readable
    executable: bool = False
    target: str | None = None

    @classmethod
    def link(cls, path: str, target: str) -> "Member":
        """A symbolic link."""
        return cls(path, 0, BytesIO(), target=target)


def pack(members: Iterator[Member], output: Path, limits: Limits = DEFAULT) -> Path:
    """Write an archive, whole or not at all, from members that come sorted by `sort_key`.

    Raises `UnsafePath`, `TooLarge`, and `ArchiveError` where there is no member, or a member gives too few bytes.
    """
    partial = output.with_name(output.name + _PARTIAL)
    checker = _Checker(limits)
    try:
        with tarfile.open(partial, "w:", format=tarfile.GNU_FORMAT, encoding="utf-8", errors="strict") as archive:
            for member in members:
                checker.admit(member.path, member.size, member.target)
                _add(archive, member)
        if not checker.count:
            raise ArchiveError("there is no file to archive: is the folder empty, or is all of it ignored?")
        partial.replace(output)
    except OSError as error:
        raise ArchiveError(f"{output} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return output


def unpack(archive: Path, into: Path, limits: Limits = DEFAULT) -> Path:
    """Unpack into a new folder, whole or not at all: `into` appears last.

    Raises `BadArchive` for what is no archive of ours, `UnsafePath`, `TooLarge`, `FileExistsError`, and `ArchiveError`
    where it cannot be read or written.
    """
    if os.path.lexists(into):
        raise FileExistsError(f"{into} exists: give a folder that does not")
    if archive.stat().st_size > limits.size + limits.members * _OVERHEAD + tarfile.RECORDSIZE:
        raise TooLarge(f"{archive} has {archive.stat().st_size} bytes; the limit is {limits.size}")
    with tempfile.TemporaryDirectory(prefix=f".{into.name}-", dir=into.parent) as temporary:
        files = Path(temporary) / "files"
        files.mkdir(mode=0o755)
        try:
            # A long name stands in its header, too, cut off, perhaps within a character: not an error.
            with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
                _extract(tar, files, _Checker(limits))
                _check_end(archive, tar.offset)
        except (tarfile.TarError, UnicodeError, EOFError, ValueError) as error:
            raise BadArchive(f"{archive} is no archive of sources, or damaged: {error}") from error
        except OSError as error:
            raise ArchiveError(f"{archive} cannot be unpacked to {into}: {error.strerror or error}") from error
        files.rename(into)
    return into


def sort_key(path: str) -> bytes:
    """The order of members: by the bytes of their paths."""
    return path.encode(errors="surrogateescape")


def check_path(path: str) -> None:
    """Whether a path may be in an archive. Raises `UnsafePath`."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError as error:
        raise UnsafePath(f"{path!r}: the name is not UTF-8; rename the file") from error
    parts = path.split("/")
    if any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts) or "\0" in path:
        raise UnsafePath(f"{path!r} is no path inside a folder of sources")
    if len(encoded) > _MAX_PATH_BYTES or any(len(part.encode()) > _MAX_NAME_BYTES for part in parts):
        raise UnsafePath(f"{path[:100]!r}... is too long: at most {_MAX_PATH_BYTES} bytes, {_MAX_NAME_BYTES} per name")


def check_link(path: str, target: str) -> None:
    """Whether a link stays inside the folder, whatever else is there. Raises `UnsafePath`.

    `..` may stand only in front: after a name that is itself a link it would lead elsewhere than it seems.
    """
    parts = target.split("/")
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    depth = len(PurePosixPath(path).parent.parts)
    inside = target and ups <= depth and not set(parts[ups:]) & {"", ".", ".."} and "\0" not in target
    if not inside or len(target.encode(errors="surrogateescape")) > _MAX_PATH_BYTES:
        raise UnsafePath(
            f"{path} is a link to {target[:200]!r}: a link must lead to a file inside the model's folder, "
            "by a relative path; put the file itself there"
        )


class _Checker:
    """What has been admitted so far; a member is admitted by its path, its size and what came before."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.count = 0
        self.size = 0
        self._last = b""
        self._links: set[str] = set()
        self._files: set[str] = set()

    def admit(self, path: str, size: int, target: str | None) -> None:
        check_path(path)
        self.count += 1
        self.size += size
        if self.count > self.limits.members or self.size > self.limits.size:
            raise TooLarge(
                f"more than {self.limits.members} files or {self.limits.size} bytes, at {path}: "
                "keep data sets and environments out of the model's folder, or ignore them"
            )
        if sort_key(path) <= self._last:
            raise BadArchive(f"{path} comes twice or out of order")
        self._last = sort_key(path)
        above = {str(parent) for parent in PurePosixPath(path).parents}
        if above & (self._links | self._files):
            raise UnsafePath(f"{path} lies below a link or a file")
        if target is not None:
            check_link(path, target)
            self._links.add(path)
        else:
            self._files.add(path)


def _add(archive: tarfile.TarFile, member: Member) -> None:
    info = tarfile.TarInfo(member.path)
    if member.target is not None:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.target, 0o777
    else:
        info.size, info.mode = member.size, 0o755 if member.executable else 0o644
    try:
        archive.addfile(info, member.content)
    except (OSError, EOFError, UnicodeEncodeError) as error:
        raise ArchiveError(f"{member.path} cannot be archived: {error}") from error


def _extract(tar: tarfile.TarFile, into: Path, checker: _Checker) -> None:
    links: list[tuple[Path, str]] = []
    for info in tar:
        if info.type not in {tarfile.REGTYPE, tarfile.SYMTYPE} or info.issparse():
            raise BadArchive(f"{info.name!r} is neither a file nor a symbolic link")
        checker.admit(info.name, info.size, info.linkname if info.issym() else None)
        path = into / info.name
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        content = None if info.issym() else tar.extractfile(info)
        if content is None:
            links.append((path, info.linkname))
            continue
        with content, path.open("xb") as file:
            shutil.copyfileobj(content, file)
            if file.tell() != info.size:
                raise BadArchive(f"{info.name} is cut off")
        path.chmod(0o755 if info.mode & stat.S_IXUSR else 0o644)
    # Links come last, so that no file can be written through one.
    for path, target in links:
        path.symlink_to(target)


def _check_end(archive: Path, offset: int) -> None:
    """Whether an archive ends where its members end. To `tarfile` a damaged header is an end like any other."""
    with archive.open("rb") as file:
        file.seek(offset)
        rest = file.read(tarfile.RECORDSIZE + 2 * tarfile.BLOCKSIZE + 1)
    padded = (offset + len(rest)) % tarfile.RECORDSIZE == 0
    if rest.strip(b"\0") or not padded or not 2 * tarfile.BLOCKSIZE <= len(rest) < tarfile.RECORDSIZE + 1024:
        raise BadArchive(f"{archive} is damaged: it does not end where its last member ends")
