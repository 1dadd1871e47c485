"""Figures against their limits: latency with its error band, the task metric against its reference.

Here belong drawings of single figures. Not here: series over layers or operators.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ascend_assets.dossier import text
from ascend_assets.dossier.charts.svg import Scale, drawing, label, line, nice_ticks, rect, tag, title
from ascend_assets.dossier.quantities import MINUS, milliseconds, number, percent, with_unit
from ascend_assets.policy_file import in_force
from ascend_assets.records import TaskMetric
from resources.ascend.toolchain import ErrorBand, Latency, Origin

WIDE, NARROW = 960, 380
_ROW = 74.0
_EDGE = 12.0
_TICKS = 8
_LETTER = 6.4
"""Width of a letter in pixels, at most, on average."""


@dataclass(frozen=True)
class LatencyRow:
    """One target's latency for one batch. `limits`: milliseconds for P99, by environment."""

    target: str
    latency: Latency
    band: ErrorBand | None
    limits: Mapping[str, float]
    origin: Origin


@dataclass(frozen=True)
class MetricRow:
    """One target's task metric. `limits`: the drop that an environment allows."""

    target: str
    metric: TaskMetric
    limits: Mapping[str, float]


def latency_intervals(rows: Sequence[LatencyRow], width: int = WIDE) -> str:
    """One line per target on one axis: P50, P90, P99 as dots, the band around P99 as a bar, limits as dashed lines."""
    points = [v for row in rows for v in _extent(row) if math.isfinite(v) and v > 0]
    if not points:
        empty = label(width / 2, 40, "No latency is known.", "strong", "middle")
        return drawing(width, 80, empty, about="No latency is known")
    low, high = min(points), max(points)
    log = high / low > 20  # noqa: PLR2004 - on a linear axis the smallest would be lost in the corner
    scale = Scale(low / 1.4 if log else 0.0, high * (1.4 if log else 1.12), _EDGE, width - _EDGE, log=log)
    bottom = _ROW * len(rows) + 6
    parts = _axis(scale, bottom, width)
    for place, row in enumerate(rows):
        parts += _latency_row(row, scale, place * _ROW, width)
    about = "; ".join(f"{row.target}: P99 {_spoken(row)}" for row in rows)
    return drawing(width, int(bottom + 24), *parts, about=about)


def task_metric_plot(rows: Sequence[MetricRow], width: int = WIDE) -> str:
    """One line per target, each on its own axis: the FP32 reference hollow, the device filled, allowed drops dashed."""
    parts = []
    for place, row in enumerate(rows):
        parts += _metric_row(row, place * _ROW, width)
    about = "; ".join(f"{row.target}: {change(row.metric)}" for row in rows) or "No task metric is known"
    return drawing(width, int(_ROW * max(1, len(rows)) + 8), *parts, about=about)


def score(metric: TaskMetric, value: float) -> str:
    """A score as it is usually written: accuracies in percent."""
    return percent(value) if metric.name.startswith("top") else number(value)


def change(metric: TaskMetric) -> str:
    """Both scores and their difference: `98.72 % → 98.61 % (... points)`."""
    accuracy = metric.name.startswith("top")
    difference = metric.device - metric.reference
    points = f"{100 * difference:+.2f} points" if accuracy else f"{difference:+.4g}"
    told = points.replace("-", MINUS) if math.isfinite(difference) else number(difference)
    return f"{score(metric, metric.reference)} → {score(metric, metric.device)} ({told})"


def grouped(limits: Mapping[str, float]) -> dict[float, str]:
    """Limit -> the environments that share it, in their order: `{20.0: "dev", 10.0: "staging, prod"}`."""
    found: dict[float, list[str]] = {}
    for environment in in_force().names:
        if environment in limits:
            found.setdefault(limits[environment], []).append(environment)
    return {limit: ", ".join(names) for limit, names in found.items() if math.isfinite(limit)}


def _extent(row: LatencyRow) -> list[float]:
    band = [row.latency.p99 * row.band.low, row.latency.p99 * row.band.high] if row.band else []
    return [row.latency.p50, row.latency.p90, row.latency.p99, *band, *row.limits.values()]


def _spoken(row: LatencyRow) -> str:
    p99 = row.latency.p99
    if row.band is None or not math.isfinite(p99):
        return milliseconds(p99)
    return f"{milliseconds(p99)}, between {milliseconds(p99 * row.band.low)} and {milliseconds(p99 * row.band.high)}"


