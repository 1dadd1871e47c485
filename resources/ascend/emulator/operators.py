"""What ATC refuses, or warns of, when it looks for kernels: checks that need the shapes and types inside the model.

Here belong the constraints of single operators that CANN documents, and placement on AI Cores. Absence from the AI Core
table is no proof that an operator is missing (AI CPUs run what AI Cores do not), so it is a warning. Not here: parsers
and options (`refusals`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.ascend import gears
from resources.ascend.emulator.messages import diagnostic
from resources.ascend.emulator.op_names import ge_types
from resources.ascend.emulator.registration import canonical_soc, elsewhere_on_ai_core, has_bf16, on_ai_core, socs
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Diagnostic
from resources.onnx_files.graph import Graph, Node, view

if TYPE_CHECKING:
    from onnx import ModelProto

_ENGINE = "AIcoreEngine"
_EINSUM_INPUTS = 2
_FLOAT, _FLOAT16, _BFLOAT16 = 1, 10, 16
_IGNORED_BY_RESIZE = ("antialias", "axes", "keep_aspect_ratio_policy")
_SHAPES_FROM_DATA = frozenset({"NonZero", "NonMaxSuppression", "Compress", "Unique"})
"""Operators whose output shape depends on values and not on shapes."""

_GE_TYPES = {
    1: "DT_FLOAT",
    2: "DT_UINT8",
    3: "DT_INT8",
    4: "DT_UINT16",
    5: "DT_INT16",
    6: "DT_INT32",
    7: "DT_INT64",
    9: "DT_BOOL",
    10: "DT_FLOAT16",
    11: "DT_DOUBLE",
    12: "DT_UINT32",
    13: "DT_UINT64",
    16: "DT_BF16",
}
"""GE's names of ONNX's tensor types."""


@dataclass(frozen=True)
class _Case:
    graph: Graph
    options: CompileOptions

    def dtype(self, name: str) -> int:
        tensor = self.graph.tensors.get(name)
        return tensor.dtype if tensor else 0

    def open_shape(self, name: str) -> bool:
        """Whether a tensor's shape is known to be unknown."""
        tensor = self.graph.tensors.get(name)
        return tensor is not None and tensor.elements is None


def judge(model: "ModelProto", options: CompileOptions) -> tuple[Diagnostic, ...]:
    """Every reason and warning. `model`: with inner types and shapes inferred. Pure."""
    case = _Case(view(model), options)
    return (
        *_einsum(case),
        *_pooled_indices(case),
        *_resize(case),
        *_resize_types(case),
        *_bfloat16(case),
        *_dynamic_shapes(case),
        *_off_ai_core(case),
    )


def _of(case: _Case, *ops: str) -> list[Node]:
    return [node for node in case.graph.nodes if node.op in ops and node.domain == "ai.onnx"]


def _named(nodes: Sequence[Node]) -> list[str]:
    return [node.name for node in nodes]


def _kind(op: str) -> str:
    """GE's name of an operator, or ONNX's where GE's is not known."""
    return next(iter(ge_types(op)), op)


def _optype(case: _Case, node: Node) -> str:
    return f"{node.domain}::{case.graph.opset}::{node.op}"


def _not_supported(case: _Case, nodes: Sequence[Node], reason: str, solution: str) -> Diagnostic:
    """What ATC documents as unsupported without publishing its words."""
    first = nodes[0]
    return diagnostic("EX0004", first.name, _optype(case, first), reason, nodes=_named(nodes), solution=solution)


def _einsum(case: _Case) -> Iterator[Diagnostic]:
    wide = [node for node in _of(case, "Einsum") if len(node.inputs) > _EINSUM_INPUTS]
    if wide:
        reason = f"it has {len(wide[0].inputs)} inputs and GE infers at most {_EINSUM_INPUTS}"
        solution = "Write it as MatMul, Mul and Transpose, or as a chain of Einsum with two inputs."
        yield _not_supported(case, wide, reason, solution)


def _pooled_indices(case: _Case) -> Iterator[Diagnostic]:
    used = {name for node in case.graph.nodes for name in node.inputs} | set(case.graph.outputs)
    pools = [node for node in _of(case, "MaxPool") if len(node.outputs) > 1 and node.outputs[1] in used]
    if pools:
        reason = "CANN's MaxPool has no Indices output"
        solution = "Leave the indices unused."
        yield _not_supported(case, pools, reason, solution)


def _constants(case: _Case) -> tuple[set[str], set[str]]:
    """Tensors that are constants as they stand, and those that constant folding makes constant."""
    literal = {name for name, tensor in case.graph.tensors.items() if tensor.constant} | {""}
    literal.update(out for node in case.graph.nodes if node.op == "Constant" for out in node.outputs)
    fixed_shapes = not gears.values(case.options)
    folded = set(literal)
    for node in case.graph.nodes:
        of_shape = node.op in {"Shape", "Size"} and fixed_shapes
        if of_shape or (node.inputs and all(name in folded for name in node.inputs)):
            folded.update(node.outputs)
    return literal, folded


