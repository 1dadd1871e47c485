"""Gate on precision: how far the device's answers are from FP32, and where the first fault lies.

Here belongs turning one target's `PrecisionRecord` into verdicts. Not here: running or comparing anything.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ascend_assets.gates.case import Case, Policy
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict, default_limits, holds, weakest, worst
from ascend_assets.gates.wording import clipped, counted, listing
from ascend_assets.records import PrecisionRecord, TaskMetric
from resources.ascend.toolchain import Comparison, LayerComparison, OutputComparison

OUTPUT_METRICS: tuple[str, ...] = (
    "cosine_similarity",
    "relative_euclidean_distance",
    "kullback_leibler_divergence",
    "root_mean_square_error",
    "mean_relative_error",
)
"""Criteria that are also fields of `OutputComparison`: judged on the worst output."""

CRITERIA_NAMES: tuple[str, ...] = (
    *OUTPUT_METRICS,
    "non_finite_outputs",
    "overflow_layers",
    "underflow_layers",
    "task_metric_drop",
)
"""The criteria of this gate, in the order in which they are shown."""

OWN_ERROR = 0.05
"""A layer's own relative Euclidean distance beyond which its underflow matters: msit's bound for a precision error."""


def judge(record: PrecisionRecord, policy: Policy) -> tuple[Verdict, ...]:
    """One verdict per precision criterion, about the compiled file that was run.

    Evidence counts as emulated if any part of the record says so.
    """
    origin = weakest(record.origin, record.comparison.origin, record.toolchain.origin)
    case = Case(policy, origin, record.made_from.get("om", ""), record.target)
    what = f"on {record.inputs} inputs, {counted(record.samples, 'sample')}"
    view = _View(case, record.comparison, what)
    return (
        *(view.output(name) for name in OUTPUT_METRICS),
        view.non_finite(),
        view.layers(_Event("overflow_layers", "overflow", overflowing, maybe_overflowing, _overflow)),
        view.layers(
            _Event("underflow_layers", "underflow that spoils the result", underflowing, maybe_underflowing, _underflow)
        ),
        _task(case, record.task_metric),
    )


def overflowing(comparison: Comparison) -> tuple[LayerComparison, ...]:
    """Layers with elements that are finite in FP32 and not on the device."""
    return tuple(layer for layer in comparison.layers if layer.overflow > 0)


def underflowing(comparison: Comparison) -> tuple[LayerComparison, ...]:
    """Layers that lose their own result to underflow.

    Elements or a constant of the layer fall below FP16's smallest normal number, nothing overflows, and the layer's own
    result is more than `OWN_ERROR` off. A Constant computes nothing: what it loses shows in the layer that reads it.
    """
    touched = {small.node for small in comparison.small_constants}
    return tuple(
        layer
        for layer in comparison.layers
        if layer.op != "Constant"
        and layer.overflow == 0
        and (layer.underflow > 0 or layer.node in touched)
        and not layer.local_error <= OWN_ERROR  # NaN counts
    )


def uncounted(comparison: Comparison) -> tuple[LayerComparison, ...]:
    """Layers whose elements nobody counted, because the device's dump could not be read: they are told of as well."""
    told = {entry.node for entry in comparison.not_compared}
    return tuple(layer for layer in comparison.layers if layer.node in told)


def maybe_overflowing(comparison: Comparison) -> tuple[LayerComparison, ...]:
    """Uncounted layers whose overflow is unknown: a finite distance leaves no room for a result that is not finite."""
    return tuple(
        layer
        for layer in uncounted(comparison)
        if layer.overflow == 0 and not math.isfinite(layer.relative_euclidean_distance)
    )


def maybe_underflowing(comparison: Comparison) -> tuple[LayerComparison, ...]:
    """Uncounted layers that underflow may have spoiled: their own result is off by more than `OWN_ERROR`."""
    return tuple(layer for layer in uncounted(comparison) if not layer.local_error <= OWN_ERROR)


