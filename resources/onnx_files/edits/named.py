"""Names of nodes and tensors while a graph is edited.

`resources.onnx_files.graph.view` names a node without a name for its place, and an edit moves places; so every edit
begins by writing these names down. What an edit adds gets names that nothing has yet. Not here: any edit.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.walk import nodes, scopes

if TYPE_CHECKING:
    from onnx import ModelProto


class _Taken:
    """Names that are given once, however many ask for the same."""

    def __init__(self) -> None:
        self.names = {""}
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        name, number = wanted, self._next.get(wanted, 1)
        while name in self.names:
            name, number = f"{wanted}_{number}", number + 1
        self._next[wanted] = number
        self.names.add(name)
        return name


class Names:
    """Names that are taken in a model, in all of its graphs, and new ones beside them."""

    def __init__(self, model: "ModelProto") -> None:
        self._nodes = _Taken()
        self._tensors = _Taken()
        for node in nodes(model):
            self._nodes.names.add(node.name)
            self._tensors.names.update(node.input, node.output)
        for scope in scopes(model):
            graph = scope.graph
            for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
                self._tensors.names.add(value.name)

    def node(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where it is taken. It is taken from now on."""
        return self._nodes.take(wanted)

    def tensor(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where it is taken. It is taken from now on."""
        return self._tensors.take(wanted)


def write_names(model: "ModelProto") -> None:
    """Name every unnamed node of the main graph, in place: as `graph.view` does, unless another node has that name."""
    taken = _Taken()
    taken.names.update(node.name for node in model.graph.node)
    for index, node in enumerate(model.graph.node):
        if not node.name:
            node.name = taken.take(f"{node.op_type}_{index}")


def name_all(model: "ModelProto") -> "ModelProto":
    """A copy, which is its caller's to change, whose main graph has no node without a name."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    write_names(copy)
    return copy
