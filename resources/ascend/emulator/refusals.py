"""What ATC refuses before it compiles: options, the model's header, its operators' parsers, its inputs.

Here belong the reasons that need the file and the options alone, all of them and not only the first. Not here: what
needs inferred shapes (`operators`), the wording (`messages`), the tables (`registration`).
"""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from resources.ascend.emulator import gears, unemulated
from resources.ascend.emulator.messages import diagnostic
from resources.ascend.emulator.registration import (
    NEWEST_OPSET,
    canonical_soc,
    has_bf16,
    is_registered,
    registered_later,
    registered_opsets,
    socs,
)
from resources.ascend.options import FIRST_GENERATION, CompileOptions
from resources.ascend.toolchain import Diagnostic
from resources.onnx_files.graph import view
from resources.onnx_files.shapes import declared, inputs
from resources.onnx_files.walk import label, scopes

if TYPE_CHECKING:
    from onnx import ModelProto

_ADVICE = {
    "Loop": "Unroll the loop when exporting: ATC takes no loops.",
    "Scan": "Unroll the loop when exporting: ATC takes no loops.",
    "GroupNormalization": "Export with opset 17 or lower, where it is made of simpler operators.",
    "Gelu": "Export with opset 18 or lower, where it is made of simpler operators.",
    **dict.fromkeys(
        ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger", "QLinearConv"),
        "Give the floating-point model: CANN quantises with AMCT, not with ONNX's operators.",
    ),
}
_FOREIGN = {
    "pkg.onnxscript.torch_lib": "Export with torch.onnx.export(..., dynamo=False), which stays in one domain.",
    "com.microsoft": "Give the model as exported: ONNX Runtime's own operators come from its optimiser.",
    "ai.onnx.ml": "Leave classical machine learning operators outside the model.",
}


def judge(model: "ModelProto", options: CompileOptions) -> tuple[Diagnostic, ...]:
    """Every reason, and the warnings (codes W...), in the order in which ATC would meet them. Pure."""
    return (
        *_soc(options),
        *_modes(options),
        *gears.refusals(options),
        *unemulated.judge(options),
        *_header(model),
        *_inputs(model, options),
        *_parsers(model),
        *_keep_dtype(model, options),
    )


def refused(diagnostics: tuple[Diagnostic, ...]) -> bool:
    """Whether any of them is more than a warning."""
    return any(not item.code.startswith("W") for item in diagnostics)


def _soc(options: CompileOptions) -> Iterator[Diagnostic]:
    name, legal = options.soc_version, sorted(socs())
    if not name:
        yield diagnostic("E10054", "soc_version", solution="Give --soc_version=Ascend310P3, or another SoC.")
    elif canonical_soc(name) not in socs():
        near = difflib.get_close_matches(name, legal, n=3)
        solution = f"Did you mean {', '.join(near)}? " if near else ""
        # ATC's words for it are not published: it fails while initialising the platform.
        yield diagnostic("EX0001", name, f"legal are {', '.join(legal)}", solution=f"{solution}See npu-smi info.")
    elif name == FIRST_GENERATION and not options.first_generation:
        advice = "An Atlas A2 card is one of Ascend910B1, Ascend910B2, Ascend910B3, Ascend910B4: see npu-smi info."
        yield diagnostic("WX0001", name, advice)


def _modes(options: CompileOptions) -> Iterator[Diagnostic]:
    soc = options.soc_version
    if options.mode.endswith("bf16") and canonical_soc(soc) in socs() and not has_bf16(soc):
        name = "precision_mode_v2" if options.precision_mode_v2 else "precision_mode"
        value = options.precision_mode_v2 or options.precision_mode
        solution = "Choose a mode with fp16, or a SoC of the 310B, A2 or A3 families."
        yield diagnostic("EX0002", value, name, soc, solution=solution)


def _header(model: "ModelProto") -> Iterator[Diagnostic]:
    missing = {"input": inputs(model), "output": model.graph.output, "operator": model.graph.node}
    for what, held in missing.items():
        if not held:
            yield diagnostic("E16001", what, solution=f"Export the model with at least one {what}.")
    domains = {entry.domain for entry in model.opset_import}
    # Only nodes that name no domain ask for the one there is (ConstructOriType in onnx_parser.cc).
    if len(domains) != 1 and any(not node.domain for node in model.graph.node):
        extra = ", ".join(sorted(domains - {"", "ai.onnx"})) or "none at all"
        solution = f"Leave one entry in opset_import; the others here: {extra}."
        yield diagnostic("E16005", len(domains), solution=solution)


