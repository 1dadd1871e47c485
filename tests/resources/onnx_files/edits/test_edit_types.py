"""Nodes and models that compute in another type."""

from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from edit_checks import edited, f32, names, ops, parse, refusal
from onnx import TensorProto, helper, numpy_helper

from resources.onnx_files.edits.insert_cast import insert_cast
from resources.onnx_files.edits.narrow_integers import narrow_integers
from resources.onnx_files.edits.widen_floats import widen_floats
from resources.onnx_files.sessions import open_session, reference, session_options


def inferred_types(model: onnx.ModelProto) -> dict[str, int]:
    known = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    values = (*known.value_info, *known.input, *known.output)
    return {v.name: v.type.tensor_type.elem_type for v in values} | {w.name: w.data_type for w in known.initializer}


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_a_resize_of_whole_numbers_computes_in_floats(mode: str, dtype: str) -> None:
    text = f"""g ({dtype}[1,1,2,2] x) => ({dtype}[1,1,4,4] y) {{ [r] y = Resize<mode = "{mode}">(x, "", s) }}"""
    before = parse(text, {"s": np.asarray([1, 1, 2, 2], np.float32)})
    x = np.asarray([[[[3, 100], [0, 77]]]], dtype)
    after = edited(lambda m: insert_cast(m, ["r"], "float32"), before, {"x": x})
    assert ops(after) == ["Cast", "Resize", "Cast"]
    assert names(after)[1] == "r"
    assert after.graph.node[1].input[2] == "s"


def test_only_data_is_cast() -> None:
    text = """g (float[2] x, float[2] z, bool[2] c) => (float[2] y, float[1] v, int64[1] i) {
        [w] y = Where(c, x, z)
        k = Constant<value = int64[1] {1}>()
        [t] v, i = TopK(y, k)
    }"""
    after = edited(lambda m: insert_cast(m, ["w", "t"], "float16"), parse(text), rtol=2e-3)
    assert ops(after) == ["Cast", "Cast", "Where", "Cast", "Constant", "Cast", "TopK", "Cast"]
    assert after.graph.node[2].input[0] == "c"


def test_inputs_of_unlike_types_become_one() -> None:
    text = "g (float[2] x) => (float[4] y) { h = Cast<to = 10>(x) [cat] y = Concat<axis = 0>(x, h) }"
    after = insert_cast(parse(text), ["cat"], "float32")
    assert ops(after) == ["Cast", "Cast", "Concat"]
    x = f32(2)
    wanted = np.concatenate([x, x.astype(np.float16).astype(np.float32)])
    np.testing.assert_allclose(reference(after).run({"x": x})["y"], wanted, rtol=1e-3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("g (float[2] x) => (float[2] y) { [n] y = Relu(x) }", "already"),
        ("g (bool[2] x) => (bool[2] y) { [n] y = Not(x) }", "takes no FLOAT"),
        ("g (float[2] x) => (float[2] y) { [other] y = Relu(x) }", "no node n"),
    ],
)
def test_a_cast_without_sense_is_refused(text: str, reason: str) -> None:
    assert reason in refusal(lambda m: insert_cast(m, ["n"], "float32"), parse(text))


def double() -> onnx.ModelProto:
    text = """g (double[2,3] x, float[2,3] z) => (double[2,4] y) {
        d = Cast<to = 11>(z)
        a = Add(x, d)
        one = Constant<value = double {1.5}>()
        b = Mul(a, one)
        [m] y = MatMul(b, w)
    }"""
    return parse(text, {"w": np.asarray(f32(3, 4), np.float64)})


def test_no_float64_is_left_inside_and_callers_see_no_change() -> None:
    after = edited(lambda m: widen_floats(m, "float64"), double())
    types = inferred_types(after)
    assert types["x"] == types["y"] == TensorProto.DOUBLE
    assert [name for name, dtype in types.items() if dtype == TensorProto.DOUBLE] == ["x", "y"]
    assert "m" in names(after)
    assert "no bfloat16" in refusal(lambda m: widen_floats(m, "bfloat16"), after)


def test_a_file_in_fp16_computes_in_fp32_and_callers_see_no_change() -> None:
    """Only then can a node keep FP32: 300 squared is beyond FP16."""
    text = "g (float16[2,3] x) => (float16[2,1] y) { [sq] s = Mul(x, x) [sum] t = ReduceSum(s, axes) y = Sqrt(t) }"
    before = parse(text, {"axes": np.asarray([1])})
    after = widen_floats(before, "float16")
    types = inferred_types(after)
    assert types["x"] == types["y"] == TensorProto.FLOAT16
    assert [name for name, dtype in types.items() if dtype == TensorProto.FLOAT16] == ["x", "y"]
    assert {"sq", "sum"} <= set(names(after))
    session = open_session(after.SerializeToString(), session_options())
    (found,) = session.run(None, {"x": np.full((2, 3), 300, np.float16)})
    np.testing.assert_allclose(found, 300 * np.sqrt(3), rtol=1e-3)


