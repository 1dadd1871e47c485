"""The combined graph, cut so that it fits a memory budget.

Here belongs where to cut, and what crosses a cut. Not here: running a segment (`running.py`, `pipeline.py`).
"""

from collections.abc import Iterable
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
class Part:
    """Nodes that run together. `feeds` come from outside, `fetches` are handed out: layers, and what others read."""

    nodes: "tuple[onnx.NodeProto, ...]"
    feeds: tuple[str, ...]
    fetches: tuple[str, ...]
    weights: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """Consecutive ONNX nodes, from the first of `bounds` to before the last: on FP32 tensors, then on the device's.

    `needed` are the tensors that later segments and the model's outputs read. `bytes` bounds what the segment holds at
    once: tensors, weights and what waits for later segments.
    """

    bounds: tuple[int, int]
    fp32: Part
    device: Part
    layers: tuple[Layer, ...]
    needed: frozenset[str]
    bytes: int


def cut(networks: Networks, budget_bytes: int) -> tuple[Segment, ...]:
    """Segments of at most `budget_bytes` each, as few as a pass from the front makes.

    A single node that needs more is a segment of its own: a node cannot be cut.
    """
    waiting = _waiting(networks)
    bounds: list[tuple[int, int]] = []
    first, held = 0, 0
    for index in range(len(networks.layers)):
        cost = _cost(networks, index)
        if index > first and held + cost + waiting[index] > budget_bytes:
            bounds.append((first, index))
            first, held = index, 0
        held += cost
    if networks.layers:
        bounds.append((first, len(networks.layers)))
    return at(networks, tuple(bounds))


def at(networks: Networks, bounds: tuple[tuple[int, int], ...]) -> tuple[Segment, ...]:
    """The segments between the given node indices, first included and last not."""
    waiting = _waiting(networks)
    segments: list[Segment] = []
    needed = frozenset(networks.outputs) | frozenset(networks.outputs.values())
    for first, end in reversed(bounds):
        size = sum(_cost(networks, index) for index in range(first, end)) + max(waiting[first:end], default=0)
        segments.append(_segment(networks, (first, end), needed, size))
        nodes = (*segments[-1].fp32.nodes, *segments[-1].device.nodes)
        made = {name for node in nodes for name in node.output}
        needed = (needed | set(segments[-1].fp32.feeds) | set(segments[-1].device.feeds)) - made
    return tuple(segments[::-1])


def _segment(networks: Networks, bounds: tuple[int, int], needed: frozenset[str], size: int) -> Segment:
    first, end = bounds
    layers = networks.layers[first:end]
    wanted = needed | {name for layer in layers for name in (layer.reference, layer.device, layer.own) if name}
    device = _part(networks, (node for nodes in networks.device[first:end] for node in nodes), wanted)
    fp32_nodes = (node for nodes in networks.fp32[first:end] for node in nodes)
    fp32 = _part(networks, fp32_nodes, wanted | set(device.feeds))
    return Segment(bounds, fp32, device, layers, needed, size)


def _part(networks: Networks, nodes: "Iterable[onnx.NodeProto]", wanted: Iterable[str]) -> Part:
    nodes = tuple(nodes)
    read, weights = read_names(list(nodes)) - {""}, set(networks.weights)
    made = {name for node in nodes for name in node.output if name}
    return Part(
        nodes=nodes,
        feeds=tuple(sorted(read - made - weights)),
        fetches=tuple(sorted(made & set(wanted))),
        weights=tuple(sorted(read & weights)),
    )


def _bytes(networks: Networks, names: Iterable[str]) -> int:
    tensors = networks.graph.tensors
    return sum(4 * (tensors[name].elements or 0) for name in names if name in tensors)


def _cost(networks: Networks, index: int) -> int:
    """Bytes that a node adds: its results in every network, and its weights."""
    read = read_names([*networks.fp32[index], *networks.device[index]])
    weights = {networks.weights[name].source for name in read if name in networks.weights}
    return COPIES * (_bytes(networks, networks.layers[index].node.outputs) + _bytes(networks, weights))


def _waiting(networks: Networks) -> list[int]:
    """For each node, the bytes of earlier tensors that it or a later node still reads, in every network."""
    nodes = networks.graph.nodes
    last = {name: node.index for node in nodes for name in node.inputs}
    last.update(dict.fromkeys(networks.graph.outputs, len(nodes)))
    change = [0] * (len(nodes) + 1)
    for node in nodes:
        for name in node.outputs:
            size = COPIES * _bytes(networks, (name,))
            change[node.index + 1] += size
            change[min(last.get(name, node.index) + 1, len(nodes))] -= size
    held = _bytes(networks, set(networks.graph.inputs))
    waiting = []
    for step in change[:-1]:
        held += step
        waiting.append(held)
    return waiting
