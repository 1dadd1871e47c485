"""Where a comparison went wrong: the layers that fail by themselves, told from those that only follow.

Here belongs reading the layer table for observers. Not here: the graph alone (`reading.py`), or a cause.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers.reading import MOVERS, Reading
from ascend_assets.gates.precision import CRITERIA_NAMES, OWN_ERROR
from ascend_assets.remedies.kinds import Remedy
from resources.ascend.emulator.op_names import EXACT
from resources.ascend.metrics import beyond_limits
from resources.ascend.toolchain import LayerComparison
from resources.onnx_files.graph import Node

LONGEST = 1000
"""Nodes of a chain."""


class Faults:
    """The faulty layers of one case; none where nothing was compared or where every gate of precision holds."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.case: Case = reading.case

    @cached_property
    def imprecise(self) -> bool:
        """Whether precision keeps the candidate back: by the gates' verdicts, or where there are none by msit's limits.

        A layer may be wrong without harm to any output; then nothing is at fault.
        """
        comparison = self.case.comparison
        if comparison is None:
            return False
        if self.case.verdicts:
            return any(verdict.criterion in CRITERIA_NAMES for verdict in self.case.refused)
        return any(layer.overflow for layer in comparison.layers) or any(
            beyond_limits(o.cosine_similarity, o.relative_euclidean_distance, o.non_finite) for o in comparison.outputs
        )

    @cached_property
    def layers(self) -> dict[str, LayerComparison]:
        """Node -> its layer."""
        return {layer.node: layer for layer in self.case.comparison.layers} if self.case.comparison else {}

    @cached_property
    def first(self) -> str:
        """The first bad layer's node; empty where there is none or nothing is at fault."""
        bad = self.case.comparison.first_bad_layer if self.case.comparison else None
        return bad.node if bad and self.imprecise else ""

    @cached_property
    def own(self) -> tuple[LayerComparison, ...]:
        """Layers whose result is wrong even from right inputs, and those where overflow begins, in the graph's order.

        A division by what was rounded to zero before is right from FP32 inputs, and is told of all the same.
        """
        if not self.imprecise:
            return ()
        begun = {self.first, *self._born()}
        return tuple(layer for layer in self.layers.values() if layer.node in begun or wrong_by_itself(layer))

    @cached_property
    def names(self) -> frozenset[str]:
        """The nodes of `own`."""
        return frozenset(layer.node for layer in self.own)

    def _born(self) -> Iterator[str]:
        """Nodes that overflow although nothing that they read has."""
        spoiled = {layer.node for layer in self.layers.values() if layer.overflow}
        for node in self.reading.nodes:
            makers = (self.reading.maker.get(name) for name in node.inputs)
            if node.name in spoiled and not any(made is not None and made.name in spoiled for made in makers):
                yield node.name

    def hurts(self, nodes: Iterable[Node]) -> int:
        """1 where one of the nodes stands in `own`, else 0."""
        return int(any(node.name in self.names for node in nodes))

    def worst(self, nodes: Iterable[Node]) -> float:
        """The largest own error among nodes that were compared: relative Euclidean distance, infinite for overflow."""
        errors = [self.layers[node.name].local_error for node in nodes if node.name in self.layers]
        return max((math.inf if math.isnan(error) else error for error in errors), default=0.0)

    def overflow(self, nodes: Iterable[Node]) -> int:
        """Elements of the nodes that are finite in FP32 and not on the device."""
        return sum(self.layers[node.name].overflow for node in nodes if node.name in self.layers)

    def overflowing(self) -> tuple[Node, ...]:
        """Nodes that overflow by themselves; one that follows may have an error of its own, which is finite."""
        return tuple(self.nodes(layer for layer in self.own if layer.overflow and not math.isfinite(layer.local_error)))

    def chain(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """The nodes, and every faulty node that is reached from them through faulty ones or movers.

        Kept in FP32 together they hand on right values: whoever reads them after that is right by itself. A chain
        beyond `LONGEST` nodes is cut, for nobody would keep so many.
        """
        found = {node.index: node for node in nodes}
        pending = list(found.values())
        while pending and len(found) < LONGEST:
            for _, reader in self.reading.after(pending.pop(), through=False):
                known = reader.index in found
                if not known and (reader.name in self.names or (reader.op in MOVERS and self._leads(reader))):
                    found[reader.index] = reader
                    pending.append(reader)
        return tuple(found[index] for index in sorted(found))

    def _leads(self, mover: Node) -> bool:
        """Whether a faulty node reads what a mover hands on: it has to be as wide as both its neighbours."""
        return any(reader.name in self.names for _, reader in self.reading.after(mover))

    def fed(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """The nodes, and the nearest ones before them whose results are rounded.

        What is lost by rounding an input is lost before the node: its makers have to be as wide.
        """
        found = {node.index: node for node in nodes}
        pending = [name for node in found.values() for name in node.inputs if name]
        while pending:
            made = self.reading.maker.get(pending.pop())
            if made is None or made.index in found or not self.reading.narrow(made):
                continue
            found[made.index] = made
            if made.op in EXACT or made.op in MOVERS:
                pending.extend(filter(None, made.inputs))
        return tuple(found[index] for index in sorted(found))

    def fact(
        self,
        kind: str,
        says: str,
        nodes: Sequence[Node],
        values: Mapping[str, Value],
        remedies: Mapping[str, Remedy],
        *,
        hurts: int | None = None,
    ) -> Observation:
        """An observation about nodes, with `hurts`, `error` (their worst own error) and `overflow` in its values.

        What hurts is read from the layers, what merely exists from the graph.
        """
        hurts = self.hurts(nodes) if hurts is None else hurts
        figures: dict[str, Value] = {
            "hurts": hurts,
            "error": self.worst(nodes),
            "overflow": self.overflow(nodes) if self.imprecise else 0,
        }
        seen = f"; own error {figures['error']:.3g}, {figures['overflow']} elements overflow" if hurts else ""
        return Observation(
            kind=kind,
            says=says + seen,
            nodes=tuple(node.name for node in nodes),
            values={**figures, **values},
            remedies=dict(remedies),
            from_="layers" if hurts else "graph",
        )

    def nodes(self, layers: Iterable[LayerComparison]) -> Iterator[Node]:
        """The graph's nodes of layers."""
        named = {node.name: node for node in self.reading.nodes}
        return (named[layer.node] for layer in layers if layer.node in named)


STATED = ("hurts", "error", "overflow")
"""The values that `Faults.fact` always states."""


def wrong_by_itself(layer: LayerComparison) -> bool:
    """Whether a layer's own result, from FP32 inputs, is off by more than the gates' limit.

    NaN without overflow is no fault of the device: FP32 has no number there either.
    """
    if layer.dtype == "other" and not layer.overflow:
        return False
    if math.isnan(layer.local_error):
        return layer.overflow > 0
    return layer.local_error > OWN_ERROR
