"""What is known of the tensors of a graph while it is edited: types, shapes, and values that do not depend on inputs.

Here belongs the collecting of it, graph by graph, for graphs inside nodes too. Not here: changing anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits.stand_ins import put_in
from resources.onnx_files.folding import fold
from resources.onnx_files.limits import ShapeError
from resources.onnx_files.shapes import declared, inputs, skeleton, with_shapes
from resources.onnx_files.walk import subgraphs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto, TypeProto

_NUMBER_TYPES = frozenset({1, 2, 6, 7})
"""ONNX's numbers of attributes that are a float, a whole number, or several of either."""
_CONSTANTS = ("value_float", "value_int", "value_floats", "value_ints")


@dataclass(frozen=True)
class Facts:
    """What is known in one graph. `outer`: of the graph around it.

    `types` are ONNX's own, with the shape where it is known; `constants` are weights, Constant nodes, and what shapes
    and constants decide.
    """

    types: "Mapping[str, TypeProto]"
    constants: "Mapping[str, TensorProto]"
    outer: "Facts | None" = field(default=None, repr=False)

    def type_of(self, name: str) -> "TypeProto | None":
        """The type of a tensor, or None where it is not known."""
        found = self.types.get(name)
        return self.outer.type_of(name) if found is None and self.outer else found

    def dtype(self, name: str) -> int:
        """ONNX's number of a tensor's type; 0 where it is not known."""
        kind = self.type_of(name)
        return kind.tensor_type.elem_type if kind is not None else 0

    def shape(self, name: str) -> tuple[int, ...] | None:
        """A tensor's shape, -1 for a dimension that is not known; None where not even the rank is."""
        kind = self.type_of(name)
        if kind is None or not kind.tensor_type.HasField("shape"):
            return None
        return tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.tensor_type.shape.dim)

    def static(self, name: str) -> tuple[int, ...] | None:
        """A tensor's shape where every dimension is known."""
        dims = self.shape(name)
        return None if dims is None or min(dims, default=0) < 0 else dims

    def rank(self, name: str) -> int | None:
        """The number of a tensor's dimensions, or None."""
        dims = self.shape(name)
        return None if dims is None else len(dims)

    def value(self, name: str) -> "NDArray[Any] | None":
        """A tensor's value, where it depends on no input."""
        from onnx import numpy_helper

        tensor = self.constants.get(name)
        if tensor is None:
            return self.outer.value(name) if self.outer and name not in self.types else None
        return numpy_helper.to_array(tensor)


def _open_inputs(model: "ModelProto") -> dict[str, tuple[int, ...]]:
    """Every input's shape as the file states it, with -1 for what it leaves open."""
    shapes = {value.name: declared(value) for value in inputs(model)}
    return {
        name: tuple(-1 if dim is None else dim for dim in dims) for name, dims in shapes.items() if dims is not None
    }


def inferred(model: "ModelProto") -> "ModelProto":
    """A skeleton of `model` with every type and shape that can be inferred, also inside nodes. Raises nothing."""
    import onnx

    bones = skeleton(model)
    for graph in reversed(graphs(bones)):
        put_in(graph)
    try:
        bones = with_shapes(bones, _open_inputs(bones), None)
        deep = onnx.shape_inference.infer_shapes(bones)
    except (ShapeError, onnx.shape_inference.InferenceError, ValueError, RuntimeError):
        # What contradicts itself is not known; whether that matters shows when the edited model is checked.
        return bones
    stated = {value.name for value in bones.graph.value_info}
    bones.graph.value_info.extend(value for value in deep.graph.value_info if value.name not in stated)
    del bones.graph.node[:]
    bones.graph.node.extend(deep.graph.node)
    return bones


def remember(bones: "ModelProto") -> frozenset[str]:
    """Write down what can be inferred in the main graph, in place; the tensors that nothing was stated of before.

    An edit of several steps infers much faster from there: shapes that are computed from shapes need one turn for each.
    """
    stated = {value.name for value in bones.graph.value_info}
    added = [value for value in inferred(bones).graph.value_info if value.name not in stated]
    bones.graph.value_info.extend(added)
    return frozenset(value.name for value in added)


def literal(node: "NodeProto") -> "TensorProto | None":
    """The tensor of a Constant node, whichever attribute holds it; None for sparse ones, text and other nodes."""
    import numpy as np
    import onnx

    for entry in node.attribute if node.op_type == "Constant" else ():
        if entry.name == "value" and entry.HasField("t"):
            tensor: TensorProto = entry.t
            return tensor
        if entry.name in _CONSTANTS and entry.type in _NUMBER_TYPES:
            dtype = np.float32 if "float" in entry.name else np.int64
            return onnx.numpy_helper.from_array(np.asarray(onnx.helper.get_attribute_value(entry), dtype))
    return None


def _constants(graph: "GraphProto") -> "dict[str, TensorProto]":
    # A weight that is listed as an input may be fed instead, and of a large one only the type is here.
    fed = {value.name for value in graph.input}
    found = {weight.name: weight for weight in graph.initializer if weight.name not in fed}
    for node in graph.node:
        tensor = literal(node)
        if tensor is not None and node.output:
            found[node.output[0]] = tensor
    return found


def _types(graph: "GraphProto", constants: "Mapping[str, TensorProto]") -> "dict[str, TypeProto]":
    import onnx

    found = {value.name: value.type for value in (*graph.value_info, *graph.output, *graph.input)}
    for name, tensor in constants.items():
        found[name] = onnx.helper.make_tensor_type_proto(tensor.data_type, list(tensor.dims))
    return found


def _graph_facts(graph: "GraphProto", outer: Facts) -> Iterator[tuple["GraphProto", Facts]]:
    constants = _constants(graph)
    facts = Facts(_types(graph, constants), constants, outer)
    yield graph, facts
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _graph_facts(inner, facts)


def of_main(model: "ModelProto") -> Facts:
    """What is known in the main graph."""
    return next(_all(inferred(model)))[1]


def of_all(model: "ModelProto") -> tuple[Facts, ...]:
    """What is known in each graph, in the order in which `graphs` lists them."""
    return tuple(facts for _, facts in _all(inferred(model)))


def _all(known: "ModelProto") -> Iterator[tuple["GraphProto", Facts]]:
    import onnx

    scratch = onnx.ModelProto()
    scratch.CopyFrom(known)
    shapes = {
        value.name: tuple(-1 if dim is None else dim for dim in declared(value) or ())
        for value in (*known.graph.value_info, *known.graph.output, *known.graph.input)
        if declared(value) is not None
    }
    fold(scratch, shapes)
    constants = _constants(scratch.graph)
    facts = Facts(_types(known.graph, constants), constants)
    yield known.graph, facts
    for node in known.graph.node:
        for inner in subgraphs(node):
            yield from _graph_facts(inner, facts)


def graphs(model: "ModelProto") -> "tuple[GraphProto, ...]":
    """The main graph, and every graph inside a node before the next node's."""

    def walk(graph: "GraphProto") -> "Iterator[GraphProto]":
        yield graph
        for node in graph.node:
            for inner in subgraphs(node):
                yield from walk(inner)

    return tuple(walk(model.graph))
