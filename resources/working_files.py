"""Files of a folder that is in no git repository.

Here belongs which of them are sources, and reading them without following anything out of the folder. Not here: the
archive's format (`tarball.py`).
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from resources.tarball import ArchiveError, Member, sort_key

_LEFT_OUT = {"__pycache__"}


def plain_members(folder: Path) -> Iterator[Member]:
    """Every file and link but those whose path has a `__pycache__` or a name that begins with a dot (`.venv`), sorted.

    Raises `ArchiveError` for what is neither a file nor a link, or cannot be read.
    """
    root = folder.resolve()
    for path in sorted(_paths(root, ""), key=sort_key):
        full = root / path
        try:
            status = full.lstat()
            if stat.S_ISLNK(status.st_mode):
                yield Member.link(path, str(full.readlink()))
            elif stat.S_ISREG(status.st_mode):
                descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with os.fdopen(descriptor, "rb") as file:
                    yield Member(path, os.fstat(descriptor).st_size, file, bool(status.st_mode & stat.S_IXUSR))
            else:
                raise ArchiveError(f"{full} is neither a file nor a symbolic link: move it out of the model's folder")
        except OSError as error:
            raise ArchiveError(f"{full} cannot be read: {error.strerror}") from error


def _paths(folder: Path, prefix: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError as error:
        raise ArchiveError(f"{folder} cannot be read: {error.strerror}") from error
    for name, is_folder in found:
        if name.startswith(".") or name in _LEFT_OUT:
            continue
        if is_folder:
            yield from _paths(folder / name, f"{prefix}{name}/")
        else:
            yield prefix + name
