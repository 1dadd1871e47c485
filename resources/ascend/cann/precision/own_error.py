"""A layer's own error: its result on the device against FP32 on the very inputs that the device had.

Here belongs telling a culprit from a victim. Where the device dumped what an operator read, its nodes are computed
again in FP32 from that: the part of the graph from the nearest dumped tensors to the node, so that nodes fused into one
operator are judged together. Where it did not, the increase of the accumulated error over the worst of the layers
before stands for the own error; it can be too small, never too large by what they contributed. Not here: words
(`causes.py`).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.precision.causes import cause, overflowed
from resources.ascend.cann.precision.golden import Reference, run_nodes
from resources.ascend.metrics import DISTANCE_LIMIT, own_fault, relative_euclidean_distance
from resources.onnx_files.graph import Graph
from resources.onnx_files.walk import subgraphs

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

MOST_NODES = 64
"""Nodes between a layer and the nearest dumped tensors; beyond, the result says nothing about the layer."""
BATCH_NODES = 256
BATCH_BYTES = 256 << 20
"""What is computed again at a time."""

Load = Callable[[str], "NDArray[Any] | None"]
"""The device's value of a tensor of the graph, in the shape that ONNX gives it; None where it is not known."""


@dataclass(frozen=True)
class Own:
    """`error`: the relative Euclidean distance where FP32 is finite. `fault`: whether it breaks the limits.

    `cause`: in words, where there is a fault. `recomputed`: False where the increase stands for it.
    """

    error: float
    fault: bool
    cause: str = ""
    recomputed: bool = True


def makers(graph: Graph) -> dict[str, int]:
    """The node that makes each tensor."""
    return {name: node.index for node in graph.nodes for name in node.outputs if name}


def cone(graph: Graph, made_by: Mapping[str, int], target: int, known: frozenset[str]) -> tuple[int, ...] | None:
    """The nodes that lead from tensors in `known`, and from what nothing makes, to a node; itself last.

    `known` counts for what is read, not for what the node itself makes. None for more than `MOST_NODES`.
    """
    found, pending = {target}, [target]
    while pending:
        for name in graph.nodes[pending.pop()].inputs:
            maker = made_by.get(name)
            if maker is None or name in known or maker in found:
                continue
            if len(found) >= MOST_NODES:
                return None
            found.add(maker)
            pending.append(maker)
    return tuple(sorted(found))


def before(graph: Graph, made_by: Mapping[str, int], target: int, compared: frozenset[int]) -> frozenset[int]:
    """The nearest compared nodes that a node reads from, past those that were not; `MOST_NODES` of these are passed."""
    found: set[int] = set()
    passed, pending = {target}, [target]
    while pending:
        for name in graph.nodes[pending.pop()].inputs:
            maker = made_by.get(name)
            if maker is None or maker in passed:
                continue
            if maker in compared:
                found.add(maker)
            elif len(passed) <= MOST_NODES:
                passed.add(maker)
                pending.append(maker)
    return frozenset(found)


def recomputed(
    reference: Reference, targets: Mapping[int, str], known: frozenset[str], load: Load
) -> Iterator[tuple[int, Own]]:
    """Every target node's own error, as far as it can be computed again.

    `targets`: index -> the data type in which the device holds the node's first output, `known`: tensors for which
    `load` has the device's value. Nodes with graphs inside are left out.
    """
    graph, made_by = reference.graph, makers(reference.graph)
    cones: dict[int, tuple[int, ...]] = {}
    for target in sorted(targets):
        nodes = cone(graph, made_by, target, known)
        if nodes is None or any(next(subgraphs(reference.model.graph.node[i]), None) for i in nodes):
            continue
        cones[target] = nodes
    for batch in _batches(reference, cones):
        yield from _judged(reference, {t: cones[t] for t in batch}, targets, known, load)


def _batches(reference: Reference, cones: Mapping[int, tuple[int, ...]]) -> Iterator[list[int]]:
    batch: list[int] = []
    nodes, size = 0, 0
    for target, part in cones.items():
        read = {name for i in part for name in (*reference.graph.nodes[i].inputs, *reference.graph.nodes[i].outputs)}
        cost = sum(reference.files[name].stat().st_size for name in read if name in reference.files)
        if batch and (nodes + len(part) > BATCH_NODES or size + cost > BATCH_BYTES):
            yield batch
            batch, nodes, size = [], 0, 0
        batch.append(target)
        nodes, size = nodes + len(part), size + cost
    if batch:
        yield batch


