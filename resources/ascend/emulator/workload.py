"""What a network makes the device do: one `Work` per kernel, with its operations and its memory traffic.

Here belongs counting, from shapes alone: products for the cube, passes for the vector unit, bytes of every tensor in
the layout and type that it has on the device. Not here: what fuses (`fusion.py`), any SoC or time (`roofline.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from resources.ascend.emulator.fusion import Kernel, constants, kernels
from resources.ascend.emulator.geometry import CUBE_OPS, Matrix, matrices
from resources.ascend.emulator.kinds import BURST, FREE, REDUCING, STRIDED, passes
from resources.ascend.emulator.layout import PIECES, Layout, Layouts
from resources.onnx_files.graph import Graph, Node

SIZES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 16: 2}
"""Bytes of ONNX's TensorProto types."""

FLOATS = frozenset({0, 1, 10, 11, 16})
"""Types that the precision plan decides; 0 is a tensor of unknown type."""

WIDTHS = {"float16": 2, "bfloat16": 2, "float32": 4}


@dataclass(frozen=True)
class Access:
    """One tensor read or written: bytes on the device. An `outside` one comes from or goes to the host."""

    tensor: str
    size: int
    outside: bool = False


@dataclass(frozen=True)
class Work:
    """One kernel. `passes` are vector instructions times elements, FP32 counted double, as it has half the lanes.

    `weights` in bytes, read whole; `held` bytes of constants that stay in memory and are read in part; `strided`
    memory moves cannot use whole bursts; `flops` without padding; `single` says that the cube's operands are FP32; a
    `free` kernel only renames its input, which takes no time.
    """

    node: str
    op: str
    products: tuple[Matrix, ...] = ()
    passes: float = 0.0
    reads: tuple[Access, ...] = ()
    writes: tuple[Access, ...] = ()
    weights: int = 0
    held: int = 0
    flops: int = 0
    strided: bool = False
    single: bool = False
    free: bool = False

    @property
    def bytes(self) -> int:
        """Bytes read and written, weights included."""
        return sum(a.size for a in (*self.reads, *self.writes)) + self.weights


def works(graph: Graph, dtypes: Mapping[int, str], *, aipp: bool = False) -> tuple[Work, ...]:
    """The kernels of `graph` in order. `dtypes` by node index, as the precision plan has them (float16 where absent).

    `aipp` says that images arrive as uint8 through AIPP, which converts them as the first convolution reads them. A
    size that depends on data counts as the kernel's largest input. Raises `ShapeUnknownError` when a cube operator's
    shapes are unknown.
    """
    return tuple(_Counter(graph, dtypes, aipp=aipp).run())


