"""Einsum as transposes, reshapes, products and sums.

Two operands become one batched MatMul where they share a label that is summed, and one Mul where they do not; more are
taken from left to right. Here belongs the algebra. Not here: reading the notation (`einsum_notation.py`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.einsum_notation import Label, read
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import Site, understood
from resources.onnx_files.edits.surgery import chosen, closed, opened, opset_of, refused, replace
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Labels = tuple[Label, ...]
Sizes = dict[Label, int]


@dataclass(frozen=True)
class _Part:
    """A tensor, a label for each of its dimensions, and its own sizes (1 where it is broadcast, -1 for open)."""

    name: str
    labels: Labels
    sizes: tuple[int, ...]

    def size(self, label: Label) -> int:
        return self.sizes[self.labels.index(label)]


def rewrite_einsum(model: "ModelProto", nodes: Iterable[str]) -> "ModelProto":
    """The model with the named Einsum nodes written out. The last node of each keeps its name.

    Raises `EditError` for a diagonal (a label twice in one operand), for unknown ranks, and for open sizes that would
    have to be merged.
    """
    bones = opened(model)
    known, names, opset = facts.of_main(bones), Names(bones), opset_of(bones)
    new: dict[int, list[NodeProto]] = {}
    weights: list[TensorProto] = []
    reasons: list[str] = []
    for index, node in chosen(bones.graph, nodes, {"Einsum"}).items():
        site = Site(node, known, Writer(names, opset, node.name))
        try:
            with understood():
                _rewritten(site)
        except EditError as error:
            reasons.append(f"{shown(node.name)}: {error}")
            continue
        new[index] = site.write.finish(node)
        weights.extend(site.write.weights)
    if reasons:
        raise refused(reasons, "an Einsum cannot be written out")
    replace(bones.graph, new, weights)
    return closed(bones, model, stale=())


def _rewritten(site: Site) -> None:
    shapes = [site.shape(index) for index in range(len(site.node.input))]
    terms, output = read(str(site.attribute("equation", "")), [len(shape) for shape in shapes])
    parts = [_Part(*made) for made in zip(site.node.input, terms, shapes, strict=True)]
    for part in parts:
        if len(set(part.labels)) < len(part.labels):
            raise EditError("it takes a diagonal: a label stands twice in one operand")
    for place, part in enumerate(parts):
        others = {label for other in (*parts[:place], *parts[place + 1 :]) for label in other.labels}
        parts[place] = _summed(site, part, others | set(output))
    done = parts[0]
    for place, part in enumerate(parts[1:], 1):
        later = {label for other in parts[place + 1 :] for label in other.labels}
        done = _product(site, done, part, later | set(output))
    done = _ordered(site, done, output)
    site.write.deliver(done.name, site.out())


def _summed(site: Site, part: _Part, kept: Collection[Label]) -> _Part:
    """Without the labels that nothing else has."""
    axes = [axis for axis, label in enumerate(part.labels) if label not in kept]
    if not axes:
        return part
    name = site.write.reduce("ReduceSum", part.name, axes, keepdims=False)
    left = [axis for axis in range(len(part.labels)) if axis not in axes]
    return _Part(name, tuple(part.labels[a] for a in left), tuple(part.sizes[a] for a in left))


def _ordered(site: Site, part: _Part, labels: Labels) -> _Part:
    if part.labels == labels:
        return part
    order = [part.labels.index(label) for label in labels]
    name = site.write.op("Transpose", part.name, perm=order)
    return _Part(name, labels, tuple(part.sizes[axis] for axis in order))


def _product(site: Site, left: _Part, right: _Part, kept: Collection[Label]) -> _Part:
    shared = [label for label in left.labels if label in right.labels]
    batch = tuple(label for label in shared if label in kept)
    inner = tuple(label for label in shared if label not in kept)
    rows = tuple(label for label in left.labels if label not in right.labels)
    columns = tuple(label for label in right.labels if label not in left.labels)
    if inner and not batch and len(rows) <= 1 < len(columns):
        return _product(site, right, left, kept)
    left = _ordered(site, left, batch + rows + inner)
    right = _ordered(site, right, batch + inner + columns)
    sizes = tuple(_broadcast(left.size(label), right.size(label)) for label in batch)
    sizes += tuple(left.size(label) for label in rows) + tuple(right.size(label) for label in columns)
    labels = batch + rows + columns
    if inner:
        return _Part(_matmul(site, left, right, (batch, rows, inner, columns), sizes), labels, sizes)
    wide = left.name
    if columns:
        first = len(batch) + len(rows)
        wide = site.write.unsqueeze(wide, range(first, first + len(columns)))
    narrow = right.name
    if rows:
        narrow = site.write.unsqueeze(narrow, range(len(batch), len(batch) + len(rows)))
    return _Part(site.write.op("Mul", wide, narrow), labels, sizes)


def _broadcast(left: int, right: int) -> int:
    if left == 1:
        return right
    return left if right in {1, -1} else right


def _matmul(site: Site, left: _Part, right: _Part, groups: tuple[Labels, ...], sizes: tuple[int, ...]) -> str:
    """[batch, rows, inner] times [batch, inner, columns], groups merged to one dimension each."""
    batch, rows, inner, columns = groups
    for label in inner:
        here, there = left.size(label), right.size(label)
        if here != there and min(here, there) >= 0:
            raise EditError("a label that is summed has size 1 in one operand and another in the other")
    # Against a matrix that all share, as in a linear layer, rows stay apart, and may be open.
    apart = rows[:-1] if not batch and len(columns) <= 1 else ()
    a = _merged(site, left, (batch + apart, rows[len(apart) :], inner))
    b = _merged(site, right, (batch, inner, columns))
    made = site.write.op("MatMul", a, b)
    if apart:
        return made if columns else site.write.squeeze(made, [len(rows)])
    if len(rows) == 1 and len(columns) == 1:
        return made
    if not rows and not columns:
        return site.write.squeeze(made, [len(batch), len(batch) + 1])
    if len(rows) + len(columns) == 1:
        return site.write.squeeze(made, [len(batch) + len(rows)])
    return _reshaped(site, made, sizes, len(batch))


def _merged(site: Site, part: _Part, groups: tuple[Labels, Labels, Labels]) -> str:
    """The part as [batch..., first group, second group]."""
    batch, first, second = groups
    if len(first) == 1 and len(second) == 1:
        return part.name
    if len(first) + len(second) == 1:
        return site.write.unsqueeze(part.name, [len(batch) + len(first)])
    sizes = tuple(_whole([part.size(label) for label in group]) for group in (first, second))
    kept = tuple(part.size(label) for label in batch)
    return _reshaped(site, part.name, kept + sizes, len(batch))


def _whole(sizes: list[int]) -> int:
    count = 1
    for size in sizes:
        if size < 0:
            return -1
        count *= size
    return count


def _reshaped(site: Site, name: str, sizes: tuple[int, ...], kept: int) -> str:
    """Reshape to `sizes`, of which the first `kept` stay as they are."""
    if sum(size < 0 for size in sizes[kept:]) > 1:
        raise EditError("more than one open size would have to be merged: fix the input shapes")
    if 0 in sizes:
        raise EditError("one of its sizes is zero")
    # A dimension that is copied is right whatever it is, broadcast or open.
    return site.write.reshape(name, [*[0] * kept, *sizes[kept:]])
