"""Operators written out in simpler ones."""

from typing import Any

import numpy as np
import onnx
import pytest
from edit_checks import edited, f32, names, ops, parse, refusal
from onnx import helper, numpy_helper
from onnx_samples import unfolding

from resources.onnx_files.edits.expand_operators import expand_operators
from resources.onnx_files.sessions import reference

MS = ', "com.microsoft" : 1'


def expand(*operators: str) -> Any:
    return lambda model: expand_operators(model, operators)


def one(text: str, op: str, *, opset: int = 17, **weights: Any) -> onnx.ModelProto:
    """Expand `op` in the one-liner and hold it against the original."""
    imports = MS if "com.microsoft" in text else ""
    after = edited(expand(op), parse(text, weights, opset=opset, imports=imports))
    assert op.partition("::")[2] not in ops(after)
    assert "op" in names(after)
    return after


@pytest.mark.parametrize("how", ["none", "tanh"])
def test_gelu(how: str) -> None:
    one(f'g (float[2,3] x) => (float[2,3] y) {{ [op] y = Gelu<approximate = "{how}">(x) }}', "ai.onnx::Gelu", opset=20)


@pytest.mark.parametrize("op", ["Gelu", "FastGelu", "QuickGelu"])
def test_activations_of_onnx_runtime(op: str) -> None:
    one(f"g (float[2,3] x) => (float[2,3] y) {{ [op] y = com.microsoft.{op}(x) }}", f"com.microsoft::{op}")


@pytest.mark.parametrize("op", ["BiasGelu", "FastGelu"])
def test_activations_with_a_bias(op: str) -> None:
    text = f"g (float[2,3] x) => (float[2,3] y) {{ [op] y = com.microsoft.{op}(x, b) }}"
    one(text, f"com.microsoft::{op}", b=f32(3))


@pytest.mark.parametrize(
    ("op", "opset"), [("HardSwish", 14), ("Mish", 18), ("Softsign", 22), ("Elu", 22), ("Celu", 17), ("Selu", 22)]
)
def test_activations_of_onnx(op: str, opset: int) -> None:
    one(f"g (float[2,3] x) => (float[2,3] y) {{ [op] y = {op}(x) }}", f"ai.onnx::{op}", opset=opset)


@pytest.mark.parametrize("op", ["ReduceL2", "ReduceLogSumExp", "ReduceSumSquare", "ReduceLogSum", "ReduceL1"])
def test_reductions(op: str) -> None:
    text = f"g (float[2,3] x) => (float[2,1] y) {{ p = Exp(x) [op] y = {op}(p, axes) }}"
    one(text, f"ai.onnx::{op}", opset=18, axes=np.asarray([1]))


@pytest.mark.parametrize("axis", [-1, 1])
def test_layer_normalisation(axis: int) -> None:
    dims = [3, 4][axis:] if axis == -1 else [3, 4]
    text = f"g (float[2,3,4] x) => (float[2,3,4] y) {{ [op] y = LayerNormalization<axis = {axis}>(x, s, b) }}"
    after = one(text, "ai.onnx::LayerNormalization", s=f32(*dims), b=f32(*dims, seed=1))
    assert ops(after).count("ReduceMean") == 2
    bare = text.replace("(x, s, b)", "(x, s)").replace("=> (float[2,3,4] y)", "=> (float[2,3,4] y, float[a,b,c] m)")
    one(bare.replace("[op] y =", "[op] y, m ="), "ai.onnx::LayerNormalization", s=f32(*dims))


def test_root_mean_square_normalisation() -> None:
    text = "g (float[2,3,4] x) => (float[2,3,4] y) { [op] y = RMSNormalization(x, s) }"
    one(text, "ai.onnx::RMSNormalization", opset=23, s=f32(4))


