"""A case's graph as observers walk it: who makes a tensor, who reads it, and which value a constant has.

Here belong the questions that several observers ask of one graph. Not here: the layers of a comparison (`faults.py`),
or any opinion.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.telling import plain
from ascend_assets.gates.wording import listing
from resources.ascend.emulator.precision import plan
from resources.ascend.emulator.rounding import HOST_INPUTS
from resources.onnx_files.graph import Graph, Node

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

MOVERS = frozenset(
    {"Cast", "CastLike", "Dropout", "Expand", "Flatten", "Identity", "Reshape", "Squeeze", "Tile", "Transpose"}
    | {"Unsqueeze"}
)
"""Operators that hand on the values of their first input."""

FLOATS = frozenset({1, 10, 11, 16})
"""ONNX's TensorProto numbers of FP32, FP16, FP64 and BF16."""

SMALL = 4096
"""Elements of a constant that is looked at value by value."""

_STEPS = 64
"""How far a walk through movers goes."""

OVERFLOWS = {"float16": 65520.0, "bfloat16": 3.3961775292304957e38}
"""The smallest magnitude that becomes infinite in a narrow type: half a step beyond its largest number."""


class Reading:
    """One graph. `graph` has no nodes where a case has no model, so that every walk ends at once."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.graph = case.graph or Graph(0, (), {}, (), ())
        self.nodes = tuple(map(_in_its_domain, self.graph.nodes))

    @cached_property
    def maker(self) -> dict[str, Node]:
        """Tensor -> the node that makes it."""
        return {name: node for node in self.nodes for name in node.outputs if name}

    @cached_property
    def _readers(self) -> dict[str, list[Node]]:
        found: dict[str, list[Node]] = {}
        for node in self.nodes:
            for name in dict.fromkeys(filter(None, node.inputs)):
                found.setdefault(name, []).append(node)
        return found

    def readers(self, tensor: str) -> list[Node]:
        """The nodes that read a tensor, in the graph's order."""
        return self._readers.get(tensor, [])

    def after(self, node: Node, *, through: bool = True) -> Iterator[tuple[str, Node]]:
        """(tensor, reader) of everything that a node feeds; `through` looks behind operators that only move values."""
        pending = [name for name in node.outputs if name]
        for _ in range(_STEPS):
            if not pending:
                return
            name = pending.pop(0)
            for reader in self.readers(name):
                if through and reader.op in MOVERS and reader.inputs[0] == name:
                    pending.extend(filter(None, reader.outputs[:1]))
                else:
                    yield name, reader

    def before(self, tensor: str) -> Node | None:
        """The node whose values a tensor holds, seen through operators that only move values; None for none."""
        for _ in range(_STEPS):
            node = self.maker.get(tensor)
            if node is None or node.op not in MOVERS or not node.inputs:
                return node
            tensor = node.inputs[0]
        return None

    def root(self, tensor: str) -> str:
        """The tensor whose values `tensor` holds, seen through operators that only move values."""
        for _ in range(_STEPS):
            node = self.maker.get(tensor)
            if node is None or node.op not in MOVERS or not node.inputs:
                return tensor
            tensor = node.inputs[0]
        return tensor

    @cached_property
    def _constants(self) -> "dict[str, onnx.TensorProto]":
        model = self.case.model
        if model is None:
            return {}
        found = {weight.name: weight for weight in model.graph.initializer}
        for node in model.graph.node:
            held = [entry.t for entry in node.attribute if entry.name == "value" and entry.HasField("t")]
            if node.op_type == "Constant" and node.output and held:
                found[node.output[0]] = held[0]
        return found

    @cached_property
    def _arrays(self) -> "dict[str, NDArray[Any] | None]":
        return {}

    def is_constant(self, tensor: str) -> bool:
        """Whether a tensor has values before anything runs, as far as its maker says."""
        root = self.root(tensor)
        made = self.maker.get(root)
        return root in self._constants or (made is not None and made.op in {"Constant", "ConstantOfShape"})

    def array(self, tensor: str) -> "NDArray[Any] | None":
        """The values of a constant, also behind operators that only move them; None for what is computed.

        None as well for constants whose data is not at hand: a case may hold a model without its weights.
        """
        root = self.root(tensor)
        if root in self._arrays:
            return self._arrays[root]
        array = self._value(root)
        if array is None or array.size <= SMALL:
            # All weights at once would take the model's memory again.
            self._arrays[root] = array
        return array

    def _value(self, root: str) -> "NDArray[Any] | None":
        proto = self._constants.get(root)
        if proto is not None:
            return _decoded(proto)
        node = self.maker.get(root)
        return _stated(node) if node is not None else None

    def small(self, tensor: str) -> "NDArray[np.float64] | None":
        """The distinct finite values of a constant of at most `SMALL` elements; None for another tensor."""
        import numpy as np

        array = self.array(tensor)
        if array is None or not 0 < array.size <= SMALL or array.dtype.kind not in "fiu":
            return None
        values = array.astype(np.float64).ravel()
        distinct: NDArray[np.float64] = np.unique(values[np.isfinite(values)])
        return distinct

    def scalar(self, tensor: str) -> float | None:
        """The one value of a constant, whatever its shape; None for another tensor."""
        values = self.small(tensor)
        return float(values[0]) if values is not None and values.size == 1 else None

    def is_float(self, tensor: str) -> bool:
        """Whether a tensor holds floats, as far as anybody knows."""
        known = self.graph.tensors.get(tensor)
        return known is None or known.dtype in FLOATS or not known.dtype

    def read_on_device(self, node: Node) -> Iterator[tuple[int, str]]:
        """(position, tensor) of a node's inputs that are tensors on the device, and not parameters of the compiler."""
        host = HOST_INPUTS.get(node.op, frozenset())
        return ((at, name) for at, name in enumerate(node.inputs) if name and at not in host)

    @cached_property
    def _kinds(self) -> dict[str, str]:
        try:
            planned = plan(self.graph, self.case.options)
        except ValueError:
            # A SoC that nobody knows computes nothing; that it is unknown, another observer says.
            planned = ()
        kinds = {node.name: str(kind) for node, kind in zip(self.nodes, planned, strict=False)}
        layers = self.case.comparison.layers if self.case.comparison else ()
        return kinds | {layer.node: layer.dtype for layer in layers if layer.node in kinds}

    def kind(self, node: Node) -> str:
        """What the device computes a node in, as compared or else as planned: `float16`, `float32`, `other`..."""
        return self._kinds.get(node.name, "other")

    def narrow(self, node: Node) -> bool:
        """Whether the device computes a node in FP16 or BF16."""
        return self.kind(node) in OVERFLOWS


