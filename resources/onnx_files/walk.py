"""Every graph, node and tensor of an ONNX model, however deep.

Here belong the walks alone, without recursion, so that no file decides how deep our stack grows. Not here: judgement.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

_PATH_CHARS = 200


@dataclass(frozen=True)
class Scope:
    """One graph: the model's own (depth 0, empty path), or one inside the node that `path` names."""

    path: str
    graph: "GraphProto"
    depth: int


def label(node: "NodeProto") -> str:
    """What a message calls a node: its name, or its operator and first output where it has none."""
    if node.name:
        return node.name
    return f"{node.op_type}({node.output[0]})" if node.output else node.op_type


def _path(outer: str, node: "NodeProto") -> str:
    """The way to a graph, bounded: names come from the file, and every level repeats those above it."""
    return f"{outer}/{label(node)[:_PATH_CHARS]}".lstrip("/")[-_PATH_CHARS:]


def subgraphs(node: "NodeProto") -> Iterator["GraphProto"]:
    """The graphs in a node's attributes."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def reads(node: "NodeProto") -> set[str]:
    """Every tensor that a node reads from its graph: its inputs, and what the graphs inside it take from outside."""
    read, made, pending = set(node.input), set[str](), deque(subgraphs(node))
    while pending:
        graph = pending.popleft()
        made.update(value.name for value in (*graph.input, *graph.initializer))
        read.update(value.name for value in graph.output)
        for inner in graph.node:
            read.update(inner.input)
            made.update(inner.output)
            pending.extend(subgraphs(inner))
    return read - made - {""}


def scopes(model: "ModelProto") -> Iterator[Scope]:
    """The main graph, then every graph inside it and inside the local functions, outer before inner."""
    pending = deque([Scope("", model.graph, 0)])
    for function in model.functions:
        pending.extend(
            Scope(_path(function.name, node), graph, 1) for node in function.node for graph in subgraphs(node)
        )
    while pending:
        scope = pending.popleft()
        yield scope
        for node in scope.graph.node:
            pending.extend(Scope(_path(scope.path, node), graph, scope.depth + 1) for graph in subgraphs(node))


def nodes(model: "ModelProto") -> Iterator["NodeProto"]:
    """Every node: of the main graph, of subgraphs, of local functions."""
    for scope in scopes(model):
        yield from scope.graph.node
    for function in model.functions:
        yield from function.node


def _attribute_tensors(attribute: "AttributeProto") -> Iterator["TensorProto"]:
    if attribute.HasField("t"):
        yield attribute.t
    yield from attribute.tensors
    if attribute.HasField("sparse_tensor"):
        yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
    for sparse in attribute.sparse_tensors:
        yield from (sparse.values, sparse.indices)


def tensors(model: "ModelProto") -> Iterator[tuple[str, "TensorProto"]]:
    """Every tensor that carries data, with the weight's or the node's name."""
    for scope in scopes(model):
        for weight in scope.graph.initializer:
            yield weight.name, weight
        for sparse in scope.graph.sparse_initializer:
            yield from ((sparse.values.name, part) for part in (sparse.values, sparse.indices))
    for node in nodes(model):
        for attribute in node.attribute:
            yield from ((label(node), tensor) for tensor in _attribute_tensors(attribute))
