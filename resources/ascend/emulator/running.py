"""Running a part of the combined graph, and measuring layers.

Here belongs the edge of a comparison: sessions over shared weights, feeds, figures. Not here:
the order of segments and the judgement (`compare.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator import infer
from resources.ascend.emulator.lower import IR_VERSION
from resources.ascend.emulator.networks import Layer, Networks, Weight
from resources.ascend.emulator.precision import DType
from resources.ascend.emulator.rounding import NUMBER
from resources.ascend.emulator.segments import Part
from resources.ascend.metrics import INCOMPARABLE, SMALLEST_NORMAL, Gatherer
from resources.ascend.toolchain import LayerComparison

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import onnxruntime
    from numpy.typing import NDArray

_SHARED_ABOVE = 1024
"""Bytes above which a weight is shared with ONNX Runtime instead of copied into the graph."""

_FP32_SMALLEST = 2.0**-126


def feeds(networks: Networks, inputs: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
    """The inputs, judged and widened to FP32. Raises `ValueError` that names a wrong one."""
    import numpy as np
    from onnx import helper

    graph = networks.graph
    tensors = [graph.tensors[name] for name in graph.inputs]
    odd = [t.name for t in tensors if not t.dtype]
    if odd:
        raise ValueError(f"input {odd[0]!r} is a sequence, an optional or a map: only tensors can be compared")
    infer.check_inputs(
        {t.name: (helper.tensor_dtype_to_np_dtype(t.dtype).name, t.shape or ()) for t in tensors},
        inputs,
    )
    narrow = NUMBER.values()
    return {t.name: inputs[t.name].astype(np.float32) if t.dtype in narrow else inputs[t.name] for t in tensors}


class Runner:
    """Runs parts of one combined graph. With `keep` sessions stay open for the next inputs.

    Two parts run at a time, so that each session gets half of the processors. Safe in several threads on different
    parts.
    """

    def __init__(self, networks: Networks, *, keep: bool) -> None:
        self._networks = networks
        self._initializers = {w.name: w for w in networks.model.graph.initializer}
        self._keep = keep
        self._open: dict[int, _Opened] = {}
        self._rounders: dict[DType, infer.Rounder] = {}

    def run(self, part: Part, live: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
        """The part's fetched tensors, from the live tensors before it."""
        if not part.fetches:
            return {}
        given = {name: live[name] for name in part.feeds}
        opened = self._open.get(id(part))
        if opened is None:
            opened = self._opened(part, given)
            if self._keep:
                self._open[id(part)] = opened
        return infer.run_session(opened.session, part.fetches, given)

    def _opened(self, part: Part, given: "Mapping[str, NDArray[Any]]") -> "_Opened":
        import onnx
        import onnxruntime
        from onnx import helper, numpy_helper

        model = onnx.ModelProto()
        model.ir_version = IR_VERSION
        model.opset_import.extend(self._networks.model.opset_import)
        model.functions.extend(self._networks.model.functions)
        model.graph.name = "compare"
        model.graph.node.extend(part.nodes)
        for name, array in given.items():
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            model.graph.input.append(helper.make_tensor_value_info(name, kind, array.shape))
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in part.fetches)
        shared: dict[str, NDArray[Any]] = {}
        for name, array in self._weights(part.weights):
            if array.dtype == "float32" and array.nbytes > _SHARED_ABOVE:
                shared[name] = array
                model.graph.initializer.append(_declared(name, array.shape))
            else:
                model.graph.initializer.append(numpy_helper.from_array(array, name))
        options = infer.session_options(arena=self._keep, share=2)
        values = tuple(onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in shared.values())
        options.add_external_initializers(list(shared), list(values))
        return _Opened(part, infer.open_session(infer.serialized(model), options), values)

    def _weights(self, names: Sequence[str]) -> "list[tuple[str, NDArray[Any]]]":
        """Each weight's array; an initializer is read, and rounded, once for all that derive from it."""
        from onnx import numpy_helper

        whole: dict[Weight, NDArray[Any]] = {}
        arrays = []
        for name in names:
            weight = self._networks.weights[name]
            source = Weight(weight.source)
            if source not in whole:
                whole[source] = numpy_helper.to_array(self._initializers[weight.source])
            rounded = Weight(weight.source, weight.dtype)
            if rounded not in whole:
                whole[rounded] = self._rounded(whole[source], weight.dtype)
            arrays.append((name, thinned(whole[rounded], weight.axis, weight.step)))
        return arrays

    def _rounded(self, array: "NDArray[Any]", dtype: DType) -> "NDArray[Any]":
        if dtype not in self._rounders:
            self._rounders[dtype] = infer.Rounder(dtype)
        return self._rounders[dtype](array)


