"""What made a layer's result on the device differ from FP32 on the same inputs, in words.

Here belong the words for one layer that breaks the limits by itself. Not here: whether it does (`own_error.py`), or
what the fusion passes have to do with it (`fusion_trial.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from resources.ascend.metrics import LARGEST, SMALLEST_NORMAL, relative_euclidean_distance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAMES = {"float16": "FP16", "bfloat16": "BF16"}
_DIGITS = {"float16": 11, "bfloat16": 8}
_CANCELLATION = 16
"""Operands this many times the results: four of FP16's eleven bits are gone."""


def overflowed(x: "NDArray[Any]", y: "NDArray[Any]", dtype: str) -> "NDArray[np.bool_]":
    """Elements that are finite in FP32, y, and not on the device, x.

    Devices of the first generations hold the largest number of their type in place of infinity, which is meant as well
    wherever FP32 is beyond it.
    """
    import numpy as np

    lost: NDArray[np.bool_] = np.isfinite(y) & ~np.isfinite(x)
    largest = LARGEST.get(dtype)
    if largest is None:
        return lost
    with np.errstate(all="ignore"):
        saturated: NDArray[np.bool_] = (
            (np.abs(x.astype(np.float64)) >= largest) & (np.abs(y) > largest) & np.isfinite(y)
        )
    return lost | saturated


def cause(x: "NDArray[Any]", y: "NDArray[Any]", dtype: str, inputs: "Mapping[str, NDArray[Any]]") -> str:
    """What made a device's result x differ from y, FP32 on the device's own `inputs`, as far as these are at hand."""
    import numpy as np

    finite = np.isfinite(y)
    lost = int(np.count_nonzero(overflowed(x, y, dtype)))
    if lost:
        return _overflow(lost, y[finite], dtype, inputs)
    device, truth = x[finite].astype(np.float64), y[finite].astype(np.float64)
    smallest = SMALLEST_NORMAL.get(dtype, 0.0)
    error = (device - truth) ** 2
    small = (np.abs(truth) < smallest) & (truth != 0)
    if float(error[small].sum()) * 2 > float(error.sum()):
        return (
            f"underflow: {int(np.count_nonzero(small))} of {truth.size} results are below {_NAMES[dtype]}'s smallest "
            f"normal number {smallest:.2g} (in FP32 up to {_peak(truth[small]):.2g})"
        )
    return _rounding(relative_euclidean_distance(device, truth), _peak(truth), dtype, inputs)


def _overflow(lost: int, truth: "NDArray[Any]", dtype: str, inputs: "Mapping[str, NDArray[Any]]") -> str:
    total = f"{lost} of {truth.size} results"
    peak, largest = _peak(truth), LARGEST.get(dtype, float("inf"))
    if peak > largest:
        return f"overflow: {total} are beyond {_NAMES[dtype]}'s {largest:.6g} (in FP32 up to {peak:.4g})"
    for name, values in inputs.items():
        if _peak(values) >= largest:
            reach = f"reaches {_peak(values):.4g}, the end of {_NAMES[dtype]}'s range"
            return f"overflow: its input {name} {reach}, and {total} are not finite"
    return f"overflow inside the operator: {total} are not finite, where FP32 stays within {peak:.4g}"


def _rounding(distance: float, result: float, dtype: str, inputs: "Mapping[str, NDArray[Any]]") -> str:
    operand = max((_peak(values) for values in inputs.values()), default=0.0)
    if dtype in _DIGITS and result and operand > _CANCELLATION * result:
        return (
            f"cancellation: results of at most {result:.4g} are left of operands of up to {operand:.4g}, further than "
            f"{_NAMES[dtype]}'s {_DIGITS[dtype]} significant bits carry (own error {distance:.2g})"
        )
    held = f"{_NAMES[dtype]}'s {_DIGITS[dtype]} significant bits" if dtype in _DIGITS else dtype or "its type"
    return (
        f"an own error of {distance:.2g} on the device's own inputs, more than one rounding to {held} makes: the "
        "operator's arithmetic inside, or a fusion"
    )


def _peak(values: "NDArray[Any]") -> float:
    """The largest finite magnitude; 0 for none."""
    import numpy as np

    finite = np.abs(values[np.isfinite(values)].astype(np.float64)) if values.dtype.kind == "f" else np.abs(values)
    return float(finite.max()) if finite.size else 0.0
