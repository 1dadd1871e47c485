"""Keeping blobs young and deleting old ones, on a server that has no locks.

Here belong age, the trash and the deletion of what nobody needs. Not here: what is needed, which the caller knows.

Between a deletion's last look at a blob and the deletion itself somebody may refresh the blob, for he is about to
publish what needs it. So a blob is copied to the trash before it goes, everybody who misses a blob looks there and
takes it back, and the trash is emptied by a later run, of what has lain there for as long as a blob must be old.
Ages are by the server's clock.
"""

from collections.abc import Collection, Iterator
from datetime import timedelta

from resources.digests import is_sha256
from resources.store.objects import BLOBS, NotInStore
from resources.store.s3_bucket import Bucket, Facts
from resources.store.s3_upload import abort, unfinished

TRASH = ".trash/sha256/"
"""No key can begin so: no segment of a key begins with a dot."""

YOUNG = timedelta(hours=1)
"""A blob that is younger is not refreshed: it costs a request, and no deletion takes blobs as young as that."""


def find(bucket: Bucket, key: str) -> Facts | None:
    """What is known of an object; a blob that is missing is taken back from the trash."""
    found = bucket.head(key)
    if found is None and take_back(bucket, key):
        found = bucket.head(key)
    return found


def take_back(bucket: Bucket, key: str) -> bool:
    """Copy a blob from the trash to its place. False where it is not there either."""
    if not key.startswith(BLOBS):
        return False
    thrown = bucket.head(_trash(key))
    if thrown is None:
        return False
    try:
        bucket.copy(thrown, key)
    except NotInStore:
        return False  # emptied just now
    return True


def refresh(bucket: Bucket, key: str) -> Facts | None:
    """Make a blob young; None where there is none. Other objects are never deleted and stay as they are."""
    found = find(bucket, key)
    if found is None or not key.startswith(BLOBS) or found.age < YOUNG:
        return found
    try:
        bucket.copy(found, key)
    except NotInStore:
        return find(bucket, key)  # deleted just now
    return found


def delete_unreferenced(bucket: Bucket, keep: Collection[str], older_than: timedelta) -> Iterator[str]:
    """Throw old blobs away and empty the trash of older ones; the keys that were thrown away.

    Also ends uploads that nobody has finished for as long.
    """
    kept = frozenset(keep)
    _empty(bucket, kept, older_than)
    for found in list(bucket.list(BLOBS)):
        unneeded = found.name not in kept and is_sha256(found.name.removeprefix(BLOBS))
        if unneeded and found.age > older_than and _throw_away(bucket, found, older_than):
            yield found.name
    for place in (BLOBS, TRASH):
        for begun in list(unfinished(bucket, place)):
            if begun.age > older_than:
                abort(bucket, begun.name, begun.upload_id)


def _empty(bucket: Bucket, kept: frozenset[str], older_than: timedelta) -> None:
    for thrown in list(bucket.list(TRASH)):
        key = BLOBS + thrown.name.removeprefix(TRASH)
        if key in kept and bucket.head(key) is None:
            bucket.copy(thrown, key)
        elif thrown.age > older_than:
            bucket.delete(thrown.name)


def _throw_away(bucket: Bucket, found: Facts, older_than: timedelta) -> bool:
    try:
        bucket.copy(found, _trash(found.name))
    except NotInStore:
        return False  # another deletion was faster
    now = bucket.head(found.name)
    if now is None or now.age <= older_than:
        return False  # needed again
    bucket.delete(found.name)
    return True


def _trash(key: str) -> str:
    return TRASH + key.removeprefix(BLOBS)
