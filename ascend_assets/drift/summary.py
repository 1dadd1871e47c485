"""What one pass over a feature's values keeps of them: counts and sums in the cells of its grid.

Here belong counting and merging. Memory is that of the grid, whatever the number of values. Counts are integers, so
that merging is exact in any order; sums are associative but for the rounding of floats. Not here: which cells there are
(`grids.py`), or distances (`measures.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Self

from ascend_assets.drift.grids import Grid

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Summary:
    """Values of one feature. K is the number of the grid's edges.

    `count`: all values, `missing` (NaN) and `infinite` ones among them. `below`, `upto`: (K,) how many are less than
    each edge, and how many less or equal. `sums`: (K + 1,) of the finite values in each cell. `smallest`, `largest`:
    of the finite ones; infinity and its negative where there is none.
    """

    count: int
    missing: int
    infinite: int
    below: "NDArray[np.int64]"
    upto: "NDArray[np.int64]"
    sums: "NDArray[np.float64]"
    smallest: float
    largest: float

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.count + other.count,
            self.missing + other.missing,
            self.infinite + other.infinite,
            self.below + other.below,
            self.upto + other.upto,
            self.sums + other.sums,
            min(self.smallest, other.smallest),
            max(self.largest, other.largest),
        )

    @property
    def known(self) -> int:
        """How many values are no NaN."""
        return self.count - self.missing

    def cells(self) -> "NDArray[np.int64]":
        """(K + 1,) how many values lie in each cell."""
        import numpy as np

        return np.diff(self.upto, prepend=0, append=self.known)


def summary(grid: Grid, values: "NDArray[Any]") -> Summary:
    """Count values (n,) of any real type. Sorting is what costs: numpy does it with vector instructions."""
    import numpy as np

    return summary_of_sorted(grid, np.sort(values))


def summary_of_sorted(grid: Grid, ordered: "NDArray[Any]") -> Summary:
    """Count sorted values, NaN last."""
    import numpy as np

    ordered = ordered.astype(np.float64, copy=False)
    # NaN is sorted behind everything, and both searches take it for the largest number.
    known = int(np.searchsorted(ordered, np.nan))
    first, last = int(np.searchsorted(ordered[:known], -np.inf, "right")), int(np.searchsorted(ordered[:known], np.inf))
    below = np.searchsorted(ordered[:known], grid.edges, "left")
    upto = np.searchsorted(ordered[:known], grid.edges, "right")
    finite = ordered[first:last]
    return Summary(
        count=len(ordered),
        missing=len(ordered) - known,
        infinite=known - len(finite),
        below=below.astype(np.int64),
        upto=upto.astype(np.int64),
        sums=_sums(finite, np.clip(upto - first, 0, len(finite))),
        smallest=float(finite[0]) if len(finite) else np.inf,
        largest=float(finite[-1]) if len(finite) else -np.inf,
    )


def _sums(finite: "NDArray[np.float64]", ends: "NDArray[np.intp]") -> "NDArray[np.float64]":
    """The sum of each stretch of values: up to ends[0], ends[0] to ends[1], and so on to the last value."""
    import numpy as np

    starts = np.concatenate([[0], ends])
    filled = np.append(ends, len(finite)) > starts
    sums = np.zeros(len(starts))
    # reduceat would give an empty stretch the value that comes after it.
    if filled.any():
        # Numbers close to the largest double add up to infinity: their distance is then infinite too.
        with np.errstate(over="ignore"):
            sums[filled] = np.add.reduceat(finite, starts[filled])
    return sums


def merged(summaries: Iterable[Summary]) -> Summary:
    """The summary of all values together; at least one summary, all of one grid."""
    return reduce(lambda one, other: one + other, summaries)


def counts(grid: Grid, values: Summary) -> "NDArray[np.int64]":
    """How many values lie in each bin of the grid; the last bin holds what is NaN."""
    import numpy as np

    bins = np.bincount(grid.bin_of_cell, weights=values.cells(), minlength=len(grid.labels))
    return np.append(bins, values.missing).astype(np.int64)
