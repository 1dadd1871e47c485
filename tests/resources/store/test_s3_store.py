"""A store in a bucket: the contract, on a mock server over real HTTP."""

from itertools import count
from pathlib import Path

import pytest
from s3_server import s3_store
from store_contract import MakeStore, StoreContract

from resources.store.s3 import S3Store


@pytest.fixture
def store(server: str, bucket: str, tmp_path: Path) -> S3Store:
    return s3_store(server, bucket, tmp_path / "cache")


@pytest.fixture
def again(server: str, bucket: str, tmp_path: Path) -> MakeStore:
    return lambda: s3_store(server, bucket, tmp_path / "cache")


@pytest.fixture
def fresh(server: str, bucket: str, tmp_path: Path) -> MakeStore:
    """One server that was tried, and one client: there are hundreds."""
    numbers = count()
    first = s3_store(server, bucket, tmp_path / "cache")

    def make() -> S3Store:
        made = s3_store(server, bucket, tmp_path / "cache", f"fresh-{next(numbers)}/")
        made._bucket._clients = first._bucket._clients
        made._probed = True
        return made

    return make


class TestContract(StoreContract):
    """The bucket keeps what every store keeps."""
