"""Variances, norms and mean squares of values that are brought near one before they are squared.

FP16 squares nothing above 255. Along the summed axes values are divided by f = max(|x|, T) / T, with a power of two T;
what comes out is multiplied by f again behind the root, or, where the root divides the same values, left as it is, for
then f cancels. Where nothing is above T, f is 1 and nothing changes, so small values lose no digits. An epsilon is
added as it is: where f is above 1 it weighs f * f times as much as before, beside a sum of at least T * T. Here belongs
this formula. Not here: whether it is needed.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.links import Links, flag, is_op
from resources.onnx_files.edits.rewriting import Rewriting
from resources.onnx_files.edits.squares import squared
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import NodeProto

_AROUND = ("ReduceMean", "ReduceSum", "ReduceL2", "ReduceSumSquare", "Pow", "Mul", "Sqrt", "Add", "Sub", "Div", "Max")
_STEPS = 4
_ROOM = 32768
"""The sum of all squares stays below, so that it may even be added up in FP16, with room for rounding."""
_LARGEST_T = 16.0
_EPSILON = 0.01
_UNBOUNDED = 3e38
"""An upper bound above is none in FP32."""
_DEPTH = 32
"""Nodes between a sum and where its factor cancels."""
_MOVES = frozenset({"Expand", "Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape"})
_GUARDS = frozenset({"Add", "Max", "Clip"})
_SAME_SHAPE = frozenset({"Identity", "Cast"})


@dataclass(frozen=True)
class _Sum:
    """A sum of squares: of `base`, by the node `reduced`. `power`: 2, or 1 where it takes the root itself.

    `minus`: the node that takes the squared mean off a mean of squares. Then the squares of what is left when the mean
    is taken off first are meant, and `less` are the tensors in the graph that are just that.
    """

    base: str
    reduced: "NodeProto"
    power: float
    minus: "NodeProto | None" = None
    less: frozenset[str] = frozenset()

    @property
    def result(self) -> str:
        """The tensor that holds it."""
        return str((self.minus or self.reduced).output[0])


def rewrite(work: Rewriting, node: "NodeProto") -> None:
    """Write the formula at `node` anew. Raises `EditError`."""
    found = _find(work.links, node)
    axes = work.links.axes(found.reduced)
    if axes is None:
        raise EditError(f"the axes of node {shown(found.reduced.name)} are not known: give input shapes")
    follow = _Following(work, found, axes)
    follow.emit(found.result, follow.begin(), found.power)


def _find(links: Links, node: "NodeProto") -> _Sum:
    for each in links.near(node, _AROUND, _STEPS):
        if is_op(each, "ReduceL2", "ReduceSumSquare"):
            return _Sum(links.root(each.input[0]), each, 1.0 if each.op_type == "ReduceL2" else 2.0)
        square = links.maker(each.input[0]) if is_op(each, "ReduceMean", "ReduceSum") else None
        base = squared(links, square)
        if base and square is not None:
            return _by_moments(links, base, each) or _Sum(base, each, 2.0)
    raise EditError(f"node {shown(node.name)} ({shown(node.op_type)}) begins no sum of squares")


def _by_moments(links: Links, base: str, reduced: "NodeProto") -> _Sum | None:
    """E[x^2] - E[x]^2, of which FP16 keeps nothing where the mean is far from zero."""
    reader = links.only_reader(reduced.output[0])
    if reader is None or not is_op(reader[0], "Sub") or links.root(reader[0].input[0]) != reduced.output[0]:
        return None
    mean = links.maker(squared(links, links.maker(reader[0].input[1])))
    if mean is None or not is_op(mean, "ReduceMean") or not is_op(reduced, "ReduceMean"):
        return None
    if links.root(mean.input[0]) != base or not links.same_axes(mean, reduced):
        return None
    less = (node.output[0] for node, name in links.readers(mean.output[0]) if _less(links, node, base, name))
    return _Sum(base, reduced, 2.0, reader[0], frozenset(less))


def _less(links: Links, node: "NodeProto", base: str, mean: str) -> bool:
    return is_op(node, "Sub") and links.root(node.input[0]) == base and node.input[1] == mean


class _Following:
    """One sum of squares on its way to where its factor cancels."""

    def __init__(self, work: Rewriting, found: _Sum, axes: tuple[int, ...]) -> None:
        self.work = work
        self.links = work.links
        self.found = found
        self.axes = axes
        self.dtype = work.links.facts.dtype(found.base)
        self.factor = self.factor_dropped = self.near_one = ""

    def begin(self) -> str:
        """Write factor, division, squares and sum; the sum's new name."""
        reduced, at = self.found.reduced, self.found.minus or self.found.reduced
        write, base, limit = self.work.at(at), self.found.base, self._limit()
        if self.found.minus is not None:
            base = write.op("Sub", base, write.reduce("ReduceMean", base, self.axes))
        largest = write.reduce("ReduceMax", write.op("Abs", base), self.axes)
        capped = write.op("Max", largest, write.scalar(limit, self.dtype))
        self.factor = write.op("Mul", capped, write.scalar(1 / limit, self.dtype))
        self.factor_dropped = self.factor
        if not flag(reduced, "keepdims", 1):
            self.factor_dropped = write.squeeze(self.factor, self.axes)
        self.near_one = write.op("Div", base, self.factor)
        summed = self.near_one
        if is_op(reduced, "ReduceMean", "ReduceSum"):
            summed = write.op("Mul", summed, summed)
        if self.found.minus is not None:
            return write.reduce("ReduceMean", summed, self.axes, keepdims=bool(flag(reduced, "keepdims", 1)))
        inputs = [summed, *reduced.input[1:]]
        return self.work.again(reduced, inputs, self.work.tensor(f"{reduced.output[0]}/near_one"))

    def _limit(self) -> float:
        count = self.links.elements(self.found.reduced)
        if count is None or count < 1:
            return 1.0
        return min(_LARGEST_T, 2.0 ** math.floor(math.log2(_ROOM / count) / 2))

    def emit(self, tensor: str, new: str, power: float) -> None:
        """Write what reads `tensor`, which is `new` times the factor to the `power`."""
        if not self._cancels(tensor, power):
            self._back(tensor, new, power)
            return
        for node in self.links.direct(tensor):
            self._step(node, tensor, new, power)

    def _step(self, node: "NodeProto", tensor: str, new: str, power: float) -> None:
        after = self._after(node, tensor, power)
        inputs = [new if name == tensor else name for name in node.input]
        if after == 0:
            inputs = [self.near_one if self._is_base(name) else name for name in inputs]
            self.work.again(node, inputs, node.output[0])
            return
        out = self.work.again(node, inputs, self.work.tensor(f"{node.output[0]}/near_one"))
        self.emit(node.output[0], out, after if after is not None else 0.0)

    def _back(self, tensor: str, new: str, power: float) -> None:
        """Multiply by the factor again, under the old name."""
        if abs(power) != 1:
            readers = (
                ", ".join(sorted({shown(node.op_type) for node in self.links.direct(tensor)})) or "the model's output"
            )
            raise EditError(f"{shown(tensor)}, a sum of squares, is used by {readers} without a root: keep it in FP32")
        maker = self.links.maker(tensor)
        if maker is None:
            raise EditError(f"nothing makes {shown(tensor)}")
        same = self.links.facts.rank(tensor) == self.links.facts.rank(self.found.base)
        factor = self.factor if same or flag(self.found.reduced, "keepdims", 1) else self.factor_dropped
        self.work.at(maker).op("Mul" if power == 1 else "Div", new, factor, out=tensor)

    def _cancels(self, tensor: str, power: float, depth: int = 0) -> bool:
        """Whether every reader of a tensor takes it further, to where the factor cancels or is multiplied back."""
        if tensor in self.links.outputs or depth > _DEPTH:
            return False
        readers = self.links.direct(tensor)
        return bool(readers) and all(self._takes(node, tensor, power, depth) for node in readers)

    def _takes(self, node: "NodeProto", tensor: str, power: float, depth: int) -> bool:
        after = self._after(node, tensor, power)
        if after is None:
            return False
        if after == 0 or (abs(after) == 1 and abs(power) != 1):
            return True  # it cancels there, or behind the root it can be multiplied back
        return self._cancels(node.output[0], after, depth + 1)

    def _after(self, node: "NodeProto", tensor: str, power: float) -> float | None:
        """The factor's power behind a node; 0 where it cancels, None where the node does not take it further."""
        after: float | None = None
        value = self.links.scalar(self.links.other(node, tensor)) if self.links.other(node, tensor) else None
        if list(node.input).count(tensor) != 1 or len(node.output) != 1:
            return None
        if is_op(node, *_SAME_SHAPE) or (is_op(node, *_MOVES) and abs(power) == 1):
            after = power
        elif is_op(node, "Relu", "Abs") and power > 0:
            after = power  # no sum of squares is below zero
        elif is_op(node, "Sqrt", "Reciprocal"):
            after = power / 2 if node.op_type == "Sqrt" else -power
        elif is_op(node, "Pow") and node.input[0] == tensor and value is not None:
            after = power * value
        elif is_op(node, *_GUARDS) and power > 0 and self._guards(node, tensor):
            after = power
        elif is_op(node, "Mul", "Div"):
            after = self._scaled(node, tensor, power, value)
        return after

    def _scaled(self, node: "NodeProto", tensor: str, power: float, value: float | None) -> float | None:
        divides = is_op(node, "Div")
        if value:
            return -power if divides and node.input[1] == tensor else power
        same = self._is_base(self.links.other(node, tensor))
        if divides:
            return 0.0 if same and power == 1 and node.input[1] == tensor else None
        return 0.0 if same and power == -1 else None

    def _is_base(self, name: str) -> bool:
        """Whether a tensor is what is squared."""
        root = self.links.root(name)
        return root in self.found.less if self.found.minus is not None else root == self.found.base

    def _guards(self, node: "NodeProto", tensor: str) -> bool:
        """Whether a node keeps the tensor away from zero, and does nothing else."""
        if is_op(node, "Clip"):
            low = self.links.scalar(node.input[1]) if len(node.input) > 1 and node.input[1] else None
            stated = {entry.name: float(entry.f) for entry in node.attribute}
            low = stated.get("min", low)
            return node.input[0] == tensor and low is not None and low <= _EPSILON and not self._capped(node, stated)
        values = [self.links.scalar(name) for name in node.input if name != tensor]
        return len(values) == 1 and values[0] is not None and 0 <= values[0] <= _EPSILON

    def _capped(self, node: "NodeProto", stated: dict[str, float]) -> bool:
        """Whether a Clip has an upper bound that FP32 can reach."""
        high = self.links.scalar(node.input[2]) if len(node.input) > 2 and node.input[2] else None  # noqa: PLR2004
        high = stated.get("max", high)
        given = len(node.input) > 2 and bool(node.input[2])  # noqa: PLR2004 - the third input is the upper bound
        return (given and high is None) or (high is not None and high < _UNBOUNDED)
