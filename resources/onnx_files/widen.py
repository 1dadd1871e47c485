"""FP16 and BF16 ONNX, widened to FP32.

Here belongs the rewriting that gives every ONNX file an FP32 reference: all 16-bit floats of a model become FP32,
without a change of its nodes' order or names. What was 16 bits wide is told by the original model's types. Not here:
rounding, which is the emulator's.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

FLOAT = 1
"""ONNX's TensorProto number of FP32."""

NARROW = frozenset({10, 16})
"""ONNX's numbers of FP16 and BF16."""

_TYPE_ATTRIBUTES = frozenset({"to", "dtype", "output_dtype", "stash_type"})


def is_narrow(model: "onnx.ModelProto") -> bool:
    """Whether any weight, input, output, inner tensor or attribute of the model is a 16-bit float."""
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info)
    return (
        any(v.type.tensor_type.elem_type in NARROW for v in values)
        or any(w.data_type in NARROW for w in graph.initializer)
        or any(_states_narrow(node) for node in graph.node)
    )


def _states_narrow(node: "onnx.NodeProto") -> bool:
    return any(
        (a.name in _TYPE_ATTRIBUTES and a.i in NARROW)
        or a.t.data_type in NARROW
        or any(_states_narrow(n) for g in (a.g, *a.graphs) for n in g.node)
        for a in node.attribute
    )


def widened(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model in FP32, with FP32 inputs and outputs; the model itself when nothing in it is narrow."""
    import onnx

    if not is_narrow(model):
        return model
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    _widen_graph(wide.graph)
    return wide


def _widen_graph(graph: "onnx.GraphProto") -> None:
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in NARROW:
            value.type.tensor_type.elem_type = FLOAT
    _widen_tensors(graph.initializer)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and attribute.i in NARROW:
                attribute.i = FLOAT
            if attribute.HasField("t"):
                _widen_tensors([attribute.t])
            for inner in (attribute.g, *attribute.graphs):
                _widen_graph(inner)


def _widen_tensors(tensors: "Iterable[onnx.TensorProto]") -> None:
    import numpy as np
    from onnx import numpy_helper

    for tensor in tensors:
        if tensor.data_type in NARROW:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
