"""The combined graph, cut so that it fits a memory budget.

Here belongs where to cut, and what crosses a cut. Not here: running a segment (`compare.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from resources.ascend.emulator.lower import read_names
from resources.ascend.emulator.networks import Layer, Networks

if TYPE_CHECKING:
    import onnx

COPIES = 4
"""FP32 tensors held per tensor of the model: reference, device, own and rounded.

Weights are held as given, rounded, and each packed for the processor.
"""


@dataclass(frozen=True)
class Segment:
    """Consecutive ONNX nodes. `feeds` come from before it, `fetches` are what it hands out: layers and later feeds.

    `bytes` bounds what it holds at once: tensors, weights and what waits for later segments.
    """

    bounds: tuple[int, int]
    nodes: "tuple[onnx.NodeProto, ...]"
    layers: tuple[Layer, ...]
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    weights: tuple[str, ...]
    bytes: int


def cut(networks: Networks, budget_bytes: int) -> tuple[Segment, ...]:
    """Segments of at most `budget_bytes` each, as few as a pass from the front makes.

    A single node that needs more is a segment of its own: a node cannot be cut.
    """
    waiting = _waiting(networks)
    bounds: list[tuple[int, int]] = []
    first, held = 0, 0
    for index, part in enumerate(networks.parts):
        cost = _cost(networks, index, read_names(list(part)))
        if index > first and held + cost + waiting[index] > budget_bytes:
            bounds.append((first, index))
            first, held = index, 0
        held += cost
    if networks.parts:
        bounds.append((first, len(networks.parts)))
    return at(networks, tuple(bounds))


def _elements_bytes(networks: Networks, names: "tuple[str, ...] | set[str]") -> int:
    tensors = networks.graph.tensors
    return sum(4 * (tensors[name].elements or 0) for name in names if name in tensors)


def _cost(networks: Networks, index: int, read: set[str]) -> int:
    """Bytes that a node adds: its results in every network, and its weights."""
    weights = {networks.weights[name].source for name in read if name in networks.weights}
    results = networks.layers[index].node.outputs
    return COPIES * (_elements_bytes(networks, results) + _elements_bytes(networks, weights))


def _waiting(networks: Networks) -> list[int]:
    """For each node, the bytes of earlier tensors that it or a later node still reads, in every network."""
    nodes = networks.graph.nodes
    last = {name: node.index for node in nodes for name in node.inputs}
    last.update(dict.fromkeys(networks.graph.outputs, len(nodes)))
    inputs = set(networks.graph.inputs)
    change = [0] * (len(nodes) + 1)
    for node in nodes:
        for name in node.outputs:
            size = COPIES * _elements_bytes(networks, (name,))
            change[min(node.index + 1, len(nodes))] += size
            change[min(last.get(name, node.index) + 1, len(nodes))] -= size
    start = _elements_bytes(networks, inputs)
    waiting = []
    for step in change[:-1]:
        start += step
        waiting.append(start)
    return waiting


def at(networks: Networks, bounds: tuple[tuple[int, int], ...]) -> tuple[Segment, ...]:
    """The segments between the given node indices, first included and last not."""
    waiting = _waiting(networks)
    segments: list[Segment] = []
    later: set[str] = set(networks.outputs) | set(networks.outputs.values())
    for first, end in reversed(bounds):
        reads = [read_names(list(part)) for part in networks.parts[first:end]]
        costs = [_cost(networks, first + offset, read) for offset, read in enumerate(reads)]
        size = sum(costs) + max(waiting[first:end], default=0)
        segments.append(_segment(networks, (first, end), set().union(*reads), later, size))
        made = {name for node in segments[-1].nodes for name in node.output}
        later = (later - made) | set(segments[-1].feeds)
    return tuple(segments[::-1])


def _segment(networks: Networks, bounds: tuple[int, int], read: set[str], later: set[str], size: int) -> Segment:
    first, end = bounds
    nodes = tuple(node for part in networks.parts[first:end] for node in part)
    made = {name for node in nodes for name in node.output if name}
    layers = networks.layers[first:end]
    shown = {name for layer in layers for name in (layer.reference, layer.device, layer.own) if name}
    weights = set(networks.weights)
    return Segment(
        bounds=bounds,
        nodes=nodes,
        layers=layers,
        feeds=tuple(sorted(((read | shown) - made - weights) - {""})),
        fetches=tuple(sorted((shown | later) & made)),
        weights=tuple(sorted(read & weights)),
        bytes=size,
    )
