"""How far apart two tensors are.

Here belong msaccucmp's metrics by their exact definitions (CANN 8.1, operator_cmp), and the statistics of one layer
that are gathered in one pass over large tensors. x is the device's tensor, y the FP32 reference, both flattened. Not
here: what is good enough.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.ascend.toolchain import OutputComparison

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

EPSILON = 2.0**-52
"""msaccucmp's FLOAT_EPSILON, numpy's eps of a Python float."""

KLD_FLOOR = 2.0**-23
"""The smallest share in msaccucmp's divergence, numpy's eps of float32."""

COSINE_LIMIT, DISTANCE_LIMIT = 0.99, 0.05
"""What msit's result analyser calls a wrong tensor: a cosine similarity below, a relative Euclidean distance above.

A distance of 0.05 already means a cosine of 0.9987 or better, so the two together catch a wrong direction and a wrong
length.
"""

LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
"""The largest finite number of each narrow type."""

SMALLEST_NORMAL = {"float16": 2.0**-14, "bfloat16": 2.0**-126}
"""Below it a type loses digits; 6.1e-5 for FP16."""

ROW = 1 << 13
"""Elements of one sum in FP32."""

NUMERIC = "fiub"
"""The kinds of numpy types that are compared as numbers; others, such as strings, are equal or not."""

CHUNK = 1 << 18
"""Elements per step: threads seldom meet at the interpreter lock, and the buffers stay in a core's cache."""

VANISHING = 2.0**-90
"""A sum of squares in FP32 below this may have lost terms to underflow, and is summed again in double precision."""

ALIKE = 256.0
"""Squares of lengths this far apart leave too few digits of their difference for the cosine."""

SAMPLE_ABOVE = 1 << 17
SAMPLE_BLOCK, SAMPLE_EVERY = 1 << 12, 1 << 16
"""Rounding error alone is measured on the first sixteenth of each 65 536 elements of tensors above that size."""


def beyond_limits(cosine: float, distance: float, overflow: int) -> bool:
    """Whether a tensor breaks msit's limits or overflowed; NaN breaks any limit."""
    return overflow > 0 or not (cosine >= COSINE_LIMIT and distance <= DISTANCE_LIMIT)


def own_fault(x: "NDArray[Any]", y: "NDArray[Any]") -> bool:
    """Whether device values x break the limits against y, looking only where the reference y is finite.

    An attention mask is minus infinity in FP32 too, and no fault of the device.
    """
    import numpy as np

    finite = np.isfinite(y)
    device, truth = x[finite].astype(np.float64), y[finite].astype(np.float64)
    overflow = int(np.count_nonzero(~np.isfinite(device)))
    cosine = 1.0 if truth.size <= 1 else cosine_similarity(device, truth)
    return beyond_limits(cosine, relative_euclidean_distance(device, truth), overflow)


def output_metrics(name: str, x: "NDArray[Any]", y: "NDArray[Any]") -> OutputComparison:
    """One output by msaccucmp's metrics, in double precision.

    Tensors of different shapes get NaN throughout, and so do different strings.
    """
    import numpy as np

    if x.shape != y.shape:
        values = dict.fromkeys(_METRICS, math.nan)
        return OutputComparison(name=name, **values, non_finite=max(x.size, y.size))
    if x.dtype.kind not in NUMERIC:
        same = np.array_equal(x, y)
        values = dict.fromkeys(_METRICS, 0.0 if same else math.nan) | {"cosine_similarity": 1.0 if same else math.nan}
        return OutputComparison(name=name, **values, non_finite=0)
    device, truth = x.reshape(-1).astype(np.float64), y.reshape(-1).astype(np.float64)
    with np.errstate(all="ignore"):
        error = np.abs(device - truth)
        relative = np.where(np.abs(truth) > EPSILON, np.abs(device / truth - 1), 0.0)
        return OutputComparison(
            name=name,
            cosine_similarity=1.0 if x.size == 1 else cosine_similarity(device, truth),
            max_absolute_error=_of(np.max, error),
            accumulated_relative_error=float(relative.sum()),
            relative_euclidean_distance=relative_euclidean_distance(device, truth),
            kullback_leibler_divergence=kullback_leibler_divergence(device, truth),
            mean_absolute_error=_of(np.mean, error),
            root_mean_square_error=_of(np.mean, error**2) ** 0.5,
            max_relative_error=_of(np.max, relative),
            mean_relative_error=_of(np.mean, relative),
            non_finite=int(np.count_nonzero(~np.isfinite(device) & np.isfinite(truth))),
        )


_METRICS = [name for name in OutputComparison.model_fields if name not in {"name", "non_finite"}]


