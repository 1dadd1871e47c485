"""Drift is said after several looks that agree, and is over after several that are calm; in between nothing flaps."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.drift.hysteresis import Memory, after, counts

LIMIT, CALM = 0.1, 0.8


def states(*values: float, consecutive: int = 2, start: Memory | None = None) -> list[str]:
    memory = start or Memory()
    found: list[str] = []
    for value in values:
        memory = after(memory, value, LIMIT, calm=CALM, consecutive=consecutive)
        found.append(memory.held)
    return found


def test_drift_is_said_after_looks_in_a_row() -> None:
    assert states(0.2, 0.2, 0.2) == ["suspect", "drifted", "drifted"]
    assert states(0.2, 0.05, 0.2, 0.05) == ["suspect", "calm", "suspect", "calm"]
    assert states(0.2, 0.2, 0.2, consecutive=3) == ["suspect", "suspect", "drifted"]
    assert states(0.2, consecutive=1) == ["drifted"]


def test_it_is_over_only_well_below_the_limit() -> None:
    drifted = Memory("drifted")
    assert states(0.09, 0.09, 0.09, start=drifted) == ["drifted"] * 3
    assert states(0.08, 0.08, start=drifted) == ["drifted", "calm"]
    assert states(0.05, 0.09, 0.05, 0.05, start=drifted) == ["drifted", "drifted", "drifted", "calm"]
    assert states(0.05, 0.2, 0.05, start=drifted) == ["drifted"] * 3


def test_exactly_the_limit_is_within_it() -> None:
    assert states(LIMIT, LIMIT) == ["calm", "calm"]
    assert states(math.nextafter(LIMIT, 1), math.nextafter(LIMIT, 1)) == ["suspect", "drifted"]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_beyond_every_limit(value: float) -> None:
    assert states(value, value) == ["suspect", "drifted"]
    assert states(value, value, start=Memory("drifted", 1)) == ["drifted", "drifted"]


def test_a_limit_of_nothing_allows_nothing_and_nothing_else() -> None:
    assert after(Memory(), 0.0, 0.0, calm=CALM, consecutive=1) == Memory()
    assert after(Memory(), 1e-9, 0.0, calm=CALM, consecutive=1).held == "drifted"
    assert after(Memory("drifted"), 0.0, 0.0, calm=CALM, consecutive=1) == Memory()


@given(st.lists(st.floats(0, 0.3), max_size=60), st.integers(1, 5))
def test_it_never_changes_twice_within_fewer_looks_than_asked_for(values: list[float], consecutive: int) -> None:
    found = [state == "drifted" for state in states(*values, consecutive=consecutive)]
    changes = [place for place, (a, b) in enumerate(zip([False, *found], found, strict=False)) if a != b]
    assert all(later - earlier >= consecutive for earlier, later in itertools.pairwise(changes))


def test_a_look_counts_where_enough_new_samples_came() -> None:
    assert counts(500, 500)
    assert not counts(499, 500)
