"""In which layout each tensor lies on the device, and where GE must insert a TransData to change it.

Three layouts matter for time. `C0` is NC1HWC0, channels in groups of 16, in which convolutions and poolings work.
`NZ` is the block layout of matrix products (FRACTAL_NZ). `ND` is the plain one. Elementwise kernels take a tensor as
it lies; kernels that mix elements take C0 or NZ only when nothing is padded, because padding would enter the sum.
Here belongs that decision; not what a conversion costs.
"""

from math import prod
from typing import Literal

from resources.ascend.emulator.geometry import BLOCK, CUBE_OPS, padded
from resources.ascend.emulator.kinds import CHANNEL_LAYOUT, ELEMENTWISE
from resources.onnx_files.graph import Graph, Node

Layout = Literal["ND", "C0", "NZ"]

IMAGE = frozenset({4, 5})
"""Ranks that can lie in C0."""

STACKED = 3
"""Smallest rank for which the layout of a matrix product costs anything; 2-D ones are weights and small heads."""

PIECES = frozenset({"Concat", "Split"})


class Layouts:
    """Every tensor's layouts so far; a converted tensor exists in both."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[str, list[Layout]] = {}

    def of(self, name: str) -> list[Layout]:
        """The layouts in which a tensor exists, the first made first."""
        return self._known.get(name, ["ND"])

    def add(self, name: str, layout: Layout) -> None:
        """Note that a tensor now exists in `layout` too."""
        known = self._known.setdefault(name, [])
        if layout not in known:
            known.append(layout)

    def shape(self, name: str) -> tuple[int, ...]:
        """The tensor's shape, or nothing when it is not known."""
        tensor = self._graph.tensors.get(name)
        return tensor.shape or () if tensor else ()

    def factor(self, name: str, layout: Layout) -> float:
        """Elements stored over elements meant: the padding of `layout`."""
        shape = self.shape(name)
        if layout == "C0" and len(shape) in IMAGE and shape[1] > 0:
            return padded(shape[1]) / shape[1]
        if layout == "NZ" and len(shape) >= STACKED and min(shape[-2:]) > 0:
            return padded(shape[-2]) * padded(shape[-1]) / (shape[-2] * shape[-1])
        return 1.0

    def wanted(self, node: Node, reads: list[str], writes: list[str]) -> Layout:
        """The layout in which a kernel that starts with `node` works on its large operands."""
        images = [name for name in reads if len(self.shape(name)) in IMAGE]
        if node.op in CHANNEL_LAYOUT and images:
            return "C0"
        if node.op in CUBE_OPS:
            return "NZ" if any(len(self.shape(name)) >= STACKED for name in (*reads, *writes)) else "ND"
        current = [layout for name in reads for layout in self.of(name)[:1]]
        for layout in ("C0", "NZ"):
            if layout in current and self._keeps(node, layout, (*reads, *writes)):
                return layout
        return "ND"

    def _keeps(self, node: Node, layout: Layout, ends: tuple[str, ...]) -> bool:
        """Whether `node` has a kernel that works in `layout` on these shapes."""
        if node.op in ELEMENTWISE:
            return True
        if layout == "NZ":
            large = [shape for shape in map(self.shape, ends) if len(shape) >= STACKED]
            return all(d % BLOCK == 0 for shape in large for d in shape[-2:] if d != 1)
        if node.op in PIECES:
            axis = int(node.attributes.get("axis", 0))
            pieces = node.inputs if node.op == "Concat" else node.outputs
            return axis != 1 or all(shape[1] % BLOCK == 0 for shape in map(self.shape, pieces) if len(shape) > 1)
        return node.op in {"ReduceMean", "ReduceMax", "ReduceSum", "Identity", "Dropout"}

    def converts(self, name: str, layout: Layout) -> bool:
        """Whether reading `name` in `layout` takes a TransData: not for vectors, scalars and single pixels."""
        shape = self.shape(name)
        if layout in self.of(name) or prod(shape) <= BLOCK:
            return False
        if "C0" in (layout, self.of(name)[0]):
            return len(shape) in IMAGE and prod(shape[2:]) > 1
        return len(shape) >= STACKED and min(shape[-2:]) > 1
