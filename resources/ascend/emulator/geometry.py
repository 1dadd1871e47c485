"""The matrix products inside a cube operator, as the cube unit sees them.

Here belongs turning the shapes of Conv, ConvTranspose, Gemm, MatMul, Einsum and the recurrent operators into products
padded to 16 x 16 x 16. Not here: which SoC runs them, or how long they take (`roofline.py`).
"""

from dataclasses import dataclass
from math import lcm, prod
from typing import Any

from resources.onnx_files.graph import Graph, Node

BLOCK = 16
"""Edge of the cube's FP16 block, and channels in one C0 group of the NC1HWC0 layout."""

SMALL_CHANNEL = 4
"""C0 of a first convolution that reads an image through AIPP (ATC's enable_small_channel)."""

CUBE_OPS = frozenset(
    {"Conv", "ConvTranspose", "DeformConv", "Gemm", "MatMul", "Einsum", "LSTM", "GRU", "RNN", "FusedMatMul"}
)

Shape = tuple[int, ...]


class ShapeUnknownError(ValueError):
    """A cube operator whose shapes are not known, so that its work cannot be counted."""


@dataclass(frozen=True)
class Matrix:
    """`batch` x `groups` products of (rows x row) x k by k x n; k and n are padded, rows are not.

    `rows` may be cut between cores (image lines, or single matrix rows with `row` = 1). `constant` says that the
    right side is one weight matrix shared by the batch. `macs` counts multiply-accumulates without padding; `steps`
    products follow each other and cannot overlap. `taps` is how often a convolution's window reads each input.
    """

    batch: int
    groups: int
    rows: int
    row: int
    k: int
    n: int
    macs: int
    constant: bool = True
    steps: int = 1
    taps: int = 1


