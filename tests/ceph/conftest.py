"""One Ceph for the whole session, and for each test a bucket of its own, reached directly or through a bad network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from ceph import Ceph, CephMissing, running_ceph
from s3_proxy import S3Proxy
from s3_server import s3_store

from resources.store.s3 import S3Store


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    try:
        with running_ceph(tmp_path_factory.mktemp("ceph")) as running:
            yield running
    except CephMissing as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(autouse=True)
def _variables(ceph: Ceph, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ceph.variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("resources.store.s3_bucket.pause", lambda _: None)
    monkeypatch.setattr("resources.store.s3_reading.pause", lambda _: None)


@pytest.fixture
def bucket(ceph: Ceph) -> str:
    return ceph.new_bucket()


@pytest.fixture
def store(ceph: Ceph, bucket: str, tmp_path: Path) -> S3Store:
    return s3_store(ceph.endpoint, bucket, tmp_path / "cache")


@pytest.fixture
def proxy(ceph: Ceph) -> Iterator[S3Proxy]:
    with S3Proxy(ceph.endpoint) as proxy:
        yield proxy


@pytest.fixture
def far(proxy: S3Proxy, bucket: str, tmp_path: Path) -> S3Store:
    """The same store behind a network that fails as it is told, not yet: the server has just been tried out."""
    found = s3_store(proxy.endpoint, bucket, tmp_path / "far", read_timeout=1.0, attempts=4)
    found.probe()
    proxy.seen.clear()
    proxy.forwarded.clear()
    return found
