"""Which row of msaccucmp's table is about which ONNX node, and what is said of the nodes without one.

Here belong pure decisions on tables and graphs. An operator of the device may stand for several ONNX nodes: its result
is the last one's, and the others have none of their own. Not here: tensors (`figures.py`), or
files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from resources.ascend.cann.compiling.node_names import NodeNames
from resources.ascend.cann.precision.result_table import Row
from resources.onnx_files.graph import Graph

Names = Mapping[str, tuple[int, ...]]
"""ONNX nodes, by index, that each name of the graph engine stands for."""


@dataclass(frozen=True)
class Layer:
    """An ONNX node that the device computed. `together`: the other nodes in the same operator of the device, by index.

    `rows`: its outputs' rows by the output's place; the first output is always there.
    """

    index: int
    rows: Mapping[int, Row]
    together: tuple[int, ...] = ()

    @property
    def row(self) -> Row:
        """The first output's."""
        return self.rows[0]


@dataclass(frozen=True)
class Matched:
    """`layers` in the graph's order; `missing`: why each other node has none, in words."""

    layers: tuple[Layer, ...]
    missing: Mapping[int, str]


def match(graph: Graph, ge_names: Sequence[str], rows: Iterable[Row], unnamed: Mapping[int, str]) -> Matched:
    """Find every node's row.

    `ge_names`: what the graph engine calls each node. `unnamed`: nodes whose dumps cannot be told from another's, and
    why. Of several rows for one tensor the last with a figure counts: what the graph engine inserts behind an operator
    keeps its name.
    """
    rows = tuple(rows)
    names = _names(ge_names, [node.op for node in graph.nodes], rows)
    found: dict[int, dict[int, Row]] = {}
    together: dict[int, tuple[int, ...]] = {}
    reasons: dict[int, str] = {}
    fused: dict[int, tuple[str, int]] = {}
    for row in rows:
        group = tuple(i for i in names.get(row.truth, ()) if i not in unnamed)
        if not group or row.kind == "input":
            continue
        owner = max(group)
        if not row.op:
            reasons.setdefault(owner, row.reason)
            continue
        if row.number == 0 or len(group) == 1:
            held = found.setdefault(owner, {}).get(row.number)
            if held is None or row.compared or not held.compared:
                found[owner][row.number] = row
                if row.number == 0:
                    together[owner] = tuple(i for i in group if i != owner)
        fused.update({i: (row.npu, owner) for i in group if i != owner})
    layers = tuple(Layer(i, found[i], together[i]) for i in sorted(found) if 0 in found[i])
    own = {layer.index for layer in layers}
    constant = _constants(graph)
    missing = {
        node.index: _why(graph, node.index, unnamed, fused, reasons, constant)
        for node in graph.nodes
        if node.index not in own
    }
    return Matched(layers, missing)


def _names(ge_names: Sequence[str], ops: Sequence[str], rows: Iterable[Row]) -> Names:
    """GroundTruth's cells: names parted by commas as msaccucmp joins them, else names found in what fusion made."""
    at: dict[str, int] = {}
    for index, name in enumerate(ge_names):
        at.setdefault(name, index)
    search: NodeNames | None = None
    result: dict[str, tuple[int, ...]] = {}
    for text in {row.truth for row in rows}:
        parts = [text] if text in at else [part.strip() for part in text.split(",")]
        if text in {"", "*", "NaN"}:
            result[text] = ()
        elif all(part in at for part in parts):
            result[text] = tuple(sorted({at[part] for part in parts}))
        else:
            search = search or NodeNames.of(list(zip(ge_names, ops, strict=True)))
            found = (name for part in parts for name in search.find(part))
            result[text] = tuple(sorted({at[name] for name in found if name in at}))
    return result


def _constants(graph: Graph) -> frozenset[int]:
    """Nodes that read nothing but constants: the compiler computes them."""
    known = {name for name, tensor in graph.tensors.items() if tensor.constant}
    nodes: set[int] = set()
    for node in graph.nodes:
        read = [name for name in node.inputs if name]
        if all(name in known for name in read) and (read or node.op == "Constant"):
            nodes.add(node.index)
            known.update(node.outputs)
    return frozenset(nodes)


def _why(
    graph: Graph,
    index: int,
    unnamed: Mapping[int, str],
    fused: Mapping[int, tuple[str, int]],
    reasons: Mapping[int, str],
    constant: frozenset[int],
) -> str:
    if index in unnamed:
        return unnamed[index]
    if index in fused:
        operator, owner = fused[index]
        return f"fused into the device's operator {operator}, whose result is that of {graph.nodes[owner].name}"
    if index in constant:
        return "it reads constants alone, so that the compiler computed it"
    if reasons.get(index):
        return reasons[index]
    return "the compiled model has no operator of its name: the compiler fused, replaced or removed it"
