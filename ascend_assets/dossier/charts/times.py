"""Where the time goes: a heat map of time by operator type along the network, and its miniature.

Here belong the drawings. Not here: the table of operators (the page has one), or whether the whole is fast enough.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from ascend_assets.dossier import text
from ascend_assets.dossier.charts.svg import drawing, label, rect, title
from ascend_assets.dossier.quantities import TIMES, microseconds, share
from resources.ascend.toolchain import Bound, OpTime

LEVELS = 6
"""Shades of the heat map; a cell's shade is the square root of its time against the hottest cell's."""
BOUNDS: tuple[Bound, ...] = get_args(Bound)
OTHER = "other types"
_ROW = 22.0
_TOP = 46.0
_SPARK_BINS = 64


@dataclass(frozen=True)
class Size:
    """Where columns begin and end, in pixels, and how many rows and columns there are at most.

    `bar`: where the bars of the types' totals end; equal to `right` where there is no room for them.
    """

    width: int
    left: float
    right: float
    bar: float
    rows: int
    columns: int
    letters: int


WIDE = Size(width=960, left=136, right=690, bar=852, rows=11, columns=64, letters=19)
NARROW = Size(width=380, left=92, right=318, bar=318, rows=8, columns=26, letters=11)


def usable(op: OpTime) -> float:
    """An operator's time in microseconds; 0 where it is negative, NaN or infinite."""
    return op.time_us if math.isfinite(op.time_us) and op.time_us > 0 else 0.0


def by_type(ops: Sequence[OpTime], rows: int) -> dict[str, list[int]]:
    """Positions of the operators of each type, hottest type first; beyond `rows` types the rest is one row."""
    found: dict[str, list[int]] = {}
    for position, op in enumerate(ops):
        found.setdefault(op.op, []).append(position)
    hottest = sorted(found.items(), key=lambda item: (-sum(usable(ops[i]) for i in item[1]), item[0]))
    if len(hottest) <= rows:
        return dict(hottest)
    rest = sorted(i for _, positions in hottest[rows - 1 :] for i in positions)
    return {**dict(hottest[: rows - 1]), OTHER: rest}