@pytest.mark.parametrize("opset", [18, 21])
def test_group_normalisation_scales_groups_and_later_channels(opset: int) -> None:
    size = 2 if opset == 18 else 6
    text = "g (float[2,6,3,3] x) => (float[2,6,3,3] y) { [op] y = GroupNormalization<num_groups = 2>(x, s, b) }"
    after = parse(text, {"s": f32(size), "b": f32(size, seed=1)}, opset=opset)
    out = expand("ai.onnx::GroupNormalization")(after)
    x = f32(2, 6, 3, 3)
    apart = x.reshape(2, 2, -1)
    normal = (apart - apart.mean(2, keepdims=True)) / np.sqrt(apart.var(2, keepdims=True) + 1e-5)
    scale, bias = (np.repeat(f32(size, seed=i), 6 // size).reshape(1, 6, 1, 1) for i in (0, 1))
    wanted = normal.reshape(x.shape) * scale + bias
    np.testing.assert_allclose(reference(out).run({"x": x})["y"], wanted, rtol=1e-4, atol=1e-5)


def test_layers_that_were_skipped_and_normalised() -> None:
    text = "g (float[2,3,4] x, float[2,3,4] z) => (float[2,3,4] y) { [op] y = com.microsoft.SkipLayerNormalization"
    weights: dict[str, Any] = {"s": f32(4), "b": f32(4, seed=1), "c": f32(4, seed=2)}
    one(f"{text}<epsilon = 1e-5>(x, z, s, b, c) }}", "com.microsoft::SkipLayerNormalization", **weights)
    simple = text.replace("Skip", "SkipSimplified")
    one(f"{simple}<epsilon = 1e-5>(x, z, s, c) }}", "com.microsoft::SkipSimplifiedLayerNormalization", **weights)


@pytest.mark.parametrize("attributes", ["alpha = 0.25", "transB = 1", "transA = 1, transB = 1, alpha = 2.0"])
def test_fused_products(attributes: str) -> None:
    text = f"g (float[2,4,4] x, float[2,4,4] z) => (float[2,4,4] y) {{ [op] y = com.microsoft.FusedMatMul<{attributes}>"
    one(f"{text}(x, z) }}", "com.microsoft::FusedMatMul")


@pytest.mark.parametrize("activation", ['"Relu"', '"LeakyRelu", activation_params = [0.1]'])
def test_fused_convolutions(activation: str) -> None:
    text = "g (float[1,2,5,5] x) => (float[1,3,5,5] y) { [op] y = com.microsoft.FusedConv"
    attributes = f"<activation = {activation}, pads = [1, 1, 1, 1]>(x, w, b) }}"
    one(text + attributes, "com.microsoft::FusedConv", w=f32(3, 2, 3, 3), b=f32(3))


@pytest.mark.parametrize("attributes", ["", "<is_causal = 1>", "<scale = 0.3, softcap = 2.0>"])
def test_attention_with_heads_apart(attributes: str) -> None:
    text = f"""g (float[1,4,5,8] q, float[1,2,5,8] k, float[1,2,5,8] v) => (float[1,4,5,8] y) {{
        [op] y = Attention{attributes}(q, k, v) }}"""
    after = one(text, "ai.onnx::Attention", opset=23)
    assert "Shape" not in ops(after)


@pytest.mark.parametrize("mask", ["bool", "float"])
def test_attention_with_heads_folded_and_a_mask(mask: str) -> None:
    text = f"""g (float[2,5,8] q, float[2,6,8] k, float[2,6,8] v, {mask}[5,6] m) => (float[2,5,8] y) {{
        [op] y = Attention<q_num_heads = 2, kv_num_heads = 2>(q, k, v, m) }}"""
    rng = np.random.default_rng(0)
    given = rng.integers(0, 2, (5, 6)).astype(bool) | np.eye(5, 6, dtype=bool)
    feeds: dict[str, Any] = {"q": f32(2, 5, 8), "k": f32(2, 6, 8, seed=1), "v": f32(2, 6, 8, seed=2)}
    feeds["m"] = given if mask == "bool" else f32(5, 6, seed=3)
    edited(expand("ai.onnx::Attention"), parse(text, opset=23), feeds)


@pytest.mark.parametrize("heads", ["q_num_heads = 2, kv_num_heads = 2", "q_num_heads = 4, kv_num_heads = 2"])
def test_attention_and_rotation_of_an_open_batch_and_sequence(heads: str) -> None:
    wide = 8 if "= 4" not in heads else 16
    text = f"""g (float[n,s,{wide}] q, float[n,s,8] k, float[n,s,8] v, float[n,s,2] c) => (float[n,s,w] y) {{
        r = RotaryEmbedding<num_heads = 2>(k, c, c)
        y = Attention<{heads}>(q, r, v) }}"""
    feeds = {"q": f32(2, 5, wide), "k": f32(2, 5, 8, seed=1), "v": f32(2, 5, 8, seed=2), "c": f32(2, 5, 2, seed=3)}
    after = edited(expand("ai.onnx::Attention", "ai.onnx::RotaryEmbedding"), parse(text, opset=23), feeds)
    assert "Shape" not in ops(after)


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize("part", ["", ", rotary_embedding_dim = 4"])
def test_rotary_embeddings(interleaved: int, part: str) -> None:
    half = 2 if part else 4
    text = f"""g (float[1,2,3,8] x, int64[1,3] p) => (float[1,2,3,8] y) {{
        [op] y = RotaryEmbedding<interleaved = {interleaved}{part}>(x, c, s, p) }}"""
    before = parse(text, {"c": f32(10, half), "s": f32(10, half, seed=1)}, opset=23)
    edited(expand("ai.onnx::RotaryEmbedding"), before)


def test_local_functions_are_inlined_and_their_domains_go() -> None:
    after = edited(expand("local::F0"), unfolding(3))
    assert set(ops(after)) == {"Relu"}
    assert not after.functions
    assert [entry.domain for entry in after.opset_import] == [""]


def branches(condition: str) -> onnx.ModelProto:
    def branch(op: str) -> onnx.GraphProto:
        made = [helper.make_node(op, ["r"], ["inner"], name="n"), helper.make_node("Neg", ["inner"], ["t"])]
        return helper.make_graph(made, op, [], [helper.make_tensor_value_info("t", 1, [2])])

    model = parse(f"g (float[2] x, bool d) => (float[2] y) {{ {condition} r = Relu(x) y = Neg(r) }}")
    node = helper.make_node("If", ["c"], ["y"], name="if", then_branch=branch("Exp"), else_branch=branch("Abs"))
    model.graph.node[-1].CopyFrom(node)
    return model


def test_a_branch_that_a_constant_decides_is_inlined() -> None:
    after = edited(expand("ai.onnx::If"), branches("c = Constant<value = bool {0}>()"))
    assert ops(after) == ["Relu", "Abs", "Neg"]


def test_a_branch_that_an_input_decides_is_refused() -> None:
    assert "depends on the model's input" in refusal(expand("ai.onnx::If"), branches("c = Not(d)"))


def loop(turns: str) -> onnx.ModelProto:
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["state", "w"], ["next"], name="inner"),
            helper.make_node("Cast", ["i"], ["number"], to=1),
            helper.make_node("Add", ["next", "number"], ["seen"]),
            helper.make_node("Identity", ["go"], ["on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", 7, []),
            helper.make_tensor_value_info("go", 9, []),
            helper.make_tensor_value_info("state", 1, [2]),
        ],
        [
            helper.make_tensor_value_info("on", 9, []),
            helper.make_tensor_value_info("next", 1, [2]),
            helper.make_tensor_value_info("seen", 1, [2]),
        ],
    )
    text = f"g (float[2] x, int64 n) => (float[2] y, float[t,2] all) {{ {turns} y = Neg(x) }}"
    model = parse(text, {"w": f32(2)})
    model.graph.node[-1].CopyFrom(helper.make_node("Loop", ["m", "", "x"], ["y", "all"], name="loop", body=body))
    return model


