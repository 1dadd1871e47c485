"""One Prometheus for the whole session, with a past of 26 hours."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from prometheus_past import Past
from prometheus_server import PrometheusMissing, require, running_prometheus


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    try:
        require()
    except PrometheusMissing as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def past() -> Past:
    return Past(now=datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="session")
def server(past: Past, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), past.text()) as url:
        yield url
