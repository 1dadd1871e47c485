"""Shapes that a model computes from shapes: Shape, Gather, Concat and their like, worked out ahead of inference.

Exporters write a Reshape's target as such a chain. onnx's own data propagation follows it only for the newest operator
versions, and takes a one-element index for a zero; so inference runs without it and this is done instead, as GE folds
constants. Here belongs the arithmetic of small constants. Not here: inference (`shapes.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    Array = NDArray[Any]
    Rule = Callable[["_Call"], Array | None]

_MOST = 1024
"""Elements of a constant that may stand for a shape."""

_WRONG = (ValueError, IndexError, TypeError, KeyError, OverflowError)
"""What numpy and onnx raise on operands that make no sense; such a node is left as it is."""


class _Call:
    """One node with its inputs' values."""

    def __init__(self, node: "NodeProto", values: "Sequence[Array | None]") -> None:
        import onnx

        self.values = values
        self.attributes = {entry.name: onnx.helper.get_attribute_value(entry) for entry in node.attribute}

    def value(self, index: int) -> "Array":
        """A required input. Raises `IndexError` when it was left out."""
        found = self.optional(index)
        if found is None:
            raise IndexError(index)
        return found

    def optional(self, index: int) -> "Array | None":
        return self.values[index] if index < len(self.values) else None

    def ints(self, name: str, index: int) -> list[int] | None:
        """An attribute of older operator versions that became an input of newer ones."""
        given = self.optional(index)
        if given is not None:
            return [int(item) for item in given.ravel()]
        return [int(item) for item in self.attributes[name]] if name in self.attributes else None


def _numpy_type(number: int) -> "np.dtype[Any]":
    import onnx

    return onnx.helper.tensor_dtype_to_np_dtype(number)


def _cast(call: _Call) -> "Array":
    return call.value(0).astype(_numpy_type(call.attributes["to"]))


def _gather(call: _Call) -> "Array":
    import numpy as np

    return np.asarray(np.take(call.value(0), call.value(1), axis=call.attributes.get("axis", 0)))


def _concat(call: _Call) -> "Array":
    import numpy as np

    return np.concatenate([call.value(index) for index in range(len(call.values))], axis=call.attributes["axis"])


def _unsqueeze(call: _Call) -> "Array":
    import numpy as np

    return np.expand_dims(call.value(0), tuple(call.ints("axes", 1) or ()))


def _squeeze(call: _Call) -> "Array":
    import numpy as np

    axes = call.ints("axes", 1)
    return np.squeeze(call.value(0), None if axes is None else tuple(axes))


def _slice(call: _Call) -> "Array":
    data = call.value(0)
    starts, ends = call.ints("starts", 1) or [], call.ints("ends", 2) or []
    axes = call.ints("axes", 3) or list(range(len(starts)))
    steps = call.ints("steps", 4) or [1] * len(starts)
    cuts = [slice(None)] * data.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # A backward slice ends before the first element where the end lies below it.
        last = None if step < 0 and end < -data.shape[axis] else end
        cuts[axis] = slice(start, last, step)
    return data[tuple(cuts)]


