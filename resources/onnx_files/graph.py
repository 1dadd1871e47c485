"""A flat, typed view of an ONNX graph: nodes, tensors, shapes.

Here belongs reading structure out of a `ModelProto` that has already been loaded safely (`resources/onnx_files`).
Not here: judging it, rewriting it, or knowing anything of Ascend.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Tensor:
    """A value in the graph. `dtype` is ONNX's TensorProto number (0 unknown); a dimension of -1 is not known."""

    name: str
    dtype: int
    shape: tuple[int, ...] | None
    constant: bool

    @property
    def elements(self) -> int | None:
        """Number of elements, or None while a dimension is unknown."""
        if self.shape is None or any(d < 0 for d in self.shape):
            return None
        count = 1
        for dim in self.shape:
            count *= dim
        return count


@dataclass(frozen=True)
class Node:
    """One operator of the main graph. An empty ONNX name becomes `<Op>_<index>`, as GE names it."""

    index: int
    name: str
    op: str
    domain: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Graph:
    """The main graph in the file's (topological) order. `inputs` leaves out initializers."""

    opset: int
    nodes: tuple[Node, ...]
    tensors: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def view(model: "onnx.ModelProto") -> Graph:
    """Read the main graph. Shapes are those the model states; run shape inference before for inner tensors."""
    import onnx

    graph = model.graph
    tensors: dict[str, Tensor] = {}
    for value in (*graph.value_info, *graph.input, *graph.output):
        kind = value.type.tensor_type
        shape = None
        if kind.HasField("shape"):
            shape = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
        tensors[value.name] = Tensor(value.name, kind.elem_type, shape, constant=False)
    for weight in graph.initializer:
        tensors[weight.name] = Tensor(weight.name, weight.data_type, tuple(weight.dims), constant=True)
    nodes = tuple(
        Node(
            index=index,
            name=node.name or f"{node.op_type}_{index}",
            op=node.op_type,
            domain=node.domain or "ai.onnx",
            inputs=tuple(node.input),
            outputs=tuple(node.output),
            attributes={a.name: onnx.helper.get_attribute_value(a) for a in node.attribute},
        )
        for index, node in enumerate(graph.node)
    )
    opsets = [o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}]
    constants = {weight.name for weight in graph.initializer}
    return Graph(
        opset=max(opsets, default=0),
        nodes=nodes,
        tensors=tensors,
        inputs=tuple(i.name for i in graph.input if i.name not in constants),
        outputs=tuple(o.name for o in graph.output),
    )
