"""A mock S3 server of a test session's own, reached over real HTTP, and stores on it.

moto is fine for everything but authentication, checksums and what a particular server does: `tests/ceph` has those.
"""

import functools
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from resources.store.s3 import S3Store
from resources.store.s3_settings import S3Address, S3Settings

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
MIN_PART = 5 * 1024 * 1024
"""No server takes smaller parts than this, but for the last."""

_ACCOUNT = "123456789012"
_numbers = count()


def quick(endpoint: str, **fields: Any) -> S3Settings:
    """Settings for a server at hand: short timeouts, small parts."""
    own = {"addressing": "path", "connect_timeout": 2.0, "read_timeout": 10.0, "part": MIN_PART}
    return S3Settings(**{"endpoint": endpoint, **own, **fields})


@contextmanager
def moto_server() -> Iterator[str]:
    """The endpoint of a mock server in this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    _share_models()
    _one_write_at_a_time()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def _share_models() -> None:
    """Let this process, and those that it forks, parse botocore's descriptions once and not for every store."""
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)


def _one_write_at_a_time() -> None:
    """Moto looks whether an object exists and writes it in two steps, between which another writer may come."""
    from moto.s3.responses import S3Response

    lock, write = threading.Lock(), S3Response._key_response_put

    def locked(self: Any, *arguments: Any) -> Any:
        with lock:
            return write(self, *arguments)

    S3Response._key_response_put = locked  # type: ignore[assignment,method-assign]


def new_bucket(endpoint: str) -> str:
    """The name of a bucket, just made."""
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    client(endpoint).create_bucket(Bucket=name)
    return name


def make_old(bucket: str, name: str, age: timedelta) -> None:
    """Let the mock server believe that an object was written so long ago."""
    from moto.backends import get_backend

    backend: Any = get_backend("s3")[_ACCOUNT]["aws"]
    backend.get_object(bucket, name).last_modified = datetime.now(UTC).replace(tzinfo=None) - age


def client(endpoint: str) -> Any:
    """boto3's own client, for what happens behind the store's back."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))


def s3_store(endpoint: str, bucket: str, cache: Path, prefix: str = "registry/", **fields: Any) -> S3Store:
    """A store in a bucket, opened as another process would."""
    return S3Store(S3Address(bucket, prefix), quick(endpoint, **fields), cache)
