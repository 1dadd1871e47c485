"""What made a layer's own result wrong, in words.

Here belongs the judgement of one layer whose error is its own (`resources/ascend/metrics.py` has the limits). Not here:
finding candidates (`compare.py`).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator.precision import Arithmetic, DType
from resources.ascend.emulator.rounding import EPSILON_DEFAULTS, NUMBER, held_value, rounded_array
from resources.ascend.metrics import DISTANCE_LIMIT, LARGEST, SMALLEST_NORMAL, relative_euclidean_distance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from resources.onnx_files.graph import Node

_NAMES = {"float16": "FP16", "bfloat16": "BF16"}
_DIGITS = {"float16": 11, "bfloat16": 8}
_CANCELLATION = 16
"""Operands this many times the results: four of FP16's eleven bits are gone."""


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
