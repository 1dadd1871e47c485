"""Stand-ins for CANN's programs, for every test of this folder that asks for them."""

from collections.abc import Iterator

import pytest
from stand_ins.installing import StandIns
from stand_ins.sharing import RELEASES, shared, variables


@pytest.fixture(params=RELEASES)
def stand_ins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    """An installation of each release in turn, in order before and after, and named by the environment."""
    made = shared(request.param)
    for name, value in variables(made).items():
        monkeypatch.setenv(name, value)
    made.mend()
    yield made
    made.mend()
