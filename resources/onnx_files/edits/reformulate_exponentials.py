"""Softmax, log-sum-exp, softplus and the logistic function, written so that no exponential leaves FP16's range.

exp(x) passes 65504 at x = 11.1. Where a single operator computes the whole formula it takes its place; else the largest
value along the summed axes is taken off first, which leaves every quotient as it is and is added again behind a
logarithm. Here belong these formulas. Not here: exponentials that stand alone.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.links import Links, flag, is_op
from resources.onnx_files.edits.rewriting import Rewriting
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import NodeProto

_AROUND = ("ReduceMax", "Sub", "Exp", "ReduceSum", "Div", "Mul", "Reciprocal", "Log", "Add", "Neg")
_STEPS = 3
_EPSILON = 1e-6
"""A guard added to a sum of exponentials, of which the largest is 1, that changes nothing in FP32."""
_GUARDS = ("Add", "Max", "Clip")
AXIS_BY_AXIS = 13
"""The opset from which Softmax means one axis; before, it meant all from that axis on."""


def rewrite(work: Rewriting, node: "NodeProto") -> None:
    """Write the formula at `node` anew. Raises `EditError`."""
    exponential = next((each for each in work.links.near(node, _AROUND, _STEPS) if is_op(each, "Exp")), None)
    if exponential is None:
        raise _none(node, "there is no Exp near it")
    if work.links.leaves(exponential.output[0]):
        raise _none(exponential, "its exponential is an output of the model")
    one_more = _one_more(work.links, exponential)
    if one_more is not None:
        _logistic(work, exponential, one_more)
        return
    total = _total(work.links, exponential)
    axes = work.links.axes(total)
    if axes is None:
        raise _none(exponential, "the axes of its sum are not known")
    divisions = _divisions(work.links, exponential, total)
    if _operator(work, exponential, total, axes, divisions):
        return
    _shifted(work, exponential, total, axes)


def _none(node: "NodeProto", why: str) -> EditError:
    return EditError(f"node {shown(node.name)} ({shown(node.op_type)}) begins no softmax or log-sum-exp: {why}")


def _one_more(links: Links, exponential: "NodeProto") -> "NodeProto | None":
    """The node that adds 1 to the exponential."""
    for node, name in links.readers(exponential.output[0]):
        if is_op(node, "Add") and links.scalar(links.other(node, name)) == 1:
            return node
    return None


def _logistic(work: Rewriting, exponential: "NodeProto", one_more: "NodeProto") -> None:
    """log(1 + exp(z)) as Softplus(z), exp(z) / (1 + exp(z)) as Sigmoid(z), u / (1 + exp(z)) as u * Sigmoid(-z)."""
    links, z, total = work.links, exponential.input[0], one_more.output[0]
    if links.leaves(total):
        raise _none(exponential, "1 + exp is an output of the model")
    for node, name in links.readers(total):
        write, out = work.at(node), node.output[0]
        if is_op(node, "Log"):
            write.op("Softplus", z, out=out)
        elif is_op(node, "Reciprocal"):
            write.op("Sigmoid", _negated(work, node, z), out=out)
        elif is_op(node, "Div") and node.input[1] == name and node.input[0] != name:
            upper = node.input[0]
            if links.root(upper) == exponential.output[0]:
                write.op("Sigmoid", z, out=out)
            elif links.scalar(upper) == 1 and not links.facts.shape(upper):
                write.op("Sigmoid", _negated(work, node, z), out=out)
            else:
                write.op("Mul", upper, write.op("Sigmoid", _negated(work, node, z)), out=out)
        else:
            raise _none(exponential, f"{shown(node.op_type)} reads 1 + exp")
        write.finish(node)


def _negated(work: Rewriting, at: "NodeProto", z: str) -> str:
    maker = work.links.maker(z)
    if maker is not None and is_op(maker, "Neg"):
        return str(maker.input[0])
    return work.at(at).op("Neg", z)


def _total(links: Links, exponential: "NodeProto") -> "NodeProto":
    """The sum of the exponentials, or of their products with a mask."""
    pending = [exponential.output[0]]
    for made in pending:
        for node, _ in links.readers(made):
            if is_op(node, "ReduceSum"):
                return node
            if made == exponential.output[0] and is_op(node, "Mul"):
                pending.append(node.output[0])
    raise _none(exponential, "nothing sums its exponentials")


def _divisions(links: Links, exponential: "NodeProto", total: "NodeProto") -> "list[NodeProto]":
    """The divisions by the sum. Raises `EditError` where the exponentials or the sum are used in any other way."""
    summed, divisions = links.root(total.input[0]), dict[int, "NodeProto"]()
    numerators, allowed = {exponential.output[0], summed}, [total]
    if summed != exponential.output[0]:
        allowed += [masked] if (masked := links.maker(summed)) is not None else []
    lower = _lower(links, total)
    for made in (*numerators, *lower):
        if links.leaves(made):
            raise _none(exponential, f"{shown(made)} is an output of the model")
        for node, name in links.readers(made):
            if _divides(links, node, numerators, lower):
                divisions[id(node)] = node
            elif node not in allowed and not _inner(links, node, name, lower):
                raise _none(exponential, f"{shown(made)} is read by {shown(node.op_type)} {shown(node.name)} too")
    return list(divisions.values())


def _divides(links: Links, node: "NodeProto", numerators: set[str], lower: "dict[str, bool]") -> bool:
    """Whether a node divides the exponentials by the sum, or multiplies them with its reciprocal."""
    if len(node.input) != 2:  # noqa: PLR2004 - two operands
        return False
    first, second = (links.root(name) for name in node.input)
    if is_op(node, "Div"):
        return first in numerators and second in lower
    inverses = {name for name in lower if is_op(links.maker(name), "Reciprocal")}
    return is_op(node, "Mul") and any(a in numerators and b in inverses for a, b in ((first, second), (second, first)))


def _inner(links: Links, node: "NodeProto", name: str, lower: "dict[str, bool]") -> bool:
    """Whether a node is on the way from the sum to the division, or is the logarithm of the bare sum."""
    made = node.output[0]
    return made in lower or (is_op(node, "Log") and lower.get(links.root(name)) is True)


def _lower(links: Links, total: "NodeProto") -> "dict[str, bool]":
    """The sum under its names on the way to the division -> whether it is still the bare sum."""
    found = {total.output[0]: True}
    pending = [total.output[0]]
    for made in pending:
        for node, name in links.readers(made):
            moves = is_op(node, "Unsqueeze", "Expand") and node.input[0] == name
            guards = is_op(node, *_GUARDS) and _guards(links, node, name)
            if moves or guards or is_op(node, "Reciprocal"):
                found[node.output[0]] = False
                pending.append(node.output[0])
    return found


def _guards(links: Links, node: "NodeProto", name: str) -> bool:
    values = [links.scalar(other) for other in node.input if other and other != name]
    return len(values) == 1 and values[0] is not None and 0 <= values[0] <= _EPSILON


def _operator(
    work: Rewriting, exponential: "NodeProto", total: "NodeProto", axes: tuple[int, ...], divisions: "list[NodeProto]"
) -> bool:
    """Write Softmax in the place of the division; whether the formula is no more and no less than that."""
    links = work.links
    bare = links.root(total.input[0]) == exponential.output[0]
    logs = any(is_op(node, "Log") for name in _lower(links, total) for node, _ in links.readers(name))
    axis = _axis(links, exponential, axes, work.opset)
    if not bare or logs or len(divisions) != 1 or axis is None:
        return False
    if not flag(total, "keepdims", 1) and not _put_back(links, total, axes):
        return False
    write = work.at(divisions[0])
    write.op("Softmax", _unshifted(links, exponential, axis), out=divisions[0].output[0], axis=axis)
    write.finish(divisions[0])
    return True


def _put_back(links: Links, total: "NodeProto", axes: tuple[int, ...]) -> bool:
    """Whether a dropped dimension is put in again where it was."""
    reader = links.only_reader(total.output[0])
    if reader is None or not is_op(reader[0], "Unsqueeze"):
        return False
    rank, given = links.facts.rank(total.input[0]), links.axes(reader[0])
    return rank is not None and given is not None and [a % rank for a in given] == [a % rank for a in axes]


def _axis(links: Links, exponential: "NodeProto", axes: tuple[int, ...], opset: int) -> int | None:
    """The axis as Softmax of that opset takes it; None where it cannot say it."""
    if len(axes) != 1:
        return None
    rank = links.facts.rank(exponential.input[0])
    if opset >= AXIS_BY_AXIS:
        return axes[0]
    if rank is None or axes[0] % rank != rank - 1:
        return None
    return rank - 1


def _unshifted(links: Links, exponential: "NodeProto", axis: int) -> str:
    """What is exponentiated, before something constant along the axis was taken off."""
    z = str(exponential.input[0])
    minus = links.maker(z)
    if minus is None or not is_op(minus, "Sub"):
        return z
    whole, taken = links.facts.shape(minus.input[0]), links.facts.shape(minus.input[1])
    if whole is None or taken is None or whole != links.facts.shape(z):
        return z
    place = axis % len(whole) - (len(whole) - len(taken))
    return str(minus.input[0]) if place < 0 or taken[place] == 1 else z


def _shifted(work: Rewriting, exponential: "NodeProto", total: "NodeProto", axes: tuple[int, ...]) -> None:
    """Take the largest value off before the exponential, and add it again behind each logarithm."""
    z, write = exponential.input[0], work.at(exponential)
    minus = work.links.maker(z)
    peak = work.links.maker(minus.input[1]) if minus is not None and is_op(minus, "Sub") else None
    if peak is not None and is_op(peak, "ReduceMax") and work.links.same_axes(peak, total):
        raise _none(exponential, "its largest value is taken off already")
    largest = write.reduce("ReduceMax", z, axes)
    write.keep(exponential, [write.op("Sub", z, largest)], list(exponential.output), exponential.attribute)
    logs = [node for node, _ in work.links.readers(total.output[0]) if is_op(node, "Log")]
    for node in logs:
        again = work.at(node)
        kept = largest if flag(total, "keepdims", 1) else again.squeeze(largest, axes)
        again.keep(node, list(node.input), [work.tensor(f"{node.output[0]}/shifted")], node.attribute)
        again.op("Add", again.nodes[-1].output[0], kept, out=node.output[0])
