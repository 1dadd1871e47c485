"""Which files production has left: a bounded look at a folder that others write to.

Here belong names, sizes and times. Not here: what is in a file (`reading.py`, `metrics_files.py`).
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from resources.digests import sha256_bytes

MOST_ENTRIES = 100_000
"""Names that one look reads; a folder with more is not known whole."""
DEEPEST = 4
"""Folders below the one that is looked at."""


@dataclass(frozen=True)
class File:
    """A file. `name` is relative to the folder that was looked at; `changed` in nanoseconds since 1970."""

    name: str
    size: int
    changed: int


@dataclass(frozen=True)
class Listing:
    """Files, the newest first. `whole` is False where there are more names than are read."""

    files: tuple[File, ...]
    whole: bool = True


def look(folder: Path, ending: str, *, since: float = 0.0, most: int = MOST_ENTRIES) -> Listing:
    """The regular files below a folder that end so and changed at `since` (unix seconds) or later.

    Hidden names, where a writer is still at work, and symbolic links are left out. A folder that is not there has no
    files. Raises `OSError` for one that cannot be read.
    """
    found: list[File] = []
    waiting: list[tuple[str, int]] = [("", 0)]
    seen = 0
    while waiting:
        below, depth = waiting.pop()
        for entry in _entries(folder / below):
            seen += 1
            if seen > most:
                return Listing(_newest_first(found), whole=False)
            if entry.name.startswith("."):
                continue
            name = f"{below}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST:
                    waiting.append((f"{name}/", depth + 1))
            elif entry.name.endswith(ending) and entry.is_file(follow_symlinks=False):
                found.extend(_changed_since(entry, name, since))
    return Listing(_newest_first(found))


def fingerprint(files: Iterable[File]) -> str:
    """Digest over names, sizes and times: another one means that something was written."""
    lines = sorted(f"{file.name}\0{file.size}\0{file.changed}" for file in files)
    return sha256_bytes("\n".join(lines).encode(errors="surrogateescape"))


def _entries(folder: Path) -> Iterable["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except FileNotFoundError:
        return


def _changed_since(entry: "os.DirEntry[str]", name: str, since: float) -> Iterable[File]:
    try:
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return  # removed since it was listed
    if status.st_mtime >= since:
        yield File(name, status.st_size, status.st_mtime_ns)


def _newest_first(files: Iterable[File]) -> tuple[File, ...]:
    return tuple(sorted(files, key=lambda file: (-file.changed, file.name)))
