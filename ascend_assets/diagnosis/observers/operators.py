"""Operators that no parser or kernel takes in any opset: local functions, other domains, control flow, missing kernels.

Not here: an opset that is too new or too old for an operator that has a parser elsewhere (`opset.py`), or types
(`dtypes.py`).
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.observers.shapes_only import from_shapes
from ascend_assets.diagnosis.observers.unparsed import STANDARD, Unparsed, unparsed
from ascend_assets.diagnosis.offers import offer
from ascend_assets.remedies.kinds import ExpandOperators, Remedy, Simplify, SwitchFusionOff
from resources.ascend.emulator.registration import registered_later, registered_opsets
from resources.onnx_files.walk import label, scopes, subgraphs

if TYPE_CHECKING:
    from onnx import ModelProto

_EXPANDS = Kind(("operator", "opset"), ("expand_operators",))
_PLAIN = Kind(("operator", "opset"))
MAKES = {
    "operator_local": _EXPANDS,
    "operator_contrib": _EXPANDS,
    "operator_composed": _EXPANDS,
    "operator_quantized": _EXPANDS,
    "operator_unknown": _EXPANDS,
    "operator_torch": _EXPANDS,
    "operator_ml": _PLAIN,
    "operator_control": Kind(("operator", "constant"), ("expand_operators", "simplify")),
    "operator_later": _PLAIN,
    "operator_no_kernel": Kind(("operator", *SAID)),
    "operator_no_ir": Kind(("operator", *SAID)),
    "operator_not_compiled": Kind(("operator", *SAID)),
    "operator_constrained": Kind(("operator", "reason", *SAID)),
    "operator_attribute": Kind(SAID),
    "fusion_pass_failed": Kind(("fusion", *SAID), ("switch_fusion_off",)),
}

CONTROL = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_QUANTIZED = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger", "MatMulInteger"}
    | {"QLinearConv", "QLinearMatMul"}
)
_CONTRIB = "com.microsoft"
_TORCH = ("pkg.onnxscript", "pkg.torch")
_ML = ("ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training")

_NO_KERNEL = re.compile(r"found for \[?(?P<node>.{1,1024}?)\]?, optype:? \[?(?P<op>\w{1,200})")
_BARE_OP = re.compile(r"[Oo]ptype:? \[?(?P<op>[\w:.]{1,300})")
_REASON = re.compile(r"Reason: (?P<reason>.{1,2000})", re.DOTALL)
_PASS = re.compile(r"pass \[?(?P<fusion>[A-Za-z_]\w{0,199})")
_ATTRIBUTES = ("E19014", "E19025", *(f"EZ{number:04}" for number in range(1, 28)))
"""Shapes, types and attributes that an operator's own check refuses."""


def observe(case: Case) -> Iterator[Observation]:
    """Operators without a parser, control flow, and what kernels were refused for."""
    own = {(function.domain, function.name) for function in case.model.functions} if case.model else set()
    for one in unparsed(case):
        if one.op not in CONTROL and (one.domain != STANDARD or not registered_opsets(STANDARD, one.op)):
            yield _observation(one, own)
    yield from _control(case)
    yield from _kernels(case)


def _observation(one: Unparsed, own: set[tuple[str, str]]) -> Observation:
    kind = _kind(one, own)
    values: dict[str, Value] = {"operator": one.operator, "opset": one.version}
    remedies = offer(ExpandOperators, operators=(one.operator,)) if "expand_operators" in MAKES[kind].remedies else {}
    if one.message is not None:
        return fact(kind, one.message, nodes=one.nodes, values=values, remedies=remedies)
    says = f"no parser is registered for {one.operator} in any opset that CANN's tables list"
    return Observation(kind, says, one.nodes, values, remedies)


def _kind(one: Unparsed, own: set[tuple[str, str]]) -> str:
    if (one.domain, one.op) in own:
        return "operator_local"
    for kind, belongs in (
        ("operator_contrib", one.domain.startswith(_CONTRIB)),
        ("operator_torch", one.domain.startswith(_TORCH)),
        ("operator_ml", one.domain in _ML),
        ("operator_quantized", one.op in _QUANTIZED),
        ("operator_composed", one.domain == STANDARD and _has_body(one.op, one.version)),
        ("operator_later", one.domain == STANDARD and registered_later(one.domain, one.version, one.op)),
    ):
        if belongs:
            return kind
    return "operator_unknown"


