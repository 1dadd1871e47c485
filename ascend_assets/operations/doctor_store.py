"""Examining the store: is it reached, does it keep what a registry relies on, does its clock agree with ours?

Here belongs one trial per kind of store. Not here: what a server on S3 is tried for (`resources/store/s3_probe.py`).
"""

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ascend_assets.operations.doctor_machine import nearest
from ascend_assets.operations.finding import Finding
from resources.home import Home, home, in_cluster
from resources.registry.ledger import CLOCK_TOLERANCE
from resources.store.durable import sync_folder, whole_file
from resources.store.objects import BadSetting, StoreDenied, StoreError, StoreUnfit, StoreUnreachable
from resources.store.opening import open_store

if TYPE_CHECKING:
    from resources.store.s3_bucket import Bucket

MAX_SKEW = timedelta(minutes=1)
"""From `CLOCK_TOLERANCE` on a ledger refuses what this machine writes after another one."""

_CLOCK = "the clock could not be compared: the store was not reached"


def store(places: Home) -> tuple[Finding, Finding]:
    """The store, and the clock of this machine against the store's."""
    folder = places.store_folder
    if folder is not None and in_cluster():
        try:
            open_store(places.store)
        except BadSetting as error:
            return Finding("store", ok=False, said=str(error), remedy=_remedy(error)), _no_clock()
    return _of_folder(folder) if folder is not None else _of_bucket(places.store)


def _of_folder(root: Path) -> tuple[Finding, Finding]:
    try:
        with _trial_folder(root) as folder, whole_file(folder, b"trial") as (path, _):
            skew = datetime.fromtimestamp(path.stat().st_mtime, UTC) - datetime.now(UTC)
            _links_once(path)
            sync_folder(folder)
    except OSError as error:
        said = f"{error.filename or root}: {error.strerror or error}"
        remedy = "let ASCEND_STORE name a folder of a file system with hard links, writable by this user, or s3://..."
        return Finding("store", ok=False, said=said, remedy=remedy), _no_clock()
    said = f"{root} makes objects once and keeps them" if root.is_dir() else f"{root} can be made"
    return Finding("store", ok=True, said=said), clock(skew)


@contextmanager
def _trial_folder(root: Path) -> Iterator[Path]:
    """Where a store of that folder makes its temporary files: what is left there by a kill is swept up."""
    if root.is_dir():
        yield root / ".tmp"
        return
    with tempfile.TemporaryDirectory(prefix=".ascend-", dir=nearest(root)) as folder:
        yield Path(folder)


def _links_once(path: Path) -> None:
    """Give a file a second name, and see that the name cannot be given twice."""
    name = path.with_name(f"{path.name}-link")
    os.link(path, name)
    try:
        os.link(path, name)
    except FileExistsError:
        return
    finally:
        name.unlink()
    raise OSError(errno.ENOTSUP, "a name that is taken is given again, so that two deployments could both win")


def _of_bucket(address: str) -> tuple[Finding, Finding]:
    from resources.store.s3 import S3Store
    from resources.store.s3_bucket import Bucket
    from resources.store.s3_settings import S3Address, S3Settings

    try:
        settings, where = S3Settings.from_environment(os.environ), S3Address.parse(address)
        S3Store(where, settings, home().state / "cache").probe(force=True)
        skew = _skew(Bucket(where, settings))
    except StoreError as error:
        return Finding("store", ok=False, said=str(error), remedy=_remedy(error)), _no_clock()
    return Finding("store", ok=True, said=f"{address} creates objects once and reads them back"), clock(skew)


def _remedy(error: StoreError) -> str:
    if isinstance(error, StoreUnreachable):
        return "look at the endpoint (ASCEND_S3_ENDPOINT) and at the network"
    if isinstance(error, StoreDenied):
        return "look at the credentials, and at what they may do: list, read, write and delete in the bucket"
    if isinstance(error, BadSetting):
        return "mend the setting that it names"
    if isinstance(error, StoreUnfit):
        return "do what it says, or keep the store elsewhere (ASCEND_STORE)"
    return "look at the bucket's state, then try again"


def _skew(bucket: "Bucket") -> timedelta:
    before = time.time()
    with bucket.told(""):
        answer = bucket.client.list_objects_v2(Bucket=bucket.address.bucket, Prefix=bucket.address.prefix, MaxKeys=1)
    middle = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    return parsedate_to_datetime(told) - middle if told else timedelta()


def clock(skew: timedelta) -> Finding:
    """Whether this machine's clock agrees with the store's. `skew`: how far the store's is ahead."""
    seconds = abs(skew.total_seconds())
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", ok=True, said=f"within {max(1.0, seconds):.0f} s of the store's")
    way = "behind" if skew > timedelta() else "ahead of"
    return Finding(
        "clock",
        ok=False,
        said=f"{seconds:.0f} s {way} the store's; from {CLOCK_TOLERANCE.total_seconds():.0f} s on entries are refused",
        remedy="set this machine's clock right (NTP), or the store's",
    )


def _no_clock() -> Finding:
    return Finding("clock", ok=False, said=_CLOCK, remedy="mend the store first", needed=False)
