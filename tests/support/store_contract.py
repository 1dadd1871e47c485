"""What every store keeps, whatever it is made of. A test module of a store subclasses `StoreContract`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from races import race

from resources.digests import sha256_bytes
from resources.store.objects import BLOBS, BlobStore, InvalidKey, NotInStore, ObjectTooLarge, StoreError, blob_key

# Every store has a class of its own that runs the same tests, each with fixtures of its own.
SUPPRESSED = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]

MakeStore = Callable[[], BlobStore]

segments = st.text("abcXYZ019_-.", min_size=1, max_size=8).filter(lambda s: s[0] not in "-.")
keys = st.lists(segments, min_size=1, max_size=4).map("/".join)
contents = st.binary(max_size=2000)

BAD_KEYS = [
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    "../a",
    "a/../../b",
    "a/./b",
    ".tmp/x",
    ".lock",
    "a\0b",
    "a\nb",
    "a b",
    "ä",
    "a\\b",
    "-rf",
    "a/" + "b" * 201,
    "a/" * 300 + "b",
]


def size_of(store: BlobStore, key: str) -> int:
    head = store.head(key)
    assert head is not None
    assert abs(datetime.now(UTC) - head.put_at) < timedelta(hours=1)
    return head.size


class StoreContract:
    """Give a fixture `store`, empty, and `again`, which opens the same one anew as another process would."""

    def test_an_object_is_what_was_put(self, store: BlobStore, again: MakeStore) -> None:
        assert store.put_if_absent("models/m/releases/1.0.0.json", b"one") is True
        assert again().get("models/m/releases/1.0.0.json") == b"one"
        assert size_of(again(), "models/m/releases/1.0.0.json") == 3
        with again().open("models/m/releases/1.0.0.json") as stream:
            assert stream.read() == b"one"

    def test_a_file_is_put_like_bytes(self, store: BlobStore, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"x" * 3_000_000)
        assert store.put_if_absent("a/file", source)
        assert store.get("a/file") == source.read_bytes()

    def test_the_first_put_stays(self, store: BlobStore) -> None:
        assert store.put_if_absent("a/b", b"first")
        assert not store.put_if_absent("a/b", b"second")
        assert store.get("a/b") == b"first"

    def test_an_empty_object_is_an_object(self, store: BlobStore) -> None:
        assert store.put_if_absent("empty", b"")
        assert not store.put_if_absent("empty", b"x")
        assert size_of(store, "empty") == 0

    def test_what_is_absent_is_told(self, store: BlobStore) -> None:
        assert store.head("no/such") is None
        assert list(store.list("no/")) == []
        for read in (store.get, store.open, store.local):
            with pytest.raises(NotInStore, match="no/such"):
                read("no/such")

    def test_an_object_is_not_a_folder(self, store: BlobStore) -> None:
        store.put_if_absent("a", b"")
        assert store.head("a/b") is None
        with pytest.raises(NotInStore):
            store.get("a/b")

    def test_a_reader_can_bound_what_it_takes(self, store: BlobStore) -> None:
        store.put_if_absent("big", b"x" * 11)
        assert store.get("big", limit=11) == b"x" * 11
        with pytest.raises(ObjectTooLarge, match="11 bytes"):
            store.get("big", limit=10)

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_a_bad_key_is_refused_by_every_verb(self, store: BlobStore, key: str) -> None:
        for verb in (store.get, store.open, store.head, store.local):
            with pytest.raises(InvalidKey):
                verb(key)
        with pytest.raises(InvalidKey):
            store.put_if_absent(key, b"")
        with pytest.raises(InvalidKey):
            store.replace(BLOBS + key, b"")
        assert list(store.list()) == []

    def test_list_is_sorted_by_key_and_takes_any_prefix(self, store: BlobStore) -> None:
        put = ["a-b", "a/1", "a/10", "a/2", "a/b/c", "a0", "b"]
        for key in reversed(put):
            store.put_if_absent(key, b"")
        assert list(store.list()) == sorted(put) == put
        assert list(store.list("a/")) == ["a/1", "a/10", "a/2", "a/b/c"]
        assert list(store.list("a/1")) == ["a/1", "a/10"]
        assert list(store.list("a")) == put[:-1]
        assert list(store.list("a/", after="a/10")) == ["a/2", "a/b/c"]
        assert list(store.list("a/", after="a/11")) == ["a/2", "a/b/c"]
        assert list(store.list("a/", after="b")) == []
        assert list(store.list("a/", after="a")) == list(store.list("a/"))
        assert list(store.list(after="a/b/c")) == ["a0", "b"]
        with pytest.raises(InvalidKey):
            list(store.list("../"))

    @given(objects=st.dictionaries(keys, contents, max_size=8), prefix=keys)
    @settings(max_examples=40, deadline=None, suppress_health_check=SUPPRESSED)
    def test_it_behaves_like_a_dictionary(self, fresh: MakeStore, objects: dict[str, bytes], prefix: str) -> None:
        store, model = fresh(), dict[str, bytes]()
        for key, content in objects.items():
            if any(k.startswith(f"{key}/") or key.startswith(f"{k}/") for k in model):
                continue  # a folder cannot hold both a and a/b
            assert store.put_if_absent(key, content)
            model[key] = content
        assert {key: store.get(key) for key in store.list()} == model
        assert list(store.list(prefix)) == sorted(key for key in model if key.startswith(prefix))

    def test_of_sixteen_racing_writers_one_wins(self, store: BlobStore, again: MakeStore) -> None:
        for number in range(5):
            key = f"environments/dev/m/{number:08}.json"
            results = race(lambda me, key=key: str(again().put_if_absent(key, f"writer {me}".encode() * 1000)))  # type: ignore[misc]
            assert sorted(results) == ["False"] * 15 + ["True"]
            assert store.get(key) == f"writer {results.index('True')}".encode() * 1000

    def test_only_blobs_are_replaced(self, store: BlobStore) -> None:
        store.put_if_absent("models/m/releases/1.0.0.json", b"one")
        with pytest.raises(InvalidKey, match="never changed"):
            store.replace("models/m/releases/1.0.0.json", b"two")
        key = blob_key(sha256_bytes(b"right"))
        store.replace(key, b"right")
        assert store.get(key) == b"right"

    def test_a_blob_that_is_not_what_its_key_says_is_never_stored(self, store: BlobStore) -> None:
        key = blob_key(sha256_bytes(b"right"))
        for put in (store.put_if_absent, store.replace):
            with pytest.raises(StoreError, match="changed while it was stored"):
                put(key, b"wrong")
        assert store.head(key) is None

    def test_old_blobs_that_nobody_needs_are_deleted_and_nothing_else(self, store: BlobStore) -> None:
        kept, old = (blob_key(sha256_bytes(content)) for content in (b"kept", b"old"))
        store.put_if_absent(kept, b"kept")
        store.put_if_absent(old, b"old")
        store.put_if_absent("environments/dev/m/00000001.json", b"{}")
        assert store.delete_unreferenced({kept}, timedelta(hours=1)) == ()
        assert store.delete_unreferenced({kept}, timedelta(seconds=-1)) == (old,)
        assert sorted(store.list()) == sorted([kept, "environments/dev/m/00000001.json"])
