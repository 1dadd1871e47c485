"""The first sentence of the page: which environments, and why not the others."""

from dataclasses import replace

import dossier_samples as samples
import pytest

from ascend_assets.dossier.admission import admissions, standing, statements, worst
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict, judge, judge_each, not_judged
from ascend_assets.policy_file import in_force

DEV, STAGING, PROD = in_force()


def said(content: Content) -> str:
    return " ".join(statement.en for statement in statements(admissions(content)))


def without(content: Content, *criteria: str) -> Content:
    return replace(content, verdicts=tuple(v for v in content.verdicts if v.criterion not in criteria))


def test_emulated_evidence_stops_before_staging() -> None:
    assert said(without(samples.complete(), "cve_high")) == (
        "Admissible in dev. Not admissible in staging, prod: evidence is emulated (staging, prod want measured)."
    )


def test_measured_evidence_within_all_limits_is_admissible_everywhere() -> None:
    assert said(without(samples.measured(), "cve_high")) == "Admissible in dev, staging and prod."


def test_what_nobody_judged_is_named() -> None:
    assert "cve_high was not judged" in said(samples.measured())


def test_a_refused_candidate_names_the_target_and_not_the_stages_that_could_not_run() -> None:
    sentence = said(samples.refused())
    assert sentence.startswith("Not admissible anywhere: conversion_errors (Ascend910B3) fails.")
    assert "no record" not in sentence


def test_uncommitted_changes_are_said_where_they_matter() -> None:
    first, second = statements(admissions(without(samples.complete(dirty=True), "cve_high")))
    assert first.en == "Admissible in dev."
    assert "built from uncommitted changes" in second.en
    assert "clean_tree" not in second.en


def test_a_candidate_that_is_refused_everywhere_says_it_once() -> None:
    first, second = statements(admissions(samples.overflowing()))
    assert first.en.startswith("Not admissible anywhere: ")
    assert "cosine_similarity (Ascend310P3)" in first.en
    assert second.minor
    assert "cosine_similarity" not in second.en


def test_without_verdicts_nothing_is_admitted() -> None:
    assert said(replace(samples.complete(), verdicts=())) == "Not admissible anywhere: nothing was judged."


def test_missing_evidence_admits_nothing_even_if_every_verdict_passes() -> None:
    whole = samples.complete(by=samples.CANN)
    passing = tuple(v for v in whole.verdicts if DEV.name in v.admits)
    partial = replace(whole, verdicts=passing, targets=(whole.targets[0], TargetEvidence("Ascend910B3")))
    assert not any(answer.admitted for answer in admissions(partial))
    assert "no record of Ascend910B3 om, Ascend910B3 precision, Ascend910B3 benchmark" in said(partial)
    assert "no record of onnx" in said(replace(partial, onnx=None))


def test_chinese_says_the_same() -> None:
    zh = "".join(s.zh for s in statements(admissions(without(samples.complete(), "cve_high"))))
    assert zh == "可进入 dev。不可进入 staging、prod：证据为模拟所得（staging、prod 要求实测）。"  # noqa: RUF001


def verdict(value: float, *, origin: str = "measured") -> Verdict:
    limits = {"dev": 0.01, "staging": 0.005, "prod": 0.005}
    assert origin in {"measured", "emulated"}
    return judge(
        CRITERIA["task_metric_drop"],
        value,
        why="",
        origin="measured" if origin == "measured" else "emulated",
        subject="",
        limits=limits,
    )


@pytest.mark.parametrize(
    ("given", "in_dev", "in_prod", "gravest"),
    [
        (verdict(0.001), "pass", "pass", "pass"),
        (verdict(0.007), "pass", "fail", "fail"),
        (verdict(0.02), "fail", "fail", "fail"),
        (verdict(float("nan")), "fail", "fail", "fail"),
        (verdict(0.001, origin="emulated"), "pass", "origin", "origin"),
        (verdict(0.007, origin="emulated"), "pass", "fail", "fail"),
        (not_judged(CRITERIA["task_metric_drop"], why="", subject=""), "tolerated", "unjudged", "unjudged"),
    ],
)
def test_a_verdict_stands_differently_in_each_environment(
    given: Verdict, in_dev: str, in_prod: str, gravest: str
) -> None:
    assert (standing(given, DEV), standing(given, PROD), worst(given)) == (
        in_dev,
        in_prod,
        gravest,
    )


def test_an_environment_without_a_value_of_its_own_did_not_fail() -> None:
    given = judge_each(CRITERIA["throughput"], {"dev": 5.0}, why="", origin="measured", subject="")
    assert standing(given, DEV) == "pass"
    assert standing(given, STAGING) == "unjudged"