def heat_map(ops: Sequence[OpTime], size: Size = WIDE) -> str:
    """Rows: operator types. Columns: the network from first to last operator. Shade: time. Right: the type's share."""
    total = sum(map(usable, ops))
    if total == 0:
        empty = label(size.width / 2, 40, "No operator has a time.", "strong", "middle")
        return drawing(size.width, 80, empty, about="No operator has a time")
    rows = by_type(ops, size.rows)
    columns = min(len(ops), size.columns)
    column = {i: i * columns // len(ops) for i in range(len(ops))}
    grid = {kind: _cells(positions, column) for kind, positions in rows.items()}
    hottest = max(sum(usable(ops[i]) for i in cell) for row in grid.values() for cell in row.values())
    step = (size.right - size.left) / columns
    parts = [*_skyline(ops, column, columns, size)]
    longest = max(sum(usable(ops[i]) for i in positions) for positions in rows.values())
    for place, (kind, row) in enumerate(grid.items()):
        y = _TOP + place * _ROW
        parts.append(label(size.left - 8, y + 14, text.clean(text.name(kind), size.letters), "strong", "end"))
        parts.append(rect(size.left, y, size.right - size.left, _ROW - 3, class_="heat-0"))
        parts += [
            _cell(ops, cell, rect_x=size.left + at * step, y=y, width=step, hottest=hottest, total=total)
            for at, cell in row.items()
        ]
        parts += _margin(ops, rows[kind], y, longest=longest, total=total, size=size)
    bottom = _TOP + len(grid) * _ROW
    parts.append(label(size.left, bottom + 14, "first operator"))
    parts.append(label(size.right, bottom + 14, f"last of {len(ops):,}", anchor="end"))
    about = f"Time of {len(ops):,} operators; most in {text.name(next(iter(rows)))}"
    return drawing(size.width, int(bottom + 22), *parts, about=about)


def time_spark(ops: Sequence[OpTime]) -> str:
    """One inference from left to right in the size of a word: width is time, colours what bounds it."""
    width, height = 160, 36
    total = sum(map(usable, ops))
    if total == 0:
        return drawing(width, height, about="No operator has a time", class_="spark")
    bins = min(len(ops), _SPARK_BINS)
    times: list[dict[Bound, float]] = [{} for _ in range(bins)]
    for i, op in enumerate(ops):
        bin_ = times[i * bins // len(ops)]
        bin_[op.bound] = bin_.get(op.bound, 0.0) + usable(op)
    parts, x = [], 0.0
    for found in times:
        together = sum(found.values())
        extent, y = together / total * width, 6.0
        for bound in BOUNDS:
            tall = 24 * found.get(bound, 0.0) / together if together else 0.0
            if tall:
                parts.append(rect(x, y, extent, tall, class_=bound))
            y += tall
        x += extent
    return drawing(width, height, *parts, about=f"Time of {len(ops):,} operators in order", class_="spark")


def _cells(positions: Sequence[int], column: Mapping[int, int]) -> dict[int, list[int]]:
    cells: dict[int, list[int]] = {}
    for i in positions:
        cells.setdefault(column[i], []).append(i)
    return cells


def _cell(
    ops: Sequence[OpTime],
    cell: Sequence[int],
    *,
    rect_x: float,
    y: float,
    width: float,
    hottest: float,
    total: float,
) -> str:
    time = sum(usable(ops[i]) for i in cell)
    level = math.ceil(LEVELS * math.sqrt(time / hottest)) if hottest else 0
    top = max((ops[i] for i in cell), key=usable)
    what = f"{text.clean(text.name(top.node), 80)} ({text.clean(top.op, 40)}, {top.bound})"
    more = f"\nand {len(cell) - 1:,} more operators" if len(cell) > 1 else ""
    hover = f"{what}{more}\n{microseconds(time)}, {share(time / total)} of the time"
    gap = 1.0 if width > 4 else 0.0  # noqa: PLR2004 - px; narrower cells would be more gap than cell
    return rect(rect_x, y, width - gap, _ROW - 3, title(hover), class_=f"heat-{level}")


def _skyline(ops: Sequence[OpTime], column: Mapping[int, int], columns: int, size: Size) -> list[str]:
    times = [0.0] * columns
    for i, op in enumerate(ops):
        times[column[i]] += usable(op)
    step = (size.right - size.left) / columns
    gap = 1.0 if step > 4 else 0.0  # noqa: PLR2004 - px
    parts = [
        rect(size.left + k * step, _TOP - 6 - 34 * t / max(times), step - gap, 34 * t / max(times), class_="skyline")
        for k, t in enumerate(times)
        if t > 0
    ]
    parts.append(label(size.left - 8, _TOP - 10, "all types", anchor="end"))
    return parts


def _margin(
    ops: Sequence[OpTime], positions: Sequence[int], y: float, *, longest: float, total: float, size: Size
) -> list[str]:
    time = sum(usable(ops[i]) for i in positions)
    parts = []
    if size.bar > size.right:
        x, room = size.right + 14, size.bar - size.right - 14
        for bound in BOUNDS:
            part = sum(usable(ops[i]) for i in positions if ops[i].bound == bound)
            extent = room * part / longest if longest else 0.0
            if part:
                hover = f"{bound}-bound: {microseconds(part)}, {share(part / total)} of the time"
                parts.append(rect(x, y + 3, extent, _ROW - 9, title(hover), class_=bound))
            x += extent
        parts.append(label(size.width - 4, y + 14, f"{TIMES}{len(positions):,}", anchor="end"))
        parts.append(label(size.bar + 52, y + 14, share(time / total), "strong", "end"))
    else:
        parts.append(label(size.width - 4, y + 14, share(time / total), "strong", "end"))
    return parts
