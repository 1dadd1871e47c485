"""What the device computes each node in: ATC's precision modes, applied.

Here belongs the decision, as a pure function of the graph, the options and the kernel table. Not here: the arithmetic
itself (`lower.py`), or whether a mode is legal on a SoC (the compiler's refusals). Sources: ATC's documentation of
--precision_mode, --precision_mode_v2, --keep_dtype and --modify_mixlist (CANN 8.1), and the cube's data types in the
platform configuration.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from resources.ascend.emulator import registration
from resources.ascend.emulator.kernels import Listed, support
from resources.ascend.emulator.op_names import CUBE, MAKERS, ge_types
from resources.ascend.options import CompileOptions, MixList
from resources.onnx_files.graph import Graph, Node

DType = Literal["float16", "float32", "bfloat16", "other"]

FLOAT, FLOAT16, BFLOAT16 = 1, 10, 16
"""ONNX's TensorProto numbers of the float types that a precision mode moves. DOUBLE is none: it stays as it is."""

_FP16_ONLY_CUBES = frozenset({"Ascend310", "Ascend310P", "Ascend910", "Ascend610", "Ascend610Lite"})
"""Families whose cube multiplies FP16 and integers only (Intrinsic_mmad in the platform configuration)."""

_UNTOUCHED = MAKERS | {"Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"}
"""Operators whose result's type is part of what they are; a precision mode does not change it."""

_LOW: dict[str, DType] = {"allow_mix_precision_bf16": "bfloat16", "allow_fp32_to_bf16": "bfloat16"}


@dataclass(frozen=True)
class Arithmetic:
    """One node's arithmetic: what its float `inputs` are rounded to, and its `output`; `float32` means not rounded."""

    inputs: DType
    output: DType

    @property
    def dtype(self) -> DType:
        """What the node is said to be computed in: the precision of its factors."""
        return self.inputs


_SAME: dict[DType, Arithmetic] = {d: Arithmetic(d, d) for d in ("float16", "float32", "bfloat16", "other")}
_FP16_IN_FP32_OUT = Arithmetic("float16", "float32")


def plan(graph: Graph, options: CompileOptions) -> tuple[DType, ...]:
    """What the device computes each node in, in the graph's order; `other` for nodes without float arithmetic.

    Raises `ValueError` for an unknown SoC version.
    """
    return tuple(a.dtype for a in arithmetic(graph, options))


def arithmetic(graph: Graph, options: CompileOptions) -> tuple[Arithmetic, ...]:
    """Each node's arithmetic, in the graph's order.

    `graph` has inferred types; a float tensor of unknown type counts as FP32. Nodes that depend on constants alone are
    folded on the host in FP32 before any precision mode applies, and count as `other`. Raises `ValueError` for an
    unknown SoC version.
    """
    decide = _Decision(graph, options)
    for node in graph.nodes:
        decide.add(node)
    return tuple(decide.made)


def family_of(soc_version: str) -> str:
    """The SoC's family (`Ascend310P`). Raises `ValueError` for an unknown version."""
    socs = registration.socs()
    name = registration.canonical_soc(soc_version)
    if name not in socs:
        raise ValueError(f"unknown SoC version {soc_version!r}: give one of {', '.join(sorted(socs))}")
    return socs[name]