class _Counter:
    """Walks the kernels once, remembering each tensor's layout and width."""

    def __init__(self, graph: Graph, dtypes: Mapping[int, str], *, aipp: bool) -> None:
        self.graph = graph
        self.dtypes = dtypes
        self.aipp = aipp
        self.folded = constants(graph)
        self.layouts = Layouts(graph)
        self.width = {name: SIZES.get(graph.tensors[name].dtype, 4) for name in graph.inputs}
        if aipp:
            self.width.update({name: 1 for name in graph.inputs if len(self.layouts.shape(name)) == 4})  # noqa: PLR2004 - NCHW

    def run(self) -> Iterator[Work]:
        for kernel in kernels(self.graph):
            layout = self.layouts.wanted(kernel.head, kernel.reads, kernel.writes)
            yield from self._conversions(kernel.reads, layout)
            yield self._kernel(kernel, layout)
        yield from self._conversions(list(self.graph.outputs), "ND")

    def _conversions(self, names: list[str], layout: Layout) -> Iterator[Work]:
        for name in names:
            through_aipp = self.aipp and name in self.graph.inputs
            if self.layouts.converts(name, layout) and not through_aipp:
                before = self._access(name, self.layouts.of(name)[0])
                if name in self.graph.inputs and self._type(name) in FLOATS:
                    self.width[name] = 2
                self.layouts.add(name, layout)
                after = Access(name, self._access(name, layout).size)
                yield Work(f"trans_TransData_{name}", "TransData", reads=(before,), writes=(after,), strided=True)

    def _kernel(self, kernel: Kernel, layout: Layout) -> Work:
        head = kernel.head
        dtype = self.dtypes.get(head.index, "float16")
        for name in (n for node in kernel.nodes for n in node.outputs):
            self.layouts.add(name, layout)
            self.width[name] = WIDTHS.get(dtype, 2) if self._type(name) in FLOATS else SIZES.get(self._type(name), 4)
        largest = max((self._elements(name, 1) for name in kernel.reads), default=1)
        products = self._products(head) if head.op in CUBE_OPS else ()
        vector = self._passes(kernel, largest)
        # The vector unit brings every result of the cube from its accumulators (FP32) to the unified buffer.
        vector += sum(m.batch * m.groups * m.rows * m.row * m.n * m.steps for m in products)
        constant = self._constants(kernel, WIDTHS.get(dtype, 2))
        return Work(
            node=head.name,
            op=kernel.op,
            products=products,
            passes=vector * (2 if dtype == "float32" else 1),
            reads=tuple(self._access(name, layout, largest) for name in kernel.reads),
            writes=tuple(self._access(name, layout, largest) for name in kernel.writes),
            weights=0 if head.op == "Gather" else constant,
            held=constant if head.op == "Gather" else 0,
            flops=2 * sum(m.macs for m in products) if products else int(vector),
            strided=self._strided(kernel, vector),
            single=dtype == "float32" and bool(products),
            free=all(node.op in FREE for node in kernel.nodes) or self._in_place(head),
        )

    def _strided(self, kernel: Kernel, vector: float) -> bool:
        """Whether the kernel moves memory in pieces; an unknown operator is taken to."""
        head = kernel.head
        if head.op == "Gather":
            table = self.layouts.shape(head.inputs[0]) or (1,)
            behind = table[int(head.attributes.get("axis", 0)) % len(table) + 1 :]
            return prod(behind) * self.width.get(head.outputs[0], 2) < BURST
        return vector == 0 or any(node.op in STRIDED for node in kernel.nodes)

    def _products(self, node: Node) -> tuple[Matrix, ...]:
        return matrices(node, self.graph, small_channel=self.aipp and node.inputs[0] in self.graph.inputs)

    def _passes(self, kernel: Kernel, largest: int) -> float:
        if kernel.op != kernel.head.op:
            return REDUCING[kernel.op] * largest
        return sum(self._node_passes(node, largest) for node in kernel.nodes)

    def _node_passes(self, node: Node, largest: int) -> float:
        taken = max((self._elements(name, largest) for name in node.inputs if name), default=0)
        return passes(node, taken, self._elements(node.outputs[0], largest) if node.outputs else 0)

    def _type(self, name: str) -> int:
        tensor = self.graph.tensors.get(name)
        return tensor.dtype if tensor else 0

    def _elements(self, name: str, like: int) -> int:
        tensor = self.graph.tensors.get(name)
        count = tensor.elements if tensor else None
        return like if count is None else count

    def _access(self, name: str, layout: Layout, like: int = 1) -> Access:
        stored = layout if layout in self.layouts.of(name) else self.layouts.of(name)[0]
        size = self._elements(name, like) * self.layouts.factor(name, stored) * self.width.get(name, 2)
        return Access(name, round(size), outside=name in self.graph.inputs)

    def _constants(self, kernel: Kernel, width: int) -> int:
        names = dict.fromkeys(n for node in kernel.nodes for n in node.inputs if n and n in self.folded)
        sizes = {n: width if self._type(n) in FLOATS else SIZES.get(self._type(n), 4) for n in names}
        return sum(self._elements(n, 0) * size for n, size in sizes.items())

    def _in_place(self, node: Node) -> bool:
        """GE lets producers write into a Concat's result and readers into a Split's input, if pieces are contiguous."""
        if node.op not in PIECES:
            return False
        shape = self.layouts.shape(node.outputs[0] if node.op == "Concat" else node.inputs[0])
        axis = int(node.attributes.get("axis", 0))
        in_blocks = axis != 1 or self.layouts.of(node.outputs[0])[0] == "C0" or len(shape) < 4  # noqa: PLR2004 - NCHW
        return bool(shape) and prod(shape[: axis % len(shape)]) == 1 and in_blocks
