"""Which layer broke the result, and why, in words.

Here belongs the judgement of one layer that looks bad: whether the error is its own, and what made it. The limits are
msit's (its result analyser calls a tensor wrong at a cosine similarity below 0.99 or a relative Euclidean distance
above 0.05); a distance of 0.05 already means a cosine of 0.9987 or better, so the two together catch a wrong direction
and a wrong length. Not here: finding candidates (`compare.py`).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator.precision import Arithmetic, DType
from resources.ascend.emulator.rounding import EPSILON_DEFAULTS, NUMBER, held_value, rounded_array
from resources.ascend.metrics import SMALLEST_NORMAL, cosine_similarity, relative_euclidean_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.onnx_files.graph import Node

COSINE_LIMIT = 0.99
DISTANCE_LIMIT = 0.05

LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
"""The largest finite number of each narrow type."""

_NAMES = {"float16": "FP16", "bfloat16": "BF16"}
_DIGITS = {"float16": 11, "bfloat16": 8}
_CANCELLATION = 16
"""Operands this many times the results: four of FP16's eleven bits are gone."""


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


def cause(
    node: "Node",
    made: Arithmetic,
    own: "NDArray[Any]",
    reference: "NDArray[Any]",
    inputs: "Mapping[str, NDArray[Any]]",
) -> str:
    """What made `own`, a node's result from FP32 `inputs` (float tensors by name), differ from `reference`."""
    import numpy as np

    dtype = made.output if made.output in NUMBER else made.inputs
    finite = np.isfinite(reference)
    wrong = int(np.count_nonzero(finite & ~np.isfinite(own)))
    if wrong:
        return _overflow(node, dtype, wrong, reference[finite], inputs)
    for name, values in inputs.items():
        lost = _lost_in_rounding(values, made.inputs)
        if lost:
            return f"underflow: its input {name} {lost}"
    epsilon = _lost_epsilon(node, made.inputs)
    return epsilon or _finite_cause(dtype, own[finite], reference[finite], inputs)


def _overflow(
    node: "Node", dtype: DType, wrong: int, reference: "NDArray[Any]", inputs: "Mapping[str, NDArray[Any]]"
) -> str:
    largest = LARGEST.get(dtype, math.inf)
    peak = _peak(reference)
    total = f"{wrong} of {reference.size} results"
    if peak > largest:
        return f"overflow: {total} are beyond {_NAMES[dtype]}'s {largest:.6g} (in FP32 up to {peak:.4g})"
    for name, values in inputs.items():
        if _peak(values) > largest:
            reach = f"reaches {_peak(values):.4g}, beyond {_NAMES[dtype]}'s {largest:.6g}"
            return f"overflow: its input {name} {reach}, and {total} are not finite"
        lost = _lost_in_rounding(values, dtype)
        if lost:
            return f"underflow: its input {name} {lost}, and {total} are not finite"
    epsilon = _lost_epsilon(node, dtype)
    return f"{epsilon}, and {total} are not finite" if epsilon else f"overflow: {total} are not finite"


def _peak(values: "NDArray[Any]") -> float:
    """The largest finite magnitude; 0 for none."""
    import numpy as np

    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max()) if finite.size else 0.0


def _lost_in_rounding(values: "NDArray[Any]", dtype: DType) -> str:
    """What an input loses below the type's smallest normal number, when that is more than the limit; else nothing."""
    import numpy as np

    if dtype not in NUMBER or values.dtype != np.float32:
        return ""
    smallest = SMALLEST_NORMAL[dtype]
    small = (values != 0) & (np.abs(values) < smallest)
    held = rounded_array(values[small], dtype).astype(np.float64)
    exact = values[small].astype(np.float64)
    zeros = int(np.count_nonzero(held == 0))
    if not exact.size or (not zeros and relative_euclidean_distance(held, exact) <= DISTANCE_LIMIT):
        return ""
    if exact.size * 2 < np.count_nonzero(values):
        return ""
    return (
        f"is below {_NAMES[dtype]}'s smallest normal number {smallest:.2g} in {exact.size} of {values.size} elements "
        f"(down to {np.abs(exact).min():.2g}), and {zeros} of them become zero"
    )


def _lost_epsilon(node: "Node", dtype: DType) -> str:
    if node.op not in EPSILON_DEFAULTS or dtype not in NUMBER:
        return ""
    epsilon = float(node.attributes.get("epsilon", EPSILON_DEFAULTS[node.op]))
    held = held_value(epsilon, dtype)
    if epsilon and abs(held / epsilon - 1) > DISTANCE_LIMIT:
        return f"underflow: its epsilon {epsilon:.4g} becomes {held:.4g} in {_NAMES[dtype]}"
    return ""


def _finite_cause(
    dtype: DType, own: "NDArray[Any]", reference: "NDArray[Any]", inputs: "Mapping[str, NDArray[Any]]"
) -> str:
    import numpy as np

    error = (own.astype(np.float64) - reference.astype(np.float64)) ** 2
    smallest = SMALLEST_NORMAL.get(dtype, 0.0)
    small = (np.abs(reference) < smallest) & (reference != 0)
    if float(error[small].sum()) * 2 > float(error.sum()):
        return (
            f"underflow: {int(np.count_nonzero(small))} of {reference.size} results are below {_NAMES[dtype]}'s "
            f"smallest normal number {smallest:.2g} (in FP32 up to {_peak(reference[small]):.2g})"
        )
    result, operand = _peak(reference), max((_peak(v) for v in inputs.values()), default=0.0)
    distance = relative_euclidean_distance(own.astype(np.float64), reference.astype(np.float64))
    if result and operand > _CANCELLATION * result:
        return (
            f"cancellation: results of at most {result:.4g} are left of operands of up to {operand:.4g}, "
            f"further than {_NAMES[dtype]}'s {_DIGITS[dtype]} significant bits carry (own error {distance:.2g})"
        )
    return f"rounding: {_DIGITS[dtype]} significant bits of {_NAMES[dtype]} leave an own error of {distance:.2g}"
