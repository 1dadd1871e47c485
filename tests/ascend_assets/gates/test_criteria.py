"""The table of criteria: complete, tightening, and explained to whoever reads it in the UI."""

import math

import pytest
from evidence_samples import spec
from pydantic import ValidationError

from ascend_assets.gates import conversion, lint, performance, precision, release
from ascend_assets.gates.case import DEFAULTS, Case
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.criterion import Criterion
from ascend_assets.gates.verdict import default_limits
from ascend_assets.policy_file import in_force

ALL = list(CRITERIA.values())


def test_every_criterion_belongs_to_exactly_one_gate_in_the_order_of_the_walk() -> None:
    gates = (lint, conversion, precision, performance, release)
    assert [name for gate in gates for name in gate.CRITERIA_NAMES] == list(CRITERIA)


@pytest.mark.parametrize("criterion", ALL, ids=lambda c: c.name)
def test_default_limits_exist_for_every_environment_and_tighten(criterion: Criterion) -> None:
    limits = [default_limits(criterion)[name] for name in in_force().names]
    assert set(default_limits(criterion)) == set(in_force().names)
    assert all(math.isfinite(limit) for limit in limits)
    assert limits == sorted(limits, reverse=criterion.sense == "<=")


@pytest.mark.parametrize("criterion", ALL, ids=lambda c: c.name)
def test_a_reviewer_reads_what_it_means_and_where_the_limit_comes_from(criterion: Criterion) -> None:
    for text in (criterion.meaning, criterion.source):
        assert not text[0].islower()
        assert text.endswith(".")
        assert len(text) < 400


def test_what_may_stay_unjudged_is_a_criterion() -> None:
    assert {name for e in in_force() for name in e.may_stay_unjudged} <= set(CRITERIA)


def test_the_default_limits_of_precision_are_msits() -> None:
    prod = {name: default_limits(CRITERIA[name])["prod"] for name in precision.OUTPUT_METRICS}
    assert prod == {
        "cosine_similarity": 0.99,
        "relative_euclidean_distance": 0.05,
        "kullback_leibler_divergence": 0.005,
        "root_mean_square_error": 1.0,
        "mean_relative_error": 1.0,
    }


def test_a_dirty_tree_is_admitted_where_the_environment_says_so() -> None:
    assert default_limits(CRITERIA["clean_tree"]) == {"dev": 1.0, "staging": 0.0, "prod": 0.0}


def test_a_model_moves_a_negotiable_limit() -> None:
    model = spec(gates={"latency_p99_ms": {"prod": 5}})
    found = Case(model, "measured", "").judge("latency_p99_ms", 6.0, "6 ms")
    assert found.limits == {"dev": 20.0, "staging": 20.0, "prod": 5.0}
    assert found.admits == ("dev", "staging")


FIXED = [c.name for c in ALL if not c.negotiable]


def test_what_makes_evidence_believable_is_not_negotiable() -> None:
    assert FIXED == ["conversion_errors", "chain", "provenance", "clean_tree"]


@pytest.mark.parametrize("name", FIXED)
def test_no_policy_moves_a_limit_that_is_not_negotiable(name: str) -> None:
    class Lenient:
        def limits(self, _criterion: str) -> dict[str, float]:
            return dict.fromkeys(in_force().names, 100.0)

    found = Case(Lenient(), "measured", "").judge(name, 2.0, "two")
    assert found.limits == default_limits(CRITERIA[name])
    assert found.admits == ()


def test_a_limit_that_loosens_towards_prod_is_refused() -> None:
    with pytest.raises(ValidationError, match="must tighten from dev to prod"):
        spec(gates={"cosine_similarity": {"prod": 0.5}})


def test_without_a_model_the_defaults_judge() -> None:
    assert Case(DEFAULTS, "measured", "").judge("opset", 11, "opset 11").admits == in_force().names
