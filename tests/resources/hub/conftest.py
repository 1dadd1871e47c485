"""A hub on loopback: see `tests/support/hub_server.py`."""

from collections.abc import Iterator

import pytest
from hub_server import FakeHub, serving


@pytest.fixture
def fake() -> Iterator[FakeHub]:
    with serving() as hub:
        yield hub
