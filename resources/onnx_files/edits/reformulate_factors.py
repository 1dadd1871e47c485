"""A factor that makes results smaller, applied before what is too large instead of after.

(Q K) / sqrt(d) is (Q / sqrt(d)) K, a sum times 1/n is a sum of terms times 1/n, and x * 1e4 -> f -> * 1e-4 is f(x) for
an f that is homogeneous, f(c x) = c f(x) for c > 0. So the factor is carried from where it stands, up through such
operators, to the inputs of the one that overflows. A factor above one is carried only to one that it takes back: x *
1e-6 -> f -> * 1e6. Here belongs which operators let a factor through, and by which of their inputs. Not here: factors
that make results larger.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.links import Links, is_op
from resources.onnx_files.edits.rewriting import Rewriting
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import NodeProto

_DEPTH = 32
"""Nodes that a factor is carried through."""
_ONE = 1e-6
"""A product of factors as near to 1 is 1: 1e4 * 1e-4 rounds."""

_UNDONE = 1e-3
"""A factor that takes another back, however roughly either is written."""

_FIRST = frozenset(
    {"Relu", "LeakyRelu", "PRelu", "Abs", "Neg", "Identity", "Cast", "Dropout", "Div"}
    | {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "CumSum"}
    | {"AveragePool", "GlobalAveragePool", "MaxPool", "GlobalMaxPool", "Resize", "Upsample"}
    | {"Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile", "Slice", "Gather"}
    | {"DepthToSpace", "SpaceToDepth", "GatherElements", "GatherND", "ReverseSequence", "Trilu"}
)
"""Operators that are homogeneous in their first input."""
_EACH = frozenset({"Add", "Sub", "Sum", "Mean", "Max", "Min", "Concat"})
"""Operators that are homogeneous in all of their inputs together."""
_SUMMAND_THIRD = frozenset({"Gemm", "Conv", "ConvTranspose"})
"""Products of the first two inputs, to which the third is added."""

Terms = tuple[tuple[int, ...], ...]
"""Which inputs a factor goes to: one of every group."""


_FIXED: Mapping[str, Terms] = {
    **dict.fromkeys(_FIRST, ((0,),)),
    **dict.fromkeys(("MatMul", "Mul"), ((0, 1),)),
    "Where": ((1,), (2,)),
}


@dataclass(frozen=True)
class _Way:
    """The nodes from the one that is too large to the last before the factor, and the tensor that each hands on."""

    nodes: "tuple[NodeProto, ...]"
    last: "NodeProto"
    factor: float


def rewrite(work: Rewriting, node: "NodeProto") -> None:
    """Carry the factor behind `node` to its inputs. Raises `EditError`."""
    links = work.links
    way = _either(links, node)
    carried = ""
    for index, each in enumerate(way.nodes):
        out = way.last.output[0] if index == len(way.nodes) - 1 else work.tensor(f"{each.output[0]}/scaled")
        _scale(work, each, way.nodes[index - 1].output[0] if index else "", carried, out, way.factor)
        carried = out
    work.at(way.last)


def _either(links: Links, node: "NodeProto") -> _Way:
    """The way from `node` on; where that is the factor itself, from what it scales."""
    try:
        return _way(links, node)
    except EditError:
        before = links.maker(node.input[0]) if node.input else None
        own = _own(links, node)
        if before is None or own is None or not 0 < own < 1 or not _terms(before):
            raise
        return _way(links, before)


def _own(links: Links, node: "NodeProto") -> float | None:
    """The number that a node multiplies with."""
    factors = [_factor(links, node, name) for name in node.input if _number(links, name) is None]
    return factors[0] if len(factors) == 1 else None


def _way(links: Links, begin: "NodeProto") -> _Way:
    nodes, current, own = [begin], begin, _own(links, begin)
    if not _terms(begin):
        raise _stopped(begin, f"{shown(begin.op_type)} is not homogeneous")
    for _ in range(_DEPTH):
        made = current.output[0]
        readers = links.direct(made)
        if made in links.outputs:
            raise _stopped(begin, f"{shown(made)} is an output of the model")
        if len(readers) != 1 or list(readers[0].input).count(made) != 1:
            raise _stopped(begin, f"{shown(made)} is used by more than one node")
        current = readers[0]
        factor = _factor(links, current, made)
        if factor is not None and (0 < factor < 1 or (own is not None and abs(own * factor - 1) < _UNDONE)):
            return _Way(tuple(nodes), current, factor)
        if not any(current.input[place] == made for group in _terms(current) for place in group):
            raise _stopped(begin, f"{shown(current.op_type)} {shown(current.name)} is not homogeneous")
        nodes.append(current)
    raise _stopped(begin, f"there is none among the {_DEPTH} nodes behind it")


def _stopped(begin: "NodeProto", why: str) -> EditError:
    return EditError(f"no factor can be carried to node {shown(begin.name)} ({shown(begin.op_type)}): {why}")


def _factor(links: Links, node: "NodeProto", tensor: str) -> float | None:
    """What a node multiplies a tensor with, where that is one constant number."""
    if not is_op(node, "Mul", "Div") or len(node.input) != 2:  # noqa: PLR2004 - two operands
        return None
    first, second = (links.root(name) for name in node.input)
    if tensor not in {first, node.input[0]}:
        if is_op(node, "Div") or tensor not in {second, node.input[1]}:
            return None
        return _number(links, node.input[0])
    value = _number(links, node.input[1])
    if is_op(node, "Div"):
        return 1 / value if value else None
    return value


def _number(links: Links, name: str) -> float | None:
    """The value of a constant that leaves the other operand's shape as it is."""
    dims = links.facts.shape(name)
    return links.scalar(name) if dims is not None and set(dims) <= {1} else None