@dataclass(frozen=True)
class _Opened:
    """A part's session, and the weights whose memory it borrows."""

    part: Part
    session: "onnxruntime.InferenceSession"
    values: "tuple[onnxruntime.OrtValue, ...]"


def thinned(array: "NDArray[Any]", axis: int, step: int) -> "NDArray[Any]":
    """Every `step`-th entry of an axis, in memory of its own unless that is all of them."""
    import numpy as np

    if step == 1:
        return array
    index = [slice(None)] * array.ndim
    index[axis] = slice(None, None, step)
    return np.ascontiguousarray(array[tuple(index)])


def _declared(name: str, shape: tuple[int, ...]) -> "onnx.TensorProto":
    """A float initializer whose data the session gets from memory."""
    import onnx

    tensor = onnx.TensorProto(name=name, data_type=onnx.TensorProto.FLOAT, dims=shape)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    location = tensor.external_data.add()
    location.key, location.value = "location", "memory"
    return tensor


def measure(
    gatherer: Gatherer, layers: Sequence[Layer], tensors: "Mapping[str, NDArray[Any]]", *, sampled: bool
) -> list[LayerComparison]:
    """Figures for each layer, in order; with `sampled`, pure rounding errors of large tensors from blocks."""
    return [_measured(gatherer, layer, tensors, sampled=sampled) for layer in layers]


def _measured(
    gatherer: Gatherer, layer: Layer, tensors: "Mapping[str, NDArray[Any]]", *, sampled: bool
) -> LayerComparison:
    x, y = tensors[layer.device], tensors[layer.reference]
    smallest = SMALLEST_NORMAL.get(layer.made.output, _FP32_SMALLEST)
    statistics = (
        gatherer.layer(x, y, smallest, nonnegative=layer.node.op == "Relu") if _comparable(x, y) else INCOMPARABLE
    )
    return LayerComparison(
        index=layer.node.index,
        node=layer.node.name,
        op=layer.node.op,
        dtype=layer.made.dtype,
        cosine_similarity=statistics.cosine_similarity,
        max_absolute_error=statistics.largest,
        relative_euclidean_distance=statistics.relative_euclidean_distance,
        overflow=statistics.overflow,
        underflow=statistics.underflow,
        local_error=_own_error(gatherer, layer, tensors, sampled=sampled),
    )


def _own_error(gatherer: Gatherer, layer: Layer, tensors: "Mapping[str, NDArray[Any]]", *, sampled: bool) -> float:
    if layer.own is None:
        return 0.0
    own, y = tensors[layer.own], tensors[layer.reference]
    if layer.sample is not None:
        y = thinned(y, layer.sample.axis, layer.sample.step)
    if not _comparable(own, y):
        return INCOMPARABLE.relative_euclidean_distance
    return gatherer.own_distance(own, y, sample=sampled and layer.exact)


def _comparable(x: object, y: object) -> bool:
    import numpy as np

    return isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.shape == y.shape


def float_inputs(
    networks: Networks, layer: Layer, known: "Mapping[str, NDArray[Any]]"
) -> "dict[str, NDArray[np.float32]]":
    """A node's FP32 inputs by ONNX name, weights included, as far as they are at hand."""
    from onnx import numpy_helper

    initializers = {w.name: w for w in networks.model.graph.initializer if w.name in layer.node.inputs}
    found = {}
    for name in layer.node.inputs:
        array = known.get(name) if name not in initializers else numpy_helper.to_array(initializers[name])
        if array is not None and array.dtype == "float32":
            found[name] = array
    return found
