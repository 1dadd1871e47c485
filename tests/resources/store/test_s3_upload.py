"""Uploads of large blobs: in parts, several at a time, resumed, and never anything but what the key says."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from races import in_child
from s3_proxy import Answer, CutRequest, LoseResponse, Request, S3Proxy
from s3_server import MIN_PART, client, s3_store

from resources.digests import sha256_bytes
from resources.store.blobs import Blobs, FolderStore
from resources.store.objects import StoreError, StoreUnreachable, blob_key
from resources.store.opening import watch
from resources.store.s3 import S3Store
from resources.store.s3_upload import part_length, saying

CONTENT = os.urandom(1024) * (5 * 4 * 1024 + 100)
"""Four parts and a bit."""
KEY = blob_key(sha256_bytes(CONTENT))
PARTS = 5

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "large.om"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    return s3_store(proxy.endpoint, bucket, tmp_path / "cache")


def begun(store: S3Store) -> list[Any]:
    found = client(store._bucket.endpoint).list_multipart_uploads(Bucket=store.address.bucket)
    return list(found.get("Uploads", ()))


def sent(proxy: S3Proxy) -> int:
    return sum(request.method == "PUT" and "partNumber" in request.path for request in proxy.seen)


def is_part(request: Request) -> bool:
    return "partNumber" in request.path


def completes(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.path


@pytest.mark.parametrize("as_file", [True, False])
def test_a_large_blob_is_sent_in_parts(store: S3Store, proxy: S3Proxy, source: Path, *, as_file: bool) -> None:
    assert store.put_if_absent(KEY, source if as_file else CONTENT) is True
    assert sent(proxy) == PARTS
    assert store.get(KEY) == CONTENT
    assert begun(store) == []


def test_progress_is_told_until_all_is_there(store: S3Store, source: Path) -> None:
    told: list[tuple[str, int, int]] = []
    store.progress = lambda *step: told.append(step)
    store.put_if_absent(KEY, source)
    done = [step[1] for step in told]
    assert done == sorted(done)
    assert 0 < len(done) <= PARTS, "parts that arrive together are told of once"
    assert told[-1] == (KEY, len(CONTENT), len(CONTENT))


def test_a_person_is_told_each_tenth(store: S3Store, source: Path) -> None:
    said: list[str] = []
    watch(store, said.append)
    store.put_if_absent(KEY, source)
    assert said[-1] == f"{KEY[:25]}...: 20 of 20 MiB sent"
    assert len(said) in {PARTS - 1, PARTS}  # the small last part may arrive at any time


def test_a_blob_of_many_parts_is_told_in_ten_steps() -> None:
    said: list[str] = []
    progress = saying(said.append)
    for part in range(1, 1001):
        progress(KEY, part * MIN_PART, 1000 * MIN_PART)
    assert len(said) == 11
    assert said[1].endswith("500 of 5,000 MiB sent")


def test_a_folder_has_nothing_to_tell(tmp_path: Path) -> None:
    folder = FolderStore(tmp_path)
    watch(folder, pytest.fail)
    assert folder.put_if_absent(KEY, CONTENT)


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503, "SlowDown"), CutRequest(after=1_000_000), LoseResponse()], ids=str
)
def test_a_part_that_fails_is_sent_again(store: S3Store, proxy: S3Proxy, source: Path, fault: Answer) -> None:
    proxy.fail(fault, times=2, matches=is_part)
    store.put_if_absent(KEY, source)
    assert PARTS < sent(proxy) <= PARTS + 2
    assert store.get(KEY) == CONTENT


def test_a_completion_whose_success_is_lost_is_a_success(store: S3Store, proxy: S3Proxy, source: Path) -> None:
    proxy.fail(LoseResponse(), matches=completes)
    assert store.put_if_absent(KEY, source) is True
    assert sent(proxy) == PARTS
    assert store.get(KEY) == CONTENT


def test_an_upload_that_is_killed_goes_on_where_it_was(store: S3Store, proxy: S3Proxy, source: Path) -> None:
    def die(_key: str, done: int, _size: int) -> None:
        if done >= 2 * MIN_PART:
            os.kill(os.getpid(), signal.SIGKILL)

    def put() -> str:
        store.progress = die
        return str(store.put_if_absent(KEY, source))

    assert in_child(put) == ""
    assert store.head(KEY) is None
    assert len(begun(store)) == 1
    proxy.seen.clear()
    assert store.put_if_absent(KEY, source) is True
    assert sent(proxy) <= PARTS - 2
    assert store.get(KEY) == CONTENT
    assert begun(store) == []


def test_parts_of_another_content_are_not_taken_for_ours(store: S3Store, source: Path) -> None:
    """Whatever lies in a begun upload of the same name, right size or not."""
    place = {"Bucket": store.address.bucket, "Key": store.address.prefix + KEY}
    direct = client(store._bucket.endpoint)
    upload = direct.create_multipart_upload(**place)["UploadId"]
    for number, content in ((1, b"x" * MIN_PART), (2, b"y" * (MIN_PART + 1)), (9, b"z")):
        direct.upload_part(**place, UploadId=upload, PartNumber=number, Body=content)
    store.put_if_absent(KEY, source)
    assert store.get(KEY) == CONTENT
    assert begun(store) == []


def test_an_upload_that_is_given_up_leaves_what_was_sent_for_the_next(
    store: S3Store, proxy: S3Proxy, source: Path
) -> None:
    proxy.fail(Answer(500), times=100, matches=lambda request: "partNumber=4" in request.path)
    with pytest.raises(StoreUnreachable):
        store.put_if_absent(KEY, source)
    assert store.head(KEY) is None
    proxy.heal()
    proxy.seen.clear()
    assert store.put_if_absent(KEY, source) is True
    assert sent(proxy) < PARTS
    assert store.get(KEY) == CONTENT


def test_a_file_that_changes_meanwhile_is_refused_and_nothing_of_it_is_kept(store: S3Store, source: Path) -> None:
    def change(_key: str, done: int, size: int) -> None:
        if done < size:
            with source.open("r+b") as file:
                file.seek(-1, os.SEEK_END)
                file.write(b"!")

    store.progress = change
    with pytest.raises(StoreError, match="changed while it was stored"):
        store.put_if_absent(KEY, source)
    assert store.head(KEY) is None
    assert begun(store) == []


@pytest.mark.parametrize("times", [1, 2])
def test_an_upload_that_somebody_aborts_begins_anew(store: S3Store, proxy: S3Proxy, source: Path, times: int) -> None:
    proxy.fail(Answer(404, "NoSuchUpload"), times=times, matches=lambda request: "partNumber=3" in request.path)
    assert store.put_if_absent(KEY, source) is True
    assert store.get(KEY) == CONTENT
    assert begun(store) == []


def test_an_upload_that_is_aborted_again_and_again_is_given_up(store: S3Store, proxy: S3Proxy, source: Path) -> None:
    proxy.fail(Answer(404, "NoSuchUpload"), times=100, matches=is_part)
    with pytest.raises(StoreUnreachable, match="aborted again and again"):
        store.put_if_absent(KEY, source)


def test_parts_that_another_upload_overwrote_are_sent_anew(store: S3Store, proxy: S3Proxy, source: Path) -> None:
    proxy.fail(Answer(400, "InvalidPart"), matches=completes)
    assert store.put_if_absent(KEY, source) is True
    assert store.get(KEY) == CONTENT


def test_putting_again_neither_sends_nor_fetches(store: S3Store, proxy: S3Proxy, source: Path) -> None:
    """The server's tags say that it has the same."""
    blobs = Blobs(store)
    blobs.put_file(source)
    small = blobs.put_bytes(b"small", "small")
    proxy.seen.clear()
    blobs.put_file(source)
    blobs.put_bytes(b"small", "small")
    assert {request.method for request in proxy.seen} == {"HEAD"}
    assert blobs.read(small) == b"small"


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-1] + b"!", lambda content: content[:-1], lambda _: b""], ids=range(3)
)
def test_putting_the_right_content_mends_a_damaged_blob(
    store: S3Store, server: str, damage: Callable[[bytes], bytes]
) -> None:
    blobs = Blobs(store)
    for content in (b"small", CONTENT):
        artefact = blobs.put_bytes(content, "x")
        place = {"Bucket": store.address.bucket, "Key": store.address.prefix + blob_key(artefact.sha256)}
        client(server).put_object(**place, Body=damage(content))
        blobs.put_bytes(content, "x")
        assert blobs.read(artefact) == content


def test_a_server_whose_tags_are_no_digests_is_read_to_see_what_it_holds(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As tags are where the server encrypts."""
    key = blob_key(sha256_bytes(b"x"))
    store.put_if_absent(key, b"x")
    monkeypatch.setattr("resources.store.s3._tags", lambda *_: frozenset({"none"}))
    assert store.holds(key, b"x")
    assert not store.holds(blob_key(sha256_bytes(b"y")), b"y")


def test_a_source_that_cannot_be_read_is_named(store: S3Store, tmp_path: Path) -> None:
    for key in (KEY, "a/b"):
        with pytest.raises(StoreError, match="no-such-file"):
            store.put_if_absent(key, tmp_path / "no-such-file")
    assert list(store.list()) == []


@pytest.mark.parametrize(
    ("size", "length"), [(1, 16), (16, 16), (160_000, 16), (160_001, 17), (48_800_000_000_000, 4_880_000_000)]
)
def test_there_are_never_more_parts_than_s3_takes(size: int, length: int) -> None:
    assert part_length(size, 16) == length
    assert -(-size // length) <= 10_000
