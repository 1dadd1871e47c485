"""The lowered graph computes what the device computes."""

import math

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numeric_models import TRAP, bits, emulate, f16, f32, floats, fp16, i64, options, parse
from onnx import TensorProto

from resources.ascend.emulator.infer import Session, reference, serialized
from resources.ascend.emulator.lower import lower, marker
from resources.ascend.emulator.rounding import held_value
from resources.onnx_files.graph import view

LEVELS = [
    onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
]
ANY_FLOATS = hnp.arrays(np.float32, 7, elements=st.floats(width=32, allow_nan=False))
ELEMENTWISE = parse("agraph (float[7] x) => (float[7] y) { a = Neg(x) b = Sigmoid(a) c = Mul(b, x) y = Add(c, x) }")


def at_level(model: onnx.ModelProto, level: onnxruntime.GraphOptimizationLevel, x: np.ndarray) -> np.ndarray:
    chosen = onnxruntime.SessionOptions()
    chosen.graph_optimization_level = level
    session = onnxruntime.InferenceSession(model.SerializeToString(), chosen, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.mark.parametrize("level", LEVELS)
def test_rounding_survives_every_optimisation_level_where_a_real_fp16_graph_loses_it(
    level: onnxruntime.GraphOptimizationLevel,
) -> None:
    assert at_level(lower(parse(TRAP), options()), level, f32([10])) == math.inf


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "body",
    [
        "c = Conv<pads = [1, 1, 1, 1]>(x, w) y = Relu(c)",
        "c = Conv<pads = [1, 1, 1, 1]>(x, w) y = Add(c, x)",
        "a = Add(x, x) b = Add(a, x) y = Add(b, a)",
        "a = Mul(x, x) b = Transpose<perm = [0, 1, 3, 2]>(a) y = Mul(b, x)",
        "s = Constant<value_ints = [1, 4, 8, 2]>() a = Exp(x) b = Reshape(a, s) y = Exp(b)",
        "a = Sigmoid(x) y = Mul(a, x)",
    ],
)
def test_no_fusion_swallows_a_rounding(level: onnxruntime.GraphOptimizationLevel, body: str) -> None:
    """Node by node in numpy's FP16, against the optimised graph: a missing rounding would show in some element."""
    model = (
        parse(f"agraph (float[1,4,4,4] x) => (float[k,l,m,n] y) {{ {body} }}", {"w": floats((4, 4, 3, 3), 1)})
        if "w)" in body
        else (parse(f"agraph (float[1,4,4,4] x) => (float[k,l,m,n] y) {{ {body} }}"))
    )
    x = floats((1, 4, 4, 4), 2)
    plain = at_level(lower(model, options()), LEVELS[0], x)
    optimised = at_level(lower(model, options()), level, x)
    assert np.array_equal(bits(optimised), bits(fp16(optimised)))
    assert np.abs(optimised - plain).max() <= 2**-10 * np.abs(plain).max()
    assert np.mean(optimised == plain) > 0.95


def test_a_weight_is_stored_in_fp16_and_rounded_once() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { y = Mul(x, w) }", {"w": f32([1.0001, 70000])})
    lowered = lower(model, options())
    assert [w.data_type for w in lowered.graph.initializer] == [TensorProto.FLOAT16]
    assert emulate(model, x=f32([1, 1])).tolist() == [1.0, math.inf]


def test_names_and_types_of_inputs_and_outputs_stay() -> None:
    model = parse("agraph (float16[2] x, int64[2] i) => (float16[2] y, int64[2] j) { y = Exp(x) j = Add(i, i) }")
    lowered = lower(model, options())
    assert lowered.graph.input == model.graph.input
    assert lowered.graph.output == model.graph.output
    result = Session(serialized(lowered)).run({"x": f16([0, 1]), "i": i64([3, 2**40])})
    assert result["y"].dtype == np.float16
    assert result["y"].tolist() == [1.0, float(f16(math.e))]
    assert result["j"].tolist() == [6, 2**41]


