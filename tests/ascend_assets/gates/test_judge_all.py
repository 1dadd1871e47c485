"""Judging a candidate: every gate, every target, from the evidence alone."""

from typing import Any

import pytest
from evidence_samples import LOCK, TARGET, chain, comparison, counts, output, profile, spec

from ascend_assets.gates import conversion, lint, performance, precision, release
from ascend_assets.gates.judge_all import judge_candidate
from ascend_assets.gates.verdict import Verdict
from resources.ascend.toolchain import Origin

MODEL = spec()


def admitted(verdicts: tuple[Verdict, ...], environment: str) -> bool:
    return bool(verdicts) and all(environment in verdict.admits for verdict in verdicts)


def judge(origin: Origin = "emulated", **source_fields: Any) -> tuple[Verdict, ...]:
    return judge_candidate(MODEL, *chain(MODEL, origin, **source_fields), {}, lock=LOCK)


def test_every_criterion_is_judged_once_per_target() -> None:
    found = [(v.criterion, v.target) for v in judge()]
    per_target = (*conversion.CRITERIA_NAMES, *precision.CRITERIA_NAMES, *performance.CRITERIA_NAMES)
    assert found == [
        *((name, "") for name in lint.CRITERIA_NAMES),
        *((name, TARGET) for name in per_target),
        *((name, "") for name in release.CRITERIA_NAMES),
    ]


def test_emulated_evidence_admits_a_good_candidate_to_dev_alone() -> None:
    verdicts = judge()
    assert admitted(verdicts, "dev")
    assert not admitted(verdicts, "staging")
    assert not admitted(verdicts, "prod")


def test_measured_evidence_admits_it_to_prod() -> None:
    assert admitted(judge("measured"), "prod")


def test_a_dirty_tree_is_admitted_to_dev_alone_however_well_measured() -> None:
    verdicts = judge("measured", dirty=True)
    assert admitted(verdicts, "dev")
    assert not admitted(verdicts, "staging")


@pytest.mark.parametrize("criterion", ["code_style", "cosine_similarity"])
def test_one_failing_criterion_keeps_a_candidate_out(criterion: str) -> None:
    source, onnx, linted, targets = chain(MODEL)
    compiled, precise, timed = targets[TARGET]
    if criterion == "code_style":
        linted = linted.model_copy(update={"counts": counts(code_style=1)})
        compiled = compiled.model_copy(update={"made_from": {**compiled.made_from, "lint": linted.data_version}})
    else:
        worse = comparison(outputs=(output(cosine_similarity=0.5),))
        precise = precise.model_copy(update={"comparison": worse})
    verdicts = judge_candidate(MODEL, source, onnx, linted, {TARGET: (compiled, precise, timed)}, {}, lock=LOCK)
    assert [v.criterion for v in verdicts if not v] == [criterion]
    assert not admitted(verdicts, "dev")


def test_baselines_are_each_targets_own() -> None:
    before = {TARGET: {"dev": profile()}, "Ascend910B3": {"dev": profile(soc_version="Ascend910B3")}}
    verdicts = judge_candidate(MODEL, *chain(MODEL), before, lock=LOCK)
    (regression,) = [v for v in verdicts if v.criterion == "latency_regression"]
    assert regression.judged
    assert regression.value == 1.0
