"""The cells in which a feature's values are counted: chosen from the reference, the same for every batch.

Here belongs choosing cells and bins. Not here: counting (`summary.py`), or distances (`measures.py`).

Cells are fine, for distances of distribution functions; bins are the coarse groups of cells that PSI, Jensen-Shannon
and chi-square compare.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Kind = Literal["number", "discrete", "category"]

CELLS = 1024
"""Cells of equal share of the reference: between two edges lies less than a 1024th of it. Where the reference has fewer
distinct values, each is an edge, and nothing lies between."""
BINS = 10
MAX_CATEGORIES = 100
"""An integer with more distinct values is a number."""
MAX_LEVELS = 20
"""A float with so few distinct values, most of which come more than once, has levels, as a grey value of 4 bits has."""
UNSEEN = "unseen"
_FINITE = (-1.7e308, 1.7e308)


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of one feature. Cell i is (edges[i-1], edges[i]]; the first and the last have no end outside.

    `edges`: (K,), ascending and finite. `bin_of_cell`: (K + 1,). `labels`: one per bin. What is NaN has a bin of its
    own, the last, which `labels` leaves out.
    """

    kind: Kind
    edges: "Floats"
    bin_of_cell: "NDArray[np.intp]"
    labels: tuple[str, ...]


def grid(values: "NDArray[Any]", *, integer: bool) -> Grid:
    """The cells for a feature of which `values` (n,) are the reference. NaN and infinities choose no cell."""
    import numpy as np

    return grid_of_sorted(np.sort(values), integer=integer)


def grid_of_sorted(ordered: "NDArray[Any]", *, integer: bool) -> Grid:
    """The cells for sorted values, NaN last."""
    import numpy as np

    first, last = np.searchsorted(ordered, -np.inf, "right"), np.searchsorted(ordered, np.inf)
    known = ordered[first:last].astype(np.float64, copy=False)
    starts = np.flatnonzero(np.append(True, known[1:] != known[:-1])[: len(known)])
    distinct, often = known[starts], np.diff(starts, append=len(known))
    if len(distinct) == 0:
        return Grid("number", np.zeros(1), np.array([0, 1]), ("0 or less", "above 0"))
    if integer and len(distinct) <= MAX_CATEGORIES:
        return _categories(distinct)
    if not integer and len(distinct) <= MAX_LEVELS and 2 * np.count_nonzero(often == 1) <= len(distinct):
        return _levels(distinct)
    return _numbers(known, distinct)


def _categories(distinct: "Floats") -> Grid:
    """Each integer in a cell and bin of its own; every other integer is in the bin `unseen`."""
    import numpy as np

    edges = np.unique(np.concatenate([distinct - 0.5, distinct + 0.5]))
    upper = np.append(edges, np.inf)
    place = np.minimum(np.searchsorted(distinct, upper - 0.5), len(distinct) - 1)
    seen = distinct[place] == upper - 0.5
    bins = np.where(seen, place, len(distinct))
    return Grid("category", edges, bins, (*(f"{value:.0f}" for value in distinct), UNSEEN))


def _levels(distinct: "Floats") -> Grid:
    """What is nearest to a level counts as that level: the last bit of a rounding is no drift. Beyond is `unseen`."""
    import numpy as np

    halves = distinct[1:] / 2 - distinct[:-1] / 2
    reach = float(halves.min()) if len(halves) else max(abs(float(distinct[0])), 1.0) * 1e-3
    between = distinct[:-1] + halves
    edges = np.concatenate([[distinct[0] - reach], between, [distinct[-1] + reach]])
    edges = np.clip(edges, *_FINITE)
    outside = len(distinct)
    bins = np.concatenate([[outside], np.arange(len(distinct)), [outside]])
    return Grid("discrete", edges, bins, (*(f"{value:.6g}" for value in distinct), UNSEEN))


def _numbers(known: "Floats", distinct: "Floats") -> Grid:
    import numpy as np

    cuts = _cuts(known)
    edges = _steps(known, distinct) if len(distinct) <= CELLS else _quantiles(known, CELLS + 1)
    edges = np.unique(np.concatenate([edges, cuts, known[[0, -1]]]))
    bins = np.searchsorted(cuts, np.append(edges, np.inf))
    ends = [*(f"{cut:.4g}" for cut in cuts), ""]
    labels = (f"to {ends[0]}", *(f"{low} to {high}" if high else f"above {low}" for low, high in pairwise(ends)))
    return Grid("number", edges, bins, labels)


def _steps(known: "Floats", distinct: "Floats") -> "Floats":
    """Each value, and even steps between them: where values are few, production's fill the gaps."""
    import numpy as np

    inner = _quantiles(known, 101)[[1, -2]]
    with np.errstate(over="ignore", invalid="ignore"):
        even = [np.linspace(low, high, CELLS // 2) for low, high in ((known[0], known[-1]), inner)]
    return np.concatenate([distinct, *(steps[np.isfinite(steps)] for steps in even)])


def _cuts(known: "Floats") -> "Floats":
    """Ends of the bins: the reference's deciles; where a frequent value takes several, deciles of what else there is.

    Otherwise a feature that is 0 in nine of ten samples would have two bins.
    """
    import numpy as np

    cuts = np.unique(_quantiles(known, BINS + 1)[1:-1])
    if len(cuts) < BINS - 1:
        rest = known[~np.isin(known, cuts)]
        if len(rest):
            cuts = np.union1d(cuts, _quantiles(rest, BINS + 1 - len(cuts))[1:-1])
    below_all = cuts[cuts < known[-1]]
    return below_all if len(below_all) else cuts


def _quantiles(ordered: "Floats", number: int) -> "Floats":
    """That many order statistics, evenly spaced from the smallest to the largest."""
    import numpy as np

    return ordered[np.linspace(0, len(ordered) - 1, number).astype(np.intp)]
