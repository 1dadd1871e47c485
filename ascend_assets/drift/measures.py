"""Distances between two summaries of one feature, and how probable they are by chance.

Here belong the formulas. Each takes the reference first. Counts of bins come from `summary.counts`; distances of
distribution functions from the cells, with a lower and an upper bound, because within a cell the order of values is not
kept. Not here: limits, or what a distance means (`judge.py`).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ascend_assets.drift.grids import Grid
from ascend_assets.drift.summary import Summary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]
    Floats = NDArray[np.float64]

LEAST_EXPECTED = 5
"""Bins in which fewer are expected are pooled before chi-square is read as a probability (Cochran 1954)."""


@dataclass(frozen=True)
class Bounds:
    """Between which numbers a distance lies."""

    low: float
    high: float


def psi(reference: "Counts", production: "Counts") -> float:
    """Population stability index: the sum over bins of (q - p) ln(q / p), p and q the bins' shares.

    It is Kullback and Leibler's divergence in both directions, added. An empty bin counts as half a sample, so that it
    says the less the fewer samples there are.
    """
    import numpy as np

    p, q = _floored(reference), _floored(production)
    held = (reference > 0) | (production > 0)
    return max(0.0, float(np.sum(((q - p) * np.log(q / p))[held])))


def jensen_shannon(reference: "Counts", production: "Counts") -> float:
    """Jensen-Shannon distance to base 2: the root of the mean divergence from the middle of both (Lin 1991). 0 to 1."""
    import numpy as np

    p, q = _shares(reference), _shares(production)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(s > 0, s * np.log2(s / middle), 0.0).sum() for s in (p, q)]
    return math.sqrt(min(1.0, max(0.0, float(parts[0] + parts[1]) / 2)))


def cramers_v(reference: "Counts", production: "Counts") -> float:
    """Cramer's V of the table of two rows, as if both had the same number of samples. 0 to 1.

    The root of half the sum of (p - q)^2 / (p + q). Of the counts as they are, V would fall with the size of the larger
    side alone: the difference is the same, the share of samples that show it smaller.
    """
    import numpy as np

    p, q = _shares(reference), _shares(production)
    held = p + q > 0
    return math.sqrt(min(1.0, float(np.sum((p - q)[held] ** 2 / (p + q)[held])) / 2))


def by_chance(reference: "Counts", production: "Counts") -> float:
    """What PSI comes to on average where nothing has drifted: (B - 1) (1/n + 1/m), of B bins that are not empty.

    To second order PSI is chi-square of the two rows, divided by nm / (n + m) (Yurdakul 2018); the square of
    Jensen-Shannon's distance is 1 / (8 ln 2) of that, and the square of V a quarter.
    """
    import numpy as np

    bins = np.count_nonzero((reference > 0) | (production > 0))
    return float((bins - 1) * (1 / reference.sum() + 1 / production.sum()))


def chi_square_p(reference: "Counts", production: "Counts") -> float:
    """Probability that both sides come from one distribution, by Pearson's chi-square of the two rows of counts.

    Bins in which fewer than `LEAST_EXPECTED` are expected on either side are pooled. 1 where one bin is left.
    """
    import numpy as np
    from scipy.special import gammaincc

    rows = np.array([reference, production], dtype=np.float64)
    sizes, both = rows.sum(axis=1), rows.sum(axis=0)
    rare = both * sizes.min() / sizes.sum() < LEAST_EXPECTED
    if rare.any():
        rows = np.column_stack([rows[:, ~rare], rows[:, rare].sum(axis=1)])
    rows = rows[:, rows.sum(axis=0) > 0]
    expected = np.outer(sizes, rows.sum(axis=0)) / sizes.sum()
    freedom = rows.shape[1] - 1
    if freedom == 0:
        return 1.0
    return float(gammaincc(freedom / 2, float(((rows - expected) ** 2 / expected).sum()) / 2))


def ks(reference: Summary, production: Summary) -> Bounds:
    """Kolmogorov-Smirnov distance: the largest difference of the two distribution functions. NaN lies beyond infinity.

    At each edge both functions are known, with and without the edge itself. Between two edges the difference is at most
    that of one function's upper end and the other's lower end: the bounds are apart by no more than the share of the
    reference between two edges, `1 / grids.CELLS`.
    """
    import numpy as np

    (f_open, f), (g_open, g) = (_at_edges(side, side.count) for side in (reference, production))
    ends = [abs(reference.missing / reference.count - production.missing / production.count)]
    low = max(float(np.abs(f - g).max()), float(np.abs(f_open - g_open).max()), *ends)
    f_last, g_last = (side.known / side.count for side in (reference, production))
    f_from, g_from = np.append(0.0, f), np.append(0.0, g)
    f_to, g_to = np.append(f_open, f_last), np.append(g_open, g_last)
    return Bounds(low, max(low, float((f_to - g_from).max()), float((g_to - f_from).max())))


def ks_p(distance: float, reference: int, production: int) -> float:
    """Probability of at least that distance by chance, from the sizes of both sides.

    Kolmogorov's limit with Stephens' correction for finite sizes (Stephens 1970). Where values are tied the true
    probability is smaller (Noether 1963): of a feature with few levels it says drift too late rather than too early.
    """
    from scipy.special import kolmogorov

    root = math.sqrt(reference * production / (reference + production))
    return float(kolmogorov((root + 0.12 + 0.11 / root) * distance))


def wasserstein(grid: Grid, reference: Summary, production: Summary) -> Bounds:
    """Earth mover's distance of what is no NaN, in the feature's own unit: the area between the distribution functions.

    The sum of a cell's values gives the area under each function within it exactly; only where the functions cross
    within a cell the area between them is not known, and lies between the bounds. Infinite where one side has infinite
    values, or none at all.
    """
    import numpy as np

    sides = (reference, production)
    if any(side.infinite or not side.known for side in sides):
        return Bounds(math.inf, math.inf)
    f, g = (_areas(grid, side) for side in sides)
    width = np.diff(grid.edges)
    (f_open, f_at), (g_open, g_at) = (_at_edges(side, side.known) for side in sides)
    least, most = f_at[:-1] - g_open[1:], f_open[1:] - g_at[:-1]
    mean = np.clip((f - g)[1:-1] / width, least, most)
    crosses = (least < 0) & (most > 0)
    # Of all functions between `least` and `most` with this mean, the one that jumps between both has the most area.
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(crosses, (mean - least) / (most - least), 0.0)
    highest = np.where(crosses, share * most - (1 - share) * least, np.abs(mean))
    tails = np.abs(f - g)[[0, -1]].sum()
    highest_tails = np.maximum(f, g)[[0, -1]].sum() if np.minimum(f, g)[[0, -1]].any() else tails
    low, high = float((np.abs(mean) * width).sum() + tails), float((highest * width).sum() + highest_tails)
    return Bounds(low, max(low, high))


def _areas(grid: Grid, side: Summary) -> "Floats":
    """(K + 1,) the area under the distribution function in each cell; in the last one, that above it."""
    import numpy as np

    inside = side.cells()
    upper, lower = grid.edges, grid.edges[:-1]
    areas = np.empty(len(inside))
    areas[:-1] = (upper * inside[:-1] - side.sums[:-1]) / side.known
    areas[1:-1] += (upper[1:] - lower) * (side.upto[:-1] / side.known)
    areas[-1] = (side.sums[-1] - upper[-1] * inside[-1]) / side.known
    return areas


def _at_edges(side: Summary, size: int) -> "tuple[Floats, Floats]":
    """The distribution function just before each edge, and at it."""
    return side.below / size, side.upto / size


def _shares(counts: "Counts") -> "Floats":
    import numpy as np

    return np.asarray(counts / counts.sum(), dtype=np.float64)


def _floored(counts: "Counts") -> "Floats":
    import numpy as np

    return np.asarray(np.maximum(counts, 0.5) / counts.sum(), dtype=np.float64)
