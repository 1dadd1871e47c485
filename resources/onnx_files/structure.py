"""Whether an ONNX model holds together: what must be true before any other code may touch it.

Here belong the checks that need the model alone: values made once and before they are used, tensors as large as they
claim, bounded depth and count. They come before `onnx.checker`, which assumes much of this. Not here: files beside the
model and what a reviewer should know (`safety.py`), or whether ATC takes the model.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal

from resources.onnx_files.limits import OnnxLimits
from resources.onnx_files.walk import Scope, label, nodes, scopes, subgraphs, tensors

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

Severity = Literal["invalid", "unsafe", "note"]
_SHOWN = 60

_TERM = rb"[A-Za-z]*(\.\.\.)?[A-Za-z]*"
_EQUATION = re.compile(rb"%b(,%b)*(->%b)?" % (_TERM, _TERM, _TERM))
"""Einsum's notation without spaces: terms of letters with at most one ellipsis each."""


@dataclass(frozen=True)
class Finding:
    """One thing about an ONNX file. `where`: a node, a value or a file; empty for the whole model.

    `invalid` and `unsafe` stop `onnx_files.load`; a `note` is for a gate to judge.
    """

    code: str
    where: str
    message: str
    severity: Severity


def shown(name: str) -> str:
    """A name from a file, safe on one line of a message: escaped and bounded."""
    text = name.encode("unicode_escape").decode()
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _invalid(where: str, message: str) -> Finding:
    return Finding("structure", where, message, "invalid")


def _unsafe(code: str, where: str, message: str) -> Finding:
    return Finding(code, where, message, "unsafe")


_BITS = {
    **dict.fromkeys(("UINT2", "INT2"), 2),
    **dict.fromkeys(("UINT4", "INT4", "FLOAT4E2M1"), 4),
    **dict.fromkeys(("UINT8", "INT8", "BOOL", "FLOAT8E4M3FN", "FLOAT8E4M3FNUZ", "FLOAT8E5M2", "FLOAT8E5M2FNUZ"), 8),
    "FLOAT8E8M0": 8,
    **dict.fromkeys(("UINT16", "INT16", "FLOAT16", "BFLOAT16"), 16),
    **dict.fromkeys(("FLOAT", "INT32", "UINT32"), 32),
    **dict.fromkeys(("DOUBLE", "INT64", "UINT64", "COMPLEX64"), 64),
    "COMPLEX128": 128,
}
_FIELD = {"FLOAT": "float_data", "INT64": "int64_data", "DOUBLE": "double_data", "STRING": "string_data"} | {
    **dict.fromkeys(("UINT32", "UINT64"), "uint64_data"),
    "COMPLEX64": "float_data",
    "COMPLEX128": "double_data",
}


def dtype_name(dtype: int) -> str | None:
    """ONNX's name of a TensorProto data type, or None for a number that is not one."""
    import onnx

    names = onnx.TensorProto.DataType
    return names.Name(dtype) if dtype in names.values() and dtype else None


def claimed_bytes(dtype: int, dims: Sequence[int]) -> int:
    """Bytes that a tensor of this type and shape occupies; 0 for strings and unknown types."""
    return (math.prod(dims) * _BITS.get(dtype_name(dtype) or "", 0) + 7) // 8


def _stored_elements(tensor: "TensorProto", name: str) -> tuple[int, int]:
    """How many entries the typed data field has, and how many of them make one element (two for complex numbers)."""
    field = _FIELD.get(name, "int32_data")
    return len(getattr(tensor, field)), 2 if name.startswith("COMPLEX") else 1


