"""An archive of source files and some more files beside them, as one archive.

Here belongs adding files to what was frozen: those of a training, say. Not here: the format (`tarball.py`).
"""

import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from resources.tarball import ArchiveError, BadArchive, Member, UnsafePath, pack, sort_key


def extended(archive: Path, additions: Mapping[str, Path], output: Path) -> Path:
    """Write an archive of ours with `additions`, path in the archive -> file, to `output`, whole or not at all.

    The same content gives the same bytes. Raises `UnsafePath` where the archive holds a folder or a file of the first
    name of an added path: added files lie among no others; `BadArchive`, `ArchiveError`.
    """
    try:
        with tarfile.open(archive, "r:", encoding="utf-8", errors="surrogateescape") as tar:
            held = {info.name: info for info in tar}
            _require_free(held, additions)
            return pack(_members(tar, held, additions), output)
    except tarfile.TarError as error:
        raise BadArchive(f"{archive} is no archive of sources, or damaged: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{archive} or what is added to it cannot be read: {error.strerror or error}") from error


def _require_free(held: Mapping[str, tarfile.TarInfo], additions: Mapping[str, Path]) -> None:
    reserved = {path.partition("/")[0] for path in additions}
    taken = sorted(name for name in held if name.partition("/")[0] in reserved)
    if taken:
        raise UnsafePath(
            f"{taken[0]} is in the model's folder, and {', '.join(sorted(reserved))} is where files that come from "
            "elsewhere are added: give it another name"
        )


def _members(
    tar: tarfile.TarFile, held: Mapping[str, tarfile.TarInfo], additions: Mapping[str, Path]
) -> Iterator[Member]:
    for name in sorted([*held, *additions], key=sort_key):
        if name in additions:
            with additions[name].open("rb") as file:
                yield Member(name, additions[name].stat().st_size, file)
            continue
        info = held[name]
        if info.issym():
            yield Member.link(name, info.linkname)
            continue
        content = tar.extractfile(info)
        if content is None:
            raise BadArchive(f"{name!r} is neither a file nor a symbolic link")
        with content:
            yield Member(name, info.size, content, bool(info.mode & stat.S_IXUSR))
