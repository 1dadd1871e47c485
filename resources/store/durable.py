"""Temporary files that are whole and durable before they get a name, and the sweeping of those that never got one.

Here belongs what a crash at any moment must not break. Not here: which name a file gets, or whether it may replace
another (`folder.py`).

A writer keeps a lock on its temporary file, which the kernel lets go of when it dies: a file that nobody has locked
belongs to a writer that was killed, and the next writer sweeps it away. No clock is asked.
"""

import fcntl
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.digests import CHUNK

_READ_ONLY = 0o444


@contextmanager
def whole_file(folder: Path, data: bytes | Path) -> Iterator[tuple[Path, str]]:
    """Copy `data` to a read-only file below `folder`, synced to the disk, and yield its path and its sha256.

    The file is removed at the end: link or rename it before. Raises `OSError`; then nothing is left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    descriptor, path = _create(folder)
    try:
        digest = _write(descriptor, data)
        os.fchmod(descriptor, _READ_ONLY)
        os.fsync(descriptor)
        yield path, digest
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def put_whole(path: Path, data: bytes | Path) -> None:
    """Write the file whole or not at all, synced to the disk; one that is there is replaced. Raises `OSError`.

    A writer that is killed leaves at most a file in the hidden folder `.partial` beside it, which the next one removes.
    """
    partial = path.parent / ".partial"
    try:
        with whole_file(partial, data) as (whole, _):
            whole.replace(path)
        sync_folder(path.parent)
    finally:
        _remove_if_empty(partial)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # another writer is at work in it, or it was never made


def _create(folder: Path) -> tuple[int, Path]:
    """A new temporary file with its writer's lock on it."""
    while True:
        path = folder / secrets.token_hex(16)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)  # swept away before it was locked


def sweep(folder: Path) -> None:
    """Remove the files of writers that are gone: those that nobody has locked."""
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue  # its writer has just finished, or is another user, who sweeps his own
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        except BlockingIOError:
            continue  # being written
        finally:
            os.close(descriptor)


def _write(descriptor: int, data: bytes | Path) -> str:
    """Write everything; sha256 of what was written."""
    digest = hashlib.sha256()
    for chunk in _chunks(data):
        digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    return digest.hexdigest()


def _chunks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
