"""What may be asked of a plan."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.scale.demand import BadDemand, Demand

GOOD: dict[str, Any] = {"models": 100, "targets": {"Ascend310P3": 1.0}, "commits_a_day": 50.0}


def test_commits_come_within_the_working_hours_and_retrainings_at_any() -> None:
    demand = Demand(100, {"Ascend310P3": 1.0, "Ascend910B3": 0.5}, 60.0, 2.0, 3.0, hours=10.0)
    assert (demand.by_commit, demand.by_retraining, demand.candidates_a_day) == (120.0, 10.0, 130.0)
    assert demand.peak == pytest.approx(120 / 36_000 + 10 / 86_400)
    assert demand.targets_of_a_model == 1.5


@given(st.integers(1, 10_000), st.floats(0.1, 1e5), st.floats(0.1, 24.0))
def test_the_peak_is_never_below_the_days_average(models: int, commits: float, hours: float) -> None:
    demand = Demand(models, {"Ascend310P3": 1.0}, commits, hours=hours)
    assert demand.peak >= demand.candidates_a_day / 86_400 - 1e-12


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("models", 0, "models: 0"),
        ("models", 2_000_000, "models: 2,000,000"),
        ("targets", {}, "targets: none"),
        ("targets", {"Ascend310P3": 0.0}, "targets of Ascend310P3: 0 is not above 0"),
        ("targets", {"Ascend310P3": math.nan}, "targets of Ascend310P3: nan"),
        ("targets", {"Ascend310P3": 33.0}, "at most 32"),
        ("commits_a_day", -1.0, "commits a day: -1"),
        ("commits_a_day", math.nan, "commits a day: nan"),
        ("commits_a_day", math.inf, "commits a day: inf"),
        ("commits_a_day", 0.0, "0 candidates a day"),
        ("commits_a_day", 0.01, "0.01 candidates a day"),
        ("models_per_commit", 0.0, "models per commit: 0"),
        ("models_per_commit", 101.0, "at most 100"),
        ("retrainings_a_month", math.nan, "retrainings a month: nan"),
        ("hours", 0.0, "hours: 0"),
        ("hours", 25.0, "hours: 25"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_name(field: str, value: object, says: str) -> None:
    with pytest.raises(BadDemand) as error:
        Demand(**{**GOOD, field: value})
    assert says in str(error.value)
