"""Each rule of numbers, speed and memory on a case that fails for its reason, and on a near miss."""

from pathlib import Path

import pytest
from numeric_cases import CASES
from numeric_faults import case
from numeric_graphs import EXAMPLES

from ascend_assets.diagnosis import diagnose, rules
from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.confidence import POTENTIAL

FAMILIES = (
    "fp16_accumulation",
    "fp16_constants",
    "fp16_epsilon",
    "fp16_overflow",
    "fp16_patterns",
    "fusion",
    "integers",
    "memory",
    "resize_rounding",
    "speed",
)
_OWN_TESTS = {"fp16_accumulation.many"}
BY_ID = {rule.id: rule for rule in rules.load() if rule.family in FAMILIES}


def named(causes: tuple[Cause, ...], rule: str) -> list[Cause]:
    return [cause for cause in causes if cause.rule == rule]


def test_every_rule_has_its_cases() -> None:
    assert set(BY_ID) == set(CASES) | _OWN_TESTS


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_speaks_where_its_reason_is(tmp_path: Path, rule: str) -> None:
    found = CASES[rule][0](tmp_path)
    (cause,) = named(diagnose.diagnose(found), rule)
    failed = any(not verdict for verdict in found.verdicts)
    assert cause.confidence == pytest.approx(BY_ID[rule].confidence * (1 if failed else POTENTIAL), abs=1e-4)
    assert "{" not in cause.explanation.en + cause.explanation.zh + cause.advice.en + cause.advice.zh


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_silent_at_a_near_miss(tmp_path: Path, rule: str) -> None:
    assert not named(diagnose.diagnose(CASES[rule][1](tmp_path)), rule)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_reason_that_says_most_comes_first(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    first = diagnose.diagnose(case(tmp_path, example.model, example.bad))[0]
    assert first.rule == f"fp16_patterns.{kind}" or first.family in {"fp16_overflow", "fp16_constants"}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_nothing_is_said_with_confidence_of_a_healthy_model(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    causes = diagnose.diagnose(case(tmp_path, example.model, example.good))
    assert all(cause.confidence <= POTENTIAL for cause in causes)
