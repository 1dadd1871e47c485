"""Which output channels of a large cube operator its own error is measured on.

Here belongs the choice. The own error of a convolution or matrix product needs a third run of it; on every eighth
output channel that costs an eighth, sees all of the input and every position, and estimates a ratio of norms that is
alike in all channels. Whatever looks suspicious is measured in full afterwards (`compare.py`). Not here: the
measuring.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

LEAST_CHANNELS = 64
"""Operators with fewer output channels are measured in full."""

KEPT_AT_LEAST = 16
STEP = 8


@dataclass(frozen=True)
class Sample:
    """Every `step`-th entry of `axis` of the output; `axes`: the axis to thin of each weight, by input position."""

    axis: int
    step: int
    axes: Mapping[int, int]


def sample_of(node: "onnx.NodeProto", initializers: "Mapping[str, onnx.TensorProto]") -> Sample | None:
    """The sample for a node; None when it has few channels, groups, or weights that are computed."""
    if len(node.input) < 2 or node.input[1] not in initializers:  # noqa: PLR2004  (data and weight)
        return None
    dims = tuple(initializers[node.input[1]].dims)
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "Conv":
        grouped = "group" in attributes and attributes["group"].i != 1
        return None if grouped else _sample(node, initializers, dims, weight_axis=0, axis=1)
    if node.op_type == "Gemm":
        transposed = "transB" in attributes and attributes["transB"].i == 1
        return _sample(node, initializers, dims, weight_axis=0 if transposed else 1, axis=1)
    if node.op_type == "MatMul" and len(dims) == 2:  # noqa: PLR2004  (a matrix)
        return _sample(node, initializers, dims, weight_axis=1, axis=-1)
    return None


def _sample(
    node: "onnx.NodeProto",
    initializers: "Mapping[str, onnx.TensorProto]",
    dims: tuple[int, ...],
    weight_axis: int,
    axis: int,
) -> Sample | None:
    channels = dims[weight_axis]
    if channels < LEAST_CHANNELS:
        return None
    axes = {1: weight_axis}
    if len(node.input) > 2 and node.input[2]:  # noqa: PLR2004  (a bias)
        bias = initializers.get(node.input[2])
        if bias is None or tuple(bias.dims) != (channels,):
            return None
        axes[2] = 0
    return Sample(axis, min(STEP, channels // KEPT_AT_LEAST), axes)