def test_an_fp16_models_own_rounding_is_not_fused_away() -> None:
    trap = TRAP.replace("float[N]", "float16[N]").replace("float up = {10000.0}, float down = {0.0001}", "")
    model = parse(trap.replace("<>", ""), {"up": f16(1e4), "down": f16(1e-4)})
    assert emulate(model, x=f16([10])) == math.inf


def test_a_cube_sums_in_fp32_and_rounds_once() -> None:
    """2048 + 1 - 2048 + ... is lost by FP16 sums; the cube's FP32 accumulator keeps it."""
    x = f32([[2048.0, 1.0, -2048.0, 0.5]])
    model = parse("agraph (float[1,4] x) => (float[1,1] y) { y = MatMul(x, w) }", {"w": np.ones((4, 1), np.float32)})
    assert emulate(model, x=x) == 1.5


def test_fp16_in_fp32_out_rounds_the_factors_only() -> None:
    model = parse("agraph (float[1,1] x) => (float[1,1] y) { y = MatMul(x, w) }", {"w": f32([[3.0001]])})
    given_x = f32([[5.0003]])
    exact = fp16(5.0003) * fp16(3.0001)
    assert emulate(model, "force_fp32", x=given_x) == exact
    assert emulate(model, "force_fp16", x=given_x) == fp16(exact)
    assert emulate(model, "force_fp32", "Ascend910B3", x=given_x) == given_x * f32(3.0001)


def test_bf16_rounds_to_eight_bits() -> None:
    x = floats((7,), scale=1e30)
    model = parse("agraph (float[7] x) => (float[7] y) { y = Neg(x) }")
    expected = -(x.astype(ml_dtypes.bfloat16).astype(np.float32))
    mixed = emulate(parse("agraph (float[7] x) => (float[7] y) { y = Neg(x) }"), "force_fp16", x=x)
    assert np.isinf(mixed).all()
    kept = lower(model, options("allow_mix_precision_bf16", "Ascend910B3", modify_mixlist={"white_to_add": ["Neg"]}))
    assert np.array_equal(Session(serialized(kept)).run({"x": x})["y"], expected)


@pytest.mark.parametrize(("epsilon", "finite"), [(1e-5, True), (1e-12, False)])
def test_an_epsilon_is_held_as_fp16_holds_it(epsilon: float, *, finite: bool) -> None:
    """Rows without variance: only epsilon keeps the division alive, and FP16 has no 1e-12."""
    model = parse(
        f"agraph (float[1,4] x) => (float[1,4] y) {{ y = LayerNormalization<epsilon = {epsilon:.12f}>(x, s) }}",
        {"s": np.ones(4, np.float32)},
    )
    result = emulate(model, x=np.full((1, 4), 2, np.float32))
    assert np.isfinite(result).all() == finite


def test_an_epsilon_by_default_is_held_too() -> None:
    model = parse("agraph (float[1,4] x, float[4] s) => (float[1,4] y) { y = LayerNormalization(x, s) }")
    node = next(n for n in lower(model, options()).graph.node if n.op_type == "LayerNormalization")
    held = {a.name: a.f for a in node.attribute}["epsilon"]
    assert held == pytest.approx(float(f16(1e-5)), rel=1e-6)


def test_what_the_compiler_reads_as_a_parameter_is_not_rounded() -> None:
    """A scale of 1e-6 is far below FP16; the quantised path has to keep it."""
    model = parse(
        """agraph (float[3] x) => (float[3] y) <float s = {0.000001}, int8 z = {0}> {
            q = QuantizeLinear(x, s, z) y = DequantizeLinear(q, s, z)
        }"""
    )
    x = f32([1e-6, 5e-6, -9e-6])
    assert emulate(model, x=x) == pytest.approx(x, rel=1e-6)
    resize = parse(
        "agraph (float[1,1,3,3] x) => (float[1,1,a,b] y) <float[4] s = {1.0, 1.0, 1.6667, 1.6667}> "
        "{ y = Resize(x, , s) }"
    )
    assert emulate(resize, x=floats((1, 1, 3, 3))).shape == (1, 1, 5, 5)


