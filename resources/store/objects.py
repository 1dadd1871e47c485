"""Objects under keys, written once: the protocol that every store keeps, what a key may be, and what can go wrong.

Not here: a particular store (`folder.py`, `s3.py`), files by digest (`blobs.py`), or what the objects mean
(`resources/registry`).

Keys:

    blobs/sha256/<digest>                        artefacts
    models/<model>/releases/<version>.json       manifests
    environments/<env>/<model>/<sequence>.json   ledger entries
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from resources.digests import is_sha256

BLOBS = "blobs/sha256/"
"""What is kept here has its digest as its name. It alone may be replaced (by the same content) or deleted."""

_MAX_KEY = 500
_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


class StoreError(Exception):
    """Base of what goes wrong with a store. The message names the key or file and says what to do."""


class InvalidKey(StoreError, ValueError):
    """A text that is no key."""


class NotInStore(StoreError):
    """There is no object under the key."""


class StoreFull(StoreError):
    """No space, quota, or an object larger than the file system takes. Nothing was written."""


class StoreDenied(StoreError):
    """The store may not be read or written by this user."""


class ObjectTooLarge(StoreError):
    """An object is larger than its reader takes."""


class CorruptBlob(StoreError):
    """A blob whose content is not what its name says."""


class BadSetting(StoreError, ValueError):
    """An address of a store, or a setting about one, that cannot be."""


class StoreUnreachable(StoreError):
    """The store gives no usable answer: no network, a timeout, a server in trouble. Trying later may help."""


class StoreUnfit(StoreError):
    """A store that cannot keep what is promised here, such as one that creates the same object twice."""


@dataclass(frozen=True)
class Head:
    """What is known of an object without reading it. `size` in bytes; `put_at`: when it was last put or refreshed."""

    size: int
    put_at: datetime


class Store(Protocol):
    """Six verbs. Every method raises `InvalidKey` for a bad key and `StoreError` when the store fails."""

    def put_if_absent(self, key: str, data: bytes | Path) -> bool:
        """Create an object, whole and durable, if the key is free; True if this call created it.

        Of several racing calls exactly one creates. False also keeps an unreferenced blob from being deleted as old.
        """
        ...

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        """An object's content. Raises `NotInStore`, and `ObjectTooLarge` beyond `limit` bytes."""
        ...

    def open(self, key: str) -> BinaryIO:
        """An object's content as a stream. Raises `NotInStore`."""
        ...

    def head(self, key: str) -> Head | None:
        """Size of an object, or None where there is none."""
        ...

    def refresh(self, key: str) -> bool:
        """Make a blob young, so that no deletion takes it as old. False where there is no such object."""
        ...

    def list(self, prefix: str = "", *, after: str = "") -> Iterator[str]:
        """Every key that begins with `prefix` and comes after `after`, sorted."""
        ...

    def delete_unreferenced(self, keep: Collection[str], older_than: timedelta) -> tuple[str, ...]:
        """Delete the blobs that are not in `keep` and were last put before `older_than` ago; return their keys.

        Only blobs: manifests and ledgers cannot be deleted. `older_than` must exceed the longest time between putting
        a blob and publishing what refers to it, which refreshes it.
        """
        ...


class BlobStore(Store, Protocol):
    """A store that can hold blobs: it can also mend one and lay one on the local disk."""

    def replace(self, key: str, data: bytes | Path) -> None:
        """Put a blob in the place of a damaged one, atomically. Raises `InvalidKey` for a key that is not a blob's."""
        ...

    def holds(self, key: str, data: bytes | Path) -> bool:
        """Whether the blob that stands there is this content: False if it is damaged or missing."""
        ...

    def local(self, key: str) -> Path:
        """An object as a local file, which the caller only reads. Raises `NotInStore`."""
        ...


def blob_key(digest: str) -> str:
    """The key of a blob. Raises `InvalidKey` for what is no sha256."""
    if not is_sha256(digest):
        raise InvalidKey(f"{digest[:80]!r} is no sha256: give 64 lower-case hex digits")
    return BLOBS + digest


def check_key(key: str) -> str:
    """The key, if it is one: segments of letters, digits, `.`, `_`, `-` between single slashes. Raises `InvalidKey`."""
    if len(key) > _MAX_KEY:
        raise InvalidKey(f"a key of {len(key)} characters, beginning with {key[:60]!r}: at most {_MAX_KEY}")
    if not all(map(is_segment, key.split("/"))):
        raise InvalidKey(
            f"{key!r} is no key: use letters, digits, '.', '_' and '-' (not first: '.' and '-') between single slashes"
        )
    return key


def is_segment(text: str) -> bool:
    """Whether a text may stand between two slashes of a key."""
    return _SEGMENT.fullmatch(text) is not None
