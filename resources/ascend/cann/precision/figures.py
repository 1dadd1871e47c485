"""The figures of one layer, from msaccucmp's table and from the dumped tensor.

Here belongs what a `LayerComparison` of a device says and where each figure comes from: the accumulated error is
msaccucmp's; what it could not compare and we can is ours, by the same definitions; overflow and underflow are counted
on the dumped tensor. Where that cannot be read they are not counted, which a layer cannot say: it is then listed among
what was not compared too, with 0, or 1 for the overflow where msaccucmp's OverFlow says yes. Not here: the own error
(`own_error.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from resources.ascend.cann.precision.causes import overflowed
from resources.ascend.cann.precision.layers import Layer
from resources.ascend.cann.precision.result_table import Row
from resources.ascend.metrics import SMALLEST_NORMAL, Gatherer, LayerStatistics, beyond_limits
from resources.ascend.toolchain import BadLayer, LayerComparison, NotCompared
from resources.onnx_files.graph import Node

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from resources.ascend.cann.precision.own_error import Own

DType = Literal["float16", "float32", "bfloat16", "other"]
_DTYPES: dict[str, DType] = {"float16": "float16", "float32": "float32", "bfloat16": "bfloat16"}
_FP32_SMALLEST = 2.0**-126


@dataclass(frozen=True)
class Figures:
    """A layer without its own error; and what a reader must know of it, empty if nothing. None: no figure at all."""

    layer: LayerComparison | None
    note: str = ""


def dtype_of(row: Row) -> DType:
    """What the device computes the row's operator in."""
    return _DTYPES.get(row.dtype.lower(), "other")


def figures(
    gatherer: Gatherer, layer: Layer, node: Node, device: "NDArray[Any] | str", truth: "NDArray[Any] | None"
) -> Figures:
    """One layer's figures. `device`: the dumped tensor as ONNX shapes it, or why there is none, in words."""
    row = layer.row
    measured = None
    if not isinstance(device, str) and truth is not None and device.shape == truth.shape:
        measured = _measured(gatherer, device, truth, dtype_of(row))
    if not row.compared and measured is None:
        return Figures(None, row.reason or (device if isinstance(device, str) else "msaccucmp has no figure for it"))
    cosine, largest, distance = row.cosine, row.max_absolute_error, row.distance
    if not row.compared and measured:
        cosine, largest = measured.cosine_similarity, measured.largest
        distance = measured.relative_euclidean_distance
    overflow, underflow, note = int(row.overflow is True), 0, ""
    if measured:
        overflow, underflow = measured.overflow, measured.underflow
    else:
        why = device if isinstance(device, str) else "its shape is another one than ONNX gives it"
        note = f"its overflow and underflow were not counted: {why}"
    comparison = LayerComparison(
        index=node.index,
        node=node.name,
        op=node.op,
        dtype=dtype_of(row),
        cosine_similarity=cosine,
        max_absolute_error=largest,
        relative_euclidean_distance=distance,
        overflow=overflow,
        underflow=underflow,
        local_error=0.0,
    )
    return Figures(comparison, note)


def _measured(gatherer: Gatherer, x: "NDArray[Any]", y: "NDArray[Any]", dtype: DType) -> LayerStatistics:
    import numpy as np

    wide = x.astype(np.float32) if x.dtype.kind == "f" else x
    found = gatherer.layer(wide, y, SMALLEST_NORMAL.get(dtype, _FP32_SMALLEST))
    lost = int(np.count_nonzero(overflowed(x, y, dtype))) if y.dtype.kind == "f" else 0
    return LayerStatistics(
        found.cosine_similarity,
        found.relative_euclidean_distance,
        found.largest,
        max(lost, found.overflow),
        found.underflow,
    )


def with_own(layer: LayerComparison, own: "Own") -> LayerComparison:
    """The layer with its own error."""
    return layer.model_copy(update={"local_error": own.error})


def breaks_limits(layer: LayerComparison) -> bool:
    """Whether a layer is beyond the limits, by itself or because of those before."""
    return beyond_limits(layer.cosine_similarity, layer.relative_euclidean_distance, layer.overflow)


def first_bad(
    layers: "Iterable[LayerComparison]", own: "Mapping[int, Own]", fused: "Mapping[int, str]"
) -> BadLayer | None:
    """The first layer, in the graph's order, that is beyond the limits and makes the fault itself.

    None when no layer does: many small errors can spoil a result together. `fused`: what else the device computes in
    the same operator, in words.
    """
    for layer in layers:
        if breaks_limits(layer) and own[layer.index].fault:
            words = own[layer.index].cause + fused.get(layer.index, "")
            return BadLayer(node=layer.node, op=layer.op, cause=words)
    return None


def not_compared(node: Node, why: str) -> NotCompared:
    """A node without a figure, or with one that leaves something out."""
    return NotCompared(node=node.name, op=node.op, why=why)