class _Decision:
    """Walks the graph once; grey operators need what was decided for their producers."""

    def __init__(self, graph: Graph, options: CompileOptions) -> None:
        self.graph = graph
        self.options = options
        self.family = family_of(options.soc_version)
        self.made: list[Arithmetic] = []
        self.folded = {name for name, tensor in graph.tensors.items() if tensor.constant}
        self.producer: dict[str, Arithmetic] = {}

    def add(self, node: Node) -> None:
        made = self._of(node)
        self.made.append(made)
        self.producer.update(dict.fromkeys(filter(None, node.outputs), made))

    def _of(self, node: Node) -> Arithmetic:
        if self._folds(node):
            self.folded.update(node.outputs)
            return _SAME["other"]
        kinds = [self._kind(node, name) for name in (*node.inputs, *node.outputs) if name]
        floats = [kind for kind in kinds if kind in {FLOAT, FLOAT16, BFLOAT16}]
        if not floats or node.op in _UNTOUCHED or node.op.startswith("Random"):
            return self._stated(node)
        origin = _origin(floats)
        if node.op in CUBE:
            return self._cube(node, origin)
        return _SAME[self._vector(node, origin)]

    def _kind(self, node: Node, name: str) -> int:
        tensor = self.graph.tensors.get(name)
        unknown = FLOAT if node.op not in _UNTOUCHED else 0
        return tensor.dtype if tensor is not None and tensor.dtype else unknown

    def _stated(self, node: Node) -> Arithmetic:
        """The rounding that the node itself states, as `Cast` to FLOAT16 does."""
        made = {self._kind(node, name) for name in node.outputs if name}
        narrow: dict[int, DType] = {FLOAT16: "float16", BFLOAT16: "bfloat16"}
        return Arithmetic("other", next((narrow[kind] for kind in made if kind in narrow), "other"))

    def _folds(self, node: Node) -> bool:
        """Whether the graph engine folds the node: it depends on constants, or on static shapes, alone."""
        if node.op in {"Constant", "Shape", "Size"}:
            return True
        return not node.op.startswith("Random") and all(n in self.folded for n in node.inputs if n)

    def _kept(self, node: Node) -> bool:
        """Whether `keep_dtype` names the node, or its type in ONNX's or GE's words."""
        keep = self.options.keep_dtype
        return node.name in keep or any(f"OpType::{kind}" in keep for kind in (node.op, *ge_types(node.op)))

    def _cube(self, node: Node, origin: DType) -> Arithmetic:
        mode = self.options.mode
        wide = mode in {"force_fp32", "cube_fp16in_fp32out"}
        keeps = mode == "must_keep_origin_dtype" or self._kept(node)
        if not wide and not keeps and (not self.options.mixes or self._reduces(node, origin)):
            return _SAME[self._low(origin)]
        target: DType = "float32" if wide else origin
        if target == "float32" and self.family in _FP16_ONLY_CUBES:
            return _FP16_IN_FP32_OUT
        return _SAME[target]

    def _vector(self, node: Node, origin: DType) -> DType:
        mode = self.options.mode
        kernel = support(node.op, self.family)
        if mode == "must_keep_origin_dtype" or self._kept(node):
            return origin  # an AI CPU kernel serves what the AI Core cannot
        if mode in {"force_fp32", "cube_fp16in_fp32out"}:
            return "float32" if kernel.fp32 else "float16"
        if origin != "float32" or not kernel.fp32:
            return self._low(origin)
        if mode == "force_fp16":
            return "float16" if kernel.fp16 else "float32"
        if self.options.mixes and kernel.fp16 and self._reduces(node, origin):
            return self._low(origin)
        return "float32"

    def _low(self, origin: DType) -> DType:
        """The narrow type of the mode; a tensor that is narrow already keeps its own."""
        low = _LOW.get(self.options.mode, "float16")
        return origin if origin == "bfloat16" and self.options.mode != "force_fp16" else low

    def _reduces(self, node: Node, origin: DType) -> bool:
        """Mixed precision: white reduces, black does not, grey does as all its producers do."""
        listed = listed_in(node.op, self.family, self.options.modify_mixlist)
        if listed != "grey":
            return listed == "white"
        before = [self.producer[n] for n in node.inputs if n in self.producer and n not in self.folded]
        arithmetics = [a for a in before if a.dtype != "other"]
        return bool(arithmetics) and all(a.output != origin for a in arithmetics)


def _origin(floats: Iterable[int]) -> DType:
    """The widest float type that the ONNX node touches."""
    kinds = set(floats)
    if FLOAT in kinds:
        return "float32"
    return "bfloat16" if BFLOAT16 in kinds else "float16"


def listed_in(onnx_op: str, family: str, changes: MixList | None) -> Listed:
    """An operator's mixed-precision list after `modify_mixlist`; an addition wins over what the table says.

    `to-remove` makes an operator grey. Types may be ONNX's or GE's.
    """
    listed = support(onnx_op, family).listed
    if changes is None:
        return listed
    names = {onnx_op, *ge_types(onnx_op)}
    if names & set(changes.black_to_add):
        return "black"
    if names & set(changes.white_to_add):
        return "white"
    removed = changes.white_to_remove if listed == "white" else changes.black_to_remove
    return "grey" if names & set(removed) else listed
