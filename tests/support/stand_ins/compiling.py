"""What the stand-in `atc` makes of a model: the emulator's judgement and lowering, packed for an `.om`.

Here belongs everything that needs ONNX. Results are kept by content, so that a suite compiles each model once. Not
here: arguments, consoles, files (`atc.py`).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stand_ins import aipp
from stand_ins.payload import Payload, unpacked
from stand_ins.tree import Tree

if TYPE_CHECKING:
    import onnx

    from resources.ascend.options import CompileOptions

GE_TYPES = {
    "Conv": "Conv2D",
    "Gemm": "MatMulV2",
    "MatMul": "BatchMatMulV2",
    "GlobalAveragePool": "GlobalAveragePool",
    "MaxPool": "MaxPoolV3",
    "Flatten": "FlattenV2",
    "Softmax": "SoftmaxV2",
}
NOT_A_TASK = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity"})
"""Operators that only name other shapes: the device never runs them, and a dump does not have them."""


@dataclass(frozen=True)
class Verdict:
    """What compiling came to. `diagnostics`: code, message, nodes, cause, solution. Without `payload` it is refused."""

    diagnostics: list[dict[str, Any]]
    payload: Payload | None


def ge_name(tree: Tree, name: str, op: str, index: int) -> str:
    """The name that GE gives a node: in the middle generation with a prefix from parsing into subgraphs."""
    return f"PartitionedCall_{name}_{GE_TYPES.get(op, op)}_{index}" if tree.generation == "8" else name


def compiled(tree: Tree, model: Path, options: dict[str, Any]) -> Verdict:
    """Judge and lower the model, or remember having done so."""
    spelt = json.dumps([tree.generation, options], sort_keys=True).encode()
    key = hashlib.sha256(spelt + hashlib.sha256(model.read_bytes()).digest()).hexdigest()
    kept = tree.cache / f"{key}.json", tree.cache / f"{key}.bin"
    if kept[0].exists():
        payload = unpacked(kept[1].read_bytes()) if kept[1].exists() else None
        return Verdict(json.loads(kept[0].read_text(encoding="utf-8")), payload)
    verdict = _compiled(tree, model, options)
    tree.cache.mkdir(parents=True, exist_ok=True)
    if verdict.payload is not None:
        kept[1].write_bytes(verdict.payload.packed())
    kept[0].write_text(json.dumps(verdict.diagnostics), encoding="utf-8")
    return verdict


def _compiled(tree: Tree, model: Path, options: dict[str, Any]) -> Verdict:
    from resources.ascend.emulator.compile import compile_model
    from resources.ascend.options import CompileOptions
    from resources.ascend.toolchain import CompileRefused, ToolchainIdentity

    options = dict(options)
    ops, fused = options.pop("aipp", []), options.pop("aipp_fused", False)
    typed = CompileOptions.model_validate(options)
    identity = ToolchainIdentity(name="stand-in", version=tree.internal, cann=tree.version, origin="emulated")
    try:
        om, report = compile_model(model, typed, identity)
    except CompileRefused as refusal:
        return Verdict([item.model_dump(mode="json") for item in refusal.diagnostics], None)
    inputs = [(port.name, port.dtype, list(port.shape or ())) for port in om.signature.inputs]
    try:
        images = aipp.before(ops, [(name, shape) for name, _, shape in inputs])
    except aipp.NotAipp as error:
        code, text = error.args
        return Verdict([{"code": code, "message": text, "nodes": [], "cause": "", "solution": ""}], None)
    nodes = [_aipp_node(name) for name in images if not fused]
    meta = {
        "inputs": [[n, "uint8", aipp.port(images[n])] if n in images else [n, d, s] for n, d, s in inputs],
        "aipp": images,
        "outputs": [[port.name, port.dtype, list(port.shape or ())] for port in om.signature.outputs],
        "options": options,
        "times": _times(om.structure, typed),
        "nodes": [*nodes, *_nodes(tree, om.structure)],
    }
    warnings = [item.model_dump(mode="json") for item in report.warnings]
    return Verdict(warnings, Payload(meta, om.lowered, model.read_bytes()))


def _aipp_node(name: str) -> dict[str, Any]:
    """The operator that GE puts before an input: it stands for no node of the ONNX file."""
    return {"name": f"{name}_0_aipp", "type": "Aipp", "onnx": "", "inputs": [f"{name}@image"], "outputs": [name]}


def _nodes(tree: Tree, structure: bytes) -> list[dict[str, Any]]:
    """Every operator that becomes a task: its GE name and type, and the ONNX node it was."""
    import onnx

    from resources.onnx_files.graph import view

    nodes = []
    for node in view(onnx.ModelProto.FromString(structure)).nodes:
        if node.op not in NOT_A_TASK:
            name = ge_name(tree, node.name, node.op, node.index)
            made = {"name": name, "type": GE_TYPES.get(node.op, node.op), "onnx": node.name}
            nodes.append({**made, "inputs": list(node.inputs), "outputs": list(node.outputs)})
    return nodes


def _times(structure: bytes, options: "CompileOptions") -> list[dict[str, Any]]:
    """The emulator's estimate for each gear; one without gears."""
    import onnx

    from resources.ascend import gears
    from resources.onnx_files import with_shapes

    found = []
    for shapes in gears.shapes(options) or (None,):
        model = onnx.ModelProto.FromString(structure)
        if shapes is not None:
            model = with_shapes(model, shapes, None, in_place=True)
        found.append(_timed(model, options, shapes))
    return found


def _timed(model: "onnx.ModelProto", options: "CompileOptions", shapes: dict[str, tuple[int, ...]] | None) -> Any:
    from resources.ascend.emulator.estimate import profile
    from resources.onnx_files.graph import view
    from resources.onnx_files.signature import signature

    ports = signature(model)
    batch = next((port.shape[0] for port in ports.inputs if port.shape and isinstance(port.shape[0], int)), 1)
    estimate = profile(model, options, max(batch, 1))
    tensors = view(model).tensors
    return {
        "shapes": {name: list(shape) for name, shape in (shapes or {}).items()},
        "batch": batch,
        "ms": estimate.latency_ms.p50,
        "memory": estimate.memory_bytes,
        "ops": [[op.node, op.op, op.time_us, op.bound] for op in estimate.ops],
        "tensors": {name: list(tensor.shape or ()) for name, tensor in tensors.items()},
    }
