"""A breaker opens after three failures in an hour, lets one try through 15 minutes later, and is plain JSON."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.breaker import COOL, FAILURES, WINDOW, Breaker

T = 1_700_000_000.0


def after(*times: float) -> Breaker:
    breaker = Breaker()
    for at in times:
        breaker = breaker.failed(at, f"failed at {at:.0f}")
    return breaker


def test_a_new_one_is_closed() -> None:
    assert Breaker().state(T) == "closed"


def test_two_failures_leave_it_closed_and_the_third_within_an_hour_opens_it() -> None:
    assert after(T, T + 1).state(T + 1) == "closed"
    opened = after(T, T + 1, T + WINDOW - 1)
    assert opened.state(T + WINDOW - 1) == "open"
    assert opened.why == f"failed at {T + WINDOW - 1:.0f}"


def test_failures_that_are_more_than_an_hour_apart_do_not_add_up() -> None:
    assert after(T, T + 1, T + WINDOW + 2).state(T + WINDOW + 2) == "closed"


def test_it_is_half_open_after_it_has_cooled_and_not_before() -> None:
    opened = after(T, T, T)
    assert opened.state(T + COOL - 0.001) == "open"
    assert opened.state(T + COOL) == "half_open"


def test_the_one_try_closes_it_or_opens_it_anew() -> None:
    opened = after(T, T, T)
    assert opened.succeeded() == Breaker()
    again = opened.failed(T + COOL + 5, "still down")
    assert again.state(T + COOL + 6) == "open"
    assert again.state(T + COOL + 5 + COOL) == "half_open"


def test_one_failure_reopens_a_half_open_breaker_however_old_the_others_are() -> None:
    assert after(T, T, T).failed(T + 10 * WINDOW, "still down").state(T + 10 * WINDOW) == "open"


def test_a_late_failure_of_something_begun_before_does_not_lengthen_the_wait() -> None:
    opened = after(T, T, T).failed(T + COOL / 2, "late")
    assert opened.state(T + COOL) == "half_open"


def test_a_success_forgets_what_failed_before() -> None:
    assert after(T, T + 1).succeeded().failed(T + 2, "once").state(T + 2) == "closed"


def test_a_clock_that_was_set_back_does_not_hold_it_open_for_years() -> None:
    assert after(T, T, T).state(T - 10 * WINDOW) == "half_open"


@pytest.mark.parametrize("text", ['{"failures": [NaN]}', '{"opened_at": Infinity}', '{"more": 1}', '{"why": 3}'])
def test_what_is_no_breaker_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Breaker.model_validate_json(text)


@given(st.lists(st.floats(0, 10 * WINDOW), max_size=30), st.text(max_size=2000))
def test_it_survives_json_and_stays_small(times: list[float], why: str) -> None:
    breaker = Breaker()
    for at in sorted(times):
        breaker = breaker.failed(at, why)
    assert Breaker.model_validate_json(breaker.model_dump_json()) == breaker
    assert len(breaker.failures) <= FAILURES
    assert len(breaker.why) <= 500


@given(st.lists(st.floats(0, 10 * WINDOW), min_size=1, max_size=30))
def test_it_never_opens_without_three_failures_within_an_hour(times: list[float]) -> None:
    times = sorted(times)
    breaker = after(*times)
    crowded = any(c - a < WINDOW for a, c in zip(times, times[FAILURES - 1 :], strict=False))
    assert (breaker.opened_at is not None) == crowded
    assert all(a <= b for a, b in pairwise(breaker.failures))
    assert not math.isnan(sum(breaker.failures))
