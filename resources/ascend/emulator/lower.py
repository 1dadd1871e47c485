"""ONNX, lowered to what the device computes.

Here belongs the whole transformation of one model: an FP32 graph that ONNX Runtime computes on a CPU with the device's
rounding, under the ONNX file's own input and output names and types. Weights of narrow nodes are stored narrow, as in
a real `.om`. Not here: the spelling of one node (`rounding.py`), the choice of precision (`precision.py`), running it
(`infer.py`).
"""

from typing import TYPE_CHECKING

from resources.ascend.emulator.precision import FLOAT, Arithmetic, DType, arithmetic
from resources.ascend.emulator.rounding import NUMBER, Emitter, rounded_array
from resources.onnx_files.graph import Graph, view
from resources.onnx_files.widen import NARROW, widened

if TYPE_CHECKING:
    import onnx

    from resources.ascend.options import CompileOptions

IR_VERSION = 8
"""ONNX's format version of the graphs written here: every ONNX Runtime reads it, and weights are no inputs."""

_FLOATS = NARROW | {FLOAT}
_HELD: dict[int, DType] = {number: dtype for dtype, number in NUMBER.items()}


def lower(model: "onnx.ModelProto", options: "CompileOptions") -> "onnx.ModelProto":
    """The model with the device's rounding written into it; `model` is checked, its shapes and types are inferred.

    Integer, boolean and double paths stay as they are. Raises `ValueError` for an unknown SoC version.
    """
    graph = view(model)
    wide = widened(model)
    names = marker(graph)
    weights = {w.name: w for w in wide.graph.initializer}
    emitter = Emitter(float_tensors(graph), weights, names)
    moved = _narrow_interface(emitter, graph)
    for node, made in zip(wide.graph.node, arithmetic(graph, options), strict=True):
        inputs = emitter.inputs(node, made, lambda name: moved.get(name, name))
        emitter.compute(node, made, inputs, lambda name: moved.get(name, name), lambda name: moved.get(name, name))
    _widen_outputs(emitter, graph, moved)
    return _assemble(model, emitter, weights)


def float_tensors(graph: Graph) -> list[str]:
    """Tensors that hold floats of 16 or 32 bits: those that a precision mode may round."""
    return [name for name, tensor in graph.tensors.items() if tensor.dtype in _FLOATS]


def marker(graph: Graph) -> str:
    """A separator that occurs in no tensor's name, so that derived names never meet given ones."""
    taken = [name for node in graph.nodes for name in (*node.inputs, *node.outputs)] + list(graph.tensors)
    mark = "@"
    while any(mark in name for name in taken):
        mark += "@"
    return mark


def rounds(made: Arithmetic) -> bool:
    """Whether the node's arithmetic differs from FP32."""
    return made.inputs in NUMBER or made.output in NUMBER


def _narrow_interface(emitter: Emitter, graph: Graph) -> dict[str, str]:
    """Widen the 16-bit inputs; give 16-bit outputs an inner name. Returns the inner name of each."""
    from onnx import helper

    moved = {}
    for name in (*graph.inputs, *graph.outputs):
        kind = graph.tensors[name].dtype
        if kind in NARROW:
            moved[name] = f"{name}{emitter.mark}wide"
            if name in graph.inputs:
                emitter.nodes.append(helper.make_node("Cast", [name], [moved[name]], to=FLOAT))
                emitter.hold(moved[name], _HELD[kind])
    return moved


def _widen_outputs(emitter: Emitter, graph: Graph, moved: dict[str, str]) -> None:
    from onnx import helper

    for name in graph.outputs:
        if name in moved and name not in graph.inputs:
            source = name if name in emitter.weights else moved[name]
            emitter.nodes.append(helper.make_node("Cast", [source], [name], to=graph.tensors[name].dtype))


def _assemble(model: "onnx.ModelProto", emitter: Emitter, weights: "dict[str, onnx.TensorProto]") -> "onnx.ModelProto":
    """A model of the emitted nodes, with the weights they read: narrow ones as narrow tensors behind a `Cast`."""
    import onnx
    from onnx import helper, numpy_helper

    lowered = onnx.ModelProto()
    lowered.ir_version = IR_VERSION
    lowered.opset_import.extend(model.opset_import)
    lowered.functions.extend(model.functions)
    graph = lowered.graph
    graph.name = model.graph.name
    graph.input.extend(i for i in model.graph.input if i.name not in weights)
    graph.output.extend(model.graph.output)
    for twin, (name, dtype) in emitter.twins.items():
        narrow = f"{twin}{emitter.mark}stored"
        array = rounded_array(numpy_helper.to_array(weights[name]), dtype)
        graph.initializer.append(numpy_helper.from_array(array, narrow))
        graph.node.append(helper.make_node("Cast", [narrow], [twin], to=FLOAT))
    used = read_names(emitter.nodes) | {o.name for o in model.graph.output}
    graph.initializer.extend(weights[name] for name in weights if name in used)
    graph.node.extend(emitter.nodes)
    return lowered


def read_names(nodes: "list[onnx.NodeProto]") -> set[str]:
    """Every tensor that the nodes read from outside, subgraphs included; what a subgraph makes for itself is not."""
    names: set[str] = set()
    for node in nodes:
        names.update(node.input)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                own = {made for step in inner.node for made in step.output}
                own.update(value.name for value in (*inner.input, *inner.initializer))
                names |= (read_names(list(inner.node)) | {value.name for value in inner.output}) - own
    return names