def _of(reduce: Any, values: "NDArray[np.float64]") -> float:  # noqa: ANN401  (a numpy reduction)
    """A reduction as a float; 0 for no elements, of which no two differ."""
    return float(reduce(values)) if values.size else 0.0


def cosine_similarity(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> float:
    """Sum of x/|x| times y/|y|, at most 1. Two zero tensors are alike (1); one zero tensor has no direction (NaN).

    msaccucmp calls a tensor zero when the root of its norm is within epsilon.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        norms = float(np.sqrt((x**2).sum())), float(np.sqrt((y**2).sum()))
    if norms[0] <= EPSILON and norms[1] < EPSILON:
        return 1.0
    if min(norms) ** 0.5 <= EPSILON:
        return math.nan
    with np.errstate(all="ignore"):
        cosine = float(((x / norms[0]) * (y / norms[1])).sum())
    return cosine if math.isnan(cosine) else min(cosine, 1.0)


def relative_euclidean_distance(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> float:
    """sqrt(sum (x-y)^2 / sum y^2); 0 when y is all zero, as msaccucmp has it."""
    import numpy as np

    with np.errstate(all="ignore"):
        truth = float((y**2).sum())
        if truth**0.5 <= EPSILON:
            return 0.0
        return float(np.sqrt(((x - y) ** 2).sum() / truth))


def kullback_leibler_divergence(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> float:
    """Sum of p ln(p/q): p from x, q from y, each scaled to [0, 1], floored at float32's eps and divided by its sum."""
    import numpy as np

    if not x.size:
        return 0.0
    with np.errstate(all="ignore"):
        p, q = _shares(x), _shares(y)
        divergence = float((p * np.log(p / q)).sum())
    return 0.0 if abs(divergence) < EPSILON else divergence


def _shares(values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    import numpy as np

    low, high = values.min(), values.max()
    scaled = (values - low) / (high - low) if high != low else values
    floored = np.maximum(scaled, KLD_FLOOR)
    return floored / floored.sum()  # type: ignore[no-any-return]


@dataclass(frozen=True)
class LayerStatistics:
    """One layer's figures, as `LayerComparison` has them; `largest` is the largest |x-y|."""

    cosine_similarity: float
    relative_euclidean_distance: float
    largest: float
    overflow: int
    underflow: int


INCOMPARABLE = LayerStatistics(math.nan, math.nan, math.nan, 0, 0)
"""Tensors of different shapes, which data-dependent operators such as NonZero make, and values that are no numbers."""


def _cosine(xx: float, yy: float, dd: float) -> float:
    """The cosine from the squares of x, y and x-y, for lengths that are alike.

    1 - cos = (|x-y|^2 - (|x|-|y|)^2) / 2|x||y| loses no digits when x is close to y.
    """
    x, y = math.sqrt(xx), math.sqrt(yy)
    return min(1.0, 1.0 - (dd - (x - y) ** 2) / (2 * x * y))


def distance(dd: float, yy: float) -> float:
    """sqrt(dd / yy); 0 when y is all zero, NaN when y is not finite."""
    if math.sqrt(yy) <= EPSILON:
        return 0.0
    return math.sqrt(dd / yy) if math.isfinite(yy) else math.nan


class Gatherer:
    """Gathers statistics in buffers of its own; one per thread."""

    def __init__(self) -> None:
        import numpy as np

        self._floats = np.empty(CHUNK, np.float32)
        self._small = np.empty(CHUNK, np.bool_)
        self._nonzero = np.empty(CHUNK, np.bool_)

    def layer(
        self, x: "NDArray[Any]", y: "NDArray[Any]", smallest: float, *, nonnegative: bool = False
    ) -> LayerStatistics:
        """Statistics of two tensors of one shape.

        `smallest` is the smallest normal number of what x is held in; `nonnegative` says that no element of x is below
        zero, which saves a step. FP32 tensors are summed in FP32 within a chunk and in double precision over chunks;
        what is not finite, too large or too small for that, or of another type, in double precision throughout.
        """
        import numpy as np

        flat_x, flat_y = x.reshape(-1), y.reshape(-1)
        if flat_x.dtype != np.float32 or flat_y.dtype != np.float32:
            return _slow(flat_x, flat_y, smallest)
        xx = yy = dd = largest = 0.0
        underflow = 0
        with np.errstate(all="ignore"):
            for start in range(0, flat_x.size, CHUNK):
                a, b = flat_x[start : start + CHUNK], flat_y[start : start + CHUNK]
                d = np.subtract(a, b, out=self._floats[: a.size])
                dd += _square_sum(d)
                largest = max(largest, float(d.max()), -float(d.min()))
                xx += _square_sum(a)
                yy += _square_sum(b)
                underflow += self._underflow(a, b, smallest, nonnegative=nonnegative)
        alike = math.isfinite(xx + yy + dd) and min(xx, yy) >= VANISHING and max(xx, yy) <= ALIKE * min(xx, yy)
        if not alike:
            lost = _lost(flat_x, underflow) if VANISHING <= yy < math.inf else None
            return lost or _slow(flat_x, flat_y, smallest)
        cosine = 1.0 if flat_x.size == 1 else _cosine(xx, yy, dd)
        return LayerStatistics(cosine, distance(dd, yy), largest, 0, underflow)

    def _underflow(self, x: "Floats", y: "Floats", smallest: float, *, nonnegative: bool) -> int:
        """Elements that are non-zero in y and zero or subnormal in x."""
        import numpy as np

        magnitude = x if nonnegative else np.abs(x, out=self._floats[: x.size])
        small = np.less(magnitude, np.float32(smallest), out=self._small[: x.size])
        count = int(np.count_nonzero(small))
        if count == 0:
            return 0
        if count < x.size // 64:
            return int(np.count_nonzero(y[np.flatnonzero(small)]))
        nonzero = np.not_equal(y, np.float32(0), out=self._nonzero[: x.size])
        return int(np.count_nonzero(np.logical_and(small, nonzero, out=small)))

    def own_distance(self, x: "NDArray[Any]", y: "NDArray[Any]", *, sample: bool) -> float:
        """The relative Euclidean distance of two tensors of one shape; `sample` looks at blocks of large ones."""
        import numpy as np

        flat_x, flat_y = x.reshape(-1), y.reshape(-1)
        if flat_x.dtype != np.float32 or flat_y.dtype != np.float32:
            return _slow(flat_x, flat_y, 0.0).relative_euclidean_distance
        if sample and flat_x.size > SAMPLE_ABOVE:
            flat_x, flat_y = _blocks(flat_x), _blocks(flat_y)
        yy = dd = 0.0
        with np.errstate(all="ignore"):
            for start in range(0, flat_x.size, CHUNK):
                a, b = flat_x[start : start + CHUNK], flat_y[start : start + CHUNK]
                d = np.subtract(a, b, out=self._floats[: a.size])
                dd += _square_sum(d)
                yy += _square_sum(b)
        if not math.isfinite(yy + dd) or yy < VANISHING:
            return relative_euclidean_distance(flat_x.astype(np.float64), flat_y.astype(np.float64))
        return distance(dd, yy)


def _square_sum(values: "Floats") -> float:
    """The sum of squares: FP32 within a row, double precision over rows.

    In rows, because above 10 000 elements OpenBLAS starts threads, which would wait for processors that are busy.
    """
    import numpy as np

    whole = values.size // ROW * ROW
    rows, rest = values[:whole].reshape(-1, ROW), values[whole:]
    return float(np.vecdot(rows, rows).sum(dtype=np.float64)) + float(np.vecdot(rest, rest))


def _lost(x: "Floats", underflow: int) -> LayerStatistics | None:
    """The statistics of an x that is not finite throughout, against a finite y: no direction, no bounded distance."""
    import numpy as np

    overflow = x.size - int(np.count_nonzero(np.isfinite(x)))
    if not overflow:
        return None
    distance = math.nan if bool(np.isnan(x).any()) else math.inf
    cosine = 1.0 if x.size == 1 else math.nan
    return LayerStatistics(cosine, distance, distance, overflow, underflow)


def _blocks(flat: "Floats") -> "Floats":
    """The sampled blocks of a large tensor, in one piece."""
    whole = flat.size // SAMPLE_EVERY * SAMPLE_EVERY
    return flat[:whole].reshape(-1, SAMPLE_EVERY)[:, :SAMPLE_BLOCK].reshape(-1)


def _slow(x: "NDArray[Any]", y: "NDArray[Any]", smallest: float) -> LayerStatistics:
    """The statistics in double precision, for tensors of any type with any values."""
    import numpy as np

    if x.dtype.kind not in NUMERIC or y.dtype.kind not in NUMERIC:
        return LayerStatistics(1.0, 0.0, 0.0, 0, 0) if np.array_equal(x, y) else INCOMPARABLE
    with np.errstate(all="ignore"):
        a, b = x.astype(np.float64), y.astype(np.float64)
        small = (np.abs(a) < smallest) & (b != 0)
        return LayerStatistics(
            cosine_similarity=1.0 if a.size == 1 else cosine_similarity(a, b),
            relative_euclidean_distance=relative_euclidean_distance(a, b),
            largest=_of(np.max, np.abs(a - b)),
            overflow=int(np.count_nonzero(np.isfinite(b) & ~np.isfinite(a))),
            underflow=int(np.count_nonzero(small)) if x.dtype.kind == "f" else 0,
        )
