"""The page's head: what may be decided in five seconds.

Here belong the statement, the origin of the evidence, warnings, and one row of figures per target.
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

import math
from dataclasses import dataclass

from ascend_assets.dossier import text
from ascend_assets.dossier.admission import Admission, Statement, admissions, standing, statements
from ascend_assets.dossier.charts.intervals import score
from ascend_assets.dossier.charts.precision import precision_spark
from ascend_assets.dossier.charts.times import time_spark
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.dossier.demands import demands
from ascend_assets.dossier.quantities import NOTHING, cosine, milliseconds, number, scaled, share
from ascend_assets.policy_file import in_force
from resources.ascend.toolchain import Profile


@dataclass(frozen=True)
class Banner:
    """Where the evidence comes from, in a word and a sentence, in two languages."""

    kind: str
    word: str
    word_zh: str
    en: str
    zh: str


@dataclass(frozen=True)
class EnvironmentCard:
    """One environment's answer in a few words, and what it wants beside evidence; empty where nothing."""

    name: str
    admitted: bool
    word: str
    word_zh: str
    note: str
    then: str
    then_zh: str


@dataclass(frozen=True)
class TargetRow:
    """One target's figures. Drawings are SVG, or empty."""

    key: str
    soc: str
    options: str
    origin: str
    cosine: str
    first_bad: str
    precision_svg: str
    latency: str
    latency_band: str
    time_svg: str
    throughput: str
    utilisation: str
    memory: str
    metric: str
    metric_name: str


@dataclass(frozen=True)
class Head:
    """Everything above the first section. `because`: why the gravest of what fails does; empty where nothing fails."""

    model: str
    candidate: str
    task: str
    statements: tuple[Statement, ...]
    because: str
    banner: Banner
    dirty: bool
    environments: tuple[EnvironmentCard, ...]
    targets: tuple[TargetRow, ...]


_BANNERS = {
    "emulated": Banner(
        "emulated",
        "Emulated",
        "模拟证据",
        "No NPU took part. Precision is CPU arithmetic with FP16 rounding; latency is an estimate.",
        "未使用 NPU：精度为 CPU 上的 FP16 舍入计算，时延为估算值。",
    ),
    "measured": Banner(
        "measured", "Measured", "实测证据", "Precision and latency were taken on an NPU.", "精度与时延均在 NPU 上取得。"
    ),
    "none": Banner(
        "none",
        "No evidence",
        "无证据",
        "Neither precision nor latency was taken: the candidate was stopped before.",
        "候选已提前被拦下，没有精度与时延证据。",
    ),
}


def head(content: Content) -> Head:
    """The head of the page."""
    answers = admissions(content)
    return Head(
        model=content.model,
        candidate=content.candidate,
        task=content.spec.task,
        statements=statements(answers),
        because=_because(content),
        banner=banner(content),
        dirty=content.source.dirty,
        environments=tuple(_card(content, answer) for answer in answers),
        targets=tuple(_row(content, target) for target in content.evidence),
    )


def _because(content: Content) -> str:
    failed = [v for v in content.verdicts if standing(v, in_force().first) == "fail"]
    # A refusal by the compiler explains the rest; what a target shows says more than a finding in the code.
    gravest = min(failed, key=lambda v: (v.criterion != "conversion_errors", not v.target), default=None)
    return "" if gravest is None else text.clean(gravest.why, 240)


def banner(content: Content) -> Banner:
    """What to say of the origin; mixed evidence names the origin of each target."""
    if content.origin != "mixed":
        return _BANNERS[content.origin]
    each = "; ".join(f"{t.key} {text.prose(sorted(t.origins)) or 'nothing'}" for t in content.evidence)
    return Banner(
        "mixed", "Partly emulated", "部分为模拟证据", f"Not all of it was taken on an NPU: {each}.", f"{each}。"
    )


def _card(content: Content, answer: Admission) -> EnvironmentCard:
    policy, name = in_force(), answer.environment
    then = demands(policy.get(name), policy.before(name), {target.soc_version for target in content.spec.targets})
    if answer.admitted:
        return EnvironmentCard(name, True, "Admissible", "可进入", "nothing stands against it", *then)
    kinds = {
        "empty": "nothing was judged",
        "fail": "criteria fail",
        "missing": "evidence is missing",
        "dirty": "uncommitted changes",
        "unjudged": "not all was judged",
        "origin": "wants measured evidence",
    }
    note = ", ".join(kinds[reason.kind] for reason in answer.reasons)
    return EnvironmentCard(name, False, "Not admissible", "不可进入", note, *then)


def _row(content: Content, target: TargetEvidence) -> TargetRow:
    options = content.options(target.key)
    comparison = target.precision.comparison if target.precision else None
    bad = comparison.first_bad_layer if comparison else None
    profile = target.benchmark.profile if target.benchmark else None
    metric = target.precision.task_metric if target.precision else None
    return TargetRow(
        key=target.key,
        soc=options.soc_version,
        options=f"{options.mode}, batch {content.spec.target(target.key).batch}",
        origin=text.prose(sorted(target.origins)) or "no evidence",
        cosine=_worst_cosine([o.cosine_similarity for o in comparison.outputs]) if comparison else NOTHING,
        first_bad=f"first bad layer {text.clean(text.name(bad.node), 40)}" if bad else "",
        precision_svg=precision_spark(comparison.layers, bad) if comparison else "",
        latency=milliseconds(profile.latency_ms.p99) if profile else NOTHING,
        latency_band=_band(profile) if profile else "",
        time_svg=time_spark(profile.ops) if profile else "",
        throughput=number(profile.throughput, 3) if profile else NOTHING,
        utilisation=share(profile.aicore_utilisation) if profile else NOTHING,
        memory=_memory(profile) if profile else NOTHING,
        metric=f"{score(metric, metric.reference)} → {score(metric, metric.device)}" if metric else NOTHING,
        metric_name=metric.name if metric else "",
    )


def _worst_cosine(values: list[float]) -> str:
    if not values:
        return NOTHING
    return cosine(min(values, key=lambda v: -math.inf if math.isnan(v) else v))


def _band(profile: Profile) -> str:
    band, p99 = profile.error_band, profile.latency_ms.p99
    if band is None or not math.isfinite(p99):
        return ""
    return f"{milliseconds(p99 * band.low)} {NOTHING} {milliseconds(p99 * band.high)}"


def _memory(profile: Profile) -> str:
    return scaled(profile.memory_bytes, "B", 1024)
