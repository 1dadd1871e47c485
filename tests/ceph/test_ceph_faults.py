"""A bad network in front of a real Ceph: what is asked is done once or not at all, within bounds, and told."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ceph import Ceph
from registry_samples import entry, release
from s3_proxy import Answer, CutRequest, CutResponse, Delay, Fault, LoseResponse, Request, S3Proxy, Trickle
from s3_server import MIN_PART, s3_store

from resources.registry.ledger import Ledger
from resources.store.blobs import Blobs
from resources.store.objects import StoreUnreachable, blob_key
from resources.store.s3 import S3Store

pytestmark = pytest.mark.usefixtures("quickly")

KEY = "environments/dev/m/00000001.json"
PARTS = 6
BIG = bytes(range(251)) * (PARTS * MIN_PART // 251)
ATTEMPTS = 4

FAULTS: list[Fault] = [
    Answer(500),
    Answer(503, "SlowDown"),
    Delay(1.5),
    CutRequest(),
    CutRequest(after=1),
    LoseResponse(),
]


def creates(request: Request) -> bool:
    return request.method == "PUT" and "if-none-match" in request.headers


def sends_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber=" in request.path


def written(ceph: Ceph, bucket: str) -> list[str]:
    found = ceph.client().list_objects_v2(Bucket=bucket).get("Contents", ())
    return [each["Key"].removeprefix("registry/") for each in found]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("times", [1, ATTEMPTS - 1])
def test_a_create_that_is_disturbed_happens_once_and_is_known_as_ones_own(
    far: S3Store, proxy: S3Proxy, ceph: Ceph, bucket: str, fault: Fault, times: int
) -> None:
    proxy.fail(fault, times=times, matches=creates)
    assert far.put_if_absent(KEY, b"mine") is True
    assert far.get(KEY) == b"mine"
    assert written(ceph, bucket) == [KEY]
    assert sum(map(creates, proxy.seen)) <= ATTEMPTS


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_disturbed_create_of_what_is_there_is_no_win(
    far: S3Store, store: S3Store, proxy: S3Proxy, fault: Fault
) -> None:
    assert store.put_if_absent(KEY, b"theirs")
    proxy.fail(fault, times=2, matches=creates)
    assert far.put_if_absent(KEY, b"theirs") is False, "even the same content is somebody else's"


def test_a_win_that_nobody_ever_confirmed_is_found_out(far: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(LoseResponse(), times=99, matches=creates)
    assert far.put_if_absent(KEY, b"mine") is True
    proxy.heal()
    assert far.put_if_absent(KEY, b"mine") is False


@pytest.mark.parametrize("fault", [Answer(500), Answer(503, "SlowDown"), CutRequest()], ids=str)
def test_a_server_in_trouble_is_given_up_within_bounds_and_nothing_is_written(
    far: S3Store, proxy: S3Proxy, ceph: Ceph, bucket: str, fault: Fault
) -> None:
    proxy.fail(fault, times=99)
    verbs: list[Callable[[], object]] = [
        lambda: far.put_if_absent(KEY, b"mine"),
        lambda: far.get(KEY),
        lambda: list(far.list("environments/")),
        lambda: Blobs(far).put_bytes(b"x", "x"),
    ]
    for does in verbs:
        proxy.seen.clear()
        started = time.monotonic()
        with pytest.raises(StoreUnreachable, match="try again"):
            does()
        assert len(proxy.seen) <= 2 * ATTEMPTS
        assert time.monotonic() - started < 30
    assert written(ceph, bucket) == []
    proxy.heal()
    assert far.put_if_absent(KEY, b"mine") is True


def test_a_server_that_never_answers_is_given_up_within_bounds(far: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Delay(20), times=99)
    started = time.monotonic()
    with pytest.raises(StoreUnreachable, match="no answer from"):
        far.get(KEY)
    assert time.monotonic() - started < 4 * 1.0 + 10
    assert len(proxy.seen) == ATTEMPTS


def test_a_slow_server_is_waited_for(far: S3Store, proxy: S3Proxy) -> None:
    blob = Blobs(far).put_bytes(b"slowly" * 1000, "x")
    proxy.fail(Trickle(pieces=5, seconds=0.3), method="GET")
    assert Blobs(far).read(blob) == b"slowly" * 1000


@pytest.mark.parametrize("after", [0, 1, MIN_PART + 1, len(BIG) - 1])
def test_a_read_that_breaks_goes_on_where_it_broke(far: S3Store, store: S3Store, proxy: S3Proxy, after: int) -> None:
    blob = Blobs(store).put_bytes(BIG, "x")
    proxy.fail(CutResponse(after=after), method="GET")
    assert Blobs(far).read(blob) == BIG
    assert proxy.seen[-1].headers.get("range", "").startswith("bytes=") == (after > 0)


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503, "SlowDown"), Delay(1.5), CutRequest(MIN_PART // 2), LoseResponse()], ids=str
)
def test_a_part_that_is_disturbed_is_sent_again_and_the_others_are_not(
    far: S3Store, proxy: S3Proxy, ceph: Ceph, bucket: str, fault: Fault
) -> None:
    proxy.fail(fault, times=2, matches=sends_part)
    blob = Blobs(far).put_bytes(BIG, "x")
    assert sum(map(sends_part, proxy.seen)) == PARTS + 2
    assert Blobs(far).read(blob) == BIG
    assert written(ceph, bucket) == [blob_key(blob.sha256)]
    assert "Uploads" not in ceph.client().list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("fault", [Answer(500), LoseResponse(), CutRequest()], ids=str)
@pytest.mark.parametrize("step", ["uploads", "uploadId="])
def test_a_disturbed_beginning_or_end_of_an_upload_leaves_one_blob(
    far: S3Store, proxy: S3Proxy, ceph: Ceph, bucket: str, fault: Fault, step: str
) -> None:
    proxy.fail(fault, method="POST", matches=lambda request: step in request.path.partition("?")[2])
    blob = Blobs(far).put_bytes(BIG, "x")
    assert Blobs(far).read(blob) == BIG
    assert written(ceph, bucket) == [blob_key(blob.sha256)]
    assert "Uploads" not in ceph.client().list_multipart_uploads(Bucket=bucket), "nothing to pay for is left"


@pytest.mark.parametrize("percent", [20, 50, 80])
def test_an_upload_killed_on_the_way_is_gone_on_with(
    ceph: Ceph, proxy: S3Proxy, bucket: str, tmp_path: Path, percent: int
) -> None:
    source = tmp_path / "big"
    source.write_bytes(BIG)
    child = os.fork()
    if child == 0:
        try:
            dying = s3_store(ceph.endpoint, bucket, tmp_path / "cache", parallel=1)
            dying.progress = lambda _key, done, size: (
                os.kill(os.getpid(), signal.SIGKILL) if done * 100 >= percent * size else None
            )
            Blobs(dying).put_file(source)
        finally:
            os._exit(0)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    assert written(ceph, bucket) == [], "half a blob has no name"
    blob = Blobs(s3_store(proxy.endpoint, bucket, tmp_path / "cache")).put_file(source)
    there = -(-PARTS * percent // 100)
    assert sum(map(sends_part, proxy.forwarded)) == PARTS - there
    assert Blobs(s3_store(ceph.endpoint, bucket, tmp_path / "other")).read(blob) == BIG
    assert "Uploads" not in ceph.client().list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_an_entry_is_appended_once_whatever_the_network_does(
    far: S3Store, store: S3Store, proxy: S3Proxy, fault: Fault
) -> None:
    about = release(Blobs(store))
    first = entry(None, about)
    second = entry(first, about)
    for made in (first, second):
        proxy.fail(fault, times=2, matches=creates)
        assert Ledger(far).append(made) == made.digest
    assert Ledger(store).history("dev", about.model) == (first, second)