def _axis(scale: Scale, bottom: float, width: int) -> list[str]:
    if scale.log:
        first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
        steps = (1, 2, 5) if (last - first) * (2 if width > NARROW else 4) <= _TICKS else (1,)
        ticks = [m * 10.0**p for p in range(first, last + 1) for m in steps if scale.low <= m * 10.0**p <= scale.high]
        ticks = ticks[:: max(1, math.ceil(len(ticks) / _TICKS))]
    else:
        ticks = nice_ticks(scale.low, scale.high, 8 if width > 500 else 4)  # noqa: PLR2004 - px
    parts = [line(scale.start, bottom, scale.end, bottom, "axis")]
    for tick in ticks:
        x = scale(tick)
        anchor = "start" if x < scale.start + 14 else "end" if x > scale.end - 22 else "middle"
        parts += [
            line(x, 26, x, bottom, "grid"),
            label(x, bottom + 16, with_unit(number(tick, 3), "ms"), anchor=anchor),
        ]
    return parts


def _latency_row(row: LatencyRow, scale: Scale, y: float, width: int) -> list[str]:
    track = y + 40
    said = "estimated" if row.origin == "emulated" else "measured"
    parts = [
        label(_EDGE, y + 18, text.clean(row.target, 40), "strong"),
        label(width - _EDGE, y + 18, f"P99 {said} {_spoken(row)}", "strong" if row.band is None else None, "end"),
        line(scale.start, track, scale.end, track, "axis"),
    ]
    p99 = row.latency.p99
    if row.band is not None and math.isfinite(p99):
        start, end = scale(p99 * row.band.low), scale(p99 * row.band.high)
        hover = (
            f"90 % of published figures lie within {number(row.band.low)} to {number(row.band.high)} of the estimate"
        )
        parts.append(rect(start, track - 8, max(2.0, end - start), 16.0, title(hover), class_="band", rx=3.0))
    parts += _limit_lines(row.limits, scale, track, milliseconds)
    figures = (("P50", row.latency.p50, "dot hollow"), ("P90", row.latency.p90, "dot hollow"), ("P99", p99, "dot"))
    for name, value, class_ in figures:
        if math.isfinite(value):
            hover = f"{row.target} {name} {milliseconds(value)}"
            parts.append(tag("circle", title(hover), cx=scale(value), cy=track, r=4.5, class_=class_))
    return parts


def _limit_lines(limits: Mapping[str, float], scale: Scale, track: float, written: Callable[[float], str]) -> list[str]:
    known = sorted(grouped(limits).items())
    parts = [line(scale(limit), track - 14, scale(limit), track + 14, "limit") for limit, _ in known]
    notes = [f"limit {written(limit)} in {names}" for limit, names in known]
    middle, below = (scale.start + scale.end) / 2, track + 24
    places = [scale(limit) for limit, _ in known]
    wide = [_LETTER * len(note) for note in notes]
    if len(notes) == 2 and places[0] - wide[0] > scale.start and places[1] + wide[1] < scale.end:  # noqa: PLR2004
        # Two limits, and room on their outer sides: the commonest case of close ones.
        return [
            *parts,
            label(places[0] - 5, below, notes[0], "warn", "end"),
            label(places[1] + 5, below, notes[1], "warn"),
        ]
    apart = all(b - a > max(wide) for a, b in pairwise(places))
    if not apart:
        notes, places = ["; ".join(notes)], places[:1]
    for x, note in zip(places, notes, strict=True):
        right = x > middle
        beside = x - 5 if right else x + 5
        at = beside if apart else scale.end if right else scale.start
        parts.append(label(at, below, note, "warn", "end" if right else None))
    return parts


def _metric_row(row: MetricRow, y: float, width: int) -> list[str]:
    metric, track = row.metric, y + 40
    samples = f"{metric.samples:,} samples"
    parts = [
        label(_EDGE, y + 18, f"{text.clean(row.target, 40)}  {text.clean(metric.name, 30)}", "strong"),
        label(
            width - _EDGE, y + 18, f"{change(metric)}, {samples}" if width > NARROW else change(metric), anchor="end"
        ),
        line(_EDGE, track, width - _EDGE, track, "axis"),
    ]
    if not (math.isfinite(metric.reference) and math.isfinite(metric.device)):
        return [*parts, label(_EDGE, track + 20, "not a finite number", "bad strong")]
    allowed = {e: metric.reference - d for e, d in row.limits.items()} if metric.higher_is_better else {}
    known = [metric.reference, metric.device, *(v for v in allowed.values() if math.isfinite(v))]
    room = (max(known) - min(known)) or abs(metric.reference) * 0.01 or 1.0
    scale = Scale(min(known) - 0.25 * room, max(known) + 0.25 * room, _EDGE, width - _EDGE)
    parts += _limit_lines(allowed, scale, track, lambda v: score(metric, v))
    for name, value, class_ in (("FP32", metric.reference, "dot hollow"), ("device", metric.device, "dot")):
        hover = f"{name} {score(metric, value)}"
        parts.append(tag("circle", title(hover), cx=scale(value), cy=track, r=5.0, class_=class_))
    return parts
