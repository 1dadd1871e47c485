"""A store in a bucket behind a network and a server that fail: tried again within bounds, and nothing twice."""

import time
from pathlib import Path

import pytest
from s3_proxy import Answer, CutRequest, CutResponse, Delay, LoseResponse, Request, S3Proxy, Trickle
from s3_server import client, s3_store

from resources.digests import sha256_bytes
from resources.store.objects import StoreDenied, StoreError, StoreFull, StoreUnfit, StoreUnreachable, blob_key
from resources.store.s3 import S3Store

KEY = "environments/dev/m/00000001.json"
ENTRY = b"entry " * 1000
BIG = bytes(range(256)) * 20_000
ATTEMPTS = 4

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    made = s3_store(proxy.endpoint, bucket, tmp_path / "cache", read_timeout=0.5, attempts=ATTEMPTS)
    made.probe()
    proxy.seen.clear()
    return made


@pytest.fixture
def direct(server: str, bucket: str, tmp_path: Path) -> S3Store:
    """The same store, as somebody sees it whose network is well."""
    return s3_store(server, bucket, tmp_path / "direct")


FAULTS = [
    Answer(500),
    Answer(503, "SlowDown"),
    Answer(502, "BadGateway"),
    CutRequest(),
    CutRequest(after=1000),
    LoseResponse(),
    Delay(0.8),
    Answer(409, "ConditionalRequestConflict"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_write_that_fails_twice_is_done_once(store: S3Store, direct: S3Store, proxy: S3Proxy, fault: Answer) -> None:
    proxy.fail(fault, times=2, method="PUT")
    assert store.put_if_absent(KEY, ENTRY) is True
    assert direct.get(KEY) == ENTRY
    assert direct.put_if_absent(KEY, b"another") is False
    assert 2 <= proxy.count("PUT") <= 3


@pytest.mark.parametrize("fault", [Answer(500), Answer(503, "SlowDown"), CutRequest()], ids=str)
def test_a_write_that_fails_every_time_is_given_up(
    store: S3Store, direct: S3Store, proxy: S3Proxy, fault: Answer
) -> None:
    proxy.fail(fault, times=100, method="PUT")
    with pytest.raises(StoreUnreachable, match=r"00000001.json.*It may yet turn out to be written"):
        store.put_if_absent(KEY, ENTRY)
    assert proxy.count("PUT") == ATTEMPTS
    assert direct.head(KEY) is None
    proxy.heal()
    assert store.put_if_absent(KEY, ENTRY) is True


def test_a_write_whose_success_is_lost_every_time_is_still_known_as_ours(
    store: S3Store, direct: S3Store, proxy: S3Proxy
) -> None:
    proxy.fail(LoseResponse(), times=100, method="PUT")
    assert store.put_if_absent(KEY, ENTRY) is True
    assert direct.get(KEY) == ENTRY


def test_a_refusal_that_is_lost_stays_a_refusal(store: S3Store, direct: S3Store, proxy: S3Proxy) -> None:
    """The same content does not make it ours: another writer may have written the same."""
    direct.put_if_absent(KEY, ENTRY)
    proxy.fail(LoseResponse(), times=2, method="PUT")
    assert store.put_if_absent(KEY, ENTRY) is False


def test_a_conflict_that_never_ends_is_given_up(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Answer(409, "ConditionalRequestConflict"), times=100, method="PUT")
    with pytest.raises(StoreUnreachable, match="other writes were in the way"):
        store.put_if_absent(KEY, ENTRY)
    assert proxy.count("PUT") == ATTEMPTS


def test_a_read_goes_on_where_the_connection_broke(store: S3Store, direct: S3Store, proxy: S3Proxy) -> None:
    key = blob_key(sha256_bytes(BIG))
    direct.put_if_absent(key, BIG)
    proxy.fail(CutResponse(after=2_000_000), times=2, method="GET")
    assert store.get(key) == BIG
    starts = [request.headers.get("range") for request in proxy.seen if request.method == "GET"]
    assert starts[0] is None
    assert all(start and start.startswith("bytes=") for start in starts[1:])
    assert len(starts) == 3


def test_a_read_that_breaks_again_and_again_is_given_up(store: S3Store, direct: S3Store, proxy: S3Proxy) -> None:
    direct.put_if_absent(KEY, ENTRY)
    proxy.fail(CutResponse(after=0), times=100, method="GET")
    with pytest.raises(StoreUnreachable, match="00000001"):
        store.get(KEY)
    assert proxy.count("GET") == ATTEMPTS


def test_a_read_that_is_slow_but_goes_on_is_waited_for(store: S3Store, direct: S3Store, proxy: S3Proxy) -> None:
    direct.put_if_absent(KEY, ENTRY)
    proxy.fail(Trickle(pieces=5, seconds=0.2), method="GET")
    assert store.get(KEY) == ENTRY
    assert proxy.count("GET") == 1


def test_an_object_that_changes_while_it_is_read_is_told(
    store: S3Store, direct: S3Store, proxy: S3Proxy, server: str
) -> None:
    """Two halves of two entries are no entry."""
    direct.put_if_absent(KEY, BIG)

    def overwrite(request: Request) -> bool:
        place = {"Bucket": store.address.bucket, "Key": store.address.prefix + KEY}
        client(server).put_object(**place, Body=BIG[::-1])
        return "range" in request.headers

    proxy.fail(CutResponse(after=1_000_000), method="GET")
    proxy.fail(Delay(0), method="GET", matches=overwrite)
    with pytest.raises(StoreError, match="changed while it was read"):
        store.get(KEY)


def test_a_server_that_never_answers_costs_no_more_than_its_attempts(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Delay(1.2), times=100)
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="ReadTimeoutError"):
        store.get(KEY)
    assert time.monotonic() - began < ATTEMPTS * 0.5 + 2
    assert proxy.count("GET") == ATTEMPTS


def test_a_server_that_is_not_there_is_told(bucket: str, tmp_path: Path) -> None:
    store = s3_store("http://127.0.0.1:9", bucket, tmp_path)
    with pytest.raises(StoreUnreachable, match=r"127.0.0.1:9.*Check the network and ASCEND_S3_ENDPOINT"):
        store.head(KEY)


@pytest.mark.parametrize(
    ("status", "code", "error", "remedy"),
    [
        (403, "SignatureDoesNotMatch", StoreDenied, "AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", StoreDenied, "does not know the access key"),
        (403, "AccessDenied", StoreDenied, "Give this user s3:GetObject"),
        (400, "ExpiredToken", StoreDenied, "session token has expired"),
        (403, "RequestTimeTooSkewed", StoreDenied, "NTP"),
        (403, "QuotaExceeded", StoreFull, "free some space"),
        (507, "XMinioStorageFull", StoreFull, "free some space"),
        (400, "AuthorizationHeaderMalformed", StoreError, "AWS_DEFAULT_REGION"),
        (404, "NoSuchBucket", StoreUnfit, "Create it, without versioning"),
        (501, "NotImplemented", StoreUnfit, "another server"),
        (400, "MalformedXML", StoreError, "the server refuses"),
    ],
)
def test_an_error_of_the_server_says_what_to_change(
    store: S3Store, proxy: S3Proxy, status: int, code: str, error: type[StoreError], remedy: str
) -> None:
    proxy.fail(Answer(status, code), times=100)
    with pytest.raises(error, match=remedy) as refusal:
        list(store.list("models/"))
    assert store.address.bucket in str(refusal.value)
    assert type(refusal.value) is error


@pytest.mark.parametrize("status", [200, 302, 400, 404, 500])
def test_what_is_no_s3_server_is_told(store: S3Store, proxy: S3Proxy, status: int) -> None:
    proxy.fail(Answer(status, body=b"<html><p>Welcome"), times=100)
    with pytest.raises(StoreError, match="bucket"):
        list(store.list("models/"))


def test_no_credentials_are_told(server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(StoreDenied, match="Set AWS_ACCESS_KEY_ID"):
        s3_store(server, bucket, tmp_path).head(KEY)
