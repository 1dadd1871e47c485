"""Error over layers: the accumulated error as a line, each layer's own error as a stem, so that a culprit stands out.

Here belong the full drawing and its miniature. Not here: the choice of layers (`decimate.py`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ascend_assets.dossier import text
from ascend_assets.dossier.charts.decimate import decimate, faulty
from ascend_assets.dossier.charts.svg import Scale, decades, drawing, label, line, nice_ticks, rect, tag, title
from ascend_assets.dossier.quantities import cosine, number
from resources.ascend.toolchain import BadLayer, LayerComparison

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_DECADES = 8
"""Decades drawn at most: FP16 has not many more."""
_MARK = 5.0


@dataclass(frozen=True)
class Size:
    """Width and height in pixels, and how many layers fit."""

    width: int
    height: int
    points: int


WIDE = Size(960, 300, 420)
NARROW = Size(380, 280, 120)


@dataclass(frozen=True)
class _Plot:
    layers: Sequence[LayerComparison]
    shown: Sequence[int]
    x: Scale
    y: Scale

    @property
    def top(self) -> float:
        return self.y.end

    @property
    def bottom(self) -> float:
        return self.y.start


def precision_curve(
    layers: Sequence[LayerComparison],
    *,
    first_bad: BadLayer | None = None,
    limit: float | None = None,
    size: Size = WIDE,
) -> str:
    """Relative Euclidean distance over layers on a log scale.

    `limit`: the bound on model outputs, drawn for comparison. What is NaN or infinite is a mark above the plot; zero
    lies on its floor.
    """
    if not layers:
        empty = label(size.width / 2, 40, "No layers were compared.", "strong", "middle")
        return drawing(size.width, 80, empty, about="No layers were compared")
    bad = _position(layers, first_bad)
    shown = decimate(layers, size.points, () if bad is None else (bad,))
    low, high = _domain(layers, limit)
    plot = _Plot(
        layers,
        shown,
        Scale(0, max(1, len(layers) - 1), 50, size.width - 14),
        Scale(low, high, size.height - 40, 46, log=True),
    )
    parts = [*_grid(plot), _stems(plot), _curve(plot), *_dtypes(plot), *_faults(plot)]
    if limit is not None and math.isfinite(limit) and limit > 0:
        parts += _limit(plot, limit)
    if bad is not None and first_bad is not None:
        parts += _bad(plot, bad, first_bad, size)
    parts += _hits(plot)
    return drawing(size.width, size.height, *parts, about=_about(layers, first_bad))


def precision_spark(layers: Sequence[LayerComparison], first_bad: BadLayer | None = None) -> str:
    """The accumulated error in the size of a word."""
    width, height = 160, 36
    if not layers:
        return drawing(width, height, about="No layers were compared", class_="spark")
    bad = _position(layers, first_bad)
    shown = decimate(layers, 60, () if bad is None else (bad,))
    low, high = _domain(layers, None)
    plot = _Plot(
        layers, shown, Scale(0, max(1, len(layers) - 1), 4, width - 4), Scale(low, high, height - 5, 8, log=True)
    )
    parts = [line(4, plot.bottom + 2, width - 4, plot.bottom + 2, "grid"), _curve(plot)]
    if bad is not None:
        y = plot.y(_error(layers[bad]))
        parts.append(tag("circle", cx=plot.x(bad), cy=y, r=3.0, class_="bad"))
    return drawing(width, height, *parts, about=_about(layers, first_bad), class_="spark")


def _error(layer: LayerComparison) -> float:
    value = layer.relative_euclidean_distance
    return value if math.isfinite(value) else math.inf


def _position(layers: Sequence[LayerComparison], bad: BadLayer | None) -> int | None:
    if bad is None:
        return None
    return next((i for i, layer in enumerate(layers) if layer.node == bad.node), None)


def _domain(layers: Sequence[LayerComparison], limit: float | None) -> tuple[float, float]:
    values = [v for x in layers for v in (x.relative_euclidean_distance, x.local_error)]
    values += [] if limit is None else [limit]
    drawn = [v for v in values if math.isfinite(v) and v > 0]
    if not drawn:
        return 1e-8, 1.0
    high = 10.0 ** min(300, math.ceil(math.log10(max(drawn))))
    low = 10.0 ** max(-300, math.floor(math.log10(max(min(drawn), max(drawn) * 10.0**-_DECADES))))
    return (low, high) if low < high else (high / 10, high)


def _grid(plot: _Plot) -> list[str]:
    left, right = plot.x.start, plot.x.end
    ticks = decades(plot.y.low, plot.y.high)
    every = math.ceil(len(ticks) / 6)
    parts = []
    for power in ticks[::-1][::every]:
        y = plot.y(power)
        exponent = str(round(math.log10(power))).translate(_SUPERSCRIPT)
        parts += [line(left, y, right, y, "grid"), label(left - 8, y + 4, f"10{exponent}", anchor="end")]
    parts.append(line(left, plot.bottom, right, plot.bottom, "axis"))
    last = len(plot.layers) - 1
    for tick in nice_ticks(0, last, 8 if right > 500 else 4) if last else [0.0]:  # noqa: PLR2004 - px
        parts.append(label(plot.x(tick), plot.bottom + 24, f"{int(tick):,}", anchor="middle"))
    parts.append(label(right, plot.bottom + 37, f"layer, in order of execution (of {last + 1:,})", anchor="end"))
    return parts


def _stems(plot: _Plot) -> str:
    path = "".join(
        f"M{plot.x(i):.1f} {plot.bottom:.1f}V{plot.y(own if math.isfinite(own) else math.inf):.1f}"
        for i in plot.shown
        if (own := plot.layers[i].local_error) != 0
    )
    room = (plot.x.end - plot.x.start) / max(1, len(plot.shown))
    return tag("path", d=path or "M0 0", class_="own", stroke_width=min(6.0, max(1.0, 0.55 * room)))


def _curve(plot: _Plot) -> str:
    path, pen_down = [], False
    for i in plot.shown:
        value = plot.layers[i].relative_euclidean_distance
        if not math.isfinite(value):
            pen_down = False
            continue
        command = "L" if pen_down else "M"
        # A round cap makes a lone point between two gaps visible.
        path.append(f"{command}{plot.x(i):.1f} {plot.y(value):.1f}{'' if pen_down else 'h.01'}")
        pen_down = True
    return tag("path", d="".join(path) or "M0 0", class_="line", stroke_linecap="round")


def _dtypes(plot: _Plot) -> list[str]:
    runs: list[tuple[int, int, str]] = []
    for i in plot.shown:
        dtype = plot.layers[i].dtype
        if runs and runs[-1][2] == dtype:
            runs[-1] = (runs[-1][0], i, dtype)
        else:
            runs.append((i, i, dtype))
    half = 0.5 * (plot.x(1) - plot.x(0))
    left, right = plot.x.start, plot.x.end
    return [
        rect(
            start := max(left, plot.x(first) - half),
            plot.bottom + 3,
            max(1.0, min(right, plot.x(last) + half) - start),
            5.0,
            class_=f"dtype-{dtype}",
        )
        for first, last, dtype in runs
    ]


def _faults(plot: _Plot) -> list[str]:
    """Marks in the band above the plot: a triangle for overflow, a cross for NaN or infinity without one."""
    taken: set[tuple[int, bool]] = set()
    parts = []
    y = plot.top - 14
    for i in plot.shown:
        layer = plot.layers[i]
        if not faulty(layer):
            continue
        x, overflow = plot.x(i), layer.overflow > 0
        place = (round(x / (2 * _MARK)), overflow)
        if place in taken:
            continue
        taken.add(place)
        r = _MARK
        if overflow:
            d = f"M{x - r:.1f} {y + r:.1f}h{2 * r}L{x:.1f} {y - r:.1f}z"
            parts.append(tag("path", d=d, class_="bad"))
        else:
            d = f"M{x - r + 1:.1f} {y - r + 1:.1f}l{2 * r - 2} {2 * r - 2}m0 {2 - 2 * r}l{2 - 2 * r} {2 * r - 2}"
            parts.append(tag("path", d=d, class_="badline", stroke_width=2))
    return parts


def _limit(plot: _Plot, limit: float) -> list[str]:
    y = plot.y(limit)
    note = f"limit on outputs {number(limit)}"
    return [line(plot.x.start, y, plot.x.end, y, "limit"), label(plot.x.start + 6, y - 5, note, "warn")]


def _bad(plot: _Plot, position: int, bad: BadLayer, size: Size) -> list[str]:
    x = plot.x(position)
    right_half = x > size.width / 2
    node = text.clean(text.name(bad.node), 60 if size is WIDE else 28)
    note = f"first bad layer: {node}"
    return [
        line(x, 18, x, plot.bottom, "badline"),
        label(x - 6 if right_half else x + 6, 14, note, "bad strong", "end" if right_half else None),
    ]


def _hits(plot: _Plot) -> list[str]:
    xs = [plot.x(i) for i in plot.shown]
    edges = [plot.x.start, *((a + b) / 2 for a, b in pairwise(xs)), plot.x.end]
    top = plot.top - 22
    return [
        rect(left, top, right - left, plot.bottom - top, title(_hover(plot.layers[i])), class_="hit")
        for i, (left, right) in zip(plot.shown, pairwise(edges), strict=True)
    ]


def _hover(layer: LayerComparison) -> str:
    faults = f"\noverflow {layer.overflow:,}" if layer.overflow else ""
    return (
        f"{layer.index}  {text.clean(text.name(layer.node), 80)} ({text.clean(layer.op, 40)}, {layer.dtype})\n"
        f"accumulated {number(layer.relative_euclidean_distance, 3)}, own {number(layer.local_error, 3)}, "
        f"cosine {cosine(layer.cosine_similarity)}{faults}"
    )


def _about(layers: Sequence[LayerComparison], bad: BadLayer | None) -> str:
    overflow = sum(layer.overflow > 0 for layer in layers)
    ending = f"first bad layer {text.name(bad.node)}" if bad else "no bad layer"
    last = number(layers[-1].relative_euclidean_distance)
    return f"Error over {len(layers):,} layers; {last} at the last; {overflow:,} overflow; {ending}"
