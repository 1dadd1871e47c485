"""Whether shapes inside a graph fit together where ONNX's own inference does not look, and what weights say of widths.

Here belong products, reshapes, joins and sums of tensors of known shape. Not here: trying sizes (`sizes.py`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.graph import Graph, Node, view

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_SAME = frozenset({"Cast", "Relu", "Identity", "Sigmoid", "Tanh", "LeakyRelu", "Clip", "Dropout", "Erf", "Neg", "Abs"})
"""Operators whose output has their input's shape, through which a width is seen."""
_OWN_WIDTH = {"BatchNormalization": 1, "InstanceNormalization": 1}
_STEPS = 16
_MATRIX = 2
_MOST_AXES = 16

Shape = tuple[int, ...] | None


@dataclass(frozen=True)
class _At:
    """One node: its inputs' shapes, which are weights, the second one's value if constant, its outputs' sizes."""

    node: Node
    shapes: tuple[Shape, ...]
    fixed: tuple[bool, ...]
    target: tuple[int, ...] | None
    made: tuple[int, ...]

    @property
    def pair(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The shapes of the first two inputs, where both are known and no scalars."""
        left, right = self.shapes[:2] if len(self.shapes) > 1 else (None, None)
        return (left, right) if left and right else None

    @property
    def known(self) -> tuple[tuple[int, ...], ...]:
        """The shapes that are known."""
        return tuple(shape for shape in self.shapes if shape is not None)


def excess(model: "ModelProto") -> int:
    """By how much the first node gets more than it takes; below 0 if less, 0 if every node fits as far as is known.

    `model`: with shapes inferred.
    """
    graph = view(model)
    targets = _targets(model)
    for node in graph.nodes:
        at = _at(node, graph, targets)
        beyond = -1 if 0 in at.made else _RULES[node.op](at) if node.op in _RULES and node.domain == "ai.onnx" else 0
        if beyond:
            return beyond
    return 0


def _at(node: Node, graph: Graph, targets: dict[str, tuple[int, ...]]) -> _At:
    held = [graph.tensors.get(name) for name in node.inputs]
    shapes = tuple(tensor.shape if tensor else None for tensor in held)
    fixed = tuple(bool(tensor and tensor.constant) for tensor in held)
    made = tuple(dim for name in node.outputs if name in graph.tensors for dim in graph.tensors[name].shape or ())
    return _At(node, shapes, fixed, targets.get(node.inputs[1]) if len(node.inputs) > 1 else None, made)


def _targets(model: "ModelProto") -> dict[str, tuple[int, ...]]:
    """Constants that may stand for shapes."""
    from onnx import TensorProto, numpy_helper

    held = {weight.name: weight for weight in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.output:
            held.update((node.output[0], entry.t) for entry in node.attribute if entry.name == "value")
    return {
        name: tuple(int(value) for value in numpy_helper.to_array(tensor).ravel())
        for name, tensor in held.items()
        if tensor.data_type == TensorProto.INT64 and len(tensor.dims) == 1 and tensor.dims[0] <= _MOST_AXES
    }


def _beyond(got: int, taken: int) -> int:
    return 0 if got < 0 or taken < 0 else got - taken


def _product(at: _At, got: int, taken: int) -> int:
    """Two inner sizes; the one of a weight is what is taken."""
    return _beyond(taken, got) if at.fixed[0] and not at.fixed[1] else _beyond(got, taken)


def _matmul(at: _At) -> int:
    if at.pair is None:
        return 0
    left, right = at.pair
    return _product(at, left[-1], right[-2] if len(right) > 1 else right[0])


def _conv(at: _At) -> int:
    if at.pair is None:
        return 0
    left, right = at.pair
    if len(left) != len(right) or len(right) <= _MATRIX:
        return len(left) - len(right) or -1
    return _beyond(left[1], right[1] * int(at.node.attributes.get("group", 1)))


def _gemm(at: _At) -> int:
    if at.pair is None:
        return 0
    left, right = at.pair
    if len(left) != _MATRIX or len(right) != _MATRIX:
        return len(left) - len(right) or -1
    inner = left[0] if at.node.attributes.get("transA") else left[1]
    return _product(at, inner, right[1] if at.node.attributes.get("transB") else right[0])


def _reshape(at: _At) -> int:
    shape, target = at.shapes[0] if at.shapes else None, at.target
    if shape is None or target is None or any(dim < 0 for dim in shape):
        return 0
    if not at.node.attributes.get("allowzero"):
        target = tuple(shape[axis] if dim == 0 and axis < len(shape) else dim for axis, dim in enumerate(target))
    total, stated = math.prod(shape), math.prod(dim for dim in target if dim > 0)
    if -1 in target and stated:
        return 0 if total % stated == 0 else total - stated
    return total - stated


def _broadcast(at: _At) -> int:
    longest = max((len(shape) for shape in at.known), default=0)
    padded = [((1,) * (longest - len(shape)) + shape) for shape in at.known]
    fixed = [constant for shape, constant in zip(at.shapes, at.fixed, strict=True) if shape is not None]
    for dims in zip(*padded, strict=True):
        sizes = [(constant, dim) for constant, dim in zip(fixed, dims, strict=True) if dim > 1]
        if len({dim for _, dim in sizes}) > 1:
            # What a constant has is what is taken.
            ordered = [dim for _, dim in sorted(sizes)]
            return ordered[0] - ordered[-1] or -1
    return 0


def _concat(at: _At) -> int:
    shapes = at.known
    if len({len(shape) for shape in shapes}) > 1:
        return -1
    if not shapes or not shapes[0]:
        return 0
    axis: int = at.node.attributes.get("axis", 0) % len(shapes[0])
    for place, dims in enumerate(zip(*shapes, strict=True)):
        sizes = {dim for dim in dims if dim >= 0}
        if place != axis and len(sizes) > 1:
            return dims[0] - dims[-1] or -1
    return 0


_RULES: dict[str, Callable[[_At], int]] = {
    **dict.fromkeys(
        ("Add", "Sub", "Mul", "Div", "Pow", "Where", "Max", "Min", "PRelu", "Sum", "And", "Or"), _broadcast
    ),
    "Concat": _concat,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Reshape": _reshape,
}


def widths(model: "ModelProto") -> dict[tuple[str, int], int]:
    """(input, axis) -> the size that a weight gives it; axis -1 is the last one.

    A convolution's channels, a product's inner size, a normalisation's features: seen from the input through operators
    that keep the shape.
    """
    dims = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in dict.fromkeys(node.input):
            readers.setdefault(name, []).append(node)
    found: dict[tuple[str, int], int] = {}
    for value in model.graph.input:
        for name in _through(value.name, readers):
            for node in readers.get(name, ()):
                for axis, size in _of_weight(node, name, dims):
                    found.setdefault((value.name, axis), size)
    return found


def _through(name: str, readers: dict[str, list["NodeProto"]]) -> Iterator[str]:
    pending = [name]
    for _ in range(_STEPS):
        if not pending:
            return
        current = pending.pop(0)
        yield current
        pending += [out for node in readers.get(current, ()) if node.op_type in _SAME for out in node.output[:1]]


def _of_weight(node: "NodeProto", name: str, dims: dict[str, tuple[int, ...]]) -> Iterator[tuple[int, int]]:
    weight = dims.get(node.input[1], ()) if len(node.input) > 1 and node.input[0] == name else ()
    attributes = {entry.name: entry.i for entry in node.attribute}
    if node.op_type == "Conv" and len(weight) > _MATRIX:
        yield 1, weight[1] * (attributes.get("group") or 1)
    elif node.op_type == "MatMul" and len(weight) >= _MATRIX:
        yield -1, weight[-2]
    elif node.op_type == "Gemm" and len(weight) == _MATRIX and not attributes.get("transA"):
        yield 1, weight[1] if attributes.get("transB") else weight[0]
    elif node.op_type in _OWN_WIDTH and len(weight) == 1:
        yield 1, weight[0]
    elif node.op_type == "LayerNormalization" and len(weight) == 1:
        yield -1, weight[0]