def test_a_subgraph_reads_the_devices_tensors() -> None:
    model = parse(
        """agraph (float[1] x, bool c) => (float[1] y) {
            a = Exp(x)
            y = If(c) <
                then_branch = t () => (float[1] p) { p = Identity(a) },
                else_branch = e () => (float[1] q) { q = Neg(a) }
            >
        }"""
    )
    session = Session(serialized(lower(model, options())))
    x = f32([1])
    assert session.run({"x": x, "c": np.array(True)})["y"] == fp16(np.exp(fp16(x)))
    assert session.run({"x": x, "c": np.array(False)})["y"] == -fp16(np.exp(fp16(x)))


def test_outputs_that_nothing_computes_pass_through() -> None:
    model = parse("agraph (float[2] x) => (float[2] x, float[2] w, float[2] y) { y = Neg(w) }", {"w": f32([1.0001, 2])})
    result = Session(serialized(lower(model, options()))).run({"x": f32([1.0001, 3])})
    assert result["w"].tolist() == f32([1.0001, 2]).tolist()


def test_derived_names_never_meet_given_ones() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { a = Exp(x) y = Neg(a) }")
    for node in model.graph.node:
        node.output[0] = node.output[0].replace("a", "x@float16")
        node.input[0] = node.input[0].replace("a", "x@float16")
    assert marker(view(model)) == "@@"
    assert emulate(model, x=f32([0, 1]))[0] == -1


def test_one_name_of_an_unknown_soc_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown SoC version"):
        lower(ELEMENTWISE, options(soc="Ascend42"))


@given(x=ANY_FLOATS)
@settings(max_examples=40, deadline=None)
def test_modes_that_keep_fp32_give_exactly_fp32_on_elementwise_graphs(x: np.ndarray) -> None:
    plain = reference(ELEMENTWISE).run({"x": x})["y"]
    for mode in ("force_fp32", "must_keep_origin_dtype", "allow_fp32_to_fp16", "cube_fp16in_fp32out"):
        assert np.array_equal(emulate(ELEMENTWISE, mode, x=x), plain, equal_nan=True)


@given(x=ANY_FLOATS)
@settings(max_examples=40, deadline=None)
def test_every_result_is_an_fp16_number(x: np.ndarray) -> None:
    y = emulate(ELEMENTWISE, x=x)
    assert np.array_equal(y, fp16(y), equal_nan=True)


@given(x=ANY_FLOATS)
@settings(max_examples=40, deadline=None)
def test_rounding_the_inputs_first_changes_nothing(x: np.ndarray) -> None:
    assert np.array_equal(emulate(ELEMENTWISE, x=fp16(x)), emulate(ELEMENTWISE, x=x), equal_nan=True)


@given(x=hnp.arrays(np.float32, 7, elements=st.floats(0.5, 8, width=32)), power=st.integers(-6, 6))
@settings(max_examples=40, deadline=None)
def test_scaling_by_a_power_of_two_commutes_with_products_and_sums_away_from_the_limits(
    x: np.ndarray, power: int
) -> None:
    model = parse("agraph (float[7] x) => (float[7] y) { a = Add(x, x) y = Mul(a, w) }", {"w": f32([1.7])})
    scale = f32(2.0**power)
    assert np.array_equal(emulate(model, x=x * scale), emulate(model, x=x) * scale)


@given(value=st.floats(allow_nan=False, width=32))
def test_a_held_value_is_what_numpy_rounds_to_and_holding_it_again_changes_nothing(value: float) -> None:
    held = held_value(value, "float16")
    assert held == fp16(value)
    assert held_value(held, "float16") == held
    assert held_value(value, "float32") == value
