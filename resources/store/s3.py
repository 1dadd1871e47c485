"""A store in an S3 bucket: AWS, Ceph, MinIO, Huawei OBS.

Here belongs keeping `BlobStore` with S3's requests. Not here: the requests (`s3_bucket.py`), uploads in parts
(`s3_upload.py`), reading (`s3_reading.py`), age and deletion (`s3_trash.py`), the trials of a server (`s3_probe.py`).

What servers do differs more than what their manuals say, so little is relied on: create-once writes of small objects in
a bucket without versions, which a probe tries out before the first of them, and our own digests. Blobs are named by
their content and are written unconditionally. There are no locks; `s3_trash.py` says how deletion does without.
"""

import hashlib
import io
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, cast

from resources.digests import CHUNK, sha256_bytes
from resources.store import s3_probe, s3_trash
from resources.store.objects import (
    BLOBS,
    Head,
    InvalidKey,
    NotInStore,
    ObjectTooLarge,
    StoreError,
    check_key,
    is_segment,
)
from resources.store.s3_bucket import Bucket
from resources.store.s3_cache import Cache
from resources.store.s3_reading import ObjectStream
from resources.store.s3_settings import S3Address, S3Settings
from resources.store.s3_upload import ContentChanged, Job, Progress, part_length, upload

_NOTE = ".probed"
_MAX_SMALL = 64 * 1024 * 1024
_md5 = partial(hashlib.md5, usedforsecurity=False)


def _silent(_key: str, _done: int, _size: int) -> None:
    """Nobody watches."""


class S3Store:
    """Objects in a bucket. Keeps `BlobStore`. `progress` is told how far the upload of a large blob is."""

    def __init__(self, address: S3Address, settings: S3Settings, cache: Path, *, progress: Progress = _silent) -> None:
        self.address = address
        self.progress = progress
        self._bucket = Bucket(address, settings)
        self._folder = cache
        self._probed = False

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """See `Store`. Raises `StoreUnfit` before the first object of a server that cannot keep the promise."""
        check_key(key)
        if not key.startswith(BLOBS):
            self.probe()
            return self._bucket.create(key, self._small(key, data))
        if s3_trash.refresh(self._bucket, key) is not None:
            return False
        self._send(key, data)
        return True

    def replace(self, key: str, data: bytes | Path) -> None:
        """See `BlobStore`."""
        if not key.startswith(BLOBS):
            raise InvalidKey(f"{key!r} is written once and never changed: only blobs may be replaced")
        self._send(check_key(key), data)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """See `Store`. A damaged blob raises `CorruptBlob`."""
        with self._stream(key) as stream:
            if limit is not None and stream.size > limit:
                raise ObjectTooLarge(
                    f"{self.address}/{key} has {stream.size} bytes, more than the {limit} that its reader takes"
                )
            return stream.readall()

    def open(self, key: str) -> BinaryIO:
        """See `Store`. The read that would hand out the last bytes of a damaged blob raises `CorruptBlob`."""
        return cast("BinaryIO", io.BufferedReader(self._stream(key), CHUNK))

    def head(self, key: str) -> Head | None:
        """See `Store`."""
        found = s3_trash.find(self._bucket, check_key(key))
        return Head(size=found.size, put_at=found.modified) if found else None

    def refresh(self, key: str) -> bool:
        """See `Store`."""
        return s3_trash.refresh(self._bucket, check_key(key)) is not None

    def holds(self, key: str, data: bytes | Path) -> bool:
        """See `BlobStore`. Told by the server's MD5 where it gives one; else the blob is read."""
        found = s3_trash.find(self._bucket, check_key(key))
        if found is None:
            return False
        with _opened(data) as (file, size):
            if found.size != size:
                return False
            if found.etag in _tags(file, part_length(size, self._bucket.settings.part)):
                return True
        with ObjectStream(self._bucket, key) as stream:
            whole = hashlib.sha256()
            while chunk := stream.read(CHUNK):
                whole.update(chunk)
        return BLOBS + whole.hexdigest() == key

    def local(self, key: str) -> Path:
        """See `BlobStore`: a copy below the cache folder."""
        check_key(key)
        if key.startswith(BLOBS):
            if s3_trash.find(self._bucket, key) is None:
                raise self._missing(key)
            found = self._cache.find(key, key.removeprefix(BLOBS))
            if found is not None:
                return found
        with self.open(key) as stream:
            return self._cache.keep(key, stream)

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """See `Store`. An object whose name is no key is passed over."""
        folder = prefix.rpartition("/")[0]
        if folder:
            check_key(folder)
        for found in self._bucket.list(prefix, after):
            if all(map(is_segment, found.name.split("/"))):
                yield found.name

    def delete_unreferenced(self, keep: Collection[str], older_than: timedelta) -> tuple[str, ...]:
        """See `Store`. `older_than` must exceed an hour by far: younger blobs are not refreshed."""
        return tuple(s3_trash.delete_unreferenced(self._bucket, keep, older_than))

    def probe(self, *, force: bool = False) -> None:
        """Try out whether the server can be trusted, unless that was done in the last 24 hours. See `s3_probe.py`."""
        note = self._cache.root / _NOTE
        if force or not (self._probed or s3_probe.remembered(note)):
            s3_probe.probe(self._bucket, note)
        self._probed = True

    @cached_property
    def _cache(self) -> Cache:
        """Each server's bucket has a folder of its own."""
        return Cache(self._folder / sha256_bytes(f"{self._bucket.endpoint} {self.address}".encode())[:16])

    def _stream(self, key: str) -> ObjectStream:
        check_key(key)
        digest = key.removeprefix(BLOBS) if key.startswith(BLOBS) else None
        try:
            return ObjectStream(self._bucket, key, digest)
        except NotInStore as error:
            if not s3_trash.take_back(self._bucket, key):
                raise self._missing(key) from error
        return ObjectStream(self._bucket, key, digest)

    def _send(self, key: str, data: bytes | Path) -> None:
        digest = key.removeprefix(BLOBS)
        with _opened(data) as (file, size):
            if size > self._bucket.settings.part:
                upload(self._bucket, Job(key, file, size, digest), self.progress)
                return
            content = file.read(size + 1)
        if sha256_bytes(content) != digest:
            raise ContentChanged(f"{key}: the content changed while it was stored: put it again")
        self._bucket.put(key, content)

    def _small(self, key: str, data: bytes | Path) -> bytes:
        with _opened(data) as (file, size):
            if size > _MAX_SMALL:
                raise ObjectTooLarge(f"{self.address}/{key}: {size} bytes are too many for an object that is no blob")
            return file.read(_MAX_SMALL)

    def _missing(self, key: str) -> NotInStore:
        return NotInStore(f"{key} is not in the store {self.address}")


def _tags(file: BinaryIO, length: int) -> frozenset[str]:
    """The ETags that content has on a server that takes the MD5: sent whole, and sent in parts."""
    whole, parts, count = _md5(), _md5(), 0
    while content := file.read(length):
        whole.update(content)
        parts.update(_md5(content).digest())
        count += 1
    return frozenset({whole.hexdigest(), f"{parts.hexdigest()}-{count}"})


@contextmanager
def _opened(data: bytes | Path) -> Iterator[tuple[BinaryIO, int]]:
    """What is to be stored, as a file, and its size."""
    if isinstance(data, bytes):
        yield io.BytesIO(data), len(data)
        return
    try:
        with data.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except OSError as error:
        raise StoreError(f"{error.filename or data}: {error.strerror or error}. Nothing was stored of it") from error
