"""What an own error is measured on."""

import onnx
import pytest
from numeric_models import f32, floats, parse

from resources.ascend.emulator.sampling import Sample, sample_of
from resources.onnx_files.graph import view


def chosen(model: onnx.ModelProto) -> Sample | None:
    return sample_of(model.graph.node[-1], {w.name: w for w in model.graph.initializer}, view(model))


def conv(channels: int, group: int = 1, *, bias: bool = True) -> onnx.ModelProto:
    weights = {"w": floats((channels, 8 // group, 1, 1))} | ({"b": floats((channels,))} if bias else {})
    return parse(
        f"agraph (float[1,8,4,4] x) => (float[1,{channels},4,4] y) "
        f"{{ y = Conv<group = {group}>(x, w{', b' if bias else ''}) }}",
        weights,
    )


def test_a_large_convolution_is_measured_on_every_sixteenth_channel() -> None:
    assert chosen(conv(256)) == Sample(axis=1, step=16, weights={1: 0, 2: 0})
    assert chosen(conv(256, bias=False)) == Sample(axis=1, step=16, weights={1: 0})


def test_at_least_sixteen_channels_are_kept() -> None:
    assert chosen(conv(64)) == Sample(axis=1, step=4, weights={1: 0, 2: 0})


@pytest.mark.parametrize("model", [conv(32), conv(64, group=8)])
def test_few_channels_and_groups_are_measured_in_full(model: onnx.ModelProto) -> None:
    assert chosen(model) is None


@pytest.mark.parametrize(("transposed", "shape", "axis"), [(0, (8, 128), 1), (1, (128, 8), 0)])
def test_a_gemm_is_thinned_on_its_output_features(transposed: int, shape: tuple[int, int], axis: int) -> None:
    model = parse(
        f"agraph (float[1,8] x) => (float[1,128] y) {{ y = Gemm<transB = {transposed}>(x, w) }}", {"w": floats(shape)}
    )
    assert chosen(model) == Sample(axis=1, step=8, weights={1: axis})


def test_a_product_with_a_matrix_is_thinned_on_its_last_axis() -> None:
    model = parse("agraph (float[2,3,8] x) => (float[2,3,128] y) { y = MatMul(x, w) }", {"w": floats((8, 128))})
    assert chosen(model) == Sample(axis=-1, step=8, weights={1: 1})


@pytest.mark.parametrize(
    "graph",
    [
        "agraph (float[2,8,64] x, float[2,64,128] w) => (float[2,8,128] y) { y = MatMul(x, w) }",
        "agraph (float[1,8] x, float[128] c) => (float[1,128] y) { y = Gemm(x, w, c) }",
    ],
)
def test_computed_weights_are_measured_in_full(graph: str) -> None:
    assert chosen(parse(graph, {"w": floats((8, 128))} if "Gemm" in graph else {})) is None


def test_an_elementwise_operator_is_thinned_on_its_inputs() -> None:
    model = parse("agraph (float[1,256,64,64] x, float[1,256,64,64] z) => (float[1,256,64,64] y) { y = Add(x, z) }")
    assert chosen(model) == Sample(axis=1, step=16, inputs=frozenset({0, 1}))
    scaled = parse("agraph (float[1,256,64,64] x) => (float[1,256,64,64] y) { y = Mul(x, s) }", {"s": f32(2)})
    assert chosen(scaled) == Sample(axis=1, step=16, inputs=frozenset({0}))


@pytest.mark.parametrize(
    "graph",
    [
        "agraph (float[1,256,4,4] x) => (float[1,256,4,4] y) { y = Exp(x) }",
        "agraph (float[1,256,64,64] x, float[1,256,1,1] z) => (float[1,256,64,64] y) { y = Add(x, z) }",
        "agraph (float[65536] x) => (float[65536] y) { y = Exp(x) }",
        "agraph (float[1,256,64,64] x) => (float[1,256,64,64] y) { y = Softmax(x) }",
    ],
)
def test_small_broadcast_flat_and_coupled_operators_are_measured_in_full(graph: str) -> None:
    assert chosen(parse(graph)) is None
