"""Which ONNX nodes become one kernel, as the graph engine fuses them.

Here belong folding (what depends on constants only), the patterns that have a kernel of their own (a layer
normalisation written out), and chains of elementwise operators behind a producer of the same size. Not here: what a
kernel costs. Source: the buffer-fusion passes that ATC lists in its fusion switch file (Conv + eltwise, MatMul +
eltwise, eltwise + eltwise) and the graph passes LayerNormONNXFusionPass and BatchNorm folding.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from resources.ascend.emulator.geometry import CUBE_OPS
from resources.ascend.emulator.kinds import ELEMENTWISE
from resources.onnx_files.graph import Graph, Node

LONGEST_CHAIN = 8
"""Elementwise operators that fit behind one producer; the unified buffer holds no more intermediate results."""

FUSIBLE = CUBE_OPS - {"LSTM", "GRU", "RNN", "Einsum", "DeformConv"}
"""Cube operators whose results can go through elementwise operators before they leave the core."""

SHUFFLE = frozenset({"Reshape", "Transpose"})


@dataclass
class Kernel:
    """Nodes that run as one: `head` names it, `op` is its kind; `reads` come from outside, `writes` go there."""

    head: Node
    op: str
    nodes: list[Node] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


def constants(graph: Graph) -> frozenset[str]:
    """Initializers and everything that is computed from constants and static shapes alone: folded at compile time."""
    known = {name for name, tensor in graph.tensors.items() if tensor.constant} | {""}
    for node in graph.nodes:
        static = node.op in {"Constant", "Shape", "Size"} or all(name in known for name in node.inputs)
        if static and not node.op.startswith("Random"):
            known.update(node.outputs)
    return frozenset(known - set(graph.inputs))


def consumers(graph: Graph) -> dict[str, list[Node]]:
    """Who reads each tensor."""
    users: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for name in dict.fromkeys(node.inputs):
            users[name].append(node)
    return users


def kernels(graph: Graph) -> tuple[Kernel, ...]:
    """The kernels in execution order, folded nodes left out."""
    return _Fuser(graph).run()


class _Fuser:
    """Walks the graph once; `made` are the kernels so far, `producer` says which of them makes a tensor."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.folded = constants(graph)
        self.users = consumers(graph)
        self.norms = _layer_norms(graph, self.users)
        self.made: list[Kernel] = []
        self.producer: dict[str, int] = {}

    def run(self) -> tuple[Kernel, ...]:
        for node in self.graph.nodes:
            if node.outputs and all(name in self.folded for name in node.outputs):
                continue
            index = self._home(node)
            if index is None:
                index = len(self.made)
                self.made.append(Kernel(node, "LayerNormalization" if node.index in self.norms else node.op))
            self.made[index].nodes.append(node)
            self.producer.update(dict.fromkeys(node.outputs, index))
            if node.index in self.norms:
                self.producer.setdefault(self.norms[node.index], index)
        for kernel in self.made:
            _ends(kernel, self.folded, self.users, frozenset(self.graph.outputs))
        return tuple(self.made)

    def _home(self, node: Node) -> int | None:
        """The kernel that `node` joins; None starts a new one.

        A chain of the same size takes an operator that reads it, if it makes the latest of the operator's inputs:
        then all others are there before the kernel starts.
        """
        if self.norms.get(node.index) in self.producer:
            return self.producer[self.norms[node.index]]
        inputs = [name for name in node.inputs if name not in self.folded]
        index = max((self.producer.get(name, -1) for name in inputs), default=-1)
        if index < 0:
            return None
        kernel = self.made[index]
        if node.op in SHUFFLE:
            return index if self._shuffles(kernel, node) else None
        if node.op not in ELEMENTWISE or not _open(kernel):
            return None
        size = self._elements(node.outputs[0])
        joined = [name for name in inputs if self.producer.get(name) == index]
        return index if all(self._elements(name) == size for name in joined) else None

    def _shuffles(self, kernel: Kernel, node: Node) -> bool:
        """Reshape and Transpose behind each other are one ConfusionTranspose."""
        last = kernel.nodes[-1]
        alone = len(self.users.get(last.outputs[0], ())) == 1
        return (
            alone and len(kernel.nodes) < LONGEST_CHAIN and kernel.head.op in SHUFFLE and last.op in SHUFFLE - {node.op}
        )

    def _elements(self, name: str) -> int | None:
        tensor = self.graph.tensors.get(name)
        return tensor.elements if tensor else None


def _open(kernel: Kernel) -> bool:
    """Whether elementwise operators may still join."""
    tail = kernel.nodes[1:]
    starts = kernel.head.op in FUSIBLE or kernel.head.op in ELEMENTWISE
    return starts and len(tail) < LONGEST_CHAIN and all(node.op in ELEMENTWISE for node in tail)


def _ends(kernel: Kernel, folded: frozenset[str], users: dict[str, list[Node]], outputs: frozenset[str]) -> None:
    inside = {node.index for node in kernel.nodes}
    made = {name for node in kernel.nodes for name in node.outputs}
    taken = dict.fromkeys(name for node in kernel.nodes for name in node.inputs if name and name not in folded)
    kernel.reads = [name for name in taken if name not in made]
    kernel.writes = [
        name
        for node in kernel.nodes
        for name in node.outputs
        if name and (name in outputs or any(user.index not in inside for user in users.get(name, ())))
    ]


def _layer_norms(graph: Graph, users: dict[str, list[Node]]) -> dict[int, str]:
    """Node index -> a key shared by the nodes of one written-out LayerNormalization.

    The pattern is PyTorch's export before opset 17: mean, Sub, Pow (or Mul), mean, Add, Sqrt, Div, and optionally Mul
    and Add.
    """
    found: dict[int, str] = {}
    for node in graph.nodes:
        chain = _layer_norm(node, users) if node.op == "ReduceMean" else []
        found.update(dict.fromkeys((n.index for n in chain), f"layernorm@{node.index}"))
    return found


def _layer_norm(mean: Node, users: dict[str, list[Node]]) -> list[Node]:
    subtract = _next(mean, users, {"Sub"})
    if subtract is None or subtract.inputs[0] != mean.inputs[0]:
        return []
    chain = [mean, subtract]
    square = next((u for u in users[subtract.outputs[0]] if u.op in {"Pow", "Mul"}), None)
    divide = next((u for u in users[subtract.outputs[0]] if u.op == "Div"), None)
    if square is None or divide is None:
        return []
    chain.append(square)
    for ops in ({"ReduceMean"}, {"Add"}, {"Sqrt"}):
        step = _next(chain[-1], users, ops)
        if step is None:
            return []
        chain.append(step)
    chain.append(divide)
    for ops in ({"Mul"}, {"Add"}):
        step = _next(chain[-1], users, ops)
        if step is None:
            break
        chain.append(step)
    return chain


def _next(node: Node, users: dict[str, list[Node]], ops: set[str]) -> Node | None:
    """The only reader of `node`'s result, if it is one of `ops`."""
    after = users.get(node.outputs[0], [])
    return after[0] if len(after) == 1 and after[0].op in ops else None
