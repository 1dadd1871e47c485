"""Weights divided by a power of two: the same in FP32 to the last bit, and numbers in FP16."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edit_samples import graph, node, normal, refused
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.scale_weights import scale_weights
from resources.onnx_files.equivalence import compare

W = normal(64, 8, scale=1e5)
PRODUCTS: dict[str, tuple[onnx.NodeProto, tuple[int, ...], dict[str, Any]]] = {
    "MatMul": (node("MatMul", "x w", "y", "product"), (4, 64), {"w": W}),
    "MatMul, weight first": (node("MatMul", "w x", "y", "product"), (8, 4), {"w": W}),
    "Gemm": (node("Gemm", "x w b", "y", "product"), (4, 64), {"w": W, "b": normal(8)}),
    "Conv": (
        node("Conv", "x w b", "y", "product"),
        (1, 3, 8, 8),
        {"w": normal(4, 3, 3, 3, scale=1e5), "b": normal(4)},
    ),
}


def model(name: str) -> onnx.ModelProto:
    product, shape, weights = PRODUCTS[name]
    made: onnx.ModelProto = graph([product], {"x": shape}, ["y"], weights)
    return made


@pytest.mark.parametrize("name", sorted(PRODUCTS))
@given(power=st.integers(1, 32))
@settings(max_examples=8, deadline=None)
def test_nothing_changes_in_fp32(name: str, power: int) -> None:
    before = model(name)
    found = compare(before, scale_weights(before, ["product"], power), {"x": normal(*PRODUCTS[name][1])})
    assert found.worst == 0


@pytest.mark.parametrize("name", sorted(PRODUCTS))
def test_weights_beyond_fp16_become_numbers(tmp_path: Path, name: str) -> None:
    before, inputs = model(name), {"x": normal(*PRODUCTS[name][1], scale=1e-3)}
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    after = scale_weights(before, ["product"], 4)
    assert refused(tmp_path, after, inputs) == set()
    assert after.graph.node[0].name == "product"


def test_a_weight_that_others_read_is_copied() -> None:
    nodes = [node("MatMul", "x w", "a", "product"), node("MatMul", "x w", "b", "other"), node("Add", "a b", "y")]
    after = scale_weights(graph(nodes, {"x": (4, 64)}, ["y"], {"w": W}), ["product"], 4)
    held = {weight.name: numpy_helper.to_array(weight) for weight in after.graph.initializer}
    assert np.array_equal(held["w"], W)
    assert next(each for each in after.graph.node if each.name == "other").input[1] == "w"


@pytest.mark.parametrize(
    ("each", "why"),
    [(node("Relu", "x", "y", "product"), "no weights to scale"), (node("MatMul", "x x", "y", "product"), "no weight")],
)
def test_only_products_with_weights(each: onnx.NodeProto, why: str) -> None:
    with pytest.raises(EditError, match=why):
        scale_weights(graph([each], {"x": (4, 4)}, ["y"]), ["product"], 4)
