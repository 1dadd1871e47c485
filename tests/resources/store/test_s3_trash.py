"""Age and deletion without locks: whatever happens between, nobody misses a blob that somebody needs."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from races import race
from s3_proxy import S3Proxy
from s3_server import MIN_PART, client, make_old, s3_store

from resources.digests import sha256_bytes
from resources.store.blobs import Blobs
from resources.store.objects import NotInStore, blob_key
from resources.store.s3 import S3Store
from resources.store.s3_bucket import Bucket, Facts

KEY = blob_key(sha256_bytes(b"blob"))
TRASH = KEY.replace("blobs/", ".trash/")
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    made = s3_store(proxy.endpoint, bucket, tmp_path / "cache")
    made.put_if_absent(KEY, b"blob")
    return made


def age(store: S3Store, *names: str, by: timedelta = 2 * DAY) -> None:
    for name in names:
        make_old(store.address.bucket, store.address.prefix + name, by)


def names(store: S3Store) -> list[str]:
    return [facts.name for facts in store._bucket.list("")]


def delete(store: S3Store, keep: Iterable[str] = ()) -> tuple[str, ...]:
    return store.delete_unreferenced(frozenset(keep), DAY)


@pytest.fixture
def thrown(store: S3Store) -> S3Store:
    age(store, KEY)
    assert delete(store) == (KEY,)
    assert names(store) == [TRASH]
    assert list(store.list()) == []
    return store


@pytest.mark.parametrize("verb", ["get", "open", "head", "local", "refresh", "put_if_absent"])
def test_whoever_misses_a_blob_takes_it_back(thrown: S3Store, verb: str) -> None:
    arguments = (b"blob",) if verb == "put_if_absent" else ()
    found = getattr(thrown, verb)(KEY, *arguments)
    assert (found is False) if verb == "put_if_absent" else found
    assert thrown.get(KEY) == b"blob"
    assert KEY in names(thrown)


def test_the_trash_is_emptied_by_a_later_run_of_what_lay_there_long(thrown: S3Store) -> None:
    assert delete(thrown) == ()
    assert names(thrown) == [TRASH]
    age(thrown, TRASH)
    assert delete(thrown) == ()
    assert names(thrown) == []
    with pytest.raises(NotInStore):
        thrown.get(KEY)


def test_what_is_needed_again_is_taken_back_by_the_next_run(thrown: S3Store) -> None:
    age(thrown, TRASH)
    assert delete(thrown, [KEY]) == ()
    assert KEY in names(thrown)


def test_what_is_needed_or_young_stays(store: S3Store) -> None:
    assert delete(store) == ()
    age(store, KEY)
    assert delete(store, [KEY]) == ()
    assert names(store) == [KEY]


def test_a_refreshed_blob_is_young(store: S3Store) -> None:
    age(store, KEY)
    assert store.refresh(KEY) is True
    assert delete(store) == ()
    assert store.get(KEY) == b"blob"


def test_putting_a_blob_again_keeps_it_young(store: S3Store) -> None:
    age(store, KEY)
    assert store.put_if_absent(KEY, b"blob") is False
    assert delete(store) == ()


def test_a_young_blob_is_not_written_again(store: S3Store, proxy: S3Proxy) -> None:
    proxy.seen.clear()
    assert store.refresh(KEY) is True
    assert [request.method for request in proxy.seen] == ["HEAD"]


def test_what_is_no_blob_is_never_touched(store: S3Store, proxy: S3Proxy) -> None:
    entry = "environments/dev/m/00000001.json"
    store.put_if_absent(entry, b"{}")
    age(store, entry)
    proxy.seen.clear()
    assert store.refresh(entry) is True
    assert store.refresh("environments/dev/m/00000002.json") is False
    assert {request.method for request in proxy.seen} == {"HEAD"}
    age(store, KEY)
    assert delete(store) == (KEY,)
    assert store.get(entry) == b"{}"


def test_a_missing_blob_cannot_be_refreshed(store: S3Store) -> None:
    assert store.refresh(blob_key("0" * 64)) is False


def test_a_blob_larger_than_a_server_copies_at_once_is_copied_in_parts(server: str, store: S3Store) -> None:
    content = b"0123456789abcdef" * (26 * 64 * 1024)
    key = blob_key(sha256_bytes(content))
    large = s3_store(server, store.address.bucket, store._folder, copy_limit=5 * MIN_PART)
    large.put_if_absent(key, content)
    age(large, key)
    assert large.refresh(key)
    assert delete(large) == ()
    assert large.get(key) == content


def test_a_blob_refreshed_after_the_copy_is_not_deleted(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Bucket.copy

    def copy_then_refresh(self: Bucket, source: Facts, target: str) -> None:
        copy(self, source, target)
        if target == TRASH:
            assert store.refresh(KEY)

    age(store, KEY)
    monkeypatch.setattr(Bucket, "copy", copy_then_refresh)
    assert delete(store) == ()
    assert KEY in names(store)


def test_a_blob_refreshed_after_the_last_look_is_found_again(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    remove = Bucket.delete

    def refresh_then_delete(self: Bucket, name: str) -> None:
        if name == KEY:
            assert store.refresh(KEY)
        remove(self, name)

    age(store, KEY)
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "delete", refresh_then_delete)
        assert delete(store) == (KEY,)
    assert store.get(KEY) == b"blob"


def test_a_blob_put_while_old_ones_are_deleted_is_there_afterwards(store: S3Store) -> None:
    contents = {blob_key(sha256_bytes(b"%d" % n)): b"%d" % n for n in range(10)}
    for key, content in contents.items():
        store.put_if_absent(key, content)
    age(store, *contents)

    def work(me: int) -> str:
        if me < 2:
            return str(bool(delete(store)) in {True, False})
        return str({store.put_if_absent(key, content) for key, content in contents.items()} <= {True, False})

    assert race(work, 4) == ["True"] * 4
    assert {key: store.get(key) for key in contents} == contents


def test_uploads_that_nobody_finishes_are_ended(store: S3Store, server: str) -> None:
    """The mock server says that every upload began in 2010."""
    direct, bucket = client(server), store.address.bucket
    direct.create_multipart_upload(Bucket=bucket, Key=f"{store.address.prefix}{blob_key('1' * 64)}")
    direct.create_multipart_upload(Bucket=bucket, Key="of/somebody/else")
    store.delete_unreferenced([KEY], timedelta(days=365 * 100))
    assert len(direct.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 2
    store.delete_unreferenced([KEY], DAY)
    assert [each["Key"] for each in direct.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["of/somebody/else"]


def test_what_a_stranger_put_among_blobs_stays(store: S3Store) -> None:
    store._bucket.put("blobs/sha256/readme", b"hello")
    age(store, "blobs/sha256/readme")
    assert delete(store) == ()
    assert "blobs/sha256/readme" in names(store)


def test_a_blob_from_the_trash_is_verified_like_any_other(thrown: S3Store) -> None:
    thrown._bucket.put(TRASH, b"blub")
    Blobs(thrown).put_bytes(b"blob", "x")
    assert thrown.get(KEY) == b"blob"
