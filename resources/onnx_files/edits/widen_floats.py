"""A float type as FP32 in the whole model.

Here belong bfloat16, which only newer SoCs have, float64, which no AI Core computes, and FP16, which a file that was
exported in it leaves no choice about. Not here: the FP32 reference of a 16-bit model
(`resources/onnx_files/widen.py`).
"""

from typing import TYPE_CHECKING, Any, Literal

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.named import Names, name_all
from resources.onnx_files.edits.surgery import checked
from resources.onnx_files.walk import nodes, scopes, tensors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, TensorProto, TypeProto

Of = Literal["bfloat16", "float64", "float16"]
_NUMBERS: dict[Of, int] = {"bfloat16": 16, "float64": 11, "float16": 10}
_FLOAT = 1
_TYPE_ATTRIBUTES = frozenset({"to", "dtype", "output_dtype", "stash_type", "softmax_precision"})


def widen_floats(model: "ModelProto", of: Of) -> "ModelProto":
    """The model with every tensor of the type `of` in FP32: weights, constants, casts, and what is stated of tensors.

    Inputs and outputs in float64 and FP16 keep their type, with a Cast at the border, so that callers see no change;
    those in bfloat16, which numpy has not and no caller feeds, become FP32. A float64 beyond FP32's range becomes
    FP32's largest, for a mask stays a mask. Raises `EditError` where the model holds no such type.
    """
    number = _NUMBERS[of]
    wide = name_all(model)
    found = _types(wide, number)
    for _, tensor in tensors(wide):
        if tensor.data_type == number:
            _widen(tensor)
            found = True
    for node in nodes(wide):
        for attribute in node.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and attribute.i == number:
                attribute.i = _FLOAT
                found = True
    if not found:
        raise EditError(f"the model holds no {of}")
    if of != "bfloat16":
        _border(wide, model, number)
    return checked(wide, model)


def _types(model: "ModelProto", number: int) -> bool:
    found = False
    for scope in scopes(model):
        for value in (*scope.graph.input, *scope.graph.output, *scope.graph.value_info):
            found |= _retype(value.type, number)
    for function in model.functions:
        for value in function.value_info:
            found |= _retype(value.type, number)
    return found


def _retype(kind: "TypeProto", number: int) -> bool:
    """FP32 in place of `number` in a tensor's type, or in that of a sequence's or an optional's elements."""
    while kind.WhichOneof("value") in {"sequence_type", "optional_type"}:
        kind = kind.sequence_type.elem_type if kind.HasField("sequence_type") else kind.optional_type.elem_type
    if kind.tensor_type.elem_type != number:
        return False
    kind.tensor_type.elem_type = _FLOAT
    return True


def _widen(tensor: "TensorProto") -> None:
    import numpy as np
    from onnx import numpy_helper

    values: NDArray[Any] = numpy_helper.to_array(tensor)
    if values.dtype == np.float64:
        largest = np.finfo(np.float32).max
        values = np.where(np.isfinite(values), np.clip(values, -largest, largest), values)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(values.astype(np.float32)), tensor.name))


def _border(wide: "ModelProto", model: "ModelProto", number: int) -> None:
    """Inputs and outputs of the type `number` again, each with a Cast between it and the graph."""
    graph, names = wide.graph, Names(wide)
    values = (*model.graph.input, *model.graph.output)
    stated = {value.name for value in values if value.type.tensor_type.elem_type == number}
    weights = {weight.name for weight in graph.initializer}
    inner = {name: names.tensor(f"{name}/float32") for name in sorted(stated - weights)}
    _rename(graph, inner)
    before = [_cast(name, inner[name], _FLOAT, names) for name in _names(graph.input) if name in inner]
    after = [_cast(inner[name], name, number, names) for name in _names(graph.output) if name in inner]
    kept = [*before, *graph.node, *after]
    copies = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(copies)
    for value in (*graph.input, *graph.output):
        if value.name in inner:
            value.type.tensor_type.elem_type = number


def _names(values: "Any") -> list[str]:  # noqa: ANN401 (a protobuf list)
    return [value.name for value in values]


def _cast(source: str, target: str, to: int, names: Names) -> "Any":  # noqa: ANN401 (a NodeProto)
    from onnx import helper

    return helper.make_node("Cast", [source], [target], name=names.node(f"{target}/Cast"), to=to)


def _rename(graph: "GraphProto", inner: dict[str, str]) -> None:
    """Tensors by other names wherever nodes read or make them, in place, and in graphs inside nodes that do."""
    from resources.onnx_files.walk import subgraphs

    for node in graph.node:
        node.input[:] = [inner.get(name, name) for name in node.input]
        node.output[:] = [inner.get(name, name) for name in node.output]
        for deep in subgraphs(node):
            own = {value.name for value in (*deep.input, *deep.initializer)}
            left = {name: new for name, new in inner.items() if name not in own}
            _rename(deep, left)
            for value in deep.output:
                value.name = left.get(value.name, value.name)