def _terms(node: "NodeProto") -> Terms:
    """Where a factor goes in; nothing where the operator is not homogeneous."""
    given = tuple(place for place, name in enumerate(node.input) if name)
    if not given or node.domain not in DEFAULT_DOMAINS or len([name for name in node.output if name]) != 1:
        return ()
    if node.op_type in _EACH or (node.op_type == "Clip" and not node.attribute):
        return tuple((place,) for place in given)
    if node.op_type in _SUMMAND_THIRD:
        return ((0, 1), *((place,) for place in given if place > 1))
    return _FIXED.get(node.op_type, ())


def _scale(work: Rewriting, node: "NodeProto", read: str, carried: str, out: str, factor: float) -> None:
    """Write a node again: the tensor `read` is `carried` now, and every other term is multiplied by the factor."""
    inputs = [carried if read and name == read else name for name in node.input]
    for group in _terms(node):
        if not any(read and node.input[place] == read for place in group):
            place = _chosen(work.links, node, group)
            inputs[place] = _scaled(work, node, inputs[place], factor)
    if is_op(node, "Mul") and "" in inputs:
        work.at(node).op("Identity", next(name for name in inputs if name), out=out)
        return
    work.again(node, inputs, out)


def _chosen(links: Links, node: "NodeProto", group: tuple[int, ...]) -> int:
    """Which of several inputs takes the factor: a number before a tensor, and what is computed before a weight."""
    present = [place for place in group if place < len(node.input) and node.input[place]]
    numbers = [place for place in present if _number(links, node.input[place]) is not None]
    computed = [place for place in present if not links.constant(node.input[place])]
    return (numbers or computed or present)[0]


def _scaled(work: Rewriting, node: "NodeProto", name: str, factor: float) -> str:
    """`name` times the factor; empty where that is a number which becomes 1 in a product."""
    import numpy as np
    from onnx import helper

    links = work.links
    dtype, value = links.facts.dtype(name), links.facts.value(links.root(name))
    if not dtype:
        raise EditError(f"the type of {shown(name)} is not known: give input shapes")
    kind = helper.tensor_dtype_to_np_dtype(dtype)
    if value is None:
        return work.at(node).op("Mul", name, work.at(node).constant(np.asarray(factor).astype(kind)))
    product = value.astype(np.float64) * factor
    if is_op(node, "Mul") and product.size == 1 and abs(float(product.ravel()[0]) - 1) < _ONE:
        return ""
    return work.at(node).constant(product.astype(kind))
