"""Sizes for inputs that leave some open: what a person states, else what the graph forces, else what is usual."""

import numpy as np
import onnx
import pytest
from conversion_cases import F32, FLOAT, INT64, Dims, net, node, opened
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.diagnosis import sizes as searched
from ascend_assets.diagnosis.fitting import excess
from ascend_assets.diagnosis.sizes import settle
from resources.onnx_files.shapes import with_shapes

OPEN: Dims = ("N", 3, "H", "W")


def tokens(length: int | None) -> onnx.ModelProto:
    """Token embeddings, with as many positions as `length` if that is given."""
    nodes = [
        node("Gather", "e ids", "a", "embed"),
        node("Add", "a p", "b", "place"),
        node("MatMul", "b w", "y", "head"),
    ]
    weights = {"e": np.zeros((50, 8), F32), "p": np.zeros((1, length or 1, 8), F32), "w": np.zeros((8, 2), F32)}
    return net(nodes, {"ids": (INT64, ("N", "S"))}, weights)


def features(width: int) -> onnx.ModelProto:
    nodes = [node("Relu", "x", "h", "active"), node("Gemm", "h w", "y", "head", transB=1)]
    return net(nodes, {"x": (FLOAT, ("N", "F"))}, {"w": np.zeros((3, width), F32)})


def test_a_batch_is_one_and_nobody_has_to_be_asked_for_it() -> None:
    sizes = settle(opened(("N", 3, 40, 40)), {})
    assert (sizes.shapes, sizes.assumed) == ({"x": (1, 3, 40, 40)}, ())


@pytest.mark.parametrize("size", [224, 32, 40, 90, 147, 1000])
def test_a_height_and_width_that_a_product_forces(size: int) -> None:
    sizes = settle(opened(OPEN, size), {})
    assert (sizes.shapes, sizes.assumed) == ({"x": (1, 3, size, size)}, ())


@given(st.integers(2, 300))
@settings(max_examples=15, deadline=None)
def test_whatever_size_is_forced_is_found(size: int) -> None:
    assert settle(opened(OPEN, size), {}).shapes == {"x": (1, 3, size, size)}


def test_where_any_size_fits_the_usual_one_is_assumed_and_said_to_be() -> None:
    sizes = settle(opened(OPEN, None), {})
    assert (sizes.shapes, sizes.assumed) == ({"x": (1, 3, 224, 224)}, ("x",))
    assert settle(tokens(None), {}).assumed == ("ids",)


@pytest.mark.parametrize("length", [77, 128, 33])
def test_a_length_that_positions_force(length: int) -> None:
    sizes = settle(tokens(length), {})
    assert (sizes.shapes, sizes.assumed) == ({"ids": (1, length)}, ())


@pytest.mark.parametrize("width", [48, 1000])
def test_a_width_that_a_weight_states(width: int) -> None:
    sizes = settle(features(width), {})
    assert (sizes.shapes, sizes.assumed) == ({"x": (1, width)}, ())


def test_channels_are_those_of_the_first_convolution() -> None:
    assert settle(opened(("N", "C", "H", "W"), 40), {}).shapes == {"x": (1, 3, 40, 40)}


def test_an_input_of_unknown_rank_has_a_shape_where_a_convolution_reads_it() -> None:
    assert settle(opened(None, 40), {}).shapes == {"x": (1, 3, 40, 40)}
    assert settle(net([node("Relu", "x", "y", "active")], {"x": (FLOAT, None)}), {}).shapes == {}


def test_what_a_person_states_is_kept() -> None:
    assert settle(opened(OPEN, None), {"x": (4, 3, 320, 480)}).shapes == {"x": (4, 3, 320, 480)}
    partly = settle(opened(OPEN, 40), {"x": (4, 3, -1, -1)})
    assert (partly.shapes, partly.assumed) == ({"x": (4, 3, 40, 40)}, ())


def test_what_the_file_fixes_stands_against_what_is_stated() -> None:
    assert settle(opened(("N", 3, 40, 40)), {"x": (2, 4, 64, 64)}).shapes == {"x": (2, 3, 40, 40)}
    assert settle(opened(OPEN, 40), {"x": (1, 3)}).shapes == {"x": (1, 3, 40, 40)}


def test_one_symbol_has_one_size_everywhere() -> None:
    nodes = [node("Add", "p q", "h", "sum"), node("MatMul", "h w", "y", "head")]
    model = net(nodes, {"p": (FLOAT, ("N", "S", 8)), "q": (FLOAT, ("N", "S", 8))}, {"w": np.zeros((8, 2), F32)})
    sizes = settle(model, {"p": (2, 50, 8)})
    assert sizes.shapes["p"] == (2, 50, 8)
    assert settle(model, {}).shapes == {"p": (1, 128, 8), "q": (1, 128, 8)}


def test_where_nothing_fits_the_usual_sizes_are_assumed() -> None:
    broken = net(
        [node("MatMul", "x a", "h", "one"), node("MatMul", "h b", "y", "two")],
        {"x": (FLOAT, ("N", "S", 4))},
        {"a": np.zeros((4, 5), F32), "b": np.zeros((6, 2), F32)},
    )
    sizes = settle(broken, {})
    assert (sizes.shapes, sizes.assumed) == ({"x": (1, 128, 4)}, ("x",))


def test_a_large_graph_is_tried_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settle(opened(OPEN, 147), {}).tried > 20
    monkeypatch.setattr(searched, "_SMALL", 1)
    monkeypatch.setattr(searched, "_LARGE", 2)
    sizes = settle(opened(OPEN, 147), {})
    assert sizes.tried <= 6
    assert sizes.shapes == {"x": (1, 3, 147, 147)}


def test_the_weights_are_neither_copied_nor_changed() -> None:
    model = opened(OPEN, 300)
    before = model.SerializeToString(deterministic=True)
    settle(model, {})
    assert model.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize(
    ("nodes", "weights", "sign"),
    [
        ([node("MatMul", "x w", "y", "m")], {"w": np.zeros((4, 2), F32)}, 0),
        ([node("Reshape", "x t", "y", "r")], {"t": np.array([2, 12])}, 0),
        ([node("Reshape", "x t", "y", "r")], {"t": np.array([2, 10])}, 1),
        ([node("Reshape", "x t", "y", "r")], {"t": np.array([2, 40])}, -1),
        ([node("Reshape", "x t", "y", "r")], {"t": np.array([5, -1])}, 1),
        ([node("Reshape", "x t", "y", "r")], {"t": np.array([0, 0, -1])}, 0),
        ([node("Flatten", "x", "f", "f"), node("Gemm", "f w", "y", "g")], {"w": np.zeros((12, 1), F32)}, 0),
        ([node("Flatten", "x", "f", "f"), node("Gemm", "f w", "y", "g")], {"w": np.zeros((9, 1), F32)}, 1),
        ([node("Flatten", "x", "f", "f"), node("Gemm", "f w", "y", "g")], {"w": np.zeros((99, 1), F32)}, -1),
    ],
)
def test_a_graph_says_by_how_much_it_gets_too_much(
    nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray], sign: int
) -> None:
    model = net(nodes, {"x": (FLOAT, (2, 3, 4))}, weights)
    assert np.sign(excess(with_shapes(model, None, None))) == sign
