"""What is read from a bucket: verified on the way, and copies on the local disk only as good as their digest."""

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from races import in_child
from s3_proxy import S3Proxy
from s3_server import client, s3_store

from resources.digests import sha256_bytes
from resources.store.blobs import Blobs, CorruptBlob
from resources.store.objects import NotInStore, StoreError, StoreFull, blob_key
from resources.store.s3 import S3Store
from resources.store.s3_cache import Cache

CONTENT = bytes(range(256)) * 12_000
KEY = blob_key(sha256_bytes(CONTENT))
DAY = 24 * 3600


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    made = s3_store(proxy.endpoint, bucket, tmp_path / "cache")
    made.put_if_absent(KEY, CONTENT)
    proxy.seen.clear()
    return made


def overwrite(store: S3Store, content: bytes, key: str = KEY) -> None:
    direct: Any = client(store._bucket.endpoint)
    direct.put_object(Bucket=store.address.bucket, Key=store.address.prefix + key, Body=content)


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"!", CONTENT[:-1], CONTENT + b"!", b""])
def test_a_blob_damaged_behind_our_back_is_never_handed_out(store: S3Store, content: bytes) -> None:
    overwrite(store, content)
    for read in (store.get, store.local):
        with pytest.raises(CorruptBlob, match="Run the stage that makes it again"):
            read(KEY)
    assert not [path for path in store._cache.root.rglob("*") if path.is_file()]


def test_the_last_bytes_of_a_damaged_blob_are_not_handed_out(store: S3Store) -> None:
    overwrite(store, CONTENT[:-1] + b"!")
    with store.open(KEY) as stream:
        assert stream.read(1_000_000) == CONTENT[:1_000_000]
        with pytest.raises(CorruptBlob):
            stream.read()


def test_a_stream_can_be_read_in_any_steps(store: S3Store) -> None:
    for step in (1000, 65_536, 3_000_000, 10_000_000):
        with store.open(KEY) as stream:
            assert b"".join(iter(lambda step=step, stream=stream: stream.read(step), b"")) == CONTENT  # type: ignore[misc]


def test_a_large_object_is_refused_before_it_is_read(store: S3Store, proxy: S3Proxy) -> None:
    with pytest.raises(StoreError, match="more than the 10 that its reader takes"):
        store.get(KEY, limit=10)
    assert proxy.count("GET") == 1


def test_a_local_copy_is_fetched_once(store: S3Store, proxy: S3Proxy, bucket: str, tmp_path: Path) -> None:
    path = store.local(KEY)
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    again = s3_store(proxy.endpoint, bucket, tmp_path / "cache")
    assert Blobs(again).path(KEY.rpartition("/")[2]) == path
    assert proxy.count("GET") == 1
    assert not list((store._cache.root / ".tmp").iterdir())


def test_a_damaged_copy_is_fetched_again(store: S3Store, proxy: S3Proxy) -> None:
    path = store.local(KEY)
    path.chmod(0o644)
    path.write_bytes(b"wrong")
    assert store.local(KEY).read_bytes() == CONTENT
    assert proxy.count("GET") == 2


def test_a_copy_does_not_stand_for_an_object_that_is_gone(store: S3Store) -> None:
    store.local(KEY)
    store._bucket.delete(KEY)
    with pytest.raises(NotInStore):
        store.local(KEY)


def test_what_has_no_digest_is_fetched_each_time(store: S3Store) -> None:
    store.put_if_absent("models/m/releases/1.0.0.json", b"one")
    assert store.local("models/m/releases/1.0.0.json").read_bytes() == b"one"
    overwrite(store, b"two", "models/m/releases/1.0.0.json")
    assert store.local("models/m/releases/1.0.0.json").read_bytes() == b"two"


def test_each_bucket_has_copies_of_its_own(store: S3Store, proxy: S3Proxy, tmp_path: Path) -> None:
    other = s3_store(proxy.endpoint, store.address.bucket, tmp_path / "cache", "elsewhere/")
    other.put_if_absent(KEY, CONTENT)
    assert other.local(KEY) != store.local(KEY)


def test_copies_that_nobody_uses_are_thrown_away(tmp_path: Path) -> None:
    for name, age in (("used", 13), ("unused", 15)):
        (tmp_path / name).write_bytes(b"")
        moment = time.time() - age * DAY
        os.utime(tmp_path / name, (moment, moment))
    source = tmp_path / "source"
    source.write_bytes(b"new")
    with source.open("rb") as stream:
        Cache(tmp_path).keep("a/b", stream)
    assert (tmp_path / "a" / "b").read_bytes() == b"new"
    assert (tmp_path / "used").exists()
    assert not (tmp_path / "unused").exists()


def test_a_copy_that_is_used_stays_young(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.utime(tmp_path / "a", (0, 0))
    assert Cache(tmp_path).find("a", sha256_bytes(b"x")) == tmp_path / "a"
    assert time.time() - (tmp_path / "a").stat().st_mtime < DAY


def test_a_disk_that_cannot_hold_a_copy_is_told(store: S3Store) -> None:
    import resource

    def fetch() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        return str(store.local(KEY))

    assert in_child(fetch).startswith("StoreFull: ")


def test_a_cache_that_may_not_be_written_is_told(store: S3Store, tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(b"in the way")
    with pytest.raises(StoreError, match="ASCEND_STATE") as refusal:
        store.local(KEY)
    assert not isinstance(refusal.value, StoreFull)
