"""A store in a folder: the contract, and what only a file system can do to it."""

import errno
import os
import resource
import stat
import time
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from races import calls_of, dies_at_call, in_child, race
from store_contract import MakeStore, StoreContract

from resources.digests import sha256_bytes
from resources.store.folder import FolderStore
from resources.store.objects import StoreDenied, StoreError, StoreFull, blob_key

KEY = "environments/dev/m/00000001.json"
HOUR = 3600


def strays(store: FolderStore) -> list[Path]:
    folder = store.root / ".tmp"
    return list(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "deep" / "store")


@pytest.fixture
def again(store: FolderStore) -> MakeStore:
    return lambda: FolderStore(store.root)


@pytest.fixture
def fresh(tmp_path: Path) -> MakeStore:
    numbers = count()
    return lambda: FolderStore(tmp_path / f"fresh-{next(numbers)}")


class TestContract(StoreContract):
    """The folder keeps what every store keeps."""


def test_objects_are_read_only_files(store: FolderStore) -> None:
    store.put_if_absent(KEY, b"{}")
    assert stat.S_IMODE(store.local(KEY).stat().st_mode) == 0o444


def test_a_local_object_is_the_file_itself(store: FolderStore) -> None:
    store.put_if_absent(KEY, b"{}")
    assert store.local(KEY) == store.root / KEY


def test_nothing_temporary_is_left(store: FolderStore) -> None:
    store.put_if_absent(KEY, b"{}")
    store.put_if_absent(KEY, b"other")
    assert strays(store) == []


def test_files_that_are_no_objects_are_passed_over(store: FolderStore) -> None:
    store.put_if_absent("a/b", b"")
    (store.root / "a" / ".DS_Store").write_bytes(b"")
    (store.root / "a" / "b~").write_bytes(b"")
    assert list(store.list()) == ["a/b"]


def test_a_folder_cannot_hold_an_object_below_another(store: FolderStore) -> None:
    store.put_if_absent("a", b"")
    with pytest.raises(StoreError, match="a"):
        store.put_if_absent("a/b", b"")
    assert list(store.list()) == ["a"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_refused_and_never_waited_for(store: FolderStore, tmp_path: Path, kind: str) -> None:
    store.root.mkdir(parents=True)
    path = store.root / "x"
    if kind == "link":
        (tmp_path / "secret").write_text("not yours")
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    for verb in (store.get, store.open, store.head, store.local):
        with pytest.raises(StoreError, match="no regular file"):
            verb("x")
    assert not store.put_if_absent("x", b"mine")


def test_a_file_too_large_for_the_disk_leaves_the_store_as_it_was(store: FolderStore) -> None:
    store.put_if_absent("before", b"1")

    def put() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        store.put_if_absent("after", b"x" * 1_000_000)
        return "stored"

    assert in_child(put).startswith("StoreFull: ")
    assert list(store.list()) == ["before"]
    assert strays(store) == []
    assert store.put_if_absent("after", b"x" * 1_000_000)


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_store_as_it_was(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    """A disk may say so while it is written to, or only when it is asked to keep what it took."""
    store.put_if_absent("before", b"1")

    def full(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(StoreFull, match="Nothing was written: free some space"):
            store.put_if_absent("after", b"2")
    assert list(store.list()) == ["before"]
    assert strays(store) == []
    assert store.put_if_absent("after", b"2")


def test_a_write_that_the_disk_takes_in_parts_is_whole(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:7])))
    store.put_if_absent("a", bytes(range(256)))
    monkeypatch.undo()
    assert store.get("a") == bytes(range(256))


def test_a_store_that_may_not_be_written_says_so(store: FolderStore) -> None:
    store.put_if_absent("a", b"1")
    store.root.chmod(0o555)

    def put() -> str:
        if os.geteuid() == 0:
            os.setuid(65534)  # nothing is forbidden to root
        store.put_if_absent("b", b"2")
        return "stored"

    said = in_child(put)
    store.root.chmod(0o755)
    assert said.startswith("StoreDenied: ")
    assert "Give this user access" in said
    assert list(store.list()) == ["a"]


def test_a_file_system_without_hard_links_is_refused(store: FolderStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(StoreError, match=r"no hard links.*keep the store on another one") as refusal:
        store.put_if_absent("a", b"1")
    assert not isinstance(refusal.value, StoreDenied)
    assert strays(store) == []


def test_a_source_that_cannot_be_read_is_named(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no-such-file"):
        store.put_if_absent("a", tmp_path / "no-such-file")
    assert list(store.list()) == []


def test_a_writer_killed_anywhere_leaves_before_or_after(tmp_path: Path) -> None:
    """Kill -9 at every entry into and return from C code, so before and after every system call."""
    content = b"content" * 1000
    work = FolderStore(tmp_path / "counted")
    points = calls_of(lambda: work.put_if_absent(KEY, content))
    outcomes = set()
    for number in range(1, points + 1):
        store = FolderStore(tmp_path / str(number))
        if not dies_at_call(lambda store=store: store.put_if_absent(KEY, content), number):  # type: ignore[misc]
            continue
        keys = list(store.list())
        outcomes.add(len(keys))
        assert keys in ([], [KEY])
        assert all(store.get(key) == content for key in keys)
        assert store.put_if_absent(KEY, content) is (not keys)
        assert store.get(KEY) == content
        store.delete_unreferenced([], timedelta(0))
        assert strays(store) == []
    assert outcomes == {0, 1}, "the kills were not spread over the whole put"


def test_a_living_writer_is_not_swept_away(store: FolderStore) -> None:
    """All write at once and each sweeps before it writes."""
    results = race(lambda me: str([store.put_if_absent(f"{me}/{n}", b"x" * 100_000) for n in range(10)]), 8)
    assert results == [str([True] * 10)] * 8
    assert len(list(store.list())) == 80
    assert strays(store) == []


def test_putting_a_blob_again_keeps_it_young(store: FolderStore) -> None:
    key = blob_key(sha256_bytes(b"old"))
    store.put_if_absent(key, b"old")
    aged = time.time() - 2 * HOUR
    os.utime(store.local(key), (aged, aged))
    assert store.put_if_absent(key, b"old") is False
    assert store.delete_unreferenced([], timedelta(hours=1)) == ()


def test_a_blob_put_while_old_ones_are_deleted_is_there_afterwards(store: FolderStore) -> None:
    """Either the deletion sees that the blob is young again, or the put sees that it is gone."""
    keys = {blob_key(sha256_bytes(b"%d" % n)): b"%d" % n for n in range(40)}
    aged = time.time() - 2 * HOUR
    for key, content in keys.items():
        store.put_if_absent(key, content)
        os.utime(store.local(key), (aged, aged))

    def work(me: int) -> str:
        if me == 0:
            return str(len(store.delete_unreferenced([], timedelta(hours=1))) >= 0)
        return str({store.put_if_absent(key, content) for key, content in keys.items()} <= {True, False})

    assert race(work, 3) == ["True"] * 3
    assert {key: store.get(key) for key in store.list()} == keys
