"""Which node makes a tensor and which read it, for edits that follow a formula through several nodes.

Nodes that hand their input on unchanged in FP32 (Identity, Cast between floats) are seen through. Here belongs looking.
Not here: recognising a formula, or changing anything.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.surgery import DEFAULT_DOMAINS
from resources.onnx_files.structure import shown
from resources.onnx_files.walk import reads

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

FLOATS = frozenset({1, 10, 11, 16})
"""ONNX's numbers of FLOAT, FLOAT16, DOUBLE and BFLOAT16."""


class Links:
    """The main graph as it is now; made anew after every change.

    `weights`: initializers of the whole model, which a skeleton holds as inputs where they are large.
    """

    def __init__(self, graph: "GraphProto", facts: Facts, weights: Collection[str] = ()) -> None:
        self.nodes: tuple[NodeProto, ...] = tuple(graph.node)
        self.weights = frozenset(weights)
        self.facts = facts
        self.outputs = frozenset(value.name for value in graph.output)
        # Nothing in ONNX keeps two nodes from having one name.
        self._place = {id(node): index for index, node in enumerate(self.nodes)}
        self._named = {node.name: node for node in reversed(self.nodes)}
        self._maker = {name: node for node in self.nodes for name in node.output if name}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for name in reads(node):
                self._readers.setdefault(name, []).append(node)

    def node(self, name: str) -> "NodeProto":
        """The first node of that name. Raises `EditError`."""
        if name not in self._named:
            raise EditError(f"the main graph has no node {shown(name)}")
        return self._named[name]

    def place(self, node: "NodeProto") -> int:
        """Where a node of this graph stands in it."""
        return self._place[id(node)]

    def maker(self, tensor: str) -> "NodeProto | None":
        """The node that makes a tensor, seen through what hands it on; None for inputs and weights."""
        return self._maker.get(self.root(tensor))

    def root(self, tensor: str) -> str:
        """The tensor that another one is, before it was handed on."""
        node = self._maker.get(tensor)
        while node is not None and self._hands_on(node):
            tensor = node.input[0]
            node = self._maker.get(tensor)
        return tensor

    def direct(self, tensor: str) -> "tuple[NodeProto, ...]":
        """The nodes that read a tensor under that name, in graphs inside them too."""
        return tuple(self._readers.get(tensor, ()))

    def names(self, tensor: str) -> list[str]:
        """A tensor, and every name under which it is handed on."""
        found = [tensor]
        for name in found:
            found.extend(node.output[0] for node in self.direct(name) if self._hands_on(node))
        return found

    def readers(self, tensor: str) -> "list[tuple[NodeProto, str]]":
        """(node, the name by which it reads) for all that read a tensor, seen through what hands it on."""
        return [(node, name) for name in self.names(tensor) for node in self.direct(name) if not self._hands_on(node)]

    def leaves(self, tensor: str) -> bool:
        """Whether a tensor, or what hands it on, is an output of the model."""
        return not self.outputs.isdisjoint(self.names(tensor))

    def only_reader(self, tensor: str) -> "tuple[NodeProto, str] | None":
        """The one node that reads a tensor; None where there are others, or where it is an output of the model."""
        found = self.readers(tensor)
        return found[0] if len(found) == 1 and not self.leaves(tensor) else None

    def scalar(self, tensor: str) -> float | None:
        """The number that a constant holds in every element; None for another tensor."""
        value = self.facts.value(self.root(tensor))
        if value is None or value.dtype.kind not in "fiV" or not value.size:
            return None
        first = float(value.ravel()[0])
        return first if bool((value == value.ravel()[0]).all()) else None

    def constant(self, tensor: str) -> bool:
        """Whether no input of the model decides a tensor."""
        root = self.root(tensor)
        return root in self.weights or self.facts.value(root) is not None

    def other(self, node: "NodeProto", tensor: str) -> str:
        """The second operand beside `tensor`; empty for a node that has not two."""
        if len(node.input) != 2:  # noqa: PLR2004 - a binary operator
            return ""
        return str(node.input[1] if node.input[0] == tensor else node.input[0])

    def axes(self, node: "NodeProto") -> tuple[int, ...] | None:
        """A reduction's axes as they are given; all of them where it names none. None where they are not known."""
        given = next((tuple(entry.ints) for entry in node.attribute if entry.name == "axes"), None)
        if given is None and len(node.input) > 1 and node.input[1]:
            value = self.facts.value(node.input[1])
            given = None if value is None else tuple(int(axis) for axis in value.ravel())
            if given is None:
                return None
        if given:
            return given
        rank = self.facts.rank(node.input[0])
        return None if rank is None else tuple(range(rank))

    def same_axes(self, first: "NodeProto", second: "NodeProto") -> bool:
        """Whether two reductions of tensors of one rank go over the same axes."""
        one, two = self.axes(first), self.axes(second)
        if one is None or two is None:
            return False
        rank = self.facts.rank(first.input[0])
        if rank is None:
            return sorted(one) == sorted(two)
        return {axis % rank for axis in one} == {axis % rank for axis in two}

    def elements(self, node: "NodeProto") -> int | None:
        """How many elements a reduction takes together; None where that is not known."""
        axes, dims = self.axes(node), self.facts.shape(node.input[0])
        if axes is None or dims is None:
            return None
        count = 1
        for axis in axes:
            count *= dims[axis]
            if dims[axis] < 0:
                return None
        return count

    def near(self, node: "NodeProto", operators: Sequence[str], steps: int) -> "Iterator[NodeProto]":
        """`node` and those around it that are one of `operators`, the nearest first; behind it before ahead of it."""
        edge, seen = [node], {id(node)}
        for _ in range(steps + 1):
            yield from edge
            after = [reader for each in edge for made in each.output for reader, _ in self.readers(made)]
            before = [maker for each in edge for name in each.input if (maker := self.maker(name)) is not None]
            edge = []
            for each in (*after, *before):
                if id(each) not in seen and each.op_type in operators:
                    seen.add(id(each))
                    edge.append(each)

    def _hands_on(self, node: "NodeProto") -> bool:
        if node.domain not in DEFAULT_DOMAINS or len(node.input) != 1 or len(node.output) != 1:
            return False
        if node.op_type == "Identity":
            return True
        to = next((entry.i for entry in node.attribute if entry.name == "to"), 0)
        return node.op_type == "Cast" and to in FLOATS and self.facts.dtype(node.input[0]) in FLOATS


def flag(node: "NodeProto", name: str, default: int) -> int:
    """An attribute that is a whole number."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), default)


def is_op(node: "NodeProto | None", *operators: str) -> bool:
    """Whether a node is one of these operators of the default domain."""
    return node is not None and node.domain in DEFAULT_DOMAINS and node.op_type in operators
