"""An object's content as a stream that survives broken connections and hands out no damaged blob.

Here belongs reading. Not here: which object (`s3.py`), or copies on the local disk (`s3_cache.py`).
"""

import hashlib
import io
from typing import TYPE_CHECKING, Any

from resources.digests import CHUNK
from resources.store.objects import CorruptBlob, StoreError, StoreUnreachable
from resources.store.s3_bucket import Bucket, pause

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class ObjectStream(io.RawIOBase):
    """An object's bytes, in order. `size` is what the server says. Raises `NotInStore` at once, `StoreError` later.

    With `digest`, the read that would hand out the last bytes raises `CorruptBlob` instead if the content is another's.
    A connection that breaks is made anew where it broke: so many times in a row as the settings allow attempts.
    """

    def __init__(self, bucket: Bucket, name: str, digest: str | None = None) -> None:
        self._bucket = bucket
        self._name = name
        self._digest = digest
        self._hash = hashlib.sha256()
        self._place = 0
        self._safe = 0
        self._failures = 0
        answer = bucket.get(name)
        self.size = int(answer["ContentLength"])
        self._tag = answer.get("ETag")
        self._body: Any = answer["Body"]
        if not self.size:
            self._check()

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See `io.RawIOBase`."""
        view = memoryview(buffer).cast("B")
        if self._place >= self.size or not len(view):
            return 0
        chunk = self._next(min(len(view), self.size - self._place))
        self._hash.update(chunk)
        self._place += len(chunk)
        if self._place == self.size:
            self._check()
        view[: len(chunk)] = chunk
        return len(chunk)

    def readall(self) -> bytes:
        """Everything that is left."""
        data = bytearray()
        while chunk := self.read(CHUNK):
            data += chunk
        return bytes(data)

    def close(self) -> None:
        """Let go of the connection."""
        if not self.closed:
            body, self._body = getattr(self, "_body", None), None
            if body is not None:
                body.close()
        super().close()

    def _next(self, most: int) -> bytes:
        while True:
            try:
                return self._read(most)
            except StoreUnreachable as error:
                self._reconnect(error)

    def _read(self, most: int) -> bytes:
        with self._bucket.told(self._name):
            chunk = bytes(self._body.read(most))
        if not chunk:
            raise StoreUnreachable(f"{self._bucket.address}/{self._name}: broken off at byte {self._place}")
        return chunk

    def _reconnect(self, error: StoreUnreachable) -> None:
        """Go on where it broke, or raise what happened once it has happened too often without a step forward."""
        self._failures = self._failures + 1 if self._place - self._safe < CHUNK else 1
        self._safe = self._place
        if self._failures >= self._bucket.settings.attempts:
            raise error
        self._body.close()
        pause(self._failures)
        answer = self._bucket.get(self._name, self._place)
        # A blob that was refreshed meanwhile may have another tag; its digest tells at the end.
        same = self._digest is not None or answer.get("ETag") == self._tag
        if not same or int(answer["ContentLength"]) != self.size - self._place:
            raise StoreError(f"{self._bucket.address}/{self._name}: changed while it was read: read it again")
        self._body = answer["Body"]

    def _check(self) -> None:
        found = self._hash.hexdigest()
        if self._digest is not None and found != self._digest:
            raise CorruptBlob(
                f"{self._bucket.address}/{self._name} is damaged: its content has sha256 {found[:12]}..., not "
                f"{self._digest[:12]}.... Run the stage that makes it again with the cache off, or restore it from a "
                "copy of the store; putting the right content mends it"
            )
