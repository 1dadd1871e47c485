"""The store on a real Ceph: the contract, and what its gateway may do otherwise than a mock."""

from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from ceph import Ceph
from s3_server import MIN_PART, s3_store
from store_contract import MakeStore, StoreContract

from resources.store import s3_trash
from resources.store.blobs import Blobs
from resources.store.objects import CorruptBlob, blob_key
from resources.store.s3 import S3Store

BIG = bytes(range(256)) * (6 * MIN_PART // 256)


@pytest.fixture
def again(ceph: Ceph, bucket: str, tmp_path: Path) -> MakeStore:
    return lambda: s3_store(ceph.endpoint, bucket, tmp_path / "cache")


@pytest.fixture
def fresh(ceph: Ceph, bucket: str, tmp_path: Path) -> MakeStore:
    numbers = count()

    def make() -> S3Store:
        made = s3_store(ceph.endpoint, bucket, tmp_path / "cache", f"fresh-{next(numbers)}/")
        made._probed = True  # the server was; each prefix anew would take half a minute
        return made

    return make


class TestContract(StoreContract):
    """Ceph keeps what every store keeps."""


@pytest.mark.parametrize("damage", [b"wrong", b"righ", b"right!", b""])
def test_what_was_damaged_on_the_server_is_never_handed_out(
    store: S3Store, ceph: Ceph, bucket: str, damage: bytes
) -> None:
    blobs = Blobs(store)
    blob = blobs.put_bytes(b"right", "x")
    ceph.client().put_object(Bucket=bucket, Key=f"registry/{blob_key(blob.sha256)}", Body=damage)
    for read in (blobs.read, blobs.path):
        with pytest.raises(CorruptBlob, match="is damaged"):
            read(blob)
    with pytest.raises(CorruptBlob), store.open(blob_key(blob.sha256)) as stream:
        stream.read()
    blobs.put_bytes(b"right", "x")
    assert blobs.read(blob) == b"right"
    assert blobs.path(blob).read_bytes() == b"right"


def test_a_large_blob_goes_in_parts_and_comes_back(store: S3Store, tmp_path: Path) -> None:
    source = tmp_path / "big"
    source.write_bytes(BIG)
    told: list[int] = []
    store.progress = lambda _key, done, size: told.append(done * 100 // size)
    blob = Blobs(store).put_file(source)
    assert told == sorted(told)
    assert told[-1] == 100
    assert len(told) >= 3
    assert Blobs(store).path(blob).read_bytes() == BIG
    assert store.holds(blob_key(blob.sha256), source)


@pytest.mark.parametrize(("content", "limit"), [(b"small", len(BIG)), (BIG, len(BIG)), (BIG, 5 * MIN_PART)])
def test_a_blob_is_made_young_where_it_stands(
    ceph: Ceph, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, limit: int
) -> None:
    """By a copy onto itself, which the largest need in parts."""
    monkeypatch.setattr(s3_trash, "YOUNG", timedelta(seconds=-1))
    store = s3_store(ceph.endpoint, bucket, tmp_path, copy_limit=limit)
    blob = Blobs(store).put_bytes(content, "x")
    before = modified(ceph, bucket)
    assert store.refresh(blob_key(blob.sha256))
    assert modified(ceph, bucket) > before
    assert Blobs(store).read(blob) == content


def modified(ceph: Ceph, bucket: str) -> datetime:
    """When the bucket's only object was written, to the millisecond."""
    (found,) = ceph.client().list_objects_v2(Bucket=bucket)["Contents"]
    when: datetime = found["LastModified"]
    return when


@pytest.mark.parametrize("content", [b"small", BIG])
def test_a_deleted_blob_is_taken_back_by_whoever_asks_for_it(store: S3Store, again: MakeStore, content: bytes) -> None:
    blob = Blobs(store).put_bytes(content, "x")
    assert store.delete_unreferenced((), timedelta(seconds=-1)) == (blob_key(blob.sha256),)
    assert list(again().list()) == []
    assert Blobs(again()).read(blob) == content
    assert list(again().list()) == [blob_key(blob.sha256)]


def test_what_comes_in_many_pages_is_listed_in_order(store: S3Store) -> None:
    names = [f"many/{number:05}" for number in range(23)]
    for name in reversed(names):
        store.put_if_absent(name, b"")
    events = store._bucket.client.meta.events
    events.register("provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 5})
    assert list(store.list("many/")) == names
