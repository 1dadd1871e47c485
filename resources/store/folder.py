"""A store in a folder of a local (or NFS) file system.

Here belongs making objects whole, durable and created once with the means of a POSIX file system. Not here: what keys
mean (`objects.py`).

An object is written whole to a temporary file (`durable.py`) and then linked to its name: `link` fails if the name is
taken, so of racing writers one wins, and a name never stands for half an object.
"""

import errno
import os
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from resources.digests import sha256_file
from resources.locks import locked
from resources.store.durable import sweep, sync_folder, whole_file
from resources.store.objects import (
    BLOBS,
    Head,
    InvalidKey,
    NotInStore,
    ObjectTooLarge,
    StoreDenied,
    StoreError,
    StoreFull,
    check_key,
    is_segment,
)

_TEMPORARY = ".tmp"
_LOCK = ".lock"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class FolderStore:
    """Objects as read-only files below `root`, which is made on the first write. Keeps `BlobStore`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """See `Store`. Raises `StoreFull`, `StoreDenied`; `StoreError` also when a blob's source changes meanwhile."""
        target = self._path(key)
        with _named(target):
            self._make_root()
            while not self._there(key, target):
                with self._temporary(key, data) as temporary, self._lock(shared=True):
                    if _link(temporary, target):
                        self._sync_folders(target)
                        return True
            # The winner may not have synced yet, and this caller, too, will rely on the object.
            self._sync_folders(target)
            return False

    def replace(self, key: str, data: bytes | Path) -> None:
        """See `BlobStore`."""
        if not key.startswith(BLOBS):
            raise InvalidKey(f"{key!r} is written once and never changed: only blobs may be replaced")
        target = self._path(key)
        with _named(target):
            self._make_root()
            with self._temporary(key, data) as temporary, self._lock(shared=True):
                target.parent.mkdir(parents=True, exist_ok=True)
                temporary.rename(target)
                self._sync_folders(target)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """See `Store`."""
        with self.open(key) as file, _named(self._path(key)):
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                raise ObjectTooLarge(f"{self._path(key)} has {size} bytes, more than the {limit} that its reader takes")
            return file.read()

    def open(self, key: str) -> BinaryIO:
        """See `Store`."""
        path = self._path(key)
        with _named(path):
            # O_NONBLOCK: opening a pipe that somebody put here must not wait for a writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                descriptor = os.open(path, flags)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise _missing(key, self.root) from error
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise _foreign(path)
            return os.fdopen(descriptor, "rb")

    def head(self, key: str) -> Head | None:
        """See `Store`."""
        path = self._path(key)
        with _named(path):
            try:
                status = path.lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
            if not stat.S_ISREG(status.st_mode):
                raise _foreign(path)
            return Head(size=status.st_size, put_at=datetime.fromtimestamp(status.st_mtime, UTC))

    def local(self, key: str) -> Path:
        """See `BlobStore`: the file itself, no copy."""
        if self.head(key) is None:
            raise _missing(key, self.root)
        return self._path(key)

    def refresh(self, key: str) -> bool:
        """See `Store`."""
        target = self._path(key)
        with _named(target):
            return self.root.is_dir() and self._there(key, target)

    def holds(self, key: str, data: bytes | Path) -> bool:  # noqa: ARG002 - the key says what it should be
        """See `BlobStore`: the file is read."""
        if self.head(key) is None:
            return False
        path = self._path(key)
        with _named(path):
            return BLOBS + sha256_file(path) == key

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """See `Store`. A file whose name is no key is passed over."""
        folder, _, start = prefix.rpartition("/")
        base = self._path(folder) if folder else self.root
        with _named(base):
            yield from (key for key in _walk(base, f"{folder}/" if folder else "", start) if key > after)

    def delete_unreferenced(self, keep: Collection[str], older_than: timedelta) -> tuple[str, ...]:
        """See `Store`. Also sweeps away what killed writers left."""
        kept = frozenset(keep)
        before = time.time() - older_than.total_seconds()
        deleted = []
        for key in [key for key in self.list(BLOBS) if key not in kept]:
            path = self._path(key)
            with _named(path), self._lock(shared=False), suppress(FileNotFoundError):
                if path.lstat().st_mtime < before:
                    path.unlink()
                    deleted.append(key)
        with _named(self.root):
            sweep(self.root / _TEMPORARY)
        return tuple(deleted)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _make_root(self) -> None:
        if not self.root.is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            sync_folder(self.root.parent)

    def _lock(self, *, shared: bool) -> AbstractContextManager[int]:
        """Shared by those who put, exclusive for who deletes: no blob goes between "is there" and "is young"."""
        return locked(self.root / _LOCK, shared=shared)

    def _there(self, key: str, target: Path) -> bool:
        if not os.path.lexists(target):
            return False
        if not key.startswith(BLOBS):
            return True
        with self._lock(shared=True):
            try:
                os.utime(target)
            except FileNotFoundError:
                return False
            except PermissionError:
                return True  # another user's blob, whose age is his business
        return True

    @contextmanager
    def _temporary(self, key: str, data: bytes | Path) -> Iterator[Path]:
        with whole_file(self.root / _TEMPORARY, data) as (path, digest):
            if key.startswith(BLOBS) and key != BLOBS + digest:
                raise StoreError(f"{key}: the content changed while it was stored (sha256 {digest}): put it again")
            yield path

    def _sync_folders(self, target: Path) -> None:
        """Make the name durable, and each folder on the way to it."""
        for folder in target.parents:
            sync_folder(folder)
            if folder == self.root:
                break


def _link(temporary: Path, target: Path) -> bool:
    """Give a file its name if that is free."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno in _NO_LINKS:
            raise StoreError(
                f"{target}: this file system has no hard links ({error.strerror}), so that nothing can be created "
                "exactly once: keep the store on another one (ext4, xfs, btrfs, APFS, NFS)"
            ) from error
        raise
    return True


def _walk(folder: Path, prefix: str, start: str) -> Iterator[str]:
    """Keys below a folder in the order of the keys, where `a-b` comes before `a/b`."""
    try:
        with os.scandir(folder) as entries:
            found = [(e.name, e.is_dir(follow_symlinks=False)) for e in entries if e.name.startswith(start)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, is_folder in sorted(found, key=lambda entry: entry[0] + "/" * entry[1]):
        if not is_segment(name):
            continue
        if is_folder:
            yield from _walk(folder / name, f"{prefix}{name}/", "")
        else:
            yield prefix + name


def _missing(key: str, root: Path) -> NotInStore:
    return NotInStore(f"{key} is not in the store {root}")


def _foreign(path: Path) -> StoreError:
    return StoreError(f"{path} is no regular file: something else made it; look at it and remove it")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into the store's."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in _FULL:
            raise StoreFull(
                f"{where}: {error.strerror}. Nothing was written: free some space or quota, then try again"
            ) from error
        if error.errno in _DENIED:
            raise StoreDenied(f"{where}: {error.strerror}. Give this user access, or choose another store") from error
        if error.errno == errno.ELOOP:
            raise _foreign(path) from error
        raise StoreError(f"{where}: {error.strerror or error}") from error