def metric_drop(metric: TaskMetric) -> float:
    """How much worse the device is: the difference where higher is better, else the relative increase of the error.

    Negative if it is better; infinite if an error rose from exactly 0; NaN if a figure is.
    """
    if metric.higher_is_better:
        drop = metric.reference - metric.device
    elif metric.reference == metric.device:
        drop = 0.0
    elif metric.reference == 0:
        drop = math.inf
    else:
        drop = (metric.device - metric.reference) / abs(metric.reference)
    # 0.765 - 0.760 is 0.0050000000000000044 in binary: a drop of exactly the limit must keep it.
    return round(drop, 12) if math.isfinite(drop) else drop


@dataclass(frozen=True)
class _Event:
    """What may happen in a layer: its criterion, its words, where it did, where that is unknown, one layer in words."""

    criterion: str
    words: str
    select: Callable[[Comparison], tuple[LayerComparison, ...]]
    unknown: Callable[[Comparison], tuple[LayerComparison, ...]]
    sentence: Callable[[LayerComparison], str]


@dataclass(frozen=True)
class _View:
    """The comparison of one target as the verdicts see it. `what`: the inputs it was made on."""

    case: Case
    comparison: Comparison
    what: str

    def output(self, name: str) -> Verdict:
        outputs = self.comparison.outputs
        if not outputs:
            return self.case.not_judged(name, "the comparison has no output")
        sense = CRITERIA[name].sense
        values = [float(getattr(output, name)) for output in outputs]
        value = worst(values, sense)
        # NaN is not equal to itself, so the culprit is found by what `worst` would say of it alone.
        culprit = next(o for o, v in zip(outputs, values, strict=True) if v == value or math.isnan(v))
        # A cosine differs from 1 in its last digits only.
        shown = f"{value:.8g}" if name == "cosine_similarity" else f"{value:.4g}"
        why = f"{shown} {_of(culprit, len(outputs))}, {self.what}"
        verdict = self.case.judge(name, value, why)
        if verdict:
            return verdict
        hint = _near_zero(culprit) if name == "mean_relative_error" else ""
        return self.case.judge(name, value, why + hint + self.blame())

    def non_finite(self) -> Verdict:
        outputs = self.comparison.outputs
        if not outputs:
            return self.case.not_judged("non_finite_outputs", "the comparison has no output")
        bad = [o for o in outputs if o.non_finite]
        count = sum(o.non_finite for o in bad)
        named = listing([f"{counted(o.non_finite, 'element')} of {clipped(o.name, 80)!r}" for o in bad])
        why = f"{named or 'every element is finite'}, {self.what}"
        return self.case.judge("non_finite_outputs", count, why + (self.blame() if bad else ""))

    def layers(self, event: _Event) -> Verdict:
        layers, name = self.comparison.layers, event.criterion
        if not layers:
            return self.case.not_judged(name, "the comparison has no layer")
        found, unknown = event.select(self.comparison), event.unknown(self.comparison)
        if unknown and not found:
            what = f"{event.words} could not be counted in {len(unknown)} of {counted(len(layers), 'layer')}"
            named = listing([f"{clipped(layer.node, 80)} ({layer.op})" for layer in unknown])
            return self.case.not_judged(name, f"{what}, whose dumps cannot be read: {named}")
        where = f"{len(found)} of {counted(len(layers), 'layer')}{self.without_layer()}"
        why = f"{event.words} in {where}, {self.what}"
        if found:
            why += f": {listing([event.sentence(layer) for layer in found])}{self.blame()}"
        elif name == "underflow_layers":
            why += self.near_misses()
        if "random" in self.what and not found:
            why += "; random inputs need not reach the ranges that real ones do"
        return self.case.judge(name, len(found), why)

    def blame(self) -> str:
        first = self.comparison.first_bad_layer
        if first is None:
            lost = [layer for layer in self.comparison.layers if math.isnan(layer.relative_euclidean_distance)]
            if lost and not any(layer.overflow for layer in self.comparison.layers):
                # Nothing overflowed on the device, so FP32 has no number there either.
                where = f"{clipped(lost[0].node, 80)} ({lost[0].op})"
                return f". The results are no numbers from {where} on, in FP32 too: look at its weights and inputs."
            return f". No single layer is the culprit: errors add up.{self.fusion()}"
        return f". First bad layer: {clipped(first.node, 80)} ({first.op}), {clipped(first.cause)}{self.fusion('.')}"

    def fusion(self, stop: str = "") -> str:
        """What the trial without fusion says, a sentence of its own behind `stop`; nothing where there was none."""
        trial = self.comparison.fusion
        if trial is None or trial.verdict == "neither":
            return ""
        errors = f"{trial.fused:.3g} with fusion and {trial.unfused:.3g} without"
        if trial.verdict == "arithmetic":
            return f"{stop} Fusion is not to blame: the outputs are off by {errors}."
        passes = f"; these took effect: {listing(trial.passes)}" if trial.passes else ""
        return (
            f"{stop} A fusion is to blame: the outputs are off by {errors}. Find it with fusion_switches in "
            f"defs.yaml{passes}."
        )

    def without_layer(self) -> str:
        """How many nodes no layer is about: fused and folded ones have no result of their own on a device."""
        told = {layer.node for layer in self.comparison.layers}
        missing = [entry for entry in self.comparison.not_compared if entry.node not in told]
        if not missing:
            return ""
        shown = listing([f"{clipped(entry.node, 80)}: {clipped(entry.why, 120)}" for entry in missing], shown=2)
        return f" ({counted(len(missing), 'node')} not compared, {shown})"

    def near_misses(self) -> str:
        touched = sum(layer.underflow > 0 for layer in self.comparison.layers)
        small = [f"{s.value:.3g} in {clipped(s.node, 80)}" for s in self.comparison.small_constants]
        text = f"; tiny values round in {counted(touched, 'layer')} without harm" if touched else ""
        return text + (
            f"; constants below FP16's normal range, without harm here: {listing(small, shown=3)}" if small else ""
        )


