"""What values an input may have, as far as the graph says: a mask is 0 or 1, an index is below its table's length.

Here belongs reading that off the main graph, so that a model is not fed what nobody would feed it: a mask of 9 makes
`(1 - mask) * -10000` overflow FP16, and a token type of 9 is outside a table of two. Not here: drawing the values
(`ascend_assets/evaluation.py`). Nothing depends on names.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.onnx_files.graph import Graph, Node, view

if TYPE_CHECKING:
    import onnx

MASK = (0, 1)
"""Bounds of a mask, both included."""
_THROUGH = frozenset(
    {"Cast", "Unsqueeze", "Squeeze", "Reshape", "Expand", "Identity", "Transpose", "Slice", "Tile", "Flatten"}
)
_BOOL = 9
_LARGE = 100.0
"""What a mask is multiplied by is at least so large: `1 - x` alone may be an image that is inverted."""
_SCALAR = 16
"""Elements of a constant that counts as one value: exporters write it with a few axes."""


def bounds(model: "onnx.ModelProto") -> dict[str, tuple[int, int]]:
    """Input -> the least and the greatest value, both included, of those inputs of which the graph tells."""
    graph = view(model)
    readers: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for name in dict.fromkeys(node.inputs):
            readers[name].append(node)
    reading = _Reading(graph, readers, _scalars(model))
    found = {name: tuple(reading.said(name)) for name in graph.inputs}
    return {name: (max(low for low, _ in said), min(high for _, high in said)) for name, said in found.items() if said}


@dataclass(frozen=True)
class _Reading:
    """A graph, who reads each tensor, and its constants of one value."""

    graph: Graph
    readers: Mapping[str, list[Node]]
    values: Mapping[str, float]

    def said(self, name: str) -> Iterator[tuple[int, int]]:
        """What each reader of an input, or of the same values in another shape, says of them."""
        for tensor in self._same(name):
            for node in self.readers.get(tensor, ()):
                yield from self._by(node, tensor)

    def _same(self, name: str) -> list[str]:
        """The tensor, and those that hold its values in another shape or type."""
        found = [name]
        for tensor in found:
            found += [
                node.outputs[0]
                for node in self.readers.get(tensor, ())
                if node.op in _THROUGH and node.inputs[0] == tensor and node.outputs[0] not in found
            ]
        return found

    def _by(self, node: Node, tensor: str) -> Iterator[tuple[int, int]]:
        first, second = (*node.inputs, "", "")[:2]
        if (node.op == "Cast" and node.attributes.get("to") == _BOOL) or (
            node.op == "Sub" and second == tensor and self.values.get(first) == 1 and self._drowns(node)
        ):
            yield MASK
        elif node.op in {"Gather", "GatherElements"} and second == tensor:
            table = self.graph.tensors.get(first)
            axis = int(node.attributes.get("axis", 0))
            if table is not None and table.constant and table.shape and -len(table.shape) <= axis < len(table.shape):
                yield (0, max(0, table.shape[axis] - 1))
        elif node.op == "OneHot" and first == tensor and self.values.get(second, 0) >= 1:
            yield (0, int(self.values[second]) - 1)

    def _drowns(self, node: Node) -> bool:
        """Whether a node's result is multiplied by something large, as what a mask leaves out is."""
        return any(
            user.op == "Mul" and any(abs(self.values.get(name, 0.0)) >= _LARGE for name in user.inputs)
            for tensor in self._same(node.outputs[0])
            for user in self.readers.get(tensor, ())
        )


def _scalars(model: "onnx.ModelProto") -> dict[str, float]:
    """Small constants of one value: name -> that value."""
    import numpy as np
    from onnx import numpy_helper

    held = [(weight.name, weight) for weight in model.graph.initializer]
    for node in model.graph.node:
        if node.op_type == "Constant":
            held += [(node.output[0], a.t) for a in node.attribute if a.name == "value" and node.output]
    found: dict[str, float] = {}
    for name, tensor in held:
        size = int(np.prod(tensor.dims)) if tensor.dims else 1
        if not 1 <= size <= _SCALAR or tensor.data_location:
            continue
        array = numpy_helper.to_array(tensor).reshape(-1)
        if array.dtype.kind in "fiub" and (array == array[0]).all():
            found[name] = float(array[0])
    return found
