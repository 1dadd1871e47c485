"""A verdict compares, and admission follows: the laws every gate relies on."""

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.environments import EvidenceOrigin
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.criterion import Criterion
from ascend_assets.gates.verdict import Verdict, holds, judge, judge_each, not_judged, weakest, worst
from ascend_assets.policy_file import in_force

NAMES = sorted(CRITERIA)
ORIGINS: tuple[EvidenceOrigin, ...] = ("measured", "emulated", "inspected")
criteria = st.sampled_from(NAMES).map(CRITERIA.__getitem__)
origins = st.sampled_from(ORIGINS)
finite = st.floats(allow_nan=False, allow_infinity=False)
any_float = st.floats()


def verdict(criterion: Criterion, value: float, origin: EvidenceOrigin = "measured") -> Verdict:
    return judge(criterion, value, why="found", origin=origin, subject="0" * 64)


@given(criteria, st.sampled_from([math.nan, math.inf, -math.inf]), origins)
def test_a_value_that_is_not_finite_is_admitted_nowhere(
    criterion: Criterion, value: float, origin: EvidenceOrigin
) -> None:
    found = verdict(criterion, value, origin)
    assert found.admits == ()
    assert not found.passed
    assert found.judged


@given(any_float, st.sampled_from(["<=", ">="]))
def test_a_limit_that_is_nan_admits_nothing(value: float, sense: Literal["<=", ">="]) -> None:
    assert not holds(value, sense, math.nan)


@given(criteria, finite, finite, origins)
def test_a_better_value_is_admitted_wherever_a_worse_one_is(
    criterion: Criterion, one: float, other: float, origin: EvidenceOrigin
) -> None:
    better, worse = sorted((one, other), reverse=criterion.sense == ">=")
    assert set(verdict(criterion, worse, origin).admits) <= set(verdict(criterion, better, origin).admits)


@given(criteria, finite)
def test_what_a_stricter_environment_admits_the_one_before_admits_too(criterion: Criterion, value: float) -> None:
    admits = verdict(criterion, value).admits
    assert admits == in_force().names[: len(admits)]


@given(criteria, any_float)
def test_emulated_evidence_never_reaches_staging_or_prod(criterion: Criterion, value: float) -> None:
    assert set(verdict(criterion, value, "emulated").admits) <= {"dev"}


@given(criteria, origins)
def test_what_nobody_judged_has_not_passed(criterion: Criterion, origin: EvidenceOrigin) -> None:
    found = not_judged(criterion, why="no tool", subject="", origin=origin)
    assert not found.passed
    assert not found.judged
    assert found.value is None
    assert set(found.admits) == {e.name for e in in_force() if criterion.name in e.may_stay_unjudged}


@given(criteria, any_float, origins)
def test_passed_means_judged_and_admitted_to_dev(criterion: Criterion, value: float, origin: EvidenceOrigin) -> None:
    found = verdict(criterion, value, origin)
    assert found.passed == bool(found) == ("dev" in found.admits)


@given(criteria, any_float, origins)
def test_a_verdict_survives_json_even_if_its_value_is_no_number(
    criterion: Criterion, value: float, origin: EvidenceOrigin
) -> None:
    found = verdict(criterion, value, origin)
    again = Verdict.model_validate_json(found.model_dump_json())
    assert again.model_dump_json() == found.model_dump_json()
    assert again.admits == found.admits


@given(criteria, st.dictionaries(st.sampled_from(in_force().names), any_float), origins)
def test_each_environment_judges_its_own_value(
    criterion: Criterion, values: dict[str, float], origin: EvidenceOrigin
) -> None:
    found = judge_each(criterion, values, why="ratios", origin=origin, subject="")
    for environment in in_force():
        if environment.name in values:
            alone = verdict(criterion, values[environment.name], origin)
            expected = environment.name in alone.admits
        else:
            expected = criterion.name in environment.may_stay_unjudged
        assert (environment.name in found.admits) == expected
    assert found.judged == bool(values)
    assert found.passed == (found.judged and "dev" in found.admits)


def test_the_value_of_several_environments_is_the_worst() -> None:
    found = judge_each(
        CRITERIA["latency_regression"], {"dev": 1.0, "prod": 2.0}, why="ratios", origin="measured", subject=""
    )
    assert found.value == 2.0
    assert found.admits == ("dev", "staging")


@given(st.lists(finite, min_size=1))
def test_the_worst_keeps_a_limit_only_if_all_do(values: list[float]) -> None:
    for sense in ("<=", ">="):
        for limit in (-1.0, 0.0, 1.0):
            assert holds(worst(values, sense), sense, limit) == all(holds(v, sense, limit) for v in values)


def test_nan_is_the_worst_value() -> None:
    assert math.isnan(worst([0.0, math.nan, 5.0], "<="))
    assert math.isnan(worst([0.0, math.nan, 5.0], ">="))


def test_no_value_has_no_worst() -> None:
    with pytest.raises(ValueError, match="empty"):
        worst([], "<=")


def test_emulated_in_any_part_is_emulated_as_a_whole() -> None:
    assert weakest("measured", "emulated") == "emulated"
    assert weakest("measured", "measured") == "measured"
    assert weakest("inspected", "measured") == "measured"
    assert weakest("inspected") == "inspected"