def _divide(call: _Call) -> "Array | None":
    import numpy as np

    left, right = call.value(0), call.value(1)
    if not np.issubdtype(left.dtype, np.integer):
        return np.asarray(left / right)
    if not np.all(right):
        return None
    # ONNX divides integers towards zero.
    return np.asarray(np.sign(left) * np.sign(right) * (abs(left) // abs(right))).astype(left.dtype)


def _reshape(call: _Call) -> "Array":
    data, target = call.value(0), call.value(1)
    return data.reshape([data.shape[axis] if dim == 0 else int(dim) for axis, dim in enumerate(target)])


def _filled(call: _Call) -> "Array | None":
    import numpy as np
    import onnx

    shape = [int(dim) for dim in call.value(0)]
    tensor = call.attributes.get("value")
    value = onnx.numpy_helper.to_array(tensor).ravel()[0] if tensor is not None else np.float32(0)
    return np.full(shape, value) if _small(shape) else None


def _expand(call: _Call) -> "Array | None":
    import numpy as np

    shape = [int(dim) for dim in call.value(1)]
    if not _small([*shape, call.value(0).size]):
        return None
    return np.array(call.value(0) * np.ones(shape, call.value(0).dtype))


def _range(call: _Call) -> "Array | None":
    import numpy as np

    first, last, step = (call.value(index).item() for index in range(3))
    if not step or (last - first) / step > _MOST:
        return None
    return np.arange(first, last, step, dtype=call.value(0).dtype)


def _where(call: _Call) -> "Array":
    import numpy as np

    return np.where(call.value(0), call.value(1), call.value(2))


def _product(call: _Call) -> "Array":
    import numpy as np

    axes = call.ints("axes", 1)
    kept = bool(call.attributes.get("keepdims", 1))
    return np.asarray(np.prod(call.value(0), axis=None if axes is None else tuple(axes), keepdims=kept))


def _small(shape: Sequence[int]) -> bool:
    count = 1
    for dim in shape:
        count *= dim
    return 0 <= count <= _MOST


def _elementwise(name: str) -> "Rule":
    """The numpy function of that name; Max and Min take any number of inputs, two at a time."""

    def rule(call: _Call) -> "Array":
        import numpy as np

        function: np.ufunc = getattr(np, name)
        values = [call.value(index) for index in range(len(call.values))]
        if name in {"maximum", "minimum"}:
            return np.asarray(reduce(function, values))
        if len(values) != function.nin:
            raise TypeError(f"{name} takes {function.nin} inputs")
        return np.asarray(function(*values))

    return rule


def _identity(call: _Call) -> "Array":
    return call.value(0)


_NUMPY = {
    "Abs": "absolute",
    "Add": "add",
    "And": "logical_and",
    "Ceil": "ceil",
    "Equal": "equal",
    "Floor": "floor",
    "Greater": "greater",
    "Less": "less",
    "Max": "maximum",
    "Min": "minimum",
    "Mul": "multiply",
    "Neg": "negative",
    "Not": "logical_not",
    "Or": "logical_or",
    "Sqrt": "sqrt",
    "Sub": "subtract",
}
_RULES: "Mapping[str, Rule]" = {
    **{op: _elementwise(name) for op, name in _NUMPY.items()},
    "Cast": _cast,
    "Gather": _gather,
    "Identity": _identity,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Slice": _slice,
    "Div": _divide,
    "Reshape": _reshape,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Range": _range,
    "Where": _where,
    "ReduceProd": _product,
}


def _shape(node: "NodeProto", shapes: Mapping[str, tuple[int, ...]]) -> "Array | None":
    import numpy as np

    dims = shapes.get(node.input[0]) if node.input else None
    if dims is None or min(dims, default=0) < 0:
        return None
    if node.op_type == "Size":
        return np.array(np.prod(dims, dtype=np.int64))
    bounds = {entry.name: entry.i for entry in node.attribute}
    return np.array(dims[bounds.get("start", 0) : bounds.get("end")], np.int64)


def _evaluated(
    node: "NodeProto", shapes: Mapping[str, tuple[int, ...]], known: "Mapping[str, Array]"
) -> "Array | None":
    """The node's single output, where shapes and constants decide it."""
    import numpy as np

    if node.domain not in {"", "ai.onnx"} or len(node.output) != 1:
        return None
    if node.op_type in {"Shape", "Size"}:
        return _shape(node, shapes)
    if node.op_type not in _RULES or not all(name in known or not name for name in node.input):
        return None
    try:
        with np.errstate(all="ignore"):
            return _RULES[node.op_type](_Call(node, [known.get(name) for name in node.input]))
    except _WRONG:
        return None


def _constants(model: "ModelProto") -> "dict[str, Array]":
    from onnx import TensorProto, numpy_helper

    tensors = {weight.name: weight for weight in model.graph.initializer}
    for node in model.graph.node:
        held = [entry.t for entry in node.attribute if entry.name == "value" and entry.HasField("t")]
        if node.op_type == "Constant" and node.output and held:
            tensors[node.output[0]] = held[0]
    usable = {name: t for name, t in tensors.items() if t.data_type != TensorProto.STRING and _small(t.dims)}
    return {name: numpy_helper.to_array(tensor) for name, tensor in usable.items()}


def fold(model: "ModelProto", shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Replace nodes whose value shapes and constants decide by constants, in place; whether there were any.

    `shapes`: value -> its dimensions as far as they are known, -1 for those that are not.
    """
    import numpy as np
    import onnx

    known = _constants(model)
    changed = False
    for node in model.graph.node:
        value = None if node.op_type == "Constant" else _evaluated(node, shapes, known)
        if value is None or value.size > _MOST or value.dtype == np.object_:
            continue
        known[node.output[0]] = value
        tensor = onnx.numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape))
        node.CopyFrom(onnx.helper.make_node("Constant", [], list(node.output), name=node.name, value=tensor))
        changed = True
    return changed
