"""Names of nodes and tensors while a graph is edited.

`resources.onnx_files.graph.view` names a node without a name for its place, and an edit moves places; so every edit
begins by writing these names down. What an edit adds gets names that nothing has yet. Not here: any edit.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.walk import nodes, scopes

if TYPE_CHECKING:
    from onnx import ModelProto


class Names:
    """Names that are taken in a model, in all of its graphs, and new ones beside them."""

    def __init__(self, model: "ModelProto") -> None:
        self._nodes: set[str] = set()
        self._tensors: set[str] = set()
        for node in nodes(model):
            self._nodes.add(node.name)
            self._tensors.update(node.input, node.output)
        for scope in scopes(model):
            graph = scope.graph
            for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
                self._tensors.add(value.name)

    def node(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where it is taken. It is taken from now on."""
        return _free(wanted, self._nodes)

    def tensor(self, wanted: str) -> str:
        """`wanted`, or with a number behind it where it is taken. It is taken from now on."""
        return _free(wanted, self._tensors)


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken or not name:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name


def write_names(model: "ModelProto") -> None:
    """Name every unnamed node of the main graph, in place: as `graph.view` does, unless another node has that name."""
    taken = {node.name for node in model.graph.node if node.name}
    for index, node in enumerate(model.graph.node):
        if not node.name:
            node.name = _free(f"{node.op_type}_{index}", taken)


def name_all(model: "ModelProto") -> "ModelProto":
    """A copy, which is its caller's to change, whose main graph has no node without a name."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    write_names(copy)
    return copy