def _holds_its_data(tensor: "TensorProto", name: str) -> str:
    """Empty, or how the data differs from the shape."""
    elements = math.prod(tensor.dims)
    if tensor.HasField("raw_data"):
        held, needed = len(tensor.raw_data), claimed_bytes(tensor.data_type, tensor.dims)
        return "" if held == needed else f"claims {needed:,} bytes by its shape {list(tensor.dims)} and holds {held:,}"
    entries, each = _stored_elements(tensor, name)
    per_entry = 8 // _BITS[name] if _BITS.get(name, 8) < 8 else 1  # noqa: PLR2004 (types smaller than a byte share one)
    needed = -(-elements * each // per_entry)
    if entries == needed:
        return ""
    return f"claims {elements:,} elements by its shape {list(tensor.dims)} and holds {entries // each * per_entry:,}"


def _tensor(where: str, tensor: "TensorProto", limits: OnnxLimits) -> Iterator[Finding]:
    import onnx

    name = dtype_name(tensor.data_type)
    if name is None:
        yield _invalid(where, f"tensor {shown(where)} has the unknown data type {tensor.data_type}")
    elif len(tensor.dims) > limits.rank or any(dim < 0 for dim in tensor.dims):
        yield _invalid(where, f"tensor {shown(where)} has an impossible shape of {len(tensor.dims)} dimensions")
    elif claimed_bytes(tensor.data_type, tensor.dims) > limits.tensor_bytes:
        claim = f"{claimed_bytes(tensor.data_type, tensor.dims):,} bytes"
        yield _unsafe(
            "absurd_size", where, f"tensor {shown(where)} claims {claim}; the limit is {limits.tensor_bytes:,}"
        )
    elif tensor.data_location != onnx.TensorProto.EXTERNAL:
        wrong = _holds_its_data(tensor, name)
        if wrong:
            yield _invalid(where, f"tensor {shown(where)} {wrong}")


def _value(value: "ValueInfoProto", limits: OnnxLimits) -> Iterator[Finding]:
    kind = value.type.tensor_type
    dims = [dim.dim_value for dim in kind.shape.dim]
    if any(dim < 0 for dim in dims):
        yield _invalid(
            value.name, f"value {shown(value.name)} has a negative dimension: leave a dynamic one without a number"
        )
    elif len(dims) > limits.rank:
        yield _unsafe("absurd_size", value.name, f"value {shown(value.name)} has {len(dims)} dimensions")
    elif claimed_bytes(kind.elem_type, [dim or 1 for dim in dims]) > limits.tensor_bytes:
        claim = f"{claimed_bytes(kind.elem_type, [dim or 1 for dim in dims]):,} bytes"
        yield _unsafe("absurd_size", value.name, f"value {shown(value.name)} claims {claim}")


def _attribute(node: "NodeProto", attribute: "AttributeProto", *, in_function: bool) -> Iterator[Finding]:
    import onnx

    known = attribute.type in onnx.AttributeProto.AttributeType.values() and attribute.type
    if not known and not (in_function and attribute.ref_attr_name):
        yield _invalid(
            label(node), f"node {shown(label(node))} has an attribute {shown(attribute.name)} without a type"
        )
    elif (part := _holds(attribute)) and not attribute.HasField(part) and not attribute.ref_attr_name:
        yield _invalid(
            label(node), f"node {shown(label(node))} has an attribute {shown(attribute.name)} without its value"
        )
    elif node.op_type == "Split" and attribute.name == "num_outputs" and attribute.i != len(node.output):
        # onnx's shape inference allocates that many shapes, however many outputs there are.
        outputs = f"splits into {attribute.i:,} but has {len(node.output)} outputs"
        yield _invalid(label(node), f"node {shown(label(node))} {outputs}")
    elif node.op_type == "Einsum" and attribute.name == "equation" and not _is_equation(attribute):
        # onnx's shape inference never returns from a character that it does not know.
        yield _invalid(label(node), f"node {shown(label(node))} has no equation that Einsum can read")


def _holds(attribute: "AttributeProto") -> Literal["t", "g", "sparse_tensor"] | None:
    """The field of an attribute whose value is a message, which has no default; None for any other."""
    from onnx import AttributeProto

    if attribute.type == AttributeProto.TENSOR:
        return "t"
    if attribute.type == AttributeProto.GRAPH:
        return "g"
    return "sparse_tensor" if attribute.type == AttributeProto.SPARSE_TENSOR else None


def _is_equation(attribute: "AttributeProto") -> bool:
    text = attribute.s.replace(b" ", b"")
    return not attribute.ref_attr_name and _EQUATION.fullmatch(text) is not None


def _node(node: "NodeProto", limits: OnnxLimits, *, in_function: bool) -> Iterator[Finding]:
    if not node.op_type:
        yield _invalid(label(node), f"node {shown(label(node))} names no operator")
    longest = max((len(text) for text in (node.name, node.op_type, node.domain, *node.input, *node.output)), default=0)
    if longest > limits.name_chars:
        yield _unsafe("name_length", label(node), f"node {shown(label(node))} has a name of {longest:,} characters")
    names = [attribute.name for attribute in node.attribute]
    if len(names) != len(set(names)):
        yield _invalid(label(node), f"node {shown(label(node))} has the same attribute twice")
    for attribute in node.attribute:
        yield from _attribute(node, attribute, in_function=in_function)


def _out_of_order(graph_nodes: Sequence["NodeProto"], node: "NodeProto", missing: str) -> Finding:
    """Why `missing` is not there when `node` needs it."""
    maker = {output: index for index, made in enumerate(graph_nodes) for output in made.output if output}
    where = label(node)
    if missing not in maker:
        return _invalid(where, f"node {shown(where)} needs {shown(missing)}, which nothing makes")
    edges = {i: {maker[name] for name in made.input if name in maker} for i, made in enumerate(graph_nodes)}
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        ring = " -> ".join(shown(label(graph_nodes[index])) for index in reversed(error.args[1][:6]))
        return _invalid(where, f"nodes feed each other in a cycle: {ring}")
    return _invalid(where, f"node {shown(where)} comes before the node that makes its input {shown(missing)}")


def _values(graph_nodes: Sequence["NodeProto"], made: set[str], outer: Iterable[set[str]]) -> Iterator[Finding]:
    """Each value is made once, and before it is used. `made` starts with inputs and weights and grows."""
    outer = list(outer)
    for node in graph_nodes:
        for name in node.input:
            if name and name not in made and not any(name in names for names in outer):
                yield _out_of_order(graph_nodes, node, name)
                return
        for name in filter(None, node.output):
            if name in made:
                yield _invalid(label(node), f"value {shown(name)} is made twice, again by node {shown(label(node))}")
                return
            made.add(name)


def _given(graph: "GraphProto") -> set[str]:
    weights = {weight.name for weight in graph.initializer}
    sparse = {weight.values.name for weight in graph.sparse_initializer}
    return {value.name for value in graph.input} | weights | sparse


def _flow(graph: "GraphProto", outer: list[set[str]]) -> Iterator[Finding]:
    """Data flow of one graph and the graphs inside it, which may use what is made around them."""
    made = _given(graph)
    if len({value.name for value in graph.input}) != len(graph.input):
        yield _invalid("", "two inputs have the same name")
    if len({weight.name for weight in graph.initializer}) != len(graph.initializer):
        yield _invalid("", "two weights have the same name")
    yield from _values(graph.node, made, outer)
    for value in graph.output:
        if value.name not in made and not any(value.name in names for names in outer):
            yield _invalid(value.name, f"output {shown(value.name)} is made by no node")
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _flow(inner, [*outer, made])


def _functions(model: "ModelProto", limits: OnnxLimits) -> Iterator[Finding]:
    """Local functions end, and do not unfold into more nodes than the limit."""
    keys = {(f.domain, f.name, f.overload): f for f in model.functions}
    calls = {
        key: [(n.domain, n.op_type, n.overload) for n in f.node if (n.domain, n.op_type, n.overload) in keys]
        for key, f in keys.items()
    }
    try:
        order = list(TopologicalSorter({key: set(inner) for key, inner in calls.items()}).static_order())
    except CycleError as error:
        name = error.args[1][0][1]
        yield _unsafe("recursive_function", name, f"local function {shown(name)} calls itself")
        return
    size: dict[tuple[str, str, str], int] = {}
    for key in order:
        size[key] = len(keys[key].node) + sum(size[inner] for inner in calls[key])
    total = sum(1 + size.get((n.domain, n.op_type, n.overload), 0) for n in nodes(model))
    if total > limits.nodes:
        yield _unsafe("node_count", "", f"it unfolds into more than {limits.nodes:,} nodes")


def _scope(scope: Scope, limits: OnnxLimits) -> Iterator[Finding]:
    for node in scope.graph.node:
        yield from _node(node, limits, in_function=False)
    for value in (*scope.graph.input, *scope.graph.output, *scope.graph.value_info):
        yield from _value(value, limits)


def check(model: "ModelProto", limits: OnnxLimits) -> Iterator[Finding]:
    """What is wrong with a parsed model's structure, the most dangerous first. No C++ code has read the model yet."""
    for scope in scopes(model):
        if scope.depth > limits.depth:
            deep = f"graphs are nested more than {limits.depth} deep in node {shown(scope.path)}"
            yield _unsafe("subgraph_depth", scope.path, deep)
            return
    yield from _functions(model, limits)
    for scope in scopes(model):
        yield from _scope(scope, limits)
    for function in model.functions:
        for node in function.node:
            yield from _node(node, limits, in_function=True)
        yield from _values(function.node, set(function.input), [])
    for where, tensor in tensors(model):
        yield from _tensor(where, tensor, limits)
    yield from _flow(model.graph, [])
