from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copilot_server import CopilotServer, copilot_server

from resources.copilot import settings as settings_module
from resources.copilot.client import Copilot


@pytest.fixture
def server() -> Iterator[CopilotServer]:
    with copilot_server() as made:
        yield made


@pytest.fixture
def opened(tmp_path: Path, server: CopilotServer) -> Callable[[], Copilot]:
    """A copilot that asks the server."""

    def make() -> Copilot:
        found = settings_module.read(server.environ(ASCEND_COPILOT_SECONDS="10"))
        assert found is not None
        return Copilot(found, tmp_path / "copilot")

    return make
