"""A measured benchmark's runs, one after the other, with the percentiles that they come to.

Here belongs the drawing: whether a card was warm, throttled or disturbed is seen and not computed. Not here: the
percentiles of several targets beside each other (`intervals.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ascend_assets.dossier.charts.svg import Scale, drawing, label, line, nice_ticks, tag, title
from ascend_assets.dossier.quantities import milliseconds, number, with_unit
from resources.ascend.toolchain import Latency

_TOP, _BOTTOM = 14.0, 22.0
_LABEL = 14.0
"""Pixels that a line of text needs."""
_OUTLIER = 20.0
"""Slowest over fastest, above which a linear axis would press all other runs flat."""
_JITTER = 0.15
"""Share of the median that the axis spans on each side at least: a jitter of 2 % shall not look like a storm."""


@dataclass(frozen=True)
class Size:
    """Width and height in pixels, where the runs begin and end, and how many points their line has at most."""

    width: int
    height: int
    left: float
    right: float
    points: int


WIDE = Size(width=960, height=190, left=72, right=852, points=600)
NARROW = Size(width=380, height=180, left=58, right=286, points=160)


def runs_plot(runs_ms: Sequence[float], latency: Latency, size: Size = WIDE) -> str:
    """Milliseconds over runs as a line, and P50, P90, P99 as lines across it; runs that no clock says are left out."""
    runs = [(place, time) for place, time in enumerate(runs_ms) if math.isfinite(time) and time > 0]
    if not runs:
        empty = label(size.width / 2, 40, "No run has a time.", "strong", "middle")
        return drawing(size.width, 80, empty, about="No run has a time")
    y, last = _scale([time for _, time in runs], size), len(runs_ms) - 1
    x = Scale(0, max(1, last), size.left, size.right)
    shown = _thinned(runs, size.points)
    path = "M" + "L".join(f"{x(place):.1f} {y(time):.1f}" for place, time in shown)
    if len(shown) == 1:
        path += f"L{size.right:.1f} {y(shown[0][1]):.1f}"
    slowest = max(runs, key=lambda run: run[1])
    about = (
        f"{len(runs):,} runs: P50 {milliseconds(latency.p50)}, P99 {milliseconds(latency.p99)}, the slowest, "
        f"number {slowest[0] + 1:,}, {milliseconds(slowest[1])}"
    )
    parts = [
        *_axis(y, size),
        *_percentiles(latency, y, size),
        tag("path", title(about), d=path, class_="line"),
        label(size.left, size.height - 6, "first run"),
        label(size.right, size.height - 6, f"last of {len(runs_ms):,}", anchor="end"),
    ]
    return drawing(size.width, size.height, *parts, about=about)


def _scale(times: Sequence[float], size: Size) -> Scale:
    low, high = min(times), max(times)
    if high / low > _OUTLIER:
        return Scale(low / 1.3, high * 1.3, size.height - _BOTTOM, _TOP, log=True)
    low, high = min(low, median(times) * (1 - _JITTER)), max(high, median(times) * (1 + _JITTER))
    room = (high - low) * 0.08
    return Scale(max(0.0, low - room), high + room, size.height - _BOTTOM, _TOP)


def _thinned(runs: Sequence[tuple[int, float]], points: int) -> list[tuple[int, float]]:
    """All runs, or of each stretch of them the fastest and the slowest, in their order."""
    if len(runs) <= points:
        return list(runs)
    bins, found = points // 2, []
    for place in range(bins):
        stretch = runs[place * len(runs) // bins : (place + 1) * len(runs) // bins]
        ends = {min(stretch, key=lambda run: run[1]), max(stretch, key=lambda run: run[1])}
        found += sorted(ends)
    return found


def _axis(y: Scale, size: Size) -> list[str]:
    if y.log:
        first, last = math.floor(math.log10(y.low)), math.ceil(math.log10(y.high))
        powers = range(first, last + 1)[:: max(1, (last - first) // 4)]
        ticks = [10.0**power for power in powers if y.low <= 10.0**power <= y.high]
    else:
        ticks = nice_ticks(y.low, y.high, 4)
    parts = [line(size.left, y.start, size.right, y.start, "axis")]
    for tick in ticks:
        parts += [
            line(size.left, y(tick), size.right, y(tick), "grid"),
            label(size.left - 8, y(tick) + 4, with_unit(number(tick, 3), "ms"), anchor="end"),
        ]
    return parts


def _percentiles(latency: Latency, y: Scale, size: Size) -> list[str]:
    """Lines with their names beside them, apart as far as text needs."""
    known = [("P50", latency.p50), ("P90", latency.p90), ("P99", latency.p99)]
    known = [(name, value) for name, value in known if math.isfinite(value) and value > 0]
    places = [y(value) + 4 for _, value in known]
    for below, above in pairwise(range(len(places))):
        places[above] = min(places[above], places[below] - _LABEL)
    beyond = max(0.0, _TOP - min(places, default=_TOP))
    parts = []
    for (name, value), place in zip(known, places, strict=True):
        parts += [
            line(size.left, y(value), size.right, y(value), "own"),
            label(size.right + 6, place + beyond, f"{name} {milliseconds(value)}", "strong" if name == "P99" else None),
        ]
    return parts
