"""All layers of a model, device arithmetic against FP32, in one pass.

Here belongs the order of a comparison: segment by segment within a memory budget, no tensor on disk, only live tensors
carried on, and what looks wrong measured again in full. Not here: the graph (`networks.py`), running and measuring it
(`running.py`), the judgement (`culprit.py`).
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from resources.ascend.emulator import culprit, pipeline, running, segments
from resources.ascend.emulator.networks import Networks, build
from resources.ascend.emulator.segments import Segment
from resources.ascend.emulator.small_constants import small_constants
from resources.ascend.metrics import Gatherer, beyond_limits, output_metrics, own_fault
from resources.ascend.toolchain import BadLayer, Comparison, LayerComparison, OutputComparison

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from resources.ascend.options import CompileOptions

    Tensors = Mapping[str, NDArray[Any]]

DEFAULT_BUDGET = 384 << 20
"""Bytes of tensors and weights held at a time.

Fresh memory is slow, so that a larger budget takes longer on one set of inputs.
"""

SUSPICIOUS = 0.01
"""An own error above this is measured again in full: a fifth of the limit, far above what a sample can miss."""


def compare(
    model: "onnx.ModelProto",
    options: "CompileOptions",
    inputs: "Tensors",
    *,
    budget_bytes: int = DEFAULT_BUDGET,
) -> Comparison:
    """Compare every layer on one set of inputs.

    `model` is checked, with inferred types and static shapes; `inputs` are in its own names, types and shapes. Own
    errors of large operators are measured on a sample, except in a segment where something looks wrong.
    `first_bad_layer` is the first layer that breaks msit's limits (cosine similarity 0.99, relative Euclidean distance
    0.05) or overflows, and does so on FP32 inputs too; None when no layer does. Raises `ValueError` for wrong inputs,
    an unknown SoC version, or a graph that ONNX Runtime cannot run.
    """
    return Comparer(model, options, budget_bytes=budget_bytes, keep_sessions=False).run(inputs)


class Comparer:
    """A comparison, prepared for several inputs: `keep_sessions` trades the memory of all weights for speed.

    `budget_bytes` holds for all segments in flight together.
    """

    def __init__(
        self,
        model: "onnx.ModelProto",
        options: "CompileOptions",
        *,
        budget_bytes: int = DEFAULT_BUDGET,
        keep_sessions: bool = True,
    ) -> None:
        self._model = model
        self._options = options
        self._networks = build(model, options, sampled=True)
        self._segments = segments.cut(self._networks, budget_bytes // pipeline.IN_FLIGHT)
        self._runner = running.Runner(self._networks, keep=keep_sessions)
        self._gatherer = Gatherer()
        made = tuple(layer.made for layer in self._networks.layers)
        self._small = small_constants(self._networks.graph, made, self._networks.model)

    def run(self, inputs: "Tensors") -> Comparison:
        """Compare on one set of inputs. Raises `ValueError` that names a wrong input."""
        given = running.feeds(self._networks, inputs)
        live: Tensors = given
        layers: list[LayerComparison] = []
        bad: BadLayer | None = None
        for ran in pipeline.run_all(self._runner, self._segments, given):
            figures = running.measure(self._gatherer, ran.segment.layers, ran.known, sampled=True)
            if bad is None and any(map(_looks_wrong, figures)):
                figures, bad = self._in_full(ran, given)
            layers.extend(figures)
            live = ran.live
        outputs = tuple(self._output(name, live) for name in self._networks.outputs)
        return Comparison(
            origin="emulated",
            layers=tuple(layers),
            outputs=outputs,
            first_bad_layer=_with_reach(bad, outputs),
            small_constants=self._small,
        )

    def _in_full(self, ran: pipeline.Ran, inputs: "Tensors") -> tuple[list[LayerComparison], BadLayer | None]:
        """A segment again, with every own error measured on all elements; and its first culprit.

        There may be none: many small errors can spoil a result together. `inputs`: of the whole network.
        """
        networks = build(self._model, self._options, sampled=False)
        bounds = tuple(segment.bounds for segment in self._segments)
        whole = segments.at(networks, bounds)[: bounds.index(ran.segment.bounds) + 1]
        segment, runner = whole[-1], running.Runner(networks, keep=False)
        if {*segment.fp32.feeds, *segment.device.feeds} <= {*ran.given, *segment.fp32.fetches}:
            again = pipeline.run_one(runner, segment, ran.given)
        else:
            # Without samples an earlier segment rounds a tensor that this one reads: run those before it, too.
            *_, again = pipeline.run_all(runner, whole, inputs)
        figures = running.measure(Gatherer(), segment.layers, again.known, sampled=False)
        return figures, _first_culprit(networks, segment, figures, again.known)

    def _output(self, name: str, live: "Tensors") -> OutputComparison:
        if name not in live:  # a weight that is an output: nothing computes it
            from onnx import numpy_helper

            weight = next(w for w in self._networks.model.graph.initializer if w.name == name)
            return output_metrics(name, numpy_helper.to_array(weight), numpy_helper.to_array(weight))
        return output_metrics(name, live[self._networks.outputs[name]], live[name])


def _looks_wrong(figures: LayerComparison) -> bool:
    return _beyond(figures) or not figures.local_error <= SUSPICIOUS


def _beyond(figures: LayerComparison | OutputComparison) -> bool:
    overflow = figures.overflow if isinstance(figures, LayerComparison) else figures.non_finite
    return beyond_limits(figures.cosine_similarity, figures.relative_euclidean_distance, overflow)


def _first_culprit(
    networks: Networks, segment: Segment, figures: Iterable[LayerComparison], known: "Tensors"
) -> BadLayer | None:
    """The first layer that breaks the limits in the network and on FP32 inputs alike; integers only follow."""
    for layer, figure in zip(segment.layers, figures, strict=True):
        if layer.own is None or not _beyond(figure):
            continue
        reference, own = known[layer.reference], known[layer.own]
        comparable = reference.dtype.kind == "f" and own.shape == reference.shape
        if comparable and own_fault(own, reference):
            inputs = running.float_inputs(networks, layer, known)
            words = culprit.cause(layer.node, layer.made, own, reference, inputs)
            return BadLayer(node=layer.node.name, op=layer.node.op, cause=words)
    return None


def _with_reach(bad: BadLayer | None, outputs: tuple[OutputComparison, ...]) -> BadLayer | None:
    """The culprit, with a word about outputs that it does not spoil."""
    if bad is None or any(map(_beyond, outputs)):
        return bad
    return bad.model_copy(update={"cause": f"{bad.cause}; the model's outputs stay within limits on these inputs"})
