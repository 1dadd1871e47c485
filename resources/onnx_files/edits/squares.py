"""Squares in a graph, however they are written.

Here belongs recognising one. Not here: what is done with its sum.
"""

from typing import TYPE_CHECKING

from resources.onnx_files.edits.links import Links, is_op

if TYPE_CHECKING:
    from onnx import NodeProto


def squared(links: Links, node: "NodeProto | None") -> str:
    """The tensor that a node squares, `Mul(x, x)` or `Pow(x, 2)`; empty for another node."""
    if node is None or len(node.input) != 2:  # noqa: PLR2004 - two operands
        return ""
    first, second = (links.root(name) for name in node.input)
    if is_op(node, "Mul") and first == second:
        return first
    if is_op(node, "Pow") and links.scalar(node.input[1]) == 2.0:  # noqa: PLR2004 - a square
        return first
    return ""