def _resize(case: _Case) -> Iterator[Diagnostic]:
    """Scales and sizes must be constant; some attributes are ignored (Resize's documented constraints and plugin)."""
    literal, folded = _constants(case)
    for node in _of(case, "Resize", "Upsample"):
        targets = node.inputs[1:]
        name, optype = node.name, _optype(case, node)
        if any(target not in folded for target in targets):
            reason = "its scales or sizes depend on the input's values, and must be constant"
            solution = "Export with fixed sizes, then run onnxsim."
            yield _not_supported(case, [node], reason, solution)
        elif any(target not in literal for target in targets):
            reason = "its scales or sizes are computed; they become constant only by folding, so run onnxsim before"
            yield diagnostic("WX0002", name, optype, reason, nodes=(name,))
        ignored = [key for key in _IGNORED_BY_RESIZE if node.attributes.get(key)]
        if ignored and node.attributes.get("keep_aspect_ratio_policy") != b"stretch":
            yield diagnostic("WX0002", name, optype, f"{', '.join(ignored)} has no effect on the device", nodes=(name,))
        if node.attributes.get("mode") == b"cubic":
            yield diagnostic(
                "WX0002", name, optype, "only nearest and linear are documented as supported", nodes=(name,)
            )


def _unsupported_type(op: str, dtype: int, legal: str) -> str:
    name = _GE_TYPES.get(dtype, f"type {dtype}")
    listed = f" All supported data type of tensor input0.x is: Data Type: {{{legal}}}" if legal else ""
    missing = f"[tbe-custom]:op type {op} is not found in this op store."
    return f"{missing}data type {name} of input [x] is not supported.{listed}"


def _resize_types(case: _Case) -> Iterator[Diagnostic]:
    wrong: dict[tuple[str, int], list[Node]] = {}
    for node in _of(case, "Resize", "Upsample"):
        dtype = case.dtype(node.inputs[0]) if node.inputs else 0
        bf16 = dtype == _BFLOAT16 and has_bf16(case.options.soc_version)
        if dtype and dtype not in {_FLOAT, _FLOAT16, _BFLOAT16} and not bf16:
            linear = node.attributes.get("mode") == b"linear"
            kind = "ResizeBilinearV2" if linear else "ResizeNearestNeighborV2"
            wrong.setdefault((kind, dtype), []).append(node)
    for (kind, dtype), nodes in wrong.items():
        reason = _unsupported_type(kind, dtype, "DT_FLOAT16,DT_FLOAT")
        solution = "Put a Cast to float before the node."
        yield diagnostic("EZ3002", kind, _ENGINE, reason, nodes=_named(nodes), solution=solution)


def _bfloat16(case: _Case) -> Iterator[Diagnostic]:
    if has_bf16(case.options.soc_version):
        return
    wrong: dict[str, list[Node]] = {}
    for node in case.graph.nodes:
        if any(case.dtype(name) == _BFLOAT16 for name in (*node.inputs, *node.outputs)):
            wrong.setdefault(_kind(node.op), []).append(node)
    for kind, nodes in wrong.items():
        solution = f"Export the model in FP32 or FP16: {case.options.soc_version} has no bf16."
        reason = _unsupported_type(kind, _BFLOAT16, "")
        yield diagnostic("EZ3002", kind, _ENGINE, reason, nodes=_named(nodes), solution=solution)


def _dynamic_shapes(case: _Case) -> Iterator[Diagnostic]:
    """Ascend310 takes no shape that depends on data. Shapes that only ONNX cannot infer do not count."""
    if socs().get(canonical_soc(case.options.soc_version)) != "Ascend310":
        return
    from_data: set[str] = set()
    wrong: dict[str, list[Node]] = {}
    for node in case.graph.nodes:
        source = node.op in _SHAPES_FROM_DATA
        if source or any(name in from_data for name in node.inputs):
            from_data.update(name for name in node.outputs if source or case.open_shape(name))
            wrong.setdefault(_kind(node.op), []).append(node)
    for kind, nodes in wrong.items():
        reason = "Dynamic shape is not supported on this chip!"
        solution = "Give the model static shapes: leave operators like NonZero outside it."
        yield diagnostic("EZ3002", kind, _ENGINE, reason, nodes=_named(nodes), solution=solution)


def _off_ai_core(case: _Case) -> Iterator[Diagnostic]:
    """Operators that run on other SoCs' AI Cores, not on this one's. What none lists says nothing: GE rewrites it."""
    missing: dict[str, list[Node]] = {}
    for node in case.graph.nodes:
        kinds = ge_types(node.op)
        here = [on_ai_core(kind, case.options.soc_version) for kind in kinds]
        if kinds and all(found is False for found in here) and any(map(elsewhere_on_ai_core, kinds)):
            missing.setdefault(node.op, []).append(node)
    for nodes in missing.values():
        solution = f"It runs on {case.options.soc_version}'s AI CPU, slowly: replace it if time matters."
        yield diagnostic("W11001", nodes[0].name, nodes=_named(nodes), solution=solution)
