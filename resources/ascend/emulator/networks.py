"""Three networks in one graph: FP32, the device, and each node of the device on FP32 inputs.

Here belongs the graph that a comparison runs: for every node its FP32 self, its device copy on device tensors, and its
*own* copy on FP32 tensors rounded as the device would take them. What does not differ is computed once and shared. Not
here: running it (`compare.py`), cutting it (`segments.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.ascend.emulator.lower import float_tensors, marker, read_names, rounds
from resources.ascend.emulator.op_names import EXACT
from resources.ascend.emulator.precision import Arithmetic, DType, arithmetic
from resources.ascend.emulator.rounding import Emitter
from resources.ascend.emulator.sampling import Sample, sample_of
from resources.onnx_files.graph import Graph, Node, view
from resources.onnx_files.widen import widened

if TYPE_CHECKING:
    import onnx

    from resources.ascend.options import CompileOptions


@dataclass(frozen=True)
class Weight:
    """How an initializer of the combined graph is made: `source` rounded to `dtype`, every `step`-th of `axis` kept."""

    source: str
    dtype: DType = "float32"
    axis: int = 0
    step: int = 1


@dataclass(frozen=True)
class Layer:
    """One node: where its first output stands in each network.

    `own` is None when the node rounds nothing, so that its own error is zero. `sample` says which of the outputs `own`
    holds; `exact` that its own error is the rounding of its result and nothing else.
    """

    node: Node
    made: Arithmetic
    reference: str
    device: str
    own: str | None
    sample: Sample | None
    exact: bool


@dataclass(frozen=True)
class Networks:
    """The combined graph. `fp32[i]` and `device[i]` are the nodes that ONNX node i needs beyond what earlier ones left.

    `fp32` holds the node itself, its own copy and the rounding of FP32 tensors, `device` what reads or makes tensors of
    the device. The first never reads from the second.
    """

    model: "onnx.ModelProto"
    graph: Graph
    fp32: "tuple[tuple[onnx.NodeProto, ...], ...]"
    device: "tuple[tuple[onnx.NodeProto, ...], ...]"
    layers: tuple[Layer, ...]
    weights: dict[str, Weight]
    outputs: dict[str, str]
    """Each model output -> its tensor in the device network."""


def build(model: "onnx.ModelProto", options: "CompileOptions", *, sampled: bool) -> Networks:
    """The combined graph of a checked model with inferred shapes.

    With `sampled`, own copies of large cube operators compute some of their output channels only. Raises `ValueError`
    for an unknown SoC version.
    """
    graph = view(model)
    builder = _Builder(graph, widened(model), sampled=sampled)
    decided = arithmetic(graph, options)
    for node, proto, made in zip(graph.nodes, builder.model.graph.node, decided, strict=True):
        builder.add(node, proto, made)
    return builder.networks()


class _Builder:
    def __init__(self, graph: Graph, model: "onnx.ModelProto", *, sampled: bool) -> None:
        self.graph = graph
        self.model = model
        self.sampled = sampled
        self.mark = marker(graph)
        self.initializers = {w.name: w for w in model.graph.initializer}
        self.emitter = Emitter(float_tensors(graph), self.initializers, self.mark)
        self.device: dict[str, str] = {}
        self.weights: dict[str, Weight] = {name: Weight(name) for name in self.initializers}
        self.fp32: list[tuple[onnx.NodeProto, ...]] = []
        self.on_device: list[tuple[onnx.NodeProto, ...]] = []
        self.device_tensors: set[str] = set()
        self.layers: list[Layer] = []
        self.sliced: set[str] = set()

    def read(self, name: str) -> str:
        """The device's tensor for an ONNX tensor; the FP32 one where they are the same."""
        return self.device.get(name, name)

    def add(self, node: Node, proto: "onnx.NodeProto", made: Arithmetic) -> None:
        fp32: list[onnx.NodeProto] = [proto]
        device: list[onnx.NodeProto] = []
        own: str | None = None
        sample: Sample | None = None
        first = next((name for name in node.outputs if name), "")
        if rounds(made) or any(self.read(name) != name for name in read_names([proto])):
            inputs = self.emitter.inputs(proto, made, self.read)
            for cast in self._written():
                on_device = not self.device_tensors.isdisjoint(cast.input)
                (device if on_device else fp32).append(cast)
                self.device_tensors.update(cast.output if on_device else ())
            self.emitter.compute(proto, made, inputs, self._device_name, self.read)
            computed = self._written()
            device += computed
            self.device_tensors.update(name for written in computed for name in written.output)
            if rounds(made):
                own, sample = self._own(proto, made, inputs, first)
                fp32 += self._written()
            self.device.update({name: self._device_name(name) for name in node.outputs if name})
        self.fp32.append(tuple(fp32))
        self.on_device.append(tuple(device))
        exact = proto.op_type in EXACT and made.inputs == made.output
        self.layers.append(Layer(node, made, first, self.read(first), own, sample, exact))

    def _written(self) -> "list[onnx.NodeProto]":
        """What the emitter has written since the last time."""
        written, self.emitter.nodes = self.emitter.nodes, []
        return written

    def _device_name(self, name: str) -> str:
        return f"{name}{self.mark}device"

    def _own_name(self, name: str) -> str:
        return f"{name}{self.mark}own"

    def _own(
        self, proto: "onnx.NodeProto", made: Arithmetic, device_inputs: list[str], first: str
    ) -> tuple[str, Sample | None]:
        """The tensor with the node's result from FP32 inputs."""
        if proto.op_type in EXACT and made.inputs == made.output and first in self.emitter.floats:
            return self.emitter.rounded(first, made.output), None
        sample = sample_of(proto, self.initializers, self.graph) if self.sampled else None
        thin = (
            {proto.input[position]: self._slice(proto.input[position], sample) for position in sample.inputs}
            if sample
            else {}
        )
        inputs = self.emitter.inputs(proto, made, lambda name: thin.get(name, name))
        if inputs == device_inputs:
            return self._device_name(first), None
        if sample is not None:
            inputs = [self._thinned(name, sample, position) for position, name in enumerate(inputs)]
        self.emitter.compute(proto, made, inputs, self._own_name, lambda name: name)
        return self._own_name(first), sample

    def _thinned(self, name: str, sample: Sample, position: int) -> str:
        """The weight `name` with the sampled output channels only."""
        axis = sample.weights.get(position)
        if axis is None:
            return name
        source, dtype = self.emitter.twins.get(name, (name, "float32"))
        thin = f"{name}{self.mark}every{sample.step}"
        self.weights[thin] = Weight(source, dtype, axis, sample.step)
        return thin

    def _slice(self, name: str, sample: Sample) -> str:
        """The FP32 tensor `name` with the sampled channels only, made once."""
        from onnx import helper

        thin = f"{name}{self.mark}every{sample.step}"
        if thin not in self.sliced:
            self.sliced.add(thin)
            bounds = {"start": 0, "end": 2**62, "axis": sample.axis, "step": sample.step}
            for what, value in bounds.items():
                self.emitter.nodes.append(helper.make_node("Constant", [], [f"{thin}{what}"], value_ints=[value]))
            self.emitter.nodes.append(helper.make_node("Slice", [name, *(f"{thin}{what}" for what in bounds)], [thin]))
        return thin

    def networks(self) -> Networks:
        twins = {twin: Weight(source, dtype) for twin, (source, dtype) in self.emitter.twins.items()}
        return Networks(
            model=self.model,
            graph=self.graph,
            fp32=tuple(self.fp32),
            device=tuple(self.on_device),
            layers=tuple(self.layers),
            weights=self.weights | twins,
            outputs={name: self.read(name) for name in self.graph.outputs},
        )