def _judged(
    reference: Reference,
    cones: Mapping[int, tuple[int, ...]],
    targets: Mapping[int, str],
    known: frozenset[str],
    load: Load,
) -> Iterator[tuple[int, Own]]:
    """One batch; should ONNX Runtime refuse it, each of its nodes by itself, without those that it refuses too."""
    part = _Part(reference, known, load)
    for target, nodes in cones.items():
        part.add(target, nodes)
    try:
        made = part.run()
    except ValueError:
        if len(cones) > 1:
            for target in cones:
                yield from _judged(reference, {target: cones[target]}, targets, known, load)
        return
    for target, truth in made.items():
        node = reference.graph.nodes[target]
        device = load(node.outputs[0])
        if device is None or truth.shape != device.shape:
            continue
        read = [name for name in node.inputs if name in known]
        yield target, judged(device, truth, targets[target], partial(_loaded, read, load))


def _loaded(names: Iterable[str], load: Load) -> "dict[str, NDArray[Any]]":
    return {name: array for name in names if (array := load(name)) is not None}


def judged(
    device: "NDArray[Any]", truth: "NDArray[Any]", dtype: str, inputs: "Callable[[], Mapping[str, NDArray[Any]]]" = dict
) -> Own:
    """The own error of one result; integers and truths only follow what they are made of.

    `inputs` are asked for where there is a fault to explain.
    """
    import numpy as np

    if truth.dtype.kind != "f":
        return Own(0.0, fault=False)
    finite = np.isfinite(truth)
    x, y = device[finite].astype(np.float64), truth[finite].astype(np.float64)
    error = relative_euclidean_distance(x, y)
    fault = own_fault(device, truth) or bool(overflowed(device, truth, dtype).any())
    return Own(error, fault, cause(device, truth, dtype, inputs()) if fault else "")


class _Part:
    """A graph of several targets' nodes, each on tensors of the device, under names that meet no other."""

    def __init__(self, reference: Reference, known: frozenset[str], load: Load) -> None:
        self._reference = reference
        self._known = known
        self._load = load
        self._weights = {weight.name: weight for weight in reference.model.graph.initializer}
        self._nodes: list[onnx.NodeProto] = []
        self._feeds: dict[str, NDArray[Any]] = {}
        self._used: dict[str, onnx.TensorProto] = {}
        self._fetches: dict[int, str] = {}

    def add(self, target: int, nodes: Sequence[int]) -> None:
        """Add a target's nodes. A tensor that is made inside is the target's own; what comes from outside is shared."""
        import onnx

        graph = self._reference.graph
        made = {name for i in nodes for name in graph.nodes[i].outputs if name}
        for i in nodes:
            copy = onnx.NodeProto()
            copy.CopyFrom(self._reference.model.graph.node[i])
            copy.input[:] = [self._source(target, name, made - self._known) for name in copy.input]
            copy.output[:] = [f"{target}:{name}" if name else "" for name in copy.output]
            copy.name = f"{target}:{i}"
            self._nodes.append(copy)
        self._fetches[target] = f"{target}:{graph.nodes[target].outputs[0]}"

    def _source(self, target: int, name: str, inside: AbstractSet[str]) -> str:
        if not name or name in inside:
            return f"{target}:{name}" if name else ""
        outside = f":{name}"
        if name in self._weights:
            if outside not in self._used:
                self._used[outside] = _renamed(self._weights[name], outside)
        elif outside not in self._feeds:
            self._feeds[outside] = self._fed(name)
        return outside

    def _fed(self, name: str) -> "NDArray[Any]":
        """The device's tensor in the reference's type; the reference's own where the device was given that."""
        truth = self._reference.tensor(name)
        if truth is None:
            raise ValueError(f"{name!r} is no tensor of the graph")
        device = self._load(name) if name in self._known else None
        return truth if device is None else device.astype(truth.dtype)

    def run(self) -> "dict[int, NDArray[Any]]":
        """Each target's first output. Raises `ValueError` with ONNX Runtime's reason."""
        names = list(self._fetches.values())
        made = run_nodes(self._reference.model, self._nodes, self._feeds, self._used.values(), names)
        return {target: made[name] for target, name in self._fetches.items()}


def _renamed(weight: "onnx.TensorProto", name: str) -> "onnx.TensorProto":
    import onnx

    copy = onnx.TensorProto()
    copy.CopyFrom(weight)
    copy.name = name
    return copy


def increase(own: float, before: Iterable[float]) -> Own:
    """What stands for the own error where nothing can be computed again.

    `own`: the accumulated distance of a layer; `before`: those of the nearest compared layers that it reads. A layer
    that reads what is already no number, or infinite, is a victim.
    """
    distances = list(before)
    if not all(map(math.isfinite, distances)):
        return Own(0.0, fault=False, recomputed=False)
    error = own - max(distances, default=0.0) if math.isfinite(own) else own
    error = error if not math.isfinite(error) else max(error, 0.0)
    fault = not error <= DISTANCE_LIMIT
    grown = f"the accumulated error grows by {error:.2g} here" if math.isfinite(error) else "its result is not finite"
    why = f"{grown}; the device's own inputs are not known, so that the layers before may take part"
    return Own(error, fault, why if fault else "", recomputed=False)
