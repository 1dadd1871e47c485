"""Constants of the main graph, limited to a range.

Here belongs how a constant is found by its tensor's name, wherever the graph holds it, and limited in its own type. Not
here: which constants may be limited, which the two edits that use this say by their names.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.links import FLOATS
from resources.onnx_files.edits.surgery import closed, opened
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

    Limit = Callable[[NDArray[Any]], NDArray[Any]]

_NUMBERS = {"Constant": ("value_float", "value_floats"), "Clip": ("min", "max"), "Pad": ("value",)}
"""Operators with constants in attributes that are plain numbers: Clip and Pad before opset 11."""


def clamped(model: "ModelProto", tensors: Iterable[str], bound: float) -> "ModelProto":
    """The model with these constants limited to +-`bound`; infinities too.

    A tensor is a weight, or what a Constant, ConstantOfShape, Clip or Pad with its constants in attributes makes.
    Raises `EditError` for one that is no constant of floats, or that holds a NaN.
    """
    bones = opened(model)
    weights = {weight.name: weight for weight in model.graph.initializer}
    makers = {name: node for node in bones.graph.node for name in node.output}
    for name in tensors:
        if name in weights:
            _replace(bones, _limited(weights[name], bound, name))
        elif name in makers:
            _node(makers[name], bound, name)
        else:
            raise EditError(f"the main graph has no constant {shown(name)}")
    return closed(bones, model, stale=())


def _replace(bones: "ModelProto", tensor: "TensorProto") -> None:
    """Put a weight into the skeleton, where it goes before the original's."""
    graph = bones.graph
    kept = [weight for weight in graph.initializer if weight.name != tensor.name]
    del graph.initializer[:]
    graph.initializer.extend([*kept, tensor])


def _limited(tensor: "TensorProto", bound: float, name: str) -> "TensorProto":
    from onnx import numpy_helper

    if tensor.data_type not in FLOATS:
        raise EditError(f"constant {shown(name)} holds no floats")
    return numpy_helper.from_array(_limit(numpy_helper.to_array(tensor), bound, name), tensor.name)


def _limit(values: "NDArray[Any]", bound: float, name: str) -> "NDArray[Any]":
    """The values within +-`bound`, in their own type, which may hold the bound only rounded: towards zero."""
    import numpy as np

    wide = values.astype(np.float64)
    if np.isnan(wide).any():
        raise EditError(f"constant {shown(name)} holds a NaN, which no bound changes: export the model again")
    if not (np.abs(wide) > bound).any():
        return values
    with np.errstate(over="ignore"):
        highest = np.asarray(bound).astype(values.dtype)
    if float(highest) > bound:
        highest = np.nextafter(highest, np.zeros_like(highest))
    low, high = (np.broadcast_to(each, values.shape) for each in (-highest, highest))
    return np.where(wide > bound, high, np.where(wide < -bound, low, values)).astype(values.dtype)


def _node(node: "NodeProto", bound: float, name: str) -> None:
    """Limit what a node holds in its attributes, in place."""
    numbers = _NUMBERS.get(node.op_type, ())
    held = [
        entry
        for entry in node.attribute
        if entry.name in numbers or (entry.name == "value" and node.op_type in {"Constant", "ConstantOfShape"})
    ]
    if not held:
        raise EditError(f"tensor {shown(name)} is made by {shown(node.op_type)}, which holds no constant")
    for entry in held:
        _attribute(entry, bound, name)


def _attribute(entry: "AttributeProto", bound: float, name: str) -> None:
    import numpy as np

    if entry.HasField("t"):
        entry.t.CopyFrom(_limited(entry.t, bound, name))
    elif entry.floats:
        entry.floats[:] = _limit(np.asarray(entry.floats, np.float32), bound, name).tolist()
    else:
        entry.f = float(_limit(np.asarray(entry.f, np.float32), bound, name))
