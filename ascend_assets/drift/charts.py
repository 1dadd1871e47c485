"""The furthest features, production's distribution beside the reference's, as small bars.

Here belongs the drawing. Not here: which features are furthest (`look.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ascend_assets.dossier.charts.svg import drawing, label, line, rect
from ascend_assets.dossier.quantities import share
from ascend_assets.dossier.text import name
from ascend_assets.drift.grids import Grid
from ascend_assets.drift.judge import Compared
from ascend_assets.drift.summary import Summary, counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WIDTH, _HEIGHT, _GAP = 250.0, 132.0, 20.0
_TOP, _BOTTOM = 34.0, 22.0
_COLUMNS = 2
_LEFT = 6.0
_BARS = 16
_LETTERS = 30
_INNER = (0.01, 0.99)
"""Bars of numbers stand for equal steps between these quantiles of the reference; beyond are the first and the last."""

Bar = tuple[str, float, float]
"""What it stands for, and the shares of the reference and of production."""


def distributions(worst: Sequence[Compared]) -> str:
    """A panel for each feature: the reference's shares in grey, production's in blue."""
    rows = -(-len(worst) // _COLUMNS)
    width, height = int(_COLUMNS * (_WIDTH + _GAP)), int(rows * (_HEIGHT + _GAP) + 24)
    if not worst:
        empty = label(width / 2, 14, "No feature has been compared.", "strong", "middle")
        return drawing(width, 24, empty, about="No feature has been compared")
    parts = [
        rect(_LEFT, 4, 10, 10, class_="skyline"),
        label(_LEFT + 16, 13, "evaluation data"),
        rect(120, 4, 10, 10, class_="cube"),
        label(136, 13, "production"),
    ]
    for place, one in enumerate(worst):
        x, y = _LEFT + place % _COLUMNS * (_WIDTH + _GAP), 24 + place // _COLUMNS * (_HEIGHT + _GAP)
        parts += _panel(one, x, y)
    about = f"Distributions of {', '.join(name(one.name) for one in worst)}: evaluation data and production"
    return drawing(width, height, *parts, about=about)


def bars(one: Compared) -> list[Bar]:
    """At most 18 bars, whose shares of each side sum to 1: what is NaN has the last one where there is any."""
    if one.grid.kind == "number":
        return _steps(one)
    return _bins(one)


def _panel(one: Compared, x: float, y: float) -> list[str]:
    found = bars(one)
    ground = y + _HEIGHT - _BOTTOM
    most = max((max(p, q) for _, p, q in found), default=0.0) or 1.0
    step = _WIDTH / max(1, len(found))
    tall = ground - y - _TOP
    parts = [label(x, y + 12, name(one.name)[:_LETTERS], "strong"), label(x, y + 26, f"highest {share(most)}")]
    for place, (_, p, q) in enumerate(found):
        left = x + place * step
        for side, value, class_ in ((0, p, "skyline"), (1, q, "cube")):
            height = tall * value / most
            if height > 0:
                parts.append(rect(left + side * step * 0.42, ground - height, step * 0.4, height, class_=class_))
    parts.append(line(x, ground, x + _WIDTH, ground, "axis"))
    if found:
        parts.append(label(x, ground + 14, found[0][0]))
        parts.append(label(x + _WIDTH, ground + 14, found[-1][0], anchor="end"))
    return parts


def _bins(one: Compared) -> list[Bar]:
    """The grid's own bins; of many the most frequent, and the others together."""
    sides = [_shares(counts(one.grid, side)) for side in (one.reference, one.production)]
    found = list(zip((*one.grid.labels, "missing"), *(map(float, side) for side in sides), strict=True))
    found = [bar for place, bar in enumerate(found) if bar[1] or bar[2] or place == 0]
    if len(found) <= _BARS:
        return found
    kept = sorted(found, key=lambda bar: max(bar[1], bar[2]), reverse=True)[: _BARS - 1]
    rest = [bar for bar in found if bar not in kept]
    return [*(bar for bar in found if bar in kept), ("others", sum(b[1] for b in rest), sum(b[2] for b in rest))]


def _steps(one: Compared) -> list[Bar]:
    """Equal steps over what the reference has, and what lies below and above."""
    import numpy as np

    ends = _ends(one)
    sides = [_between(one.grid, side, ends) for side in (one.reference, one.production)]
    names = [f"below {ends[0]:.3g}", *(f"{low:.3g}" for low in ends[:-1]), f"above {ends[-1]:.3g}"]
    found = [(name, float(p), float(q)) for name, p, q in zip(names, *sides, strict=True)]
    missing = [side.missing / max(1, side.count) for side in (one.reference, one.production)]
    return [*found, ("missing", missing[0], missing[1])] if np.any(missing) else found


def _ends(one: Compared) -> "NDArray[np.float64]":
    import numpy as np

    known = one.reference.upto / max(1, one.reference.known)
    last = len(one.grid.edges) - 1
    low, high = (one.grid.edges[min(last, int(np.searchsorted(known, at)))] for at in _INNER)
    if high <= low:
        low, high = one.grid.edges[0], one.grid.edges[-1]
    if high <= low:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, _BARS - 1)


def _between(grid: Grid, side: Summary, ends: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """The share of a side below the first end, between each two, and above the last. Within a cell it is spread."""
    import numpy as np

    if not side.count:
        return np.zeros(len(ends) + 1)
    upto = np.interp(ends, grid.edges, side.upto)
    return np.diff(upto, prepend=0, append=side.known) / side.count


def _shares(found: "NDArray[np.int64]") -> "NDArray[np.float64]":
    import numpy as np

    return np.asarray(found / max(1, found.sum()), dtype=np.float64)
