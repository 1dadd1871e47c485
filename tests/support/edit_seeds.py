"""Models for hostile tests of edits: whole ones, and ways to break single nodes of them."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from edit_checks import f32, parse
from onnx import helper, numpy_helper

_MS = ', "com.microsoft" : 1'


def seeds() -> list[onnx.ModelProto]:
    """One model for each family that edits rewrite."""
    sizes = np.asarray([1, 1, 2, 2], np.float32)
    return [
        parse(
            """g (float[2,4,8] x) => (float[2] y) {
                n = LayerNormalization(x, s) g = Gelu(n) m = ReduceMean<keepdims = 0>(g, a)
                p, q = Split<axis = 1, num_outputs = 2>(m) k = ReduceMax<keepdims = 0>(p, a) y = Softmax(k) }""",
            {"s": f32(8), "a": np.asarray([1])},
            opset=20,
        ),
        parse(
            """g (float[2,3,4] x) => (float[2,3,4] y) {
                c = Clip<min = -1.0>(x) t = Softmax<axis = 1>(c) d = Dropout(t)
                q = Squeeze<axes = [0]>(d) y = Pad<pads = [0,0,0,0,0,0]>(d) }""",
            opset=9,
            ir=4,
        ),
        parse('g (float[1,1,2,2] x) => (float[1,1,4,4] y) { y = Resize(x, "", s) }', {"s": sizes}),
        parse('g (float[2,3] a, float[3,4] b) => (float[4,2] y) { y = Einsum<equation = "ij,jk->ki">(a, b) }'),
        parse("g (int64[4] x) => (int64[4] y) { a = Mul(x, x) y = Mod(a, k) }", {"k": np.asarray(7)}),
        parse("g (float[1,4,5,8] q) => (float[1,4,5,8] y) { y = Attention<is_causal = 1>(q, q, q) }", opset=23),
        parse(
            """g (float[2,4] x) => (float[2,4] y) {
                a = com.microsoft.SkipLayerNormalization(x, x, s, s) y = com.microsoft.FusedMatMul(a, k) }""",
            {"s": f32(4), "k": f32(4, 4)},
            imports=_MS,
        ),
    ]


_OPERATORS = ["Resize", "Einsum", "Softmax", "Split", "Pad", "Gelu", "Loop", "If", "Cast", "Clip", "Constant", "TopK"]
_OPERATORS += ["Attention", "Unknown", "DequantizeLinear", "LayerNormalization", "GroupNormalization", "RoiAlign"]
_VALUES: list[Any] = [7, -99, 1.5, "x", [1, 2, 3], [-7], [0.5], 2**62, b"\xff"]


def _less(node: onnx.NodeProto, chance: random.Random) -> None:
    del node.input[chance.randrange(len(node.input) + 1) :]


def _more(node: onnx.NodeProto, chance: random.Random) -> None:
    node.output.append(f"extra{chance.random()}")
    node.input.append(node.input[0] if node.input else "")


def _attribute(node: onnx.NodeProto, chance: random.Random) -> None:
    for entry in node.attribute:
        entry.CopyFrom(helper.make_attribute(entry.name, chance.choice(_VALUES)))


def _operator(node: onnx.NodeProto, chance: random.Random) -> None:
    node.op_type = chance.choice(_OPERATORS)


_WAYS: list[Callable[[onnx.NodeProto, random.Random], None]] = [_less, _more, _attribute, _operator]


def broken(model: onnx.ModelProto, chance: random.Random) -> None:
    """Break a node, and perhaps a weight or an input's type, in place."""
    chance.choice(_WAYS)(chance.choice(model.graph.node), chance)
    if model.graph.initializer and chance.random() < 0.3:
        weight = chance.choice(model.graph.initializer)
        other = chance.choice([np.zeros(0), np.asarray([-1, 2**40]), f32(2, 2), np.asarray(1.0)])
        weight.CopyFrom(numpy_helper.from_array(other, weight.name))
    if chance.random() < 0.3:
        shapes: list[list[str | int | None] | None] = [None, [], [1], ["n", 3], [0, 2], [1, 2, 3, 4]]
        shape = chance.choice(shapes)
        dtype = chance.choice([1, 7, 9, 10, 11, 16])
        model.graph.input[0].type.CopyFrom(helper.make_tensor_type_proto(dtype, shape))
