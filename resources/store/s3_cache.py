"""Copies of objects on the local disk, for tools that need a file.

Here belongs laying a copy down whole, finding it right, and throwing away what nobody has used for long. Not here:
reading from the server (`s3_reading.py`).

A copy of a blob is reused after its digest was found right; any other object is fetched anew each time, for nothing
on this disk could prove it.
"""

import errno
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from resources.digests import CHUNK, sha256_file
from resources.store.objects import StoreError, StoreFull

_UNUSED = 14 * 24 * 3600
"""Seconds after which a copy that nobody has asked for is thrown away."""
_TEMPORARY = ".tmp"


class Cache:
    """Copies below `root`, which is made when it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._pruned = False

    def find(self, key: str, digest: str) -> Path | None:
        """A copy whose content has the digest. Others are as if they were not there."""
        path = self.root / key
        with _named(path):
            try:
                if sha256_file(path) != digest:
                    return None
                os.utime(path)
            except FileNotFoundError:
                return None
        return path

    def keep(self, key: str, stream: BinaryIO) -> Path:
        """Lay down everything that a stream yields, read-only. Nothing is left where reading fails."""
        path = self.root / key
        temporary = self.root / _TEMPORARY / secrets.token_hex(16)
        with _named(path):
            self._prune()
            temporary.parent.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("xb") as file:
                    while chunk := stream.read(CHUNK):
                        file.write(chunk)
                temporary.chmod(0o444)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        return path

    def _prune(self) -> None:
        """Once per process."""
        if self._pruned:
            return
        self._pruned = True
        before = time.time() - _UNUSED
        for folder, _, names in os.walk(self.root):
            for path in (Path(folder, name) for name in names):
                try:
                    if path.lstat().st_mtime < before:
                        path.unlink()
                except FileNotFoundError:
                    continue  # another process was faster


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{error.filename or path}: {error.strerror or error}"
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise StoreFull(f"{what}. Free some space, or move ASCEND_STATE, below which copies are kept") from error
        raise StoreError(
            f"{what}. Copies of the store's objects are kept there: give access, or move ASCEND_STATE"
        ) from error
