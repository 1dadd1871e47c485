"""The trials of a server: one that cannot keep the promise is refused before anything is written that must be once."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from s3_proxy import Answer, S3Proxy, Strip
from s3_server import client, make_old, s3_store

from resources.digests import sha256_bytes
from resources.store.objects import StoreDenied, StoreError, StoreUnfit, blob_key
from resources.store.s3 import S3Store

KEY = "environments/dev/m/00000001.json"
HOUR = 3600

pytestmark = pytest.mark.usefixtures("quickly")


@pytest.fixture
def store(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    return s3_store(proxy.endpoint, bucket, tmp_path / "cache")


def names(store: S3Store) -> list[str]:
    found = client(store._bucket.endpoint).list_objects_v2(Bucket=store.address.bucket)
    return [each["Key"] for each in found.get("Contents", ())]


def trials(proxy: S3Proxy) -> int:
    return proxy.count("PUT", ".probe/")


def test_a_good_server_passes_and_keeps_nothing_of_it(store: S3Store) -> None:
    store.probe()
    assert names(store) == []


def test_only_what_must_be_written_once_is_worth_a_trial(store: S3Store, proxy: S3Proxy) -> None:
    store.put_if_absent(blob_key(sha256_bytes(b"x")), b"x")
    assert list(store.list()) == [blob_key(sha256_bytes(b"x"))]
    assert trials(proxy) == 0
    store.put_if_absent(KEY, b"{}")
    assert trials(proxy) > 2


def test_having_passed_is_remembered_for_a_day(store: S3Store, proxy: S3Proxy, bucket: str, tmp_path: Path) -> None:
    store.probe()
    proxy.seen.clear()
    store.put_if_absent("a/1", b"")
    another = s3_store(proxy.endpoint, bucket, tmp_path / "cache")
    another.put_if_absent("a/2", b"")
    assert trials(proxy) == 0
    (note,) = (tmp_path / "cache").glob("*/.probed")
    for age in (25 * HOUR, -2 * HOUR):
        moment = time.time() - age
        os.utime(note, (moment, moment))
        proxy.seen.clear()
        s3_store(proxy.endpoint, bucket, tmp_path / "cache").put_if_absent("a/3", b"")
        assert trials(proxy) > 2


def test_a_doctor_asks_again(store: S3Store, proxy: S3Proxy) -> None:
    store.probe()
    proxy.seen.clear()
    store.probe(force=True)
    assert trials(proxy) > 2


def test_another_bucket_is_tried_for_itself(store: S3Store, proxy: S3Proxy, bucket: str, tmp_path: Path) -> None:
    store.probe()
    proxy.seen.clear()
    s3_store(proxy.endpoint, bucket, tmp_path / "cache", "elsewhere/").probe()
    assert trials(proxy) > 2


def test_a_server_that_ignores_the_condition_is_refused(server: str, bucket: str, tmp_path: Path) -> None:
    """As old servers do, and proxies that drop a header which they do not know."""
    with S3Proxy(server, drop=frozenset({"If-None-Match"})) as proxy:
        store = s3_store(proxy.endpoint, bucket, tmp_path)
        for _ in range(2):
            with pytest.raises(StoreUnfit, match=r"If-None-Match is ignored.*Let no proxy drop the header"):
                store.put_if_absent(KEY, b"{}")
        assert names(store) == []
        assert not list(tmp_path.rglob(".probed"))


def test_a_server_that_lets_racers_win_is_refused(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Strip("If-None-Match"), times=8, method="PUT", matches=lambda request: request.path.endswith("/race"))
    with pytest.raises(StoreUnfit, match="of 8 writers that raced for one object 8 won"):
        store.put_if_absent(KEY, b"{}")
    assert names(store) == []


def test_a_server_that_loses_marks_is_refused(server: str, bucket: str, tmp_path: Path) -> None:
    with S3Proxy(server, drop=frozenset({"x-amz-meta-writer"})) as proxy, pytest.raises(StoreUnfit, match="mark"):
        s3_store(proxy.endpoint, bucket, tmp_path).probe()


def test_a_server_without_conditional_writes_is_refused(store: S3Store, proxy: S3Proxy) -> None:
    """As OpenStack Swift answers."""
    proxy.fail(Answer(501, "NotImplemented"), times=100, method="PUT")
    with pytest.raises(StoreUnfit, match=r"cannot do what is asked of it: keep the store on another server"):
        store.put_if_absent(KEY, b"{}")


def test_a_bucket_with_versions_is_refused(store: S3Store, server: str) -> None:
    versions = {"Status": "Enabled"}
    client(server).put_bucket_versioning(Bucket=store.address.bucket, VersioningConfiguration=versions)
    with pytest.raises(StoreUnfit, match=r"versioning enabled.*Make another bucket"):
        store.put_if_absent(KEY, b"{}")
    assert names(store) == []


@pytest.mark.parametrize("answer", [Answer(403, "AccessDenied"), Answer(501, "NotImplemented")], ids=str)
def test_a_server_that_does_not_tell_of_versions_is_tried(store: S3Store, proxy: S3Proxy, answer: Answer) -> None:
    proxy.fail(answer, times=100, matches=lambda request: request.path.endswith("?versioning"))
    assert store.put_if_absent(KEY, b"{}")


def test_a_missing_bucket_is_told(server: str, tmp_path: Path) -> None:
    with pytest.raises(StoreUnfit, match="there is no such bucket"):
        s3_store(server, "no-such-bucket", tmp_path).put_if_absent(KEY, b"{}")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "GET"])
def test_missing_rights_are_told(store: S3Store, proxy: S3Proxy, method: str) -> None:
    proxy.fail(Answer(403, "AccessDenied"), times=100, method=method)
    with pytest.raises(StoreDenied, match="Give this user"):
        store.put_if_absent(KEY, b"{}")


def test_wrong_credentials_are_told(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Answer(403, "SignatureDoesNotMatch"), times=100)
    with pytest.raises(StoreDenied, match="secret key does not belong"):
        store.put_if_absent(KEY, b"{}")


def test_a_bucket_that_keeps_what_is_deleted_is_refused(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Answer(204), times=100, method="DELETE")
    with pytest.raises(StoreUnfit, match="still there"):
        store.probe()


def test_what_a_killed_probe_left_is_swept_up(store: S3Store, server: str) -> None:
    for name in ("old", "new"):
        client(server).put_object(Bucket=store.address.bucket, Key=f"registry/.probe/{name}/once", Body=b"")
    make_old(store.address.bucket, "registry/.probe/old/once", timedelta(hours=2))
    store.probe()
    assert names(store) == ["registry/.probe/new/once"]


def test_a_failed_probe_says_what_failed_and_not_that_it_could_not_clean_up(store: S3Store, proxy: S3Proxy) -> None:
    proxy.fail(Answer(403, "AccessDenied"), times=100, method="DELETE")
    proxy.fail(Answer(501, "NotImplemented"), times=100, method="PUT")
    with pytest.raises(StoreError, match="501"):
        store.probe()
