"""Servers, buckets and credentials that a registry must not be kept with are refused, saying why and what to change."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ceph import Ceph
from s3_proxy import Answer, Request, S3Proxy
from s3_server import s3_store

from resources.digests import sha256_bytes
from resources.store.objects import StoreDenied, StoreUnfit, blob_key
from resources.store.s3 import S3Store

ENTRY = "environments/dev/m/00000001.json"
DENY_WRITES = """{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",
  "Action": "s3:PutObject", "Resource": "arn:aws:s3:::%s/*"}]}"""


def test_a_bucket_with_versions_is_refused(ceph: Ceph, tmp_path: Path) -> None:
    """Ceph ignores If-None-Match there: all of sixteen writers would win."""
    bucket = ceph.new_bucket(versioned=True)
    store = s3_store(ceph.endpoint, bucket, tmp_path)
    with pytest.raises(StoreUnfit, match=rf"s3://{bucket}/registry .*versioning enabled.*Make another bucket"):
        store.put_if_absent(ENTRY, b"{}")
    listed = ceph.client().list_object_versions(Bucket=bucket)
    assert "Versions" not in listed


def test_a_bucket_that_ignores_the_condition_is_refused_though_it_hides_its_versions(
    ceph: Ceph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.store.s3_bucket.Bucket.versioning", lambda _: "")
    store = s3_store(ceph.endpoint, ceph.new_bucket(versioned=True), tmp_path)
    with pytest.raises(StoreUnfit, match="If-None-Match is ignored"):
        store.put_if_absent(ENTRY, b"{}")
    assert store.head(ENTRY) is None


class HeaderLosing(S3Proxy):
    """Plays a server without conditional writes (some of Huawei OBS's kind): the header is ignored, nobody told.

    What it forwards it signs anew, as a gateway with an account of its own does: else Ceph would see that a signed
    header is missing.
    """

    def __init__(self, ceph: Ceph, header: str) -> None:
        super().__init__(ceph.endpoint)
        self.ceph = ceph
        self.lost = {header, "authorization", "x-amz-date", "x-amz-content-sha256", "connection", "expect"}

    def forward(self, request: Request, *, without: str = "") -> tuple[int, dict[str, str], bytes]:
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        kept = {name: value for name, value in request.headers.items() if name not in self.lost}
        signed = AWSRequest(request.method, self.ceph.endpoint + request.path, kept, request.body)
        S3SigV4Auth(Credentials(self.ceph.access_key, self.ceph.secret_key), "s3", "us-east-1").add_auth(signed)
        headers = {name.lower(): value for name, value in signed.headers.items()}
        return super().forward(Request(request.method, request.path, headers, request.body), without=without)


@pytest.mark.parametrize(
    ("header", "why"),
    [("if-none-match", "If-None-Match is ignored"), ("x-amz-meta-writer", "the mark in an object's metadata is lost")],
)
def test_a_way_that_loses_a_header_is_refused(ceph: Ceph, bucket: str, tmp_path: Path, header: str, why: str) -> None:
    with HeaderLosing(ceph, header) as proxy:
        store = s3_store(proxy.endpoint, bucket, tmp_path)
        with pytest.raises(StoreUnfit, match=why):
            store.put_if_absent(ENTRY, b"{}")
    assert list(ceph.client().list_objects_v2(Bucket=bucket).get("Contents", ())) == []


def test_a_way_that_loses_no_header_is_not(ceph: Ceph, bucket: str, tmp_path: Path) -> None:
    """So that the refusals above are about the header."""
    with HeaderLosing(ceph, "x-amz-meta-other") as proxy:
        assert s3_store(proxy.endpoint, bucket, tmp_path).put_if_absent(ENTRY, b"{}")


def test_swift_is_refused_for_its_501(proxy: S3Proxy, bucket: str, tmp_path: Path) -> None:
    """A stand-in for OpenStack Swift's s3api, which answers a conditional write so: no Swift runs here."""
    proxy.fail(Answer(501, "NotImplemented"), times=99, matches=lambda request: "if-none-match" in request.headers)
    store = s3_store(proxy.endpoint, bucket, tmp_path)
    with pytest.raises(StoreUnfit, match=r"the server cannot do what is asked of it.*another server"):
        store.put_if_absent(ENTRY, b"{}")
    assert sum("if-none-match" in request.headers for request in proxy.seen) == 1, "no use in asking again"


@pytest.mark.parametrize("verb", ["put", "blob", "get", "head", "list"])
@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("AWS_SECRET_ACCESS_KEY", "the secret key does not belong to the access key"),
        ("AWS_ACCESS_KEY_ID", "the server does not know the access key"),
    ],
)
def test_wrong_credentials_are_told(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, variable: str, why: str, verb: str
) -> None:
    """Moto accepts any; Ceph does not."""
    monkeypatch.setenv(variable, "wrong" * 4)
    does: dict[str, Callable[[], object]] = {
        "put": lambda: store.put_if_absent(ENTRY, b"{}"),
        "blob": lambda: store.put_if_absent(blob_key(sha256_bytes(b"x")), b"x"),
        "get": lambda: store.get(ENTRY),
        "head": lambda: store.head(ENTRY),
        "list": lambda: list(store.list("environments/")),
    }
    with pytest.raises(StoreDenied, match=f"{why}|access denied.*use other credentials") as told:
        does[verb]()
    assert "wrongwrong" not in str(told.value)


def test_a_missing_bucket_is_told(ceph: Ceph, tmp_path: Path) -> None:
    store = s3_store(ceph.endpoint, "no-such-bucket", tmp_path)
    for does in (lambda: store.put_if_absent(ENTRY, b"{}"), lambda: store.get(ENTRY), lambda: list(store.list("a/"))):
        with pytest.raises(StoreUnfit, match=r"no such bucket. Create it, without versioning, or correct ASCEND_STORE"):
            does()


def test_another_users_bucket_is_denied(ceph: Ceph, bucket: str, tmp_path: Path) -> None:
    theirs = ceph.client()
    theirs.put_bucket_policy(Bucket=bucket, Policy=DENY_WRITES % bucket)
    store = s3_store(ceph.endpoint, bucket, tmp_path)
    with pytest.raises(StoreDenied, match=r"access denied.*s3:GetObject, PutObject"):
        store.put_if_absent(ENTRY, b"{}")
