"""One mock server for the session; buckets of a test's own."""

from collections.abc import Iterator

import pytest
from s3_proxy import S3Proxy
from s3_server import CREDENTIALS, moto_server, new_bucket


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other at once."""
    from botocore.retries.standard import ExponentialBackoff

    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda *_: 0.0)
    monkeypatch.setattr("resources.store.s3_bucket.pause", lambda _: None)
    monkeypatch.setattr("resources.store.s3_reading.pause", lambda _: None)


@pytest.fixture
def bucket(server: str, credentials: None) -> str:  # noqa: ARG001 - they must be set before
    return new_bucket(server)


@pytest.fixture
def proxy(server: str) -> Iterator[S3Proxy]:
    with S3Proxy(server) as made:
        yield made
