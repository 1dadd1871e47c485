"""A layer normalisation that is written out in single operators, as the one operator LayerNormalization.

Written out, each step rounds: a deviation of 300 squared leaves FP16's range, and an epsilon of 1e-5 loses digits. The
operator rounds once, at its end. It exists from opset 17 on, and CANN registers it for 17 and 18 (hicann/parser, ONNX
operator plugins); there is none for a root mean square without the mean. Here belongs recognising the formula and
writing the operator. Not here: other orders of the same mathematics (`reformulate.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.links import Links, flag, is_op
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.squares import squared
from resources.onnx_files.edits.surgery import closed, opened, opset_of, replace
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

FIRST_OPSET = 17
_RMS = "there is no operator of CANN's for a root mean square; try reformulate (sum_of_squares) or keep_dtype"


def fuse_normalization(model: "ModelProto", nodes: Sequence[str]) -> "ModelProto":
    """The model with these layer normalisations as one operator each; below opset 17 it is converted to 17.

    `nodes`: the ReduceMean that each begins with. Axes that are not the last are brought there by a Transpose. Raises
    `EditError` for a node that begins no layer normalisation, for one whose inner results are read elsewhere, and for
    one whose normalised sizes are not known.
    """
    source = _from_opset(model)
    bones = opened(source)
    known, names, opset = facts.of_main(bones), Names(bones), opset_of(bones)
    weights = {weight.name for weight in source.graph.initializer} - {value.name for value in source.graph.input}
    for name in dict.fromkeys(nodes):
        links = Links(bones.graph, known, weights)
        found = _recognised(links, links.node(name))
        write = Writer(names, opset, found.last.name)
        _written(links, write, found)
        replace(bones.graph, {links.place(found.last): write.finish(found.last)}, write.weights)
    return closed(bones, source, stale=())


def _from_opset(model: "ModelProto") -> "ModelProto":
    if opset_of(model) >= FIRST_OPSET:
        return model
    from resources.onnx_files.edits.convert_opset import convert_opset

    return convert_opset(model, FIRST_OPSET)


@dataclass
class _Normalization:
    """One formula. `last` is its last node; `scale` and `bias` are constants, empty where there are none."""

    source: str
    axes: tuple[int, ...]
    epsilon: float
    last: "NodeProto"
    scale: str = ""
    bias: str = ""


def _recognised(links: Links, mean: "NodeProto") -> _Normalization:
    axes = links.axes(mean)
    if is_op(mean, "Pow", "Mul") and squared(links, mean):
        raise EditError(f"node {shown(mean.name)}: {_RMS}")
    if not is_op(mean, "ReduceMean") or not flag(mean, "keepdims", 1) or axes is None:
        raise _none(mean, "it is no ReduceMean that keeps its dimensions")
    source = links.root(mean.input[0])
    if squared(links, links.maker(source)):
        raise EditError(f"node {shown(mean.name)}: {_RMS}")
    deviations = {
        node.output[0] for node, _ in links.readers(mean.output[0]) if _takes_off(links, node, source, mean.output[0])
    }
    if not deviations:
        raise _none(mean, "nothing takes it off its input")
    variance = _variance(links, mean, deviations)
    epsilon, deviation = _guarded(links, mean, variance)
    last = _quotient(links, mean, deviation, deviations)
    found = _Normalization(source, axes, epsilon, last)
    _affine(links, found)
    if links.facts.dtype(source) != links.facts.dtype(found.last.output[0]):
        raise _none(mean, "it changes the type of its input on the way")
    return found


def _none(mean: "NodeProto", why: str) -> EditError:
    return EditError(f"node {shown(mean.name)} ({shown(mean.op_type)}) begins no layer normalisation: {why}")


def _takes_off(links: Links, node: "NodeProto", source: str, mean: str) -> bool:
    return is_op(node, "Sub") and links.root(node.input[0]) == source and links.root(node.input[1]) == mean


def _inner(links: Links, mean: "NodeProto", tensor: str, operators: Sequence[str]) -> "NodeProto":
    """The one reader of an inner result, which must be one of `operators`."""
    found = links.only_reader(tensor)
    if found is None:
        raise _none(mean, f"{shown(tensor)} is read elsewhere too")
    if not is_op(found[0], *operators):
        wanted = " or ".join(operators)
        raise _none(mean, f"{wanted} should read {shown(tensor)}, and {shown(found[0].op_type)} does")
    return found[0]


def _variance(links: Links, mean: "NodeProto", deviations: set[str]) -> str:
    """The tensor of the mean of squares of the deviations."""
    for deviation in sorted(deviations):
        for node, _ in links.readers(deviation):
            if squared(links, node) in deviations:
                reduced = _inner(links, mean, node.output[0], ("ReduceMean",))
                if not flag(reduced, "keepdims", 1) or not links.same_axes(mean, reduced):
                    raise _none(mean, "the mean of squares goes over other axes, or drops them")
                return str(reduced.output[0])
    raise _none(mean, "nothing squares its deviations")


def _guarded(links: Links, mean: "NodeProto", variance: str) -> tuple[float, "NodeProto"]:
    """Epsilon, and the node that takes the root (or its inverse)."""
    epsilon = 0.0
    node = _inner(links, mean, variance, ("Add", "Sqrt", "Pow"))
    if is_op(node, "Add"):
        values = [value for name in node.input if (value := links.scalar(name)) is not None]
        if len(values) != 1 or not values[0] >= 0:
            raise _none(mean, "what is added to its variance is no epsilon")
        epsilon = values[0]
        node = _inner(links, mean, node.output[0], ("Sqrt", "Pow"))
    return epsilon, node


def _quotient(links: Links, mean: "NodeProto", root: "NodeProto", deviations: set[str]) -> "NodeProto":
    """The node that divides the deviations by the root."""
    power = links.scalar(root.input[1]) if is_op(root, "Pow") else 0.5
    if power not in {0.5, -0.5}:
        raise _none(mean, "its variance is raised to a power that is no root")
    inverse = power == -0.5  # noqa: PLR2004 - one over the square root
    node = _inner(links, mean, root.output[0], ("Mul",) if inverse else ("Div", "Reciprocal"))
    made = root.output[0]
    if is_op(node, "Reciprocal"):
        made, inverse = node.output[0], True
        node = _inner(links, mean, made, ("Mul",))
    parts = [links.root(name) for name in node.input]
    divides = len(parts) == 2 and parts[0] in deviations and parts[1] == made  # noqa: PLR2004 - two operands
    multiplies = inverse and made in parts and not deviations.isdisjoint(parts)
    if not (multiplies if is_op(node, "Mul") else divides):
        raise _none(mean, "its deviations are not what the root divides")
    return node


def _affine(links: Links, found: _Normalization) -> None:
    """Take in a factor and a summand behind, as far as they are constants of the normalised shape."""
    for operator, part in (("Mul", "scale"), ("Add", "bias")):
        reader = links.only_reader(found.last.output[0])
        if reader is None or not is_op(reader[0], operator):
            continue
        constant = links.other(*reader)
        if constant and _fits(links, found, constant):
            setattr(found, part, constant)
            found.last = reader[0]


def _fits(links: Links, found: _Normalization, name: str) -> bool:
    """Whether a tensor is a constant with sizes along the normalised axes alone."""
    rank, dims = links.facts.rank(found.source), links.facts.static(name)
    if rank is None or dims is None or len(dims) > rank or not links.constant(name):
        return False
    normal = {axis % rank for axis in found.axes}
    return all(dim == 1 for axis, dim in enumerate(_padded(dims, rank)) if axis not in normal)


def _padded(dims: tuple[int, ...], rank: int) -> tuple[int, ...]:
    return (1,) * (rank - len(dims)) + dims


def _written(links: Links, write: Writer, found: _Normalization) -> None:
    dims = links.facts.shape(found.source)
    if dims is None:
        raise EditError(f"the rank of {shown(found.source)}, which is normalised, is not known: give input shapes")
    axes = sorted(axis % len(dims) for axis in found.axes)
    sizes = tuple(dims[axis] for axis in axes)
    if min(sizes) < 1:
        raise EditError(f"{shown(found.source)} is normalised over sizes that are open: give input shapes")
    scale = _parameter(links, write, found, found.scale, 1.0)
    # Always given: whether a device's parser takes LayerNormalization without one is not documented.
    bias = _parameter(links, write, found, found.bias, 0.0)
    axis, epsilon = -len(axes), found.epsilon
    out = found.last.output[0]
    order = [*(axis for axis in range(len(dims)) if axis not in axes), *axes]
    if order == sorted(order):
        write.op("LayerNormalization", found.source, scale, bias, out=out, axis=axis, epsilon=epsilon)
        return
    moved = write.op("Transpose", found.source, perm=order)
    made = write.op("LayerNormalization", moved, scale, bias, axis=axis, epsilon=epsilon)
    write.op("Transpose", made, out=out, perm=[order.index(axis) for axis in range(len(dims))])


def _parameter(links: Links, write: Writer, found: _Normalization, name: str, default: float) -> str:
    """A constant of the normalised shape: the given one brought into it, or `default` throughout."""
    import numpy as np
    from onnx import helper

    whole = links.facts.shape(found.source) or ()
    axes = sorted(axis % len(whole) for axis in found.axes)
    sizes = tuple(whole[axis] for axis in axes)
    if not name:
        dtype = helper.tensor_dtype_to_np_dtype(links.facts.dtype(found.source))
        return write.constant(np.full(sizes, default).astype(dtype))
    dims = links.facts.static(name) or ()
    if dims == sizes:
        return name
    part = tuple(_padded(dims, len(whole))[axis] for axis in axes)
    flat = write.reshape(name, part)
    return flat if part == sizes else write.op("Expand", flat, write.ints(sizes))
