"""Each rule of the conversion families: it speaks where it must, and not where something is nearly so."""

import re

import pytest
from conversion_cases import CASES

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.diagnosis.confidence import POTENTIAL
from ascend_assets.diagnosis.diagnose import diagnose
from ascend_assets.diagnosis.rules import load

FAMILIES = (
    "domains",
    "dtypes",
    "dynamic",
    "einsum",
    "environment",
    "inputs",
    "model_file",
    "not_finite",
    "operators",
    "opset",
    "options",
    "resize",
    "soc",
    "unknown",
)
RULES = {rule.id: rule for rule in load()}


def by_rule(causes: tuple[Cause, ...]) -> dict[str, Cause]:
    return {cause.rule: cause for cause in causes}


def test_every_rule_has_its_two_cases() -> None:
    assert {rule.id for rule in load() if rule.family in FAMILIES} == set(CASES)


@pytest.mark.parametrize("rule", CASES)
def test_it_speaks_where_it_must(rule: str) -> None:
    cause = by_rule(diagnose(CASES[rule][0]()))[rule]
    assert cause.evidence
    assert RULES[rule].confidence * POTENTIAL - 0.001 <= cause.confidence <= 0.99
    for text in (cause.explanation, cause.advice):
        assert text.en.isprintable()
        assert text.zh.isprintable()
        assert not re.search(r"(?<!\{)\{\w+\}", text.en + text.zh)
    assert {remedy.kind for remedy in cause.remedies} <= set(RULES[rule].remedies)


@pytest.mark.parametrize("rule", CASES)
def test_it_is_silent_on_a_near_miss(rule: str) -> None:
    assert rule not in by_rule(diagnose(CASES[rule][1]()))


MENDED_BY_REMEDIES = tuple(rule for rule in CASES if RULES[rule].remedies and RULES[rule].confidence >= 0.85)


@pytest.mark.parametrize("rule", MENDED_BY_REMEDIES)
def test_its_remedies_are_made_where_a_model_is_at_hand(rule: str) -> None:
    case = CASES[rule][0]()
    cause = by_rule(diagnose(case))[rule]
    assert cause.remedies or case.model is None


COMPANIONS = {"operators": {"domains", "opset"}, "domains": {"operators"}}
"""Families that rightly come first beside another: an operator of another domain is a matter of both."""


@pytest.mark.parametrize("rule", [rule for rule in CASES if not RULES[rule].fallback])
def test_the_most_confident_cause_of_a_refusal_is_of_the_right_family(rule: str) -> None:
    case, family = CASES[rule][0](), RULES[rule].family
    causes = diagnose(case)
    if any(not item.code.startswith("W") for item in case.diagnostics) and RULES[rule].confidence >= 0.8:
        assert causes[0].family in {family} | COMPANIONS.get(family, set())
    assert [cause.confidence for cause in causes] == sorted((cause.confidence for cause in causes), reverse=True)
