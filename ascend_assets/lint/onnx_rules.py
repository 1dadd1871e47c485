"""What is wrong with the ONNX file: specification, opset, operators, inputs, safety.

Here belongs looking at one file that nobody vouches for. Not here: reading it safely (`resources/onnx_files`),
CANN's table of operators (`resources/ascend/emulator/registration.py`), or limits.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ascend_assets.records import Finding, LintCount
from ascend_assets.spec import Input, ModelSpec
from resources import onnx_files
from resources.ascend.emulator.registration import NEWEST_OPSET, is_registered
from resources.onnx_files import OnnxFileError, TensorType, UnsafeOnnx
from resources.onnx_files.graph import view
from resources.onnx_files.shapes import skeleton
from resources.onnx_files.walk import label, nodes

if TYPE_CHECKING:
    from onnx import ModelProto

NAMES: tuple[str, ...] = ("onnx_checker", "opset", "operators_registered", "dynamic_dims", "model_safety")
_HARMLESS = frozenset({"local_function", "sparse_weight"})
"""Notes on what bounded structure allows: mentioned, not counted."""


def inspect(path: Path, spec: ModelSpec) -> tuple[LintCount, ...]:
    """One count per criterion of `NAMES`. A file that cannot be read is a finding, and the rest is not judged."""
    try:
        safety = onnx_files.findings(onnx_files.parse(path), path.parent)
        broken = [finding for finding in safety if finding.severity != "note"]
        if broken:
            return _unreadable([Finding(code=f.code, where=f.where, message=f.message) for f in broken])
        model = onnx_files.load(path)
    except UnsafeOnnx as error:
        return _unreadable([Finding(code="unsafe_file", where="", message=str(error))])
    except OnnxFileError as error:
        broken_file = (Finding(code="not_readable", where="", message=str(error)),)
        return (_count("onnx_checker", broken_file), *(_unseen(name) for name in NAMES[1:]))
    dims = _count("dynamic_dims", tuple(_inputs(onnx_files.signature(model).inputs, spec)))
    found = {count.criterion: count for count in (*of_model(model, safety), dims)}
    return tuple(found[name] for name in NAMES)


def of_model(model: "ModelProto", safety: Sequence[onnx_files.Finding]) -> tuple[LintCount, ...]:
    """The counts that need no `defs.yaml`: all of `NAMES` but `dynamic_dims`.

    `model`: what `onnx_files.load` gave; `safety`: what `onnx_files.findings` has to say of it.
    """
    return (_count("onnx_checker", tuple(_violations(model))), _opset(model), _operators(model), _safety(safety))


def _unreadable(findings: Sequence[Finding]) -> tuple[LintCount, ...]:
    return (*(_unseen(name) for name in NAMES[:-1]), _count("model_safety", tuple(findings)))


def _unseen(name: str) -> LintCount:
    return LintCount(criterion=name, judged=False, value=None, note="the ONNX file cannot be read")


def _count(name: str, findings: tuple[Finding, ...], note: str = "") -> LintCount:
    return LintCount(criterion=name, judged=True, value=len(findings), findings=findings, note=note)


def _violations(model: "ModelProto") -> Iterator[Finding]:
    """What onnx.checker says, then strict shape inference: together its full check, at the cost of the graph alone."""
    import onnx

    error = onnx_files.checker_error(model)
    if error:
        yield Finding(code="specification", where="", message=error)
        return
    try:
        onnx.shape_inference.infer_shapes(skeleton(model), check_type=True, strict_mode=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError) as failure:
        yield Finding(code="shapes", where="", message=" ".join(str(failure).split())[:500] or "shape inference failed")


def _opset(model: "ModelProto") -> LintCount:
    opset = view(model).opset
    note = f"opset {opset}" if opset else "the file declares no opset of the default domain"
    if opset > NEWEST_OPSET:
        note += (
            f", beyond {NEWEST_OPSET}, the newest that CANN registers: export again with opset {NEWEST_OPSET} or less"
        )
    return LintCount(criterion="opset", judged=True, value=opset, note=note)


def _operators(model: "ModelProto") -> LintCount:
    """Nodes without a parser, those inside control flow included; a local function's call has none either."""
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    findings = []
    seen = 0
    for node in nodes(model):
        seen += 1
        domain = node.domain or "ai.onnx"
        opset = opsets.get(domain, 0)
        if not is_registered(domain, opset, node.op_type):
            name = label(node)
            message = f"No parser is registered for Op [{name}, optype [{domain}::{opset}::{node.op_type}]]."
            findings.append(Finding(code="E19010", where=name, message=message))
    return _count("operators_registered", tuple(findings), "" if findings else f"all {seen} nodes have a parser")


def _safety(findings: Sequence[onnx_files.Finding]) -> LintCount:
    counted = tuple(Finding(code=f.code, where=f.where, message=f.message) for f in findings if f.code not in _HARMLESS)
    noted = "; ".join(sorted({f.message for f in findings if f.code in _HARMLESS})[:5])
    return _count("model_safety", counted, f"noted: {noted}" if noted else "")


def _inputs(found: Sequence[TensorType], spec: ModelSpec) -> Iterator[Finding]:
    declared = {entry.name: entry for entry in spec.inputs}
    for tensor in found:
        entry = declared.pop(tensor.name, None)
        if entry is None:
            names = ", ".join(i.name for i in spec.inputs)
            message = f"defs.yaml does not name this input; it names {names}"
            yield Finding(code="undeclared_input", where=tensor.name, message=message)
        else:
            yield from _input(tensor, entry)
    for name in declared:
        yield Finding(code="missing_input", where=name, message="defs.yaml names this input, the file has none such")


def _input(tensor: TensorType, entry: Input) -> Iterator[Finding]:
    if tensor.dtype != entry.dtype:
        yield Finding(code="dtype", where=entry.name, message=f"{tensor.dtype} in the file, {entry.dtype} in defs.yaml")
    if tensor.shape is None:
        yield Finding(code="unknown_rank", where=entry.name, message="the file states no shape: export it with one")
        return
    if len(tensor.shape) != len(entry.shape):
        ranks = f"{len(tensor.shape)} dimensions in the file, {len(entry.shape)} in defs.yaml"
        yield Finding(code="rank", where=entry.name, message=ranks)
        return
    for axis, (actual, wanted) in enumerate(zip(tensor.shape, entry.shape, strict=True)):
        where = f"{entry.name}[{axis}]"
        if actual < 0 and isinstance(wanted, int):
            message = f"dynamic in the file, {wanted} in defs.yaml: give the dimension a name there, or export it fixed"
            yield Finding(code="undeclared_dynamic", where=where, message=message)
        elif actual >= 0 and isinstance(wanted, int) and actual != wanted:
            yield Finding(code="size", where=where, message=f"{actual} in the file, {wanted} in defs.yaml")
        elif actual >= 0 and isinstance(wanted, str):
            message = (
                f"fixed to {actual} in the file, dynamic in defs.yaml: write the number there, or export it dynamic"
            )
            yield Finding(code="fixed", where=where, message=message)