def _of(output: OutputComparison, outputs: int) -> str:
    name = repr(clipped(output.name, 80))
    return f"on output {name}" + (f", the worst of {outputs}" if outputs > 1 else "")


def _near_zero(output: OutputComparison) -> str:
    for name in ("cosine_similarity", "relative_euclidean_distance"):
        criterion = CRITERIA[name]
        if not all(holds(float(getattr(output, name)), criterion.sense, x) for x in default_limits(criterion).values()):
            return ""
    return (
        f"; yet its cosine similarity is {output.cosine_similarity:.6g} and its relative distance "
        f"{output.relative_euclidean_distance:.4g}, so elements near 0 make the figure: if they carry no meaning, set "
        "gates.mean_relative_error in defs.yaml"
    )


def _overflow(layer: LayerComparison) -> str:
    return f"{clipped(layer.node, 80)} ({layer.op}): {counted(layer.overflow, 'element')}"


def _underflow(layer: LayerComparison) -> str:
    lost = counted(layer.underflow, "element") if layer.underflow else "a constant"
    return f"{clipped(layer.node, 80)} ({layer.op}): {lost}, own error {layer.local_error:.3g}"


def _task(case: Case, metric: TaskMetric | None) -> Verdict:
    name = "task_metric_drop"
    if metric is None:
        return case.not_judged(name, "the model has no evaluation data; give `evaluation` in defs.yaml")
    if metric.samples < 1:
        return case.not_judged(name, f"{metric.name} was computed on no sample")
    why = f"{metric.name} {metric.reference:.6g} in FP32, {metric.device:.6g} on the device"
    return case.judge(name, metric_drop(metric), f"{why}, {counted(metric.samples, 'sample')}")
