"""Rounding, written into an FP32 graph.

Here belongs how a node of the device's precision is spelled in FP32 ONNX: a pair of casts, FP32 to the narrow type and
back, behind the node and before it where an input is wider than the device's. ONNX Runtime on CPU fuses the rounding
of a real FP16 graph away; the pairs survive every optimisation level. A cube's products are summed in FP32 by the FP32
operator itself. Not here: which precision a node has (`precision.py`), or what is done with the graph.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from resources.ascend.emulator.op_names import EXACT
from resources.ascend.emulator.precision import BFLOAT16, FLOAT, FLOAT16, Arithmetic, DType

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

NUMBER: dict[DType, int] = {"float16": FLOAT16, "bfloat16": BFLOAT16}
"""ONNX's number of each narrow type."""

EPSILON_DEFAULTS = {
    "BatchNormalization": 1e-5,
    "InstanceNormalization": 1e-5,
    "LayerNormalization": 1e-5,
    "GroupNormalization": 1e-5,
    "RMSNormalization": 1e-5,
    "SimplifiedLayerNormalization": 1e-5,
    "SkipLayerNormalization": 1e-12,
}
"""Operators with an `epsilon` attribute, and its default (ONNX operator specification; ONNX Runtime's for the last)."""

HOST_INPUTS: dict[str, frozenset[int]] = {
    "Resize": frozenset({1, 2, 3}),
    "Upsample": frozenset({1}),
    "QuantizeLinear": frozenset({1, 2}),
    "DequantizeLinear": frozenset({1, 2}),
}
"""Inputs that the compiler reads as parameters on the host; they never become tensors of the device's precision."""


def narrow_dtype(dtype: DType) -> "np.dtype[np.generic]":
    """The numpy type of a narrow DType."""
    import ml_dtypes
    import numpy as np

    return np.dtype(np.float16) if dtype == "float16" else np.dtype(ml_dtypes.bfloat16)


def held_value(value: float, dtype: DType) -> float:
    """`value` as the device holds it: rounded to nearest even; beyond the range it becomes infinite."""
    import numpy as np

    if dtype not in NUMBER:
        return value
    with np.errstate(over="ignore"):
        return float(np.float32(value).astype(narrow_dtype(dtype)).astype(np.float32))


def rounded_array(array: "NDArray[np.float32]", dtype: DType) -> "NDArray[np.generic]":
    """An FP32 array in the narrow type, rounded to nearest even."""
    import numpy as np

    with np.errstate(over="ignore"):
        return array.astype(narrow_dtype(dtype))


class Emitter:
    """Writes nodes with the device's rounding. `nodes` is the result, in topological order.

    `floats`: tensors of the ONNX graph that hold floats of 16 or 32 bits. `weights`: initializers; their rounded twins
    are not computed in the graph but listed in `twins` (twin -> initializer and type) for the caller to supply. `mark`
    occurs in no name of the graph.
    """

    def __init__(self, floats: Iterable[str], weights: Iterable[str], mark: str) -> None:
        self.floats = frozenset(floats)
        self.weights = frozenset(weights)
        self.mark = mark
        self.nodes: list[onnx.NodeProto] = []
        self.twins: dict[str, tuple[str, DType]] = {}
        self._held: dict[str, DType] = {}
        self._rounded: dict[tuple[str, DType], str] = {}

    def hold(self, actual: str, dtype: DType) -> None:
        """Note that the tensor `actual` holds only values of `dtype`."""
        self._held[actual] = dtype

    def rounded(self, actual: str, dtype: DType) -> str:
        """The tensor `actual` rounded to `dtype`: itself where it is already, else its twin, made once."""
        if self._held.get(actual) == dtype:
            return actual
        twin = self._rounded.get((actual, dtype))
        if twin is None:
            twin = self._rounded[actual, dtype] = f"{actual}{self.mark}{dtype}"
            self._held[twin] = dtype
            if actual in self.weights:
                self.twins[twin] = (actual, dtype)
            else:
                self.pair(actual, twin, dtype)
        return twin

    def pair(self, source: str, target: str, dtype: DType) -> None:
        """Round `source` to `dtype` and widen it again, as `target`."""
        from onnx import helper

        narrow = f"{target}{self.mark}narrow"
        self.nodes.append(helper.make_node("Cast", [source], [narrow], to=NUMBER[dtype]))
        self.nodes.append(helper.make_node("Cast", [narrow], [target], to=FLOAT))
        self._held[target] = dtype

    def inputs(self, node: "onnx.NodeProto", made: Arithmetic, read: Callable[[str], str]) -> list[str]:
        """The tensors that the device feeds the node; `read` gives the actual name of each of its inputs."""
        host = HOST_INPUTS.get(node.op_type, frozenset())
        actual = []
        for position, name in enumerate(node.input):
            rounds = made.inputs in NUMBER and name in self.floats and position not in host
            actual.append(self.rounded(read(name), made.inputs) if rounds else read(name) if name else "")
        return actual

    def compute(
        self,
        node: "onnx.NodeProto",
        made: Arithmetic,
        inputs: list[str],
        write: Callable[[str], str],
        read: Callable[[str], str],
    ) -> None:
        """Write the node on the tensors `inputs`, and the rounding of its results; `write` names the results."""
        exact = node.op_type in EXACT and made.inputs == made.output
        outputs = []
        pairs = []
        for name in node.output:
            target = write(name) if name else ""
            if target and made.output in NUMBER and name in self.floats:
                if exact:
                    self.hold(target, made.output)
                else:
                    pairs.append((f"{target}{self.mark}raw", target))
                    target = pairs[-1][0]
            outputs.append(target)
        self.nodes.append(self._copy(node, made, inputs, outputs, read))
        for raw, target in pairs:
            self.pair(raw, target, made.output)

    def _copy(
        self,
        node: "onnx.NodeProto",
        made: Arithmetic,
        inputs: list[str],
        outputs: list[str],
        read: Callable[[str], str],
    ) -> "onnx.NodeProto":
        import onnx

        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        copy.ClearField("name")
        copy.ClearField("input")
        copy.ClearField("output")
        copy.input.extend(inputs)
        copy.output.extend(outputs)
        if made.inputs in NUMBER and node.op_type in EPSILON_DEFAULTS:
            _hold_epsilon(copy, made.inputs)
        for attribute in copy.attribute:
            for graph in (attribute.g, *attribute.graphs):
                rename_captured(graph, read)
        return copy


def epsilon_of(node: "onnx.NodeProto") -> float | None:
    """A normalisation's epsilon, stated or default; None for another operator."""
    if node.op_type not in EPSILON_DEFAULTS:
        return None
    stated = [float(a.f) for a in node.attribute if a.name == "epsilon"]
    return stated[0] if stated else EPSILON_DEFAULTS[node.op_type]


def _hold_epsilon(node: "onnx.NodeProto", dtype: DType) -> None:
    from onnx import helper

    held = held_value(epsilon_of(node) or 0.0, dtype)
    kept = [a for a in node.attribute if a.name != "epsilon"]
    del node.attribute[:]
    node.attribute.extend([*kept, helper.make_attribute("epsilon", held)])


def rename_captured(graph: "onnx.GraphProto", read: Callable[[str], str]) -> None:
    """In a subgraph, give the tensors of the enclosing graph their actual names; what it defines itself stays."""
    own = {i.name for i in graph.input} | {i.name for i in graph.initializer}
    own.update(name for node in graph.node for name in node.output)

    def outer(name: str) -> str:
        return name if name in own or not name else read(name)

    for node in graph.node:
        node.input[:] = [outer(name) for name in node.input]
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                rename_captured(inner, outer)
