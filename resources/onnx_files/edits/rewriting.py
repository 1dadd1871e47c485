"""New nodes in the places of several others, collected until all of them are known.

Nothing changes in the graph before a formula has been followed to its end, so that one that cannot be rewritten is left
as it is. Not here: any formula.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from resources.onnx_files.edits.links import Links
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.writer import Writer

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


class Rewriting:
    """One formula's new nodes. `new`: place -> nodes that take it; `weights`: the constants that they read."""

    def __init__(self, links: Links, names: Names, opset: int) -> None:
        self.links = links
        self.names = names
        self.opset = opset
        self._writers: dict[int, Writer] = {}

    def at(self, node: "NodeProto") -> Writer:
        """What writes in the place of a node; the node is gone unless it is written again."""
        place = self.links.place(node)
        if place not in self._writers:
            self._writers[place] = Writer(self.names, self.opset, node.name)
        return self._writers[place]

    def tensor(self, stem: str) -> str:
        """A name for a new tensor."""
        return self.names.tensor(stem)

    def again(self, node: "NodeProto", inputs: Sequence[str], output: str) -> str:
        """Write a node in its place with other inputs and another output; the output."""
        self.at(node).keep(node, inputs, [output], node.attribute)
        return output

    @property
    def new(self) -> "dict[int, list[NodeProto]]":
        """Place -> the nodes that take it."""
        return {place: write.nodes for place, write in self._writers.items()}

    @property
    def weights(self) -> "list[TensorProto]":
        """The constants of all new nodes."""
        return [weight for write in self._writers.values() for weight in write.weights]