def test_a_loop_of_known_length_is_written_out() -> None:
    after = edited(expand("ai.onnx::Loop"), loop("m = Constant<value = int64 {3}>()"))
    assert ops(after).count("Mul") == 3


@pytest.mark.parametrize("turns", ["m = Identity(n)", "m = Constant<value = int64 {100000}>()"])
def test_a_loop_of_unknown_or_great_length_is_refused(turns: str) -> None:
    assert "turns" in refusal(expand("ai.onnx::Loop"), loop(turns))


@pytest.mark.parametrize("scale", [[0.1], [0.1, 0.2, 0.3, 0.4]])
def test_weights_stored_in_eight_bits_become_floats(scale: list[float]) -> None:
    text = "g (float[2,3] x) => (float[2,4] y) { w = DequantizeLinear<axis = 1>(q, s, z) [op] y = MatMul(x, w) }"
    rng = np.random.default_rng(0)
    scales = np.asarray(scale, np.float32) if len(scale) > 1 else np.float32(scale[0])
    zero = rng.integers(-3, 3, np.shape(scales)).astype(np.int8)
    weights: dict[str, Any] = {
        "q": rng.integers(-99, 99, (3, 4)).astype(np.int8),
        "s": np.asarray(scales),
        "z": np.asarray(zero),
    }
    before = parse(text, weights)
    after = expand("ai.onnx::DequantizeLinear")(before)
    assert ops(after) == ["MatMul"]
    # ONNX Runtime computes such a product in eight bits: what it is held to is ONNX's formula.
    stored = (weights["q"].astype(np.float32) - zero) * scales
    x = f32(2, 3)
    np.testing.assert_allclose(reference(after).run({"x": x})["y"], x @ stored, rtol=1e-4, atol=1e-5)


