"""Constants that the device's narrow type cannot hold as normal numbers, where that matters.

Here belongs finding them: the epsilon of a normalisation, and a scalar that guards a root, a logarithm, a power or a
divisor from zero. Not here: what they did to a result (`culprit.py`).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator.precision import Arithmetic
from resources.ascend.emulator.rounding import EPSILON_DEFAULTS, held_value
from resources.ascend.metrics import SMALLEST_NORMAL
from resources.ascend.toolchain import SmallConstant
from resources.onnx_files.graph import Graph, Node

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

_EPSILONS = {**EPSILON_DEFAULTS, "LpNormalization": 0.0}
_GUARDS = frozenset({"Add", "Sub", "Sum", "Max", "Clip", "Where"})
_THROUGH = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Expand", "Transpose"})
_LARGEST_GUARD = 16
"""A guard is a scalar or a handful of equal values; a weight is larger."""


def small_constants(graph: Graph, made: tuple[Arithmetic, ...], model: "onnx.ModelProto") -> tuple[SmallConstant, ...]:
    """Every such constant in a node with narrow inputs, in the graph's order. `model` holds the values in FP32."""
    readers = _readers(graph)
    constants = _scalars(model)
    found: list[SmallConstant] = []
    for node, arithmetic in zip(graph.nodes, made, strict=True):
        smallest = SMALLEST_NORMAL.get(arithmetic.inputs)
        if smallest is None:
            continue
        found.extend(
            SmallConstant(node=node.name, op=node.op, value=value, what=_words(what, value, arithmetic, smallest))
            for value, what in _of(node, constants, readers)
            if 0 < abs(value) < smallest
        )
    return tuple(found)


def _words(what: str, value: float, arithmetic: Arithmetic, smallest: float) -> str:
    name = "FP16" if arithmetic.inputs == "float16" else "BF16"
    held = held_value(value, arithmetic.inputs)
    return f"{what}: {name} holds it as {held:.4g}, below its smallest normal number {smallest:.3g}"


def _of(node: Node, constants: dict[str, float], readers: dict[str, list[Node]]) -> Iterator[tuple[float, str]]:
    """The values in a node that may matter, and what they are."""
    if node.op in _EPSILONS:
        yield float(node.attributes.get("epsilon", _EPSILONS[node.op])), "epsilon"
    if node.op in _GUARDS:
        guarded = next(iter(_guarded(node, readers)), None)
        if guarded is not None:
            for name in node.inputs:
                if name in constants:
                    yield constants[name], f"constant {name} before {guarded.op} {guarded.name}"


def _guarded(node: Node, readers: dict[str, list[Node]]) -> Iterator[Node]:
    """The operators behind `node` that zero is dangerous to, seen through operators that only move values."""
    pending = [(name, reader) for name in node.outputs for reader in readers.get(name, [])]
    seen: set[int] = set()
    while pending:
        name, reader = pending.pop(0)
        if reader.index in seen:
            continue
        seen.add(reader.index)
        divides = reader.op == "Div" and len(reader.inputs) > 1 and reader.inputs[1] == name
        if (
            reader.op in {"Sqrt", "Rsqrt", "Reciprocal", "Log"}
            or divides
            or (reader.op == "Pow" and reader.inputs[0] == name)
        ):
            yield reader
        elif reader.op in _THROUGH:
            pending.extend((made, after) for made in reader.outputs for after in readers.get(made, []))


def _readers(graph: Graph) -> dict[str, list[Node]]:
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return readers


def _scalars(model: "onnx.ModelProto") -> dict[str, float]:
    """Float constants that hold one value, by tensor name."""
    from onnx import numpy_helper

    found: dict[str, float] = {}
    for weight in model.graph.initializer:
        count = 1
        for dim in weight.dims:
            count *= dim
        if count <= _LARGEST_GUARD:
            _note(found, weight.name, numpy_helper.to_array(weight))
    for node in model.graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    _note(found, node.output[0], numpy_helper.to_array(attribute.t))
                elif attribute.name == "value_float":
                    found[node.output[0]] = float(attribute.f)
    return found


def _note(found: dict[str, float], name: str, array: "NDArray[Any]") -> None:
    if array.dtype.kind == "f" and 0 < array.size <= _LARGEST_GUARD and (array == array.flat[0]).all():
        found[name] = float(array.flat[0])
