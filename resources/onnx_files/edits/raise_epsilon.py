"""The constant that keeps a root, a logarithm or a divisor away from zero, raised to what FP16 holds.

FP16's smallest normal number is 6.1e-5: an epsilon of 1e-5 loses digits there, one of 1e-12 is zero, and 0/0 is no
number. What it guards changes a little in FP32 too, by about epsilon over the guarded value. Not here: which epsilon
does harm.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.links import Links
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.surgery import closed, opened, opset_of, replace
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_DEFAULTS = {
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"), 1e-5),
    **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), 1e-5),
    "SkipLayerNormalization": 1e-12,
}
"""Operators with an attribute `epsilon`, and its default (ONNX operator specification; ONNX Runtime's for the last)."""

_GUARDS = frozenset({"Add", "Sub", "Sum", "Max", "Clip", "Where"})
_BEHIND = frozenset({"Sqrt", "Rsqrt", "Reciprocal", "Log", "Pow", "Div"})
_STEPS = 3


def raise_epsilon(model: "ModelProto", nodes: Sequence[str], to: float) -> "ModelProto":
    """The model with the epsilon of these nodes at least `to`; never lower, and no other node's.

    A node is a normalisation, an Add, Sub, Sum, Max, Clip or Where with a small constant, or the root, logarithm or
    division right behind one. Raises `EditError` for one without such a constant.
    """
    bones = opened(model)
    links, names, opset = Links(bones.graph, facts.of_main(bones)), Names(bones), opset_of(bones)
    new: dict[int, list[NodeProto]] = {}
    weights = []
    for name in dict.fromkeys(nodes):
        node = links.node(name)
        if node.op_type in _DEFAULTS:
            _attribute(node, "epsilon", max(to, _stated(node, "epsilon", _DEFAULTS[node.op_type])))
            continue
        guard = _guard(links, node)
        write = Writer(names, opset, guard.name)
        _raised(links, write, guard, to)
        new[links.place(guard)] = write.nodes
        weights.extend(write.weights)
    if new:
        replace(bones.graph, new, weights)
    return closed(bones, model, stale=())


def _guard(links: Links, node: "NodeProto") -> "NodeProto":
    """The node that holds the constant: the named one, or the nearest before it."""
    for each in links.near(node, (*_GUARDS, *_BEHIND), 0 if node.op_type in _GUARDS else _STEPS):
        if each.op_type in _GUARDS and (_small(links, each) or _small_bounds(each)):
            return each
    raise EditError(f"node {shown(node.name)} ({shown(node.op_type)}) has no epsilon: no small constant guards it")


def _small(links: Links, node: "NodeProto") -> list[int]:
    """The inputs of a guard that are constants near zero."""
    candidates = range(1, 2) if node.op_type == "Clip" else range(len(node.input))
    values = {index: links.scalar(node.input[index]) for index in candidates if index < len(node.input)}
    return [index for index, value in values.items() if value is not None and 0 < abs(value) < _LARGEST]


_LARGEST = 0.01
"""A guard is not larger than the largest that an epsilon may be raised to."""


def _small_bounds(node: "NodeProto") -> bool:
    """Whether a Clip before opset 11 bounds from below near zero."""
    return node.op_type == "Clip" and 0 < _stated(node, "min", 0.0) < _LARGEST


def _raised(links: Links, write: Writer, guard: "NodeProto", to: float) -> None:
    """Write the guard again, each small constant raised in a copy of its own: others may read the same one."""
    import numpy as np

    inputs = list(guard.input)
    for index in _small(links, guard):
        value = links.scalar(guard.input[index]) or 0.0
        held = links.facts.value(links.root(guard.input[index]))
        dtype = links.facts.dtype(guard.input[index])
        if abs(value) < to and held is not None and dtype:
            from onnx import helper

            kind = helper.tensor_dtype_to_np_dtype(dtype)
            inputs[index] = write.constant(np.full(held.shape, np.copysign(to, value)).astype(kind))
    if _small_bounds(guard):
        _attribute(guard, "min", max(to, _stated(guard, "min", 0.0)))
    write.keep(guard, inputs, list(guard.output), guard.attribute)


def _stated(node: "NodeProto", name: str, default: float) -> float:
    return next((float(entry.f) for entry in node.attribute if entry.name == name), default)


def _attribute(node: "NodeProto", name: str, value: float) -> None:
    """State an attribute, in place."""
    from onnx import helper

    kept = [type(entry).FromString(entry.SerializeToString()) for entry in node.attribute if entry.name != name]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute(name, value)])