@lru_cache(maxsize=512)
def _has_body(op: str, version: int) -> bool:
    """Whether ONNX defines an operator by simpler ones at an opset (0: at the newest)."""
    import onnx

    try:
        schema = onnx.defs.get_schema(op, version, "") if version else onnx.defs.get_schema(op, "")
    except (onnx.defs.SchemaError, TypeError, OverflowError):
        return False
    # The attributes are missing in onnx's own type annotations.
    return any(bool(getattr(schema, name)) for name in ("has_function", "has_context_dependent_function"))


def _control(case: Case) -> Iterator[Observation]:
    """If, Loop and Scan, by whether the graph itself settles how they run."""
    refused = {one.op: one for one in unparsed(case) if one.op in CONTROL}
    settled = from_shapes(case)
    looked_into = any(verdict.criterion == "model_safety" for verdict in case.refused)
    branches = tuple(_branches(case.model)) if case.model is not None else ()
    for name, op, steering in branches:
        constant = int(bool(steering) and all(tensor in settled for tensor in steering))
        message = refused[op].message if op in refused and name in refused[op].nodes else None
        if message is not None:
            yield fact("operator_control", message, nodes=(name,), values=_run(op, constant), remedies=_decided(op))
        else:
            says = f"{op} is steered by constants" if constant else f"{op} chooses at run time what is computed"
            from_ = "verdicts" if looked_into else "graph"
            yield Observation("operator_control", says, (name,), _run(op, constant), _decided(op), from_)
    for op, one in refused.items():
        if one.message is not None and all(op != found for _, found, _ in branches):
            yield fact("operator_control", one.message, values=_run(op, 0), remedies=_decided(op))


def _run(op: str, constant: int) -> dict[str, Value]:
    return {"operator": op, "constant": constant}


def _decided(op: str) -> dict[str, Remedy]:
    """What writes out control flow that constants decide."""
    return {**offer(ExpandOperators, operators=(f"{STANDARD}::{op}",)), **offer(Simplify)}


def _branches(model: "ModelProto") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(name, operator, the tensors that steer it) of every node with graphs inside."""
    for scope in scopes(model):
        for at, node in enumerate(scope.graph.node):
            if any(True for _ in subgraphs(node)):
                name = (node.name or f"{node.op_type}_{at}") if scope.depth == 0 else label(node)
                steering = node.input[:1] if node.op_type == "If" else node.input[:2] if node.op_type == "Loop" else ()
                yield name, node.op_type, tuple(filter(None, steering))


def _kernels(case: Case) -> Iterator[Observation]:
    """Messages about an operator that has a parser and no kernel, or whose kernel does not compile."""
    for item in errors(case, "EZ3003", "EZ3002"):
        reason = _REASON.search(item.message)
        if item.code == "EZ3003" or (reason and not _explained(reason["reason"])):
            yield fact("operator_no_kernel", item, values={"operator": _operator(item.message)})
    for item in errors(case, "EZ0501", "E10501"):
        yield fact("operator_no_ir", item, values={"operator": _operator(item.message)})
    for item in errors(case, "E20001", "E40021"):
        yield fact("operator_not_compiled", item, values={"operator": _operator(item.message)})
    for item in errors(case, *_ATTRIBUTES):
        yield fact("operator_attribute", item)
    for item in errors(case, "E20007"):
        found = _PASS.search(item.message)
        off = offer(SwitchFusionOff, passes=(found["fusion"],)) if found else {}
        yield fact("fusion_pass_failed", item, values={"fusion": found["fusion"] if found else "-"}, remedies=off)
    for item in errors(case, "EX0004"):
        operator = _operator(item.message)
        if operator.rpartition("::")[2] not in {"Einsum", "Resize", "Upsample"}:
            reason = _REASON.search(item.message)
            values: dict[str, Value] = {"operator": operator, "reason": reason["reason"].rstrip(".") if reason else ""}
            yield fact("operator_constrained", item, values=values)


def _explained(reason: str) -> bool:
    """Whether a reason is about types or dynamic shapes, which other families explain."""
    return "data type" in reason or "ynamic shape is not supported" in reason


def _operator(message: str) -> str:
    found = _NO_KERNEL.search(message) or _BARE_OP.search(message)
    return found["op"].rstrip(".:") if found else "-"
