"""Constants that FP16 cannot hold, where that matters."""

import onnx
import pytest
from numeric_models import f32, floats, options, parse

from resources.ascend.emulator.precision import arithmetic
from resources.ascend.emulator.small_constants import small_constants
from resources.ascend.toolchain import SmallConstant
from resources.onnx_files.graph import view


def found(model: onnx.ModelProto, mode: str = "force_fp16") -> tuple[SmallConstant, ...]:
    graph = view(model)
    return small_constants(graph, arithmetic(graph, options(mode)), model)


@pytest.mark.parametrize(
    "node",
    [
        "LayerNormalization<epsilon = 0.00001>(x, s, b)",
        "BatchNormalization<epsilon = 0.00001>(x, s, b, b, s)",
        "InstanceNormalization<epsilon = 0.00001>(x, s, b)",
    ],
)
def test_a_normalisations_epsilon_is_flagged(node: str) -> None:
    model = parse(f"agraph (float[2,3,3] x) => (float[2,3,3] y) {{ y = {node} }}", {n: floats((3,)) for n in "sb"})
    (constant,) = found(model)
    assert constant.node == "y"
    assert constant.value == pytest.approx(1e-5)
    assert constant.what == "epsilon: FP16 holds it as 1.001e-05, below its smallest normal number 6.1e-05"


def test_an_epsilon_that_nobody_wrote_is_flagged_too() -> None:
    model = parse("agraph (float[2,3] x) => (float[2,3] y) { y = LayerNormalization(x, s) }", {"s": floats((3,))})
    assert [c.value for c in found(model)] == pytest.approx([1e-5])


@pytest.mark.parametrize(
    "body",
    [
        "v = Add(x, e) y = Sqrt(v)",
        "v = Add(e, x) y = Log(v)",
        "v = Add(x, e) y = Div(x, v)",
        "v = Max(x, e) y = Reciprocal(v)",
        "v = Add(x, e) r = Identity(v) y = Pow(r, h)",
    ],
)
def test_a_guard_before_a_dangerous_operator_is_flagged(body: str) -> None:
    model = parse(f"agraph (float[2] x) => (float[2] y) {{ {body} }}", {"e": f32(1e-6), "h": f32(0.5)})
    (constant,) = found(model)
    assert (constant.node, constant.op) == ("v", model.graph.node[0].op_type)
    assert constant.value == pytest.approx(1e-6)
    assert constant.what.startswith(f"constant e before {model.graph.node[-1].op_type} y: FP16 holds it as")


def test_a_guard_written_as_a_constant_node_is_found() -> None:
    model = parse(
        "agraph (float[2] x) => (float[2] y) { e = Constant<value_float = 0.000001>() v = Add(x, e) y = Sqrt(v) }"
    )
    assert len(found(model)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "v = Add(x, e) y = Exp(v)",  # nothing dangerous behind it
        "v = Add(x, e) y = Div(v, x)",  # the numerator
        "v = Add(x, n) y = Sqrt(v)",  # a normal number
        "v = Add(x, w) y = Sqrt(v)",  # a weight, not one value
    ],
)
def test_what_does_not_matter_is_not_flagged(body: str) -> None:
    values = {"e": f32(1e-6), "n": f32(1e-3), "w": f32([1e-6, 1])}
    assert found(parse(f"agraph (float[2] x) => (float[2] y) {{ {body} }}", values)) == ()


def test_a_node_kept_in_fp32_is_not_flagged() -> None:
    model = parse("agraph (float[2,3] x) => (float[2,3] y) { y = LayerNormalization(x, s) }", {"s": floats((3,))})
    assert found(model, "force_fp32") == ()