def test_a_mask_beyond_fp32_stays_a_mask() -> None:
    text = "g (double[2] x) => (double[2] y) { y = Add(x, m) }"
    before = parse(text, {"m": np.asarray([-1.7e308, np.inf])})
    after = widen_floats(before, "float64")
    mask = numpy_helper.to_array(after.graph.initializer[0])
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask, [np.finfo(np.float32).min, np.inf])


def test_bfloat16_becomes_fp32_with_inputs_and_outputs() -> None:
    text = """g (bfloat16[2,3] x) => (bfloat16[2,4] y) {
        f = Cast<to = 1>(x) r = Relu(f) b = Cast<to = 16>(r) [m] y = MatMul(b, w) }"""
    model = parse(text)
    model.graph.initializer.append(numpy_helper.from_array(f32(3, 4).astype(ml_dtypes.bfloat16), "w"))
    after = edited(lambda m: widen_floats(m, "bfloat16"), model, {"x": f32(2, 3)})
    assert set(inferred_types(after).values()) == {TensorProto.FLOAT}


def test_floats_of_graphs_inside_nodes_widen_too() -> None:
    branch = helper.make_graph(
        [
            helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(np.asarray([2.0]))),
            helper.make_node("Mul", ["x", "k"], ["t"]),
        ],
        "b",
        [],
        [helper.make_tensor_value_info("t", TensorProto.DOUBLE, [2])],
    )
    model = parse("g (double[2] x, bool c) => (double[2] y) { y = Neg(x) }")
    model.graph.node[0].CopyFrom(helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))
    edited(lambda m: widen_floats(m, "float64"), model)


NUMBERS = """g (int64[4] x, float[8,3] table) => (float[1,3] y, int64[1] z) {
    two = Constant<value = int64[4] {2,3,4,5}>()
    [mul] a = Mul(x, two)
    seven = Constant<value = int64 {7}>()
    [mod] b = Mod(a, seven)
    [least] z = ReduceMin<keepdims = 1, axes = [0]>(b)
    [take] y = Gather(table, z)
}"""


def test_integers_between_named_nodes_never_become_wide_again() -> None:
    before = parse(NUMBERS)
    after = edited(lambda m: narrow_integers(m, ["mul", "mod", "least", "take"]), before)
    assert ops(after) == ["Cast", "Mul", "Mod", "ReduceMin", "Cast", "Gather"]
    types = inferred_types(after)
    assert [types[after.graph.node[i].output[0]] for i in (1, 2, 3)] == [TensorProto.INT32] * 3


def test_one_node_alone_is_cast_at_its_border() -> None:
    after = edited(lambda m: narrow_integers(m, ["mod"]), parse(NUMBERS))
    assert [n.op_type for n in after.graph.node if n.op_type == "Cast"] == ["Cast", "Cast"]


def test_a_cast_to_int64_becomes_one_to_int32() -> None:
    text = "g (float[2] x) => (float[2] y) { [c] a = Cast<to = 7>(x) [m] b = Mul(a, a) y = Cast<to = 1>(b) }"
    after = edited(lambda m: narrow_integers(m, ["c", "m"]), parse(text), {"x": np.asarray([1.5, 7.9], np.float32)})
    assert TensorProto.INT64 in inferred_types(after).values()
    assert [n.attribute[0].i for n in after.graph.node if n.name == "c"] == [TensorProto.INT32]


def test_sizes_stay_in_64_bits_because_onnx_wants_them_so() -> None:
    text = "g (float[2,3] x) => (float[3,2] y) { s = Constant<value = int64[2] {3,2}>() [r] y = Reshape(x, s) }"
    assert "nothing of it" in refusal(lambda m: narrow_integers(m, ["r"]), parse(text))


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**62])
def test_a_constant_that_does_not_fit_is_refused(number: int) -> None:
    text = f"g (int64[1] x) => (int64[1] y) {{ k = Constant<value = int64[1] {{{number}}}>() [a] y = Add(x, k) }}"
    assert "does not fit" in refusal(lambda m: narrow_integers(m, ["a"]), parse(text))


def test_edges_of_32_bits_fit() -> None:
    text = "g (int64[2] x) => (int64[2] y) { [a] y = Max(x, k) }"
    edges: Any = np.asarray([2**31 - 1, -(2**31)])
    edited(lambda m: narrow_integers(m, ["a"]), parse(text, {"k": edges}))
