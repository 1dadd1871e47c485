"""A budget ends a search by attempts or by time, whichever comes first, and says which."""

import math
from typing import Any

import pytest

from ascend_assets.repair.budget import Budget, Meter
from ascend_assets.repair.minimal import Stopped


def test_attempts_are_numbered_from_one_and_end() -> None:
    meter = Meter(Budget(attempts=2), clock=lambda: 0.0)
    assert [meter.take(), meter.take()] == [1, 2]
    with pytest.raises(Stopped, match="all 2 attempts"):
        meter.take()
    assert meter.attempts == 2


def test_no_attempt_begins_after_its_time() -> None:
    now = [100.0]
    meter = Meter(Budget(seconds=5), clock=lambda: now[0])
    assert meter.take() == 1
    now[0] = 105.0
    assert meter.seconds == 5.0
    with pytest.raises(Stopped, match="5 s are over"):
        meter.take()


@pytest.mark.parametrize("bad", [{"attempts": -1}, {"seconds": -1.0}, {"seconds": math.nan}, {"seconds": math.inf}])
def test_a_budget_has_finite_bounds(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="finite bounds"):
        Budget(**bad)
