"""ONNX's own definitions of operators in terms of others, put in a node's place.

Here belongs the inlining of one function body into a graph: names made new, attributes filled in. Not here: a model's
local functions, which onnx's inliner takes (`expand_operators.py`).
"""

from typing import TYPE_CHECKING, Any

from resources.onnx_files.edits.facts import Facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.opset_moves.generic import schema

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto


def defined(node: "NodeProto", facts: Facts, opset: int) -> "FunctionProto | None":
    """ONNX's definition of a node of the default domain at an opset, or None where there is none."""
    import onnx

    found: Any = schema(node.op_type, opset)  # its stubs leave functions out
    if found is None:
        return None
    version = _version(found, opset)
    if version is None:
        return None
    if found.has_function:
        plain: onnx.FunctionProto = onnx.FunctionProto.FromString(found.get_function_with_opset_version(version))
        return plain
    kinds = [facts.type_of(name) if name else onnx.TypeProto() for name in node.input]
    if any(kind is None for kind in kinds):
        return None
    types = [kind.SerializeToString() for kind in kinds if kind is not None]
    try:
        body = found.get_context_dependent_function_with_opset_version(version, node.SerializeToString(), types)
    except (RuntimeError, ValueError, IndexError):
        return None
    made: onnx.FunctionProto | None = onnx.FunctionProto.FromString(body) if body else None
    return made


def _version(found: Any, opset: int) -> int | None:  # noqa: ANN401 (an OpSchema, whose stubs leave functions out)
    """The newest form of the definition that this opset can hold."""
    versions = found.function_opset_versions if found.has_function else found.context_dependent_function_opset_versions
    fitting = [version for version in versions if version <= opset]
    return max(fitting, default=None)


def inlined(node: "NodeProto", body: "FunctionProto", names: Names, opset: int) -> "list[NodeProto]":
    """The body's nodes with the node's tensors and attributes. The one that makes its first output takes its name."""
    actual = dict(zip(body.input, [*node.input, *[""] * len(body.input)], strict=False))
    for formal, name in zip(body.output, [*node.output, *[""] * len(body.output)], strict=False):
        actual[formal] = name or names.tensor(f"{node.name}/{formal}")
    found = schema(node.op_type, opset)
    given = {entry.name: entry for entry in node.attribute}
    if found is not None:
        for name, stated in found.attributes.items():
            if name not in given and stated.default_value.name:
                given[name] = stated.default_value
    nodes = [renamed(inner, actual, names, node.name, given) for inner in body.node]
    for inner in nodes:
        if node.output and node.output[0] in inner.output:
            inner.name = node.name
    return nodes


def renamed(
    node: "NodeProto", actual: dict[str, str], names: Names, stem: str, given: "dict[str, AttributeProto]"
) -> "NodeProto":
    """A copy of a node from another graph with the tensors' names here (`actual`, which grows by what it makes)."""
    copy = type(node)()
    copy.CopyFrom(node)
    copy.name = names.node(f"{stem}/{node.op_type}")
    for place, name in enumerate(copy.input):
        copy.input[place] = actual.get(name, name)
    for place, name in enumerate(copy.output):
        if name and name not in actual:
            actual[name] = names.tensor(f"{stem}/{name}")
        copy.output[place] = actual.get(name, "")
    del copy.attribute[:]
    for entry in node.attribute:
        if entry.ref_attr_name and entry.ref_attr_name not in given:
            continue
        new = copy.attribute.add()
        new.CopyFrom(given[entry.ref_attr_name] if entry.ref_attr_name else entry)
        new.name = entry.name
        for graph in (*([new.g] if new.HasField("g") else []), *new.graphs):
            _rename_graph(graph, dict(actual), names, stem, given)
    return copy


def _rename_graph(
    graph: "GraphProto", actual: dict[str, str], names: Names, stem: str, given: "dict[str, AttributeProto]"
) -> None:
    for value in (*graph.input, *graph.initializer):
        actual[value.name] = names.tensor(f"{stem}/{value.name}")
        value.name = actual[value.name]
    nodes = [renamed(node, actual, names, stem, given) for node in graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    for value in graph.output:
        value.name = actual.get(value.name, value.name)