def test_activations_that_are_rounded_on_the_way_are_left() -> None:
    text = """g (float[2] x) => (float[2] y) { q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z) }"""
    before = parse(text, {"s": np.asarray(np.float32(0.1)), "z": np.asarray(np.int8(0))})
    said = refusal(expand("ai.onnx::QuantizeLinear", "ai.onnx::DequantizeLinear"), before)
    assert "give the floating-point model" in said


def test_what_onnx_runtime_s_optimiser_wrote_comes_apart_again() -> None:
    text = """g (float[2,4,8] x) => (float[2,4,8] y) {
        g = com.microsoft.BiasGelu(x, b)
        p = com.microsoft.FusedMatMul<transB = 1, alpha = 0.5>(g, w)
        n, m, v, s = com.microsoft.SkipLayerNormalization(p, x, b, b)
        a = Add(n, s)
        q = com.microsoft.QuickGelu(a)
        y = com.microsoft.FastGelu(q)
    }"""
    before = parse(text, {"b": f32(8), "w": f32(8, 8)}, imports=MS)
    kinds = ("BiasGelu", "FusedMatMul", "SkipLayerNormalization", "QuickGelu", "FastGelu")
    after = edited(expand(*(f"com.microsoft::{kind}" for kind in kinds)), before)
    assert {node.domain for node in after.graph.node} == {""}


def test_a_domain_goes_with_its_last_operator() -> None:
    text = "g (float[2] x) => (float[2] y) { t = com.microsoft.Gelu(x) y = com.microsoft.QuickGelu(t) }"
    before = parse(text, imports=MS)
    one_left = edited(expand("com.microsoft::Gelu"), before)
    assert {entry.domain for entry in one_left.opset_import} == {"", "com.microsoft"}
    after = edited(expand("com.microsoft::Gelu", "com.microsoft::QuickGelu"), before)
    assert [entry.domain for entry in after.opset_import] == [""]


def test_several_that_cannot_be_written_out_are_said_at_once() -> None:
    text = "g (float[2] x) => (float[2] y) { [a] t = com.microsoft.Odd(x) [b] y = com.microsoft.Odd(t) }"
    said = refusal(expand("com.microsoft::Odd"), parse(text, imports=MS))
    assert "a (Odd)" in said
    assert "b (Odd)" in said


def test_an_operator_that_is_not_there_is_said() -> None:
    before = parse("g (float[2] x) => (float[2] y) { y = Relu(x) }")
    assert "no node is ai.onnx::Conv or local::F0" in refusal(expand("ai.onnx::Conv", "local::F0"), before)


def test_a_large_weight_is_carried_over_whole() -> None:
    text = "g (float[2,64] x) => (float[2,64] y) { t = MatMul(x, w) [op] y = Gelu(t) }"
    weight = f32(64, 64)
    after = one(text, "ai.onnx::Gelu", opset=20, w=weight)
    held = {w.name: numpy_helper.to_array(w) for w in after.graph.initializer}
    np.testing.assert_array_equal(held["w"], weight)