def padded(size: int, block: int = BLOCK) -> int:
    """`size` rounded up to a multiple of `block`."""
    return -(-size // block) * block


def matrices(node: Node, graph: Graph, *, small_channel: bool = False) -> tuple[Matrix, ...]:
    """The products of a cube operator.

    Raises `ShapeUnknownError` naming the node when a shape is missing or of a wrong rank.
    """
    try:
        return _matrices(node, graph, small_channel=small_channel)
    except ShapeUnknownError:
        raise
    except (ValueError, IndexError) as error:
        raise ShapeUnknownError(
            f"node {node.name!r} ({node.op}): its inputs do not have the ranks that it takes; run onnx.checker"
        ) from error


def _matrices(node: Node, graph: Graph, *, small_channel: bool) -> tuple[Matrix, ...]:
    shapes = tuple(_shape(node, graph, name) for name in node.inputs[:3] if name)
    if node.op in {"Conv", "DeformConv"}:
        return (_conv(shapes, _shape(node, graph, node.outputs[0]), small_channel=small_channel),)
    if node.op == "ConvTranspose":
        return (_conv_transpose(node, shapes),)
    if node.op == "Gemm":
        return (_gemm(node, shapes),)
    if node.op in {"LSTM", "GRU", "RNN"}:
        return _recurrent(node, shapes)
    if node.op == "Einsum":
        return (_einsum(node, shapes),)
    return (_matmul(shapes, constant=graph.tensors[node.inputs[1]].constant),)


def _shape(node: Node, graph: Graph, name: str) -> Shape:
    tensor = graph.tensors.get(name)
    if tensor is None or tensor.shape is None or any(d < 0 for d in tensor.shape):
        raise ShapeUnknownError(
            f"node {node.name!r} ({node.op}): the shape of {name!r} is not known, so its work cannot be counted; "
            "give every input dimension a value (--input-shape) or simplify the model"
        )
    return tensor.shape


def _conv(shapes: tuple[Shape, ...], out: Shape, *, small_channel: bool) -> Matrix:
    (batch, channels, *_), (features, per_group, *kernel), *_ = shapes
    groups = max(1, channels // max(1, per_group))
    taps = prod(kernel)
    merged, k_channels, n = _merge_groups(groups, per_group, features // groups)
    k = taps * k_channels
    if small_channel and channels <= SMALL_CHANNEL:
        k = padded(taps * SMALL_CHANNEL)
    rows, row = _lines(out[2:])
    return Matrix(batch, merged, rows, row, k, n, batch * rows * row * features * per_group * taps, taps=taps)


def _conv_transpose(node: Node, shapes: tuple[Shape, ...]) -> Matrix:
    """A product over the input's pixels whose result is scattered: n holds every tap of the kernel."""
    (batch, channels, *space), (_, per_group, *kernel), *_ = shapes
    groups = int(node.attributes.get("group", 1))
    taps = prod(kernel)
    merged, k, n = _merge_groups(groups, channels // groups, per_group)
    macs = batch * prod(space) * channels * per_group * taps
    rows, row = _lines(tuple(space))
    return Matrix(batch, merged, rows, row, k, n * taps, macs)


def _lines(space: Shape) -> tuple[int, int]:
    """Image lines and their length: the cores share lines. A sequence (1-D) may be cut anywhere."""
    return (prod(space[:-1]), space[-1]) if len(space) > 1 else (prod(space), 1)


def _merge_groups(groups: int, k_channels: int, n_channels: int) -> tuple[int, int, int]:
    """GE packs narrow groups into one block-diagonal product until a block of 16 is full, zeros included.

    Returns the number of packed products and their padded input and output channels.
    """
    if groups == 1:
        return 1, padded(k_channels), padded(n_channels)
    pack = lcm(lcm(k_channels, BLOCK) // k_channels, lcm(n_channels, BLOCK) // n_channels)
    pack = min(pack, groups)
    return -(-groups // pack), padded(pack * k_channels), padded(pack * n_channels)


def _gemm(node: Node, shapes: tuple[Shape, ...]) -> Matrix:
    a, b, *_ = shapes
    m, k = reversed(a) if node.attributes.get("transA") else a
    n = b[0] if node.attributes.get("transB") else b[1]
    return Matrix(1, 1, m, 1, padded(k), padded(n), m * k * n)


def _matmul(shapes: tuple[Shape, ...], *, constant: bool) -> Matrix:
    a, b = shapes[0], shapes[1]
    a = a if len(a) > 1 else (1, *a)
    b = b if len(b) > 1 else (*b, 1)
    (m, k), n = a[-2:], b[-1]
    outer = max(prod(a[:-2]), prod(b[:-2]))
    if prod(b[:-2]) == 1:
        return Matrix(1, 1, outer * m, 1, padded(k), padded(n), outer * m * k * n, constant)
    return Matrix(outer, 1, m, 1, padded(k), padded(n), outer * m * k * n, constant=False)


def _einsum(node: Node, shapes: tuple[Shape, ...]) -> Matrix:
    """Letters in both operands and the result are batch, in the result and one operand rows or columns, else summed."""
    equation = _text(node.attributes.get("equation", b"")).replace(" ", "")
    terms, _, result = equation.partition("->")
    letters = terms.split(",")
    size = {c: d for term, shape in zip(letters, shapes, strict=False) for c, d in zip(term, shape, strict=False)}
    left, right = set(letters[0]), set(letters[1]) if len(letters) > 1 else set()
    if not result:
        result = "".join(sorted(c for c in size if sum(term.count(c) for term in letters) == 1))
    kept = set(result)

    def total(of: set[str]) -> int:
        return prod(size.get(c, 1) for c in of)

    batch, m, n = total(left & right & kept), total((left - right) & kept), total((right - left) & kept)
    k = total(set(size) - kept)
    return Matrix(batch, 1, m, 1, padded(k), padded(n), batch * m * n * k, constant=False)


def _recurrent(node: Node, shapes: tuple[Shape, ...]) -> tuple[Matrix, ...]:
    """The input's product for all steps at once, then the hidden state's, step by step."""
    (length, batch, features), (directions, gates, _), *_ = shapes
    hidden = int(node.attributes.get("hidden_size", gates))
    rows = length * batch
    entry = Matrix(directions, 1, rows, 1, padded(features), padded(gates), directions * rows * features * gates)
    macs = directions * rows * hidden * gates
    return entry, Matrix(directions, 1, batch, 1, padded(hidden), padded(gates), macs, steps=length)


def _text(value: Any) -> str:  # noqa: ANN401 - an ONNX attribute
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
