"""Whether a server can be trusted with a registry: tried out before the first write that must happen once.

Here belong the trials and the memory of having passed them. Not here: what a registry writes.

What is tried, because servers differ (Ceph's gateway ignores `If-None-Match` in a bucket with versions, OpenStack
Swift answers 501, a proxy may drop the header): the bucket has no versions; an object that exists is not created
again; of writers that race for one name exactly one wins; what was written is listed, read back, and told apart by its
mark; it can be deleted.
"""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from resources.store.objects import StoreDenied, StoreError, StoreUnfit
from resources.store.s3_bucket import Bucket

__all__ = ["StoreUnfit", "probe", "remembered"]

FOLDER = ".probe/"
"""No key can begin so: no segment of a key begins with a dot."""

_RACERS = 8
_LEFT_BEHIND = timedelta(hours=1)
_REMEMBERED = 24 * 3600


def remembered(note: Path) -> bool:
    """Whether the trials were passed in the last 24 hours."""
    try:
        return 0 <= time.time() - note.stat().st_mtime < _REMEMBERED
    except OSError:
        return False  # no note that can be read: the trials cost less than a wrong guess


def probe(bucket: Bucket, note: Path) -> None:
    """Try the server and leave a note. Raises `StoreUnfit`, and `StoreDenied`, `StoreUnreachable` from the requests."""
    _refuse_versions(bucket)
    _sweep(bucket)
    folder = f"{FOLDER}{secrets.token_hex(8)}/"
    try:
        for trial in (_creates_once, _one_of_racing_wins, _reads_back):
            trial(bucket, folder)
    except StoreError:
        with suppress(StoreError):  # what failed is told; this is swept up by a later probe
            _clear(bucket, folder)
        raise
    _clear(bucket, folder)
    if any(bucket.list(folder)):
        raise _unfit(bucket, "what was deleted is still there", "Keep the store in a bucket without retention or locks")
    _remember(bucket, note)


def _clear(bucket: Bucket, folder: str) -> None:
    for name in ("once", "race"):
        bucket.delete(folder + name)


def _refuse_versions(bucket: Bucket) -> None:
    try:
        state = bucket.versioning()
    except (StoreDenied, StoreUnfit):
        # This user may not ask, or the server does not know the question. Where there is no bucket, or versions do
        # harm, the other trials fail.
        return
    if state == "Enabled":
        raise _unfit(
            bucket,
            "the bucket has versioning enabled, with which some servers let several writers create the same object",
            "Make another bucket without versioning; every object here is written once and needs none",
        )


def _creates_once(bucket: Bucket, folder: str) -> None:
    if not bucket.create(f"{folder}once", b"first"):
        raise _unfit(
            bucket,
            "a name that nobody has used is said to be taken",
            "Let no proxy in front of the server change headers (If-None-Match)",
        )
    if bucket.create(f"{folder}once", b"second"):
        raise _unfit(
            bucket,
            "it creates an object that exists (If-None-Match is ignored), so that two deployments could both win",
            "Let no proxy drop the header, or keep the store on a server that has conditional writes: AWS, Ceph, MinIO",
        )


def _one_of_racing_wins(bucket: Bucket, folder: str) -> None:
    _ = bucket.client  # made once, before there are threads
    with ThreadPoolExecutor(_RACERS) as pool:
        racing = [pool.submit(bucket.create, f"{folder}race", str(me).encode()) for me in range(_RACERS)]
        won = [me for me, did in enumerate(racing) if did.result()]
    if len(won) != 1:
        raise _unfit(
            bucket,
            f"of {_RACERS} writers that raced for one object {len(won)} won",
            "Keep the store on a server whose conditional writes are atomic, or reach it without the proxy in between",
        )
    found = bucket.get(f"{folder}race")["Body"].read()
    if found != str(won[0]).encode():
        raise _unfit(
            bucket, "another writer's content stands than the one that won", "Keep the store on another server"
        )


def _reads_back(bucket: Bucket, folder: str) -> None:
    found = [facts.name for facts in bucket.list(folder)]
    if found != [f"{folder}once", f"{folder}race"]:
        raise _unfit(bucket, "what was written is not listed at once", "Keep the store on a server that is consistent")
    kept = bucket.head(f"{folder}once")
    if kept is None or not kept.mark:
        raise _unfit(
            bucket,
            "the mark in an object's metadata is lost, so that no writer could tell his own write from another's",
            "Let no proxy in front of the server drop headers (x-amz-meta-*)",
        )


def _sweep(bucket: Bucket) -> None:
    """Remove what killed probes left."""
    for left in list(bucket.list(FOLDER)):
        if left.age > _LEFT_BEHIND:
            bucket.delete(left.name)


def _remember(bucket: Bucket, note: Path) -> None:
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{bucket.address} at {bucket.endpoint} keeps what is promised\n")
    except OSError:
        return  # then the next process tries again


def _unfit(bucket: Bucket, why: str, remedy: str) -> StoreUnfit:
    return StoreUnfit(f"{bucket.address} (at {bucket.endpoint}) cannot hold a registry: {why}. {remedy}")
