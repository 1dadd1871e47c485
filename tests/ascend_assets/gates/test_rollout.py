"""A canary or A/B test ended well if enough requests failed no more often and were answered no more slowly."""

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ascend_assets.environments import Environment
from ascend_assets.gates.rollout import MIN_REQUESTS, SIGNIFICANCE, RolloutReport, Side, judge, p_value
from resources.registry.documents import decode

PROD = Environment(name="prod", evidence=("measured",))
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def side(version: str = "1.1.0", **fields: Any) -> Side:
    return Side.model_validate({"version": version, "requests": 10_000, "errors": 20, "latency_p99_ms": 2.0} | fields)


def report(baseline: Side | None = None, candidate: Side | None = None, **fields: Any) -> RolloutReport:
    own: dict[str, Any] = {
        "kind": "canary",
        "origin": "measured",
        "baseline": baseline or side("1.0.0"),
        "candidate": candidate or side(),
        "started": NOON,
        "ended": NOON + timedelta(hours=1),
    }
    return RolloutReport.model_validate(own | fields)


def unmet(read: RolloutReport, environment: Environment = PROD) -> list[str]:
    return [requirement.name for requirement in judge(read, environment) if not requirement]


def test_a_test_that_went_well() -> None:
    assert [requirement.name for requirement in judge(report(), PROD)] == ["origin", "requests", "errors", "latency"]
    assert unmet(report()) == []


def test_emulated_traffic_is_none_where_measured_is_asked_for() -> None:
    assert unmet(report(origin="emulated")) == ["origin"]
    assert unmet(report(origin="emulated"), Environment(name="dev", evidence=("measured", "emulated"))) == []


@pytest.mark.parametrize("which", ["baseline", "candidate"])
def test_each_side_needs_enough_requests(which: str) -> None:
    few = {which: side(requests=MIN_REQUESTS - 1, errors=0)}
    assert unmet(report(**few)) == ["requests"]
    assert unmet(report(**{which: side(requests=MIN_REQUESTS, errors=1)})) == []


def test_no_request_at_all_is_no_result() -> None:
    nothing = side(requests=0, errors=0)
    assert unmet(report(candidate=nothing)) == ["requests", "errors"]
    assert unmet(report(baseline=nothing)) == ["requests", "errors"]
    assert unmet(report().model_copy(update={"baseline": None, "candidate": nothing})) == ["requests", "errors"]


def test_a_few_more_errors_may_be_chance_and_many_are_not() -> None:
    assert unmet(report(candidate=side(errors=25))) == []
    assert unmet(report(candidate=side(errors=50))) == ["errors"]
    assert unmet(report(candidate=side(errors=0))) == []


@pytest.mark.parametrize(
    ("candidate", "baseline", "expected"),
    [
        # Fisher's lady who tastes tea: all four cups of milk first named right, P = 1/70.
        ((4, 4), (0, 4), 1 / 70),
        ((3, 4), (1, 4), 17 / 70),
        ((0, 100), (0, 100), 1.0),
        ((1, 100), (2, 100), 1.0),
    ],
)
def test_the_probability_is_fishers(candidate: tuple[int, int], baseline: tuple[int, int], expected: float) -> None:
    (errors, n), (before, m) = candidate, baseline
    assert p_value(side(errors=errors, requests=n), side(errors=before, requests=m)) == pytest.approx(expected)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_probability_is_the_exact_sum(n: int, m: int, data: st.DataObject) -> None:
    x, y = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = p_value(side(requests=n, errors=x), side(requests=m, errors=y))
    exact = Fraction(
        sum(math.comb(x + y, k) * math.comb(n + m - x - y, n - k) for k in range(x, min(x + y, n) + 1)),
        math.comb(n + m, n),
    )
    if Fraction(x, n) > Fraction(y, m):
        assert found == pytest.approx(float(exact), rel=1e-9)
    else:
        assert found == 1.0
        assert exact > SIGNIFICANCE


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_the_largest_tests_are_judged_at_once(x: int, y: int) -> None:
    found = p_value(side(requests=10**9, errors=x), side(requests=10**9, errors=y))
    assert 0 <= found <= 1


@pytest.mark.parametrize(("p99", "met"), [(2.0, True), (2.2, True), (2.21, False), (0.1, True)])
def test_the_slowest_requests_may_be_a_tenth_slower(p99: float, met: bool) -> None:  # noqa: FBT001
    assert unmet(report(candidate=side(latency_p99_ms=p99))) == ([] if met else ["latency"])


@pytest.mark.parametrize("p99", [math.nan, math.inf, -math.inf, 0.0, -1.0])
@pytest.mark.parametrize("which", ["baseline", "candidate"])
def test_a_latency_that_no_clock_says_fails(p99: float, which: str) -> None:
    assert unmet(report(**{which: side(latency_p99_ms=p99)})) == ["latency"]
    alone = report().model_copy(update={"baseline": None, "candidate": side(latency_p99_ms=p99)})
    assert unmet(alone) == ["latency"]


@pytest.mark.parametrize(("errors", "met"), [(0, True), (100, True), (101, False)])
def test_where_nothing_is_live_one_in_a_hundred_may_fail(errors: int, met: bool) -> None:  # noqa: FBT001
    alone = report().model_copy(update={"baseline": None, "candidate": side(errors=errors)})
    assert unmet(alone) == ([] if met else ["errors"])


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"errors": 10_001}, "cannot have failed"),
        ({"requests": -1}, "requests"),
        ({"requests": 10**12}, "requests"),
        ({"errors": -1}, "errors"),
        ({"version": "latest"}, "version"),
        ({"more": 1}, "more"),
    ],
)
def test_a_side_is_validated(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        side(**fields)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"ended": NOON}, "later than started"),
        ({"started": NOON.replace(tzinfo=None)}, "started"),
        ({"kind": "shadow"}, "kind"),
        ({"origin": "guessed"}, "origin"),
        ({"candidate": None}, "candidate"),
        ({"more": 1}, "more"),
    ],
)
def test_a_report_is_validated(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        RolloutReport.model_validate(report().model_dump() | fields)


def test_a_stored_report_reads_as_it_was_written() -> None:
    for read in (report(), report(candidate=side(latency_p99_ms=math.nan))):
        assert decode(RolloutReport, read.encoded(), "here").digest == read.digest
