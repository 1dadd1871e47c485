"""What an exporter must not leave in an ONNX file, because ATC refuses it.

Here belong settling a freshly exported model (functions inlined, unused domains gone) and naming what still stands in
the way. Not here: frameworks (`torch_export.py`), or judging a candidate's file (`ascend_assets/lint`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from resources.ascend.emulator.registration import is_registered

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

OLDEST_OPSET, NEWEST_OPSET = 11, 18
"""CANN registers parsers per opset: from 11 on for newer operators, up to 18 for all (CANN's operator tables)."""

_DEFAULT = ("", "ai.onnx")
_MAX_NAMED = 5


def settle(model: "ModelProto") -> "ModelProto":
    """A copy without local functions, unused operator domains and exporter's notes, in its opset's own IR version.

    Functions are inlined because ATC knows none; an unused second domain alone makes it refuse the file (E16005).
    """
    import onnx
    from onnx import inliner

    settled = onnx.ModelProto()
    settled.CopyFrom(inliner.inline_local_functions(model) if model.functions else model)
    used = {_domain(node) for node in _nodes(settled.graph)} | {"ai.onnx"}
    kept = [o for o in settled.opset_import if (o.domain or "ai.onnx") in used]
    opsets = {o.domain or "ai.onnx": o.version for o in kept}
    del settled.opset_import[:]
    settled.opset_import.extend(onnx.helper.make_opsetid("" if d == "ai.onnx" else d, v) for d, v in opsets.items())
    del settled.metadata_props[:]
    _forget_notes(settled.graph)
    wanted = onnx.helper.OP_SET_ID_VERSION_MAP.get(("ai.onnx", opsets.get("ai.onnx", 0)))
    if wanted is not None and wanted < settled.ir_version:
        # Nothing that the IR gained since can occur with an opset that is older.
        settled.ir_version = wanted
    return settled


def problems(
    model: "ModelProto", inputs: Sequence[str], outputs: Sequence[str], *, opset: int | None = None
) -> tuple[str, ...]:
    """Every reason why ATC, or who calls the model by `inputs` and `outputs`, could not take it.

    `opset`: what the exporter was asked for; None where that does not matter.
    """
    return (*_domain_problems(model), *_opset_problems(model, opset), *_name_problems(model, inputs, outputs))


def _domain_problems(model: "ModelProto") -> Iterator[str]:
    for index, entry in enumerate(model.opset_import):
        if entry.domain not in _DEFAULT:
            users = [node for node in _nodes(model.graph) if node.domain == entry.domain]
            yield (
                f"opset_import[{index}].domain is {entry.domain!r}, used by {_named(users)}; ATC takes the default "
                "domain alone (E16005): write that part of the model with other operators"
            )
    for function in model.functions:
        yield f"functions holds {function.domain}::{function.name}, which ATC does not know: it could not be inlined"


def _opset_problems(model: "ModelProto", wanted: int | None) -> Iterator[str]:
    opset = next((o.version for o in model.opset_import if o.domain in _DEFAULT), 0)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        yield f"its opset is {opset}; ATC takes {OLDEST_OPSET} to {NEWEST_OPSET}: ask for one of these"
        return
    if wanted is not None and opset != wanted:
        yield f"its opset is {opset} where {wanted} was asked for: the exporter could not convert it; ask for {opset}"
    unknown = [
        n for n in _nodes(model.graph) if n.domain in _DEFAULT and not is_registered("ai.onnx", opset, n.op_type)
    ]
    if unknown:
        counts = ", ".join(f"{op} ({count}x)" for op, count in sorted(Counter(n.op_type for n in unknown).items()))
        yield (
            f"ATC has no parser at opset {opset} for {counts}: {_named(unknown)} (E19010); "
            "write that part of the model with other operators"
        )


def _name_problems(model: "ModelProto", inputs: Sequence[str], outputs: Sequence[str]) -> Iterator[str]:
    weights = {weight.name for weight in model.graph.initializer}
    found = {
        "input_names": ([i.name for i in model.graph.input if i.name not in weights], list(inputs)),
        "output_names": ([o.name for o in model.graph.output], list(outputs)),
    }
    for field, (have, want) in found.items():
        if have != want:
            yield f"{field} is {want}, but the graph has {have}: name every one, in the order of forward()"


def _domain(node: "NodeProto") -> str:
    return node.domain or "ai.onnx"


def _named(nodes: "Sequence[NodeProto]") -> str:
    shown = [node.name or f"a {node.op_type}" for node in nodes[:_MAX_NAMED]]
    more = f" and {len(nodes) - _MAX_NAMED} more" if len(nodes) > _MAX_NAMED else ""
    return ", ".join(shown) + more


def _nodes(graph: "GraphProto") -> "Iterator[NodeProto]":
    """Every node, with those of subgraphs."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in _graphs(attribute):
                yield from _nodes(inner)


def _graphs(attribute: "AttributeProto") -> "tuple[GraphProto, ...]":
    return (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs)


def _forget_notes(graph: "GraphProto") -> None:
    """Drop exporter's notes: they name the author's source files, and readers of an older IR do not know the field."""
    del graph.metadata_props[:]
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del value.metadata_props[:]
    for node in graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
        for attribute in node.attribute:
            for inner in _graphs(attribute):
                _forget_notes(inner)
