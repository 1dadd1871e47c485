"""The store as the rest of the house uses it: artefacts, files that are named by their sha256, verified on every read.

Here belong blobs, and the names that go with a store. Not here: how a store keeps objects (`objects.py`,
`folder.py`), or what else is kept in one (`resources/registry`).
"""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from resources.digests import sha256_bytes, sha256_file
from resources.store.folder import FolderStore
from resources.store.objects import (
    BlobStore,
    CorruptBlob,
    Head,
    InvalidKey,
    NotInStore,
    ObjectTooLarge,
    Store,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnfit,
    StoreUnreachable,
    blob_key,
)

__all__ = [
    "Artefact",
    "BlobStore",
    "Blobs",
    "CorruptBlob",
    "FolderStore",
    "Head",
    "InvalidKey",
    "NotInStore",
    "ObjectTooLarge",
    "Store",
    "StoreDenied",
    "StoreError",
    "StoreFull",
    "StoreUnfit",
    "StoreUnreachable",
    "blob_key",
]


class Artefact(BaseModel):
    """A file, named by its sha256. `size` in bytes; `name` is what a person calls it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Blobs:
    """Files by digest. What is handed out has been read and its digest found right, on this very call."""

    def __init__(self, store: BlobStore) -> None:
        self.store = store

    def put_file(self, path: Path, *, name: str = "") -> Artefact:
        """Store a file's content. Raises `OSError` if it cannot be read."""
        artefact = Artefact(sha256=sha256_file(path), size=path.stat().st_size, name=name or path.name)
        self._put(artefact.sha256, path)
        return artefact

    def put_bytes(self, data: bytes, name: str) -> Artefact:
        """Store bytes."""
        artefact = Artefact(sha256=sha256_bytes(data), size=len(data), name=name)
        self._put(artefact.sha256, data)
        return artefact

    def path(self, blob: Artefact | str) -> Path:
        """A blob as a local, read-only file. Raises `NotInStore`, `CorruptBlob`."""
        digest = _digest(blob)
        path = self.store.local(blob_key(digest))
        try:
            found = sha256_file(path)
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        if found != digest:
            raise CorruptBlob(_corruption(str(path), digest, found))
        return path

    def read(self, blob: Artefact | str, *, limit: int | None = None) -> bytes:
        """A blob's content. Raises `NotInStore`, `CorruptBlob`, `ObjectTooLarge`."""
        digest = _digest(blob)
        data = self.store.get(blob_key(digest), limit=limit)
        found = sha256_bytes(data)
        if found != digest:
            raise CorruptBlob(_corruption(blob_key(digest), digest, found))
        return data

    def has(self, blob: Artefact | str) -> bool:
        """Whether the store has the blob; its content is verified when it is read."""
        return self.store.head(blob_key(_digest(blob))) is not None

    def _put(self, digest: str, data: bytes | Path) -> None:
        key = blob_key(digest)
        if self.store.put_if_absent(key, data):
            return
        # Whoever has the right content at hand can mend a damaged copy; nobody else ever can.
        if not self.store.holds(key, data):
            self.store.replace(key, data)


def _digest(blob: Artefact | str) -> str:
    return blob.sha256 if isinstance(blob, Artefact) else blob


def _corruption(where: str, digest: str, found: str) -> str:
    return (
        f"{where} is damaged: its content has sha256 {found[:12]}..., not {digest[:12]}.... "
        "Run the stage that makes it again with the cache off, or restore it from a copy of the store; "
        "putting the right content mends it"
    )
