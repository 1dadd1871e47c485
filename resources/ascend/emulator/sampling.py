"""Which part of a large operator's result its own error is measured on.

Here belongs the choice. The own error of a node needs a third run of it; on every sixteenth channel that costs little,
sees every position, and estimates a ratio of norms that is alike in all channels. Whatever looks suspicious is
measured in full afterwards (`compare.py`). Not here: the measuring.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from resources.onnx_files.graph import Graph

if TYPE_CHECKING:
    import onnx

LEAST_CHANNELS = 64
"""Operators with fewer channels are measured in full."""

LEAST_ELEMENTS = 1 << 16
"""Elementwise operators with fewer results are measured in full."""

KEPT_AT_LEAST = 16
STEP = 16

_SLICE_WITH_STEPS = 12
"""The opset in which `Slice` takes steps (10) and `Constant` integers (12)."""

ELEMENTWISE = frozenset(
    {
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Sum",
        "Mean",
        "Pow",
        "Exp",
        "Log",
        "Sqrt",
        "Reciprocal",
        "Erf",
        "Sigmoid",
        "Tanh",
        "Gelu",
    }
    | {
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Celu",
        "Softplus",
        "Softsign",
        "Mish",
        "Clip",
        "Sin",
        "Cos",
    }
)
"""Operators whose results depend on the same position of their inputs alone."""


@dataclass(frozen=True)
class Sample:
    """Every `step`-th entry of `axis` of the output.

    `weights`: the axis to thin of each weight, by input position; `inputs`: positions of inputs to thin on `axis`
    themselves.
    """

    axis: int
    step: int
    weights: Mapping[int, int] = field(default_factory=dict)
    inputs: frozenset[int] = frozenset()


def sample_of(node: "onnx.NodeProto", initializers: "Mapping[str, onnx.TensorProto]", graph: Graph) -> Sample | None:
    """The sample for a node; None when it is small, or its channels do not come from one static weight."""
    if node.op_type in ELEMENTWISE:
        return _elementwise(node, graph)
    if len(node.input) < 2 or node.input[1] not in initializers:  # noqa: PLR2004  (data and weight)
        return None
    dims = tuple(initializers[node.input[1]].dims)
    attributes = {a.name: a for a in node.attribute}
    if node.op_type == "Conv":
        grouped = "group" in attributes and attributes["group"].i != 1
        return None if grouped else _product(node, initializers, dims, weight_axis=0, axis=1)
    if node.op_type == "Gemm":
        transposed = "transB" in attributes and attributes["transB"].i == 1
        return _product(node, initializers, dims, weight_axis=0 if transposed else 1, axis=1)
    if node.op_type == "MatMul" and len(dims) == 2:  # noqa: PLR2004  (a matrix)
        return _product(node, initializers, dims, weight_axis=1, axis=-1)
    return None


def _step(channels: int) -> int | None:
    return min(STEP, channels // KEPT_AT_LEAST) if channels >= LEAST_CHANNELS else None


def _product(
    node: "onnx.NodeProto",
    initializers: "Mapping[str, onnx.TensorProto]",
    dims: tuple[int, ...],
    weight_axis: int,
    axis: int,
) -> Sample | None:
    channels = dims[weight_axis]
    step = _step(channels)
    weights = {1: weight_axis}
    if len(node.input) > 2 and node.input[2]:  # noqa: PLR2004  (a bias)
        bias = initializers.get(node.input[2])
        if bias is None or tuple(bias.dims) != (channels,):
            return None
        weights[2] = 0
    return Sample(axis, step, weights) if step else None


def _elementwise(node: "onnx.NodeProto", graph: Graph) -> Sample | None:
    """Thin every input of the output's shape; inputs of one element are taken as they are."""
    result = graph.tensors.get(node.output[0])
    if result is None or result.shape is None or len(result.shape) < 2 or graph.opset < _SLICE_WITH_STEPS:  # noqa: PLR2004
        return None
    step = _step(result.shape[1])
    thinned = set()
    for position, name in enumerate(node.input):
        tensor = graph.tensors.get(name)
        if tensor is not None and tensor.shape == result.shape and not tensor.constant:
            thinned.add(position)
        elif name and (tensor is None or tensor.elements != 1):
            return None
    large = (result.elements or 0) >= LEAST_ELEMENTS
    return Sample(1, step, inputs=frozenset(thinned)) if step and large and thinned else None
