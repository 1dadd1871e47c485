"""Simple operators in the place of others, so that types and shapes can be inferred past these.

onnx infers nothing behind an operator that it does not know, nor behind some of its own. Here belong operators that
make the same types and shapes; what they compute does not matter. Not here: what those are made of (`bodies`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

_MICROSOFT = "com.microsoft"


def _like_first(node: "NodeProto") -> "list[NodeProto]":
    from onnx import helper

    return [helper.make_node("Identity", node.input[:1], node.output[:1])]


def _like_sum(node: "NodeProto") -> "list[NodeProto]":
    from onnx import helper

    made = [helper.make_node("Add", node.input[:2], node.output[:1])]
    if len(node.output) > 3 and node.output[3]:  # noqa: PLR2004 (the sum itself)
        made.append(helper.make_node("Add", node.input[:2], node.output[3:]))
    return made


def _like_product(node: "NodeProto") -> "list[NodeProto]":
    from onnx import helper

    turned = {entry.name: entry.i for entry in node.attribute}
    left = "...ji" if turned.get("transA") else "...ij"
    right = "...kj" if turned.get("transB") else "...jk"
    equation = f"{left},{right}->...ik"
    return [helper.make_node("Einsum", node.input[:2], node.output[:1], equation=equation)]


def _like_plain(op: str) -> "Callable[[NodeProto], list[NodeProto]]":
    """The operator that was fused, without what was fused to it."""

    def written(node: "NodeProto") -> "list[NodeProto]":
        copy = type(node)(op_type=op, input=node.input[:3], output=node.output[:1])
        copy.attribute.extend(entry for entry in node.attribute if not entry.name.startswith("activation"))
        return [copy]

    return written


_STAND_INS: "dict[tuple[str, str], Callable[[NodeProto], list[NodeProto]]]" = {
    **{(_MICROSOFT, op): _like_first for op in ("Gelu", "BiasGelu", "FastGelu", "QuickGelu")},
    **{(_MICROSOFT, f"{kind}LayerNormalization"): _like_sum for kind in ("Skip", "SkipSimplified")},
    ("", "SimplifiedLayerNormalization"): _like_first,
    # Operators of ONNX that are functions: onnx infers nothing behind one whose input has open sizes.
    **{("", op): _like_first for op in ("GroupNormalization", "RMSNormalization", "Gelu", "Mish", "Swish")},
    (_MICROSOFT, "FusedMatMul"): _like_product,
    (_MICROSOFT, "FusedConv"): _like_plain("Conv"),
    (_MICROSOFT, "FusedGemm"): _like_plain("Gemm"),
}


def put_in(graph: "GraphProto") -> None:
    """Write stand-ins for such nodes of a graph that nobody runs, in place."""
    if not any((node.domain, node.op_type) in _STAND_INS for node in graph.node):
        return
    nodes: list[NodeProto] = []
    for node in graph.node:
        stand_in = _STAND_INS.get((node.domain, node.op_type))
        nodes.extend(stand_in(node) if stand_in and node.input and node.output else [node])
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
