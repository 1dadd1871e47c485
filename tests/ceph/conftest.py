"""One Ceph for the whole session, and a bucket for each test."""

from collections.abc import Iterator

import pytest
from ceph import Ceph, CephMissing, running_ceph


@pytest.fixture(scope="session")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ceph]:
    try:
        with running_ceph(tmp_path_factory.mktemp("ceph")) as running:
            yield running
    except CephMissing as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture
def bucket(ceph: Ceph) -> str:
    return ceph.new_bucket()
