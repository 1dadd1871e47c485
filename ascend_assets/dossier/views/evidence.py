"""Precision and performance, target by target.

Here belong the choice of rows and drawings. Not here: the drawings themselves, or verdicts.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ascend_assets.dossier import text
from ascend_assets.dossier.charts import intervals, precision, times
from ascend_assets.dossier.charts.decimate import faulty
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.dossier.quantities import NOTHING, cosine, error, microseconds, number, scaled, share
from ascend_assets.dossier.views import measured
from ascend_assets.dossier.views.measured import Measured
from ascend_assets.parallel.advice import advise
from ascend_assets.parallel.wording import sentences
from ascend_assets.records import PrecisionRecord
from resources.ascend.toolchain import Comparison, FusionTrial, LayerComparison, Profile

TOP = 12
"""Rows of a table that has as many as the model has layers."""
_FULL_DETAIL = 4
"""Targets up to which drawings have all their detail; beyond, they share what four would take."""
_SENTENCE = 600

Rows = tuple[tuple[str, ...], ...]
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class Drawing:
    """One drawing for wide and one for narrow pages: text in it keeps its size."""

    wide: str
    narrow: str


@dataclass(frozen=True)
class Precision:
    """One target's errors.

    A row of `layers`: index, node, op, dtype, accumulated, own, cosine, overflow, underflow, and a mark or nothing.
    `fusion`: what the trial without fusion says, empty without one. A row of `missing`: node, op, why.
    """

    target: str
    about: str
    curve: Drawing
    bad: str
    cause: str
    outputs: Rows
    more_outputs: int
    layers: Rows
    more_layers: int
    constants: Rows
    more_constants: int
    fusion: str
    missing: Rows
    more_missing: int


@dataclass(frozen=True)
class Performance:
    """One target's time. A row of `operators`: node, op, time, share, bound, work, bytes; where measured, the core.

    `cards`: advice for a model that does not fit on one card, a row a sentence, English and Chinese.
    """

    target: str
    facts: Rows
    heat: Drawing
    operators: Rows
    more_operators: int
    measured: Measured | None = None
    cards: Rows = ()


@dataclass(frozen=True)
class Evidence:
    """Both sections. `estimated`: a latency has an error band."""

    precision: tuple[Precision, ...]
    metrics: Drawing | None
    performance: tuple[Performance, ...]
    latency: Drawing | None
    estimated: bool


def evidence(content: Content) -> Evidence:
    """What there is to show; empty where nothing ran."""
    targets = content.evidence
    fraction = min(1.0, _FULL_DETAIL / max(1, len(targets)))
    latencies = [
        intervals.LatencyRow(
            t.key,
            t.benchmark.profile.latency_ms,
            t.benchmark.profile.error_band,
            _limits(content, t.key, "latency_p99_ms"),
            t.benchmark.origin,
        )
        for t in targets
        if t.benchmark
    ]
    metrics = [
        intervals.MetricRow(t.key, t.precision.task_metric, _limits(content, t.key, "task_metric_drop"))
        for t in targets
        if t.precision and t.precision.task_metric
    ]
    return Evidence(
        precision=tuple(_precision(content, t, t.precision, fraction) for t in targets if t.precision),
        metrics=_both(intervals.task_metric_plot, metrics) if metrics else None,
        performance=tuple(_performance(t.key, t.benchmark.profile, fraction) for t in targets if t.benchmark),
        latency=_both(intervals.latency_intervals, latencies) if latencies else None,
        estimated=any(row.band for row in latencies),
    )


def _both(draw: Callable[[Sequence[_Row], int], str], rows: Sequence[_Row]) -> Drawing:
    return Drawing(draw(rows, intervals.WIDE), draw(rows, intervals.NARROW))


def _limits(content: Content, target: str, criterion: str) -> Mapping[str, float]:
    return next((v.limits for v in content.about(target) if v.criterion == criterion), {})


def _precision(content: Content, target: TargetEvidence, record: PrecisionRecord, fraction: float) -> Precision:
    comparison = record.comparison
    bad = comparison.first_bad_layer
    limits = _limits(content, target.key, "relative_euclidean_distance")

    def curve(size: precision.Size) -> str:
        fitting = precision.Size(size.width, size.height, max(60, int(size.points * fraction)))
        return precision.precision_curve(
            comparison.layers, first_bad=bad, limit=min(limits.values(), default=None), size=fitting
        )

    worst = sorted(comparison.layers, key=_badness, reverse=True)[: max(4, int(TOP * fraction))]
    samples = f"{record.samples:,} {record.inputs} sample{'s' if record.samples != 1 else ''}"
    return Precision(
        target=target.key,
        about=f"{len(comparison.layers):,} layers{_without(comparison)}, {samples}, {record.origin}",
        curve=Drawing(curve(precision.WIDE), curve(precision.NARROW)),
        bad=f"{text.name(bad.node)} ({text.clean(bad.op, 40)})" if bad else "",
        cause=bad.cause if bad else "",
        outputs=tuple(
            (
                text.name(o.name),
                cosine(o.cosine_similarity),
                error(o.relative_euclidean_distance),
                error(o.kullback_leibler_divergence),
                error(o.root_mean_square_error),
                error(o.mean_relative_error),
                error(o.max_absolute_error),
                number(o.non_finite),
            )
            for o in comparison.outputs[:TOP]
        ),
        more_outputs=max(0, len(comparison.outputs) - TOP),
        layers=tuple(_layer(x, bad is not None and x.node == bad.node) for x in worst),
        more_layers=len(comparison.layers) - len(worst),
        constants=tuple(
            (text.name(c.node), text.clean(c.op, 40), number(c.value, 3), text.clean(c.what, 200))
            for c in comparison.small_constants[:TOP]
        ),
        more_constants=max(0, len(comparison.small_constants) - TOP),
        fusion=_fusion(comparison.fusion),
        missing=tuple(
            (text.name(n.node), text.clean(n.op, 40), text.clean(n.why, 300)) for n in comparison.not_compared[:TOP]
        ),
        more_missing=max(0, len(comparison.not_compared) - TOP),
    )


def _without(comparison: Comparison) -> str:
    """How many nodes have no layer, beside those that have one."""
    told = {layer.node for layer in comparison.layers}
    count = sum(entry.node not in told for entry in comparison.not_compared)
    return f" and {count:,} node{'s' if count != 1 else ''} without a result of their own" if count else ""


def _fusion(trial: FusionTrial | None) -> str:
    """What the trial without fusion says, in sentences; empty where there was none."""
    if trial is None:
        return ""
    passes = f" Passes that took effect: {text.listing(trial.passes, TOP)}." if trial.passes else ""
    says = {
        "fusion": "The error comes from a fused operator.",
        "arithmetic": "The error stays: it comes from the arithmetic.",
        "neither": "The outputs are within limits with fusion.",
    }
    pair = f"{error(trial.fused)} with fusion and {error(trial.unfused)} without"
    outputs = f"the largest relative distance of an output is {pair}"
    return f"Compiled again without fusion: {outputs}. {says[trial.verdict]}{passes}"


def _badness(layer: LayerComparison) -> tuple[bool, float]:
    own = layer.local_error
    return faulty(layer), math.inf if math.isnan(own) else own


def _layer(layer: LayerComparison, bad: bool) -> tuple[str, ...]:  # noqa: FBT001 - a row's last field
    return (
        f"{layer.index:,}",
        text.name(layer.node),
        text.clean(layer.op, 40),
        layer.dtype,
        error(layer.relative_euclidean_distance),
        error(layer.local_error),
        cosine(layer.cosine_similarity),
        f"{layer.overflow:,}",
        f"{layer.underflow:,}",
        "first bad layer" if bad else "",
    )


def _performance(target: str, profile: Profile, fraction: float) -> Performance:
    total = sum(map(times.usable, profile.ops))
    hottest = sorted(profile.ops, key=times.usable, reverse=True)[: max(4, int(TOP * fraction))]
    wide = times.WIDE if fraction == 1 else times.NARROW
    taken = profile.measurement
    return Performance(
        target=target,
        facts=measured.facts(profile, taken, total) if taken else _estimated(profile, total),
        heat=Drawing(times.heat_map(profile.ops, wide), times.heat_map(profile.ops, times.NARROW)),
        operators=tuple(
            (
                text.name(op.node),
                text.clean(op.op, 40),
                microseconds(op.time_us),
                share(times.usable(op) / total) if total else NOTHING,
                op.bound,
                *(measured.work(op) if taken else (scaled(op.flops, "FLOP"), scaled(op.bytes, "B", 1024))),
            )
            for op in hottest
        ),
        more_operators=len(profile.ops) - len(hottest),
        measured=measured.measured(profile, taken) if taken else None,
        cards=_cards(profile),
    )


def _cards(profile: Profile) -> Rows:
    """What several cards would give a model that one does not hold."""
    advice = advise(profile)
    if advice is None or (advice.best is not None and advice.best.kind == "one"):
        return ()
    return tuple((text.clean(said.en, _SENTENCE), text.clean(said.zh, _SENTENCE)) for said in sentences(advice))


def _estimated(profile: Profile, total: float) -> Rows:
    """Figures of a profile that tells nothing of how it was taken."""
    used = profile.memory_bytes / profile.memory_available_bytes if profile.memory_available_bytes else math.nan
    return (
        ("Throughput", f"{number(profile.throughput, 3)} samples/s", f"at batch {profile.batch}"),
        ("AI core busy", share(profile.aicore_utilisation), f"mostly {profile.bound}-bound"),
        (
            "Memory",
            scaled(profile.memory_bytes, "B", 1024),
            f"{share(used)} of {scaled(profile.memory_available_bytes, 'B', 1024)}",
        ),
        (
            "Work",
            scaled(sum(op.flops for op in profile.ops), "FLOP"),
            f"{scaled(sum(op.bytes for op in profile.ops), 'B', 1024)} moved",
        ),
        ("Operators", f"{len(profile.ops):,}", f"{microseconds(total)} in all"),
    )