def _in_its_domain(node: Node) -> Node:
    """The node, called `<domain>::<operator>` where a foreign domain calls its own operator like one of ONNX's."""
    return node if node.domain == "ai.onnx" else replace(node, op=f"{node.domain}::{node.op}")


def _decoded(proto: "onnx.TensorProto") -> "NDArray[Any] | None":
    """A stored tensor's values; None where they are no numbers, or are not in the model at hand."""
    from onnx import TensorProto, numpy_helper

    if proto.data_type in {TensorProto.STRING, TensorProto.UNDEFINED} or proto.external_data:
        return None
    try:
        return numpy_helper.to_array(proto)
    except (TypeError, ValueError):
        return None


def _stated(node: Node) -> "NDArray[Any] | None":
    """What a `Constant` says in an attribute of numbers, or what a `ConstantOfShape` fills with."""
    import numpy as np

    if node.op == "ConstantOfShape":
        held = node.attributes.get("value")
        return np.zeros(1, np.float32) if held is None else _decoded(held)
    names = [name for name in ("value_float", "value_floats", "value_int", "value_ints") if name in node.attributes]
    if node.op != "Constant" or not names:
        return None
    return np.atleast_1d(np.asarray(node.attributes[names[0]]))


def told(nodes: Sequence[Node], most: int = 3) -> str:
    """Nodes in words: the first few by name and operator, and how many more there are."""
    named = [f"{plain(node.name)} ({plain(node.op)})" for node in nodes[:most]]
    return listing([*named, *("" for _ in nodes[most:])], shown=most, separator=", ", longest=100)
