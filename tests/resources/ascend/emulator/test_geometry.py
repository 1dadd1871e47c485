"""The products inside cube operators: padding, groups, and the operators of every family."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from resources.ascend.emulator.geometry import Matrix, ShapeUnknownError, matrices, padded
from resources.onnx_files.graph import Graph, view

Shapes = Mapping[str, tuple[int, ...]]


def one(op: str, inputs: Shapes, outputs: Shapes, weights: Shapes | None = None, **attributes: Any) -> Graph:
    node = helper.make_node(op, [*inputs, *(weights or {})], list(outputs), name="it", **attributes)
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [TensorProto(name=n, data_type=TensorProto.FLOAT, dims=list(s)) for n, s in (weights or {}).items()],
    )
    return view(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))


def products(graph: Graph, *, small_channel: bool = False) -> tuple[Matrix, ...]:
    return matrices(graph.nodes[0], graph, small_channel=small_channel)


def conv(channels: int, features: int, *, group: int = 1, kernel: int = 3, size: int = 14) -> Graph:
    weights = {"w": (features, channels // group, kernel, kernel)}
    return one("Conv", {"x": (2, channels, size, size)}, {"y": (2, features, size, size)}, weights, group=group)


def test_a_convolution_is_a_product_over_pixels_by_taps_times_channels() -> None:
    (product,) = products(conv(64, 96))
    assert (product.batch, product.rows, product.row, product.k, product.n) == (2, 14, 14, 9 * 64, 96)
    assert product.macs == 2 * 14 * 14 * 96 * 64 * 9


def test_three_channels_pad_to_sixteen_and_to_four_when_aipp_feeds_a_small_channel_convolution() -> None:
    graph = conv(3, 64, kernel=7)
    assert products(graph)[0].k == 49 * 16
    assert products(graph, small_channel=True)[0].k == padded(49 * 4)


def test_a_depthwise_convolution_fills_a_sixteenth_of_the_cube() -> None:
    (product,) = products(conv(96, 96, group=96))
    done = product.groups * product.batch * product.rows * product.row * product.k * product.n
    assert product.groups == 96 // 16
    assert done == 16 * product.macs


def test_narrow_groups_are_packed_until_a_block_is_full() -> None:
    assert products(conv(128, 128, group=32))[0].groups == 8
    assert products(conv(64, 64, group=2))[0].groups == 2


def test_a_one_dimensional_convolution_may_be_cut_anywhere() -> None:
    graph = one("Conv", {"x": (1, 80, 3000)}, {"y": (1, 384, 3000)}, {"w": (384, 80, 3)})
    assert (products(graph)[0].rows, products(graph)[0].row) == (3000, 1)


def test_a_transposed_convolution_multiplies_input_pixels_by_every_tap() -> None:
    graph = one("ConvTranspose", {"x": (1, 64, 8, 8)}, {"y": (1, 32, 16, 16)}, {"w": (64, 32, 2, 2)}, strides=[2, 2])
    (product,) = products(graph)
    assert (product.rows, product.row, product.k, product.n) == (8, 8, 64, 4 * 32)
    assert product.macs == 8 * 8 * 64 * 32 * 4


@pytest.mark.parametrize(("flags", "shape"), [({}, (9216, 4096)), ({"transB": 1}, (4096, 9216))])
def test_gemm_heeds_transposition(flags: dict[str, int], shape: tuple[int, int]) -> None:
    (product,) = products(one("Gemm", {"x": (5, 9216)}, {"y": (5, 4096)}, {"w": shape}, **flags))
    assert (product.rows, product.k, product.n, product.macs) == (5, 9216, 4096, 5 * 9216 * 4096)


def test_a_matmul_with_a_weight_is_one_product_and_of_two_activations_one_for_each_head() -> None:
    (weight,) = products(one("MatMul", {"x": (8, 128, 768)}, {"y": (8, 128, 3072)}, {"w": (768, 3072)}))
    (heads,) = products(one("MatMul", {"q": (8, 12, 128, 64), "k": (8, 12, 64, 128)}, {"y": (8, 12, 128, 128)}))
    assert (weight.batch, weight.rows, weight.constant) == (1, 8 * 128, True)
    assert (heads.batch, heads.rows, heads.constant) == (96, 128, False)
    assert heads.macs == 96 * 128 * 64 * 128


@pytest.mark.parametrize("shapes", [((5,), (5, 7)), ((3, 5), (5,)), ((5,), (5,)), ((2, 3, 5), (1, 5, 7))])
def test_matmul_counts_what_numpy_would_multiply(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    graph = one("MatMul", {"a": shapes[0], "b": shapes[1]}, {"y": ()})
    outer = 2 if len(shapes[0]) == 3 else 1
    rows = shapes[0][-2] if len(shapes[0]) > 1 else 1
    columns = shapes[1][-1] if len(shapes[1]) > 1 else 1
    assert products(graph)[0].macs == outer * rows * 5 * columns


@pytest.mark.parametrize(
    ("equation", "left", "right", "macs"),
    [
        ("bhid,bhjd->bhij", (2, 8, 16, 64), (2, 8, 32, 64), 2 * 8 * 16 * 32 * 64),
        ("ij,jk", (4, 5), (5, 6), 4 * 5 * 6),
        (" b n c , c d -> b n d ", (2, 7, 3), (3, 9), 2 * 7 * 3 * 9),
    ],
)
def test_einsum_is_a_product_over_the_letters_it_sums(
    equation: str, left: tuple[int, ...], right: tuple[int, ...], macs: int
) -> None:
    graph = one("Einsum", {"a": left, "b": right}, {"y": ()}, equation=equation)
    assert products(graph)[0].macs == macs


def test_an_lstm_runs_its_hidden_product_once_per_step() -> None:
    weights = {"w": (1, 4 * 256, 128), "r": (1, 4 * 256, 256)}
    entry, hidden = products(one("LSTM", {"x": (50, 8, 128)}, {"y": (50, 1, 8, 256)}, weights, hidden_size=256))
    assert (entry.rows, entry.k, entry.steps) == (400, 128, 1)
    assert (hidden.rows, hidden.k, hidden.n, hidden.steps) == (8, 256, 1024, 50)
    assert entry.macs + hidden.macs == 400 * 1024 * (128 + 256)


def test_an_unknown_shape_is_named_with_what_to_do() -> None:
    graph = view(
        helper.make_model(
            helper.make_graph(
                [helper.make_node("MatMul", ["x", "x"], ["y"], name="scores")],
                "g",
                [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
                [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            )
        )
    )
    with pytest.raises(ShapeUnknownError, match=r"'scores' \(MatMul\).*'x'.*--input-shape"):
        products(graph)


def test_a_wrong_rank_is_refused_by_the_same_name() -> None:
    with pytest.raises(ShapeUnknownError, match="ranks"):
        products(one("Gemm", {"x": (2, 3, 4)}, {"y": (2, 5)}, {"w": (4, 5)}))


@settings(deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([1, 2, 4]), st.sampled_from([1, 3, 5]))
def test_padding_never_loses_work(channels: int, features: int, group: int, kernel: int) -> None:
    (product,) = products(conv(channels * group, features * group, group=group, kernel=kernel))
    done = product.groups * product.batch * product.rows * product.row * product.k * product.n
    assert done >= product.macs
    assert product.k % 16 == 0
    assert product.n % 16 == 0


@settings(deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 512))
def test_padded_is_the_next_multiple(size: int, block: int) -> None:
    assert 0 <= padded(size, block) - size < block
    assert padded(size, block) % block == 0