def _inputs(model: "ModelProto", options: CompileOptions) -> Iterator[Diagnostic]:
    fed = {value.name: value for value in inputs(model)}
    for name in (*options.input_shape, *options.input_shape_range):
        if name not in fed:
            solution = f"The model's inputs are {', '.join(fed) or 'none'}."
            yield diagnostic("E10016", name, "input_shape", nodes=(name,), solution=solution)
    for name, value in fed.items():
        kind = value.type.WhichOneof("value")
        stated = declared(value)
        given = options.input_shape.get(name)
        if kind != "tensor_type":
            reason = f"input {name} is no tensor but a {(kind or 'value of no type').removesuffix('_type')}"
            yield diagnostic("EX0005", reason, nodes=(name,))
        elif name in options.input_shape_range:
            continue  # refused with the range
        elif given is None and (stated is None or None in stated):
            reason = "maybe you should set input_shape to specify its shape."
            example = ",".join(str(dim or 1) for dim in stated) if stated else "1,3,224,224"
            solution = f'Give --input_shape="{name}:{example}" with the sizes you want.'
            yield diagnostic("E10001", -1, name, reason, nodes=(name,), solution=solution)
        elif given is not None and stated is not None:
            yield from _given(name, given, stated)


def _given(name: str, given: tuple[int, ...], stated: tuple[int | None, ...]) -> Iterator[Diagnostic]:
    if len(given) != len(stated):
        solution = f"Give {len(stated)} dimensions for input {name}."
        yield diagnostic("E10049", len(given), len(stated), nodes=(name,), solution=solution)
        return
    pairs = enumerate(zip(given, stated, strict=True))
    fixed = [f"axis {axis} is fixed to {dim}, not {want}" for axis, (want, dim) in pairs if dim not in {None, want}]
    if fixed:
        solution = "Export the model with these axes dynamic, or give the sizes that it has."
        yield diagnostic("EX0003", name, ", ".join(fixed), nodes=(name,), solution=solution)


def _all_nodes(model: "ModelProto") -> Iterator[tuple[str, str, str]]:
    """(name, domain, operator) of every node that the parser meets, names as GE gives them."""
    for node in view(model).nodes:
        yield node.name, model.graph.node[node.index].domain, node.op
    for scope in scopes(model):
        if scope.depth:
            yield from ((label(node), node.domain, node.op_type) for node in scope.graph.node)


def _parsers(model: "ModelProto") -> Iterator[Diagnostic]:
    versions = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    # With one entry, a node without a domain takes it, whatever it is.
    default = next(iter(versions)) if len(versions) == 1 else "ai.onnx"
    own = {(function.domain, function.name) for function in model.functions}
    missing: dict[tuple[str, str], list[str]] = {}
    for name, domain, op in _all_nodes(model):
        key = (domain or default, op)
        if not is_registered(key[0], versions.get(key[0], 0), op):
            missing.setdefault(key, []).append(name)
    for (domain, op), names in missing.items():
        if domain not in versions:
            text = f"The opset of domain[{domain}] has no responding version."
            yield diagnostic("E19999", text, nodes=names, solution="Add the domain to the model's opset_import.")
            continue
        version = versions[domain]
        solution = _advice(domain, version, op, inside=(domain, op) in own)
        yield diagnostic("E19010", names[0], f"{domain}::{version}::{op}", nodes=names, solution=solution)


def _advice(domain: str, version: int, op: str, *, inside: bool) -> str:
    """What to do about an operator that has no parser."""
    if inside:
        return "Inline the model's local functions with onnx.inliner.inline_local_functions."
    foreign = [advice for prefix, advice in _FOREIGN.items() if domain.startswith(prefix)]
    if foreign or (domain == "ai.onnx" and op in _ADVICE):
        return foreign[0] if foreign else _ADVICE[op]
    opsets = registered_opsets(domain, op)
    if opsets and version > NEWEST_OPSET:
        return f"Export with opset {NEWEST_OPSET} or lower (11 to 15 is safest): nothing newer is registered."
    if opsets:
        return f"Export with an opset from {opsets[0]} to {opsets[-1]}, for which it is registered."
    if registered_later(domain, version, op):
        return "Operator packages newer than CANN 8.1 register it; for this one, replace the operator."
    return "Replace the operator by ones that CANN registers, or write a custom operator with its parser."


def _keep_dtype(model: "ModelProto", options: CompileOptions) -> Iterator[Diagnostic]:
    if not options.keep_dtype:
        return
    names = {name for name, _, _ in _all_nodes(model)}
    for entry in options.keep_dtype:
        if not entry.startswith("OpType::") and entry not in names:
            near = difflib.get_close_matches(entry, sorted(names), n=1)
            solution = f"Did you mean {near[0]}?" if near else "Give a node's name, or OpType::<type>."
            yield diagnostic("E10016", entry, "keep_dtype", nodes=(entry,), solution=solution)
