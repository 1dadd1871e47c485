"""A factor applied first: the same in FP32, and nothing too large in between."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edit_samples import Array, graph, node, normal, refused, same
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.reformulate import reformulate

Q, K = (2, 8, 64), (2, 64, 8)


def attention(scale: float = 0.125, op: str = "Mul") -> onnx.ModelProto:
    nodes = [node("MatMul", "q k", "p", "begin"), node(op, "p c", "s", "scale"), node("Softmax", "s", "y", "softmax")]
    return graph(nodes, {"q": Q, "k": K}, ["y"], {"c": scale if op == "Mul" else 1 / scale})


WAYS: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
    "matmul": (
        [node("MatMul", "x w", "p", "begin"), node("Mul", "p c", "y", "scale")],
        {"w": normal(64, 8), "c": 1e-3},
    ),
    "the other operand": (
        [node("MatMul", "w x", "p", "begin"), node("Mul", "c p", "y", "scale")],
        {"w": normal(32, 32), "c": np.array([[1e-3]], np.float32)},
    ),
    "bias": (
        [node("MatMul", "x w", "p", "begin"), node("Add", "p b", "a", "bias"), node("Div", "a c", "y", "scale")],
        {"w": normal(64, 8), "b": normal(8, scale=1000), "c": 1000.0},
    ),
    "gemm": (
        [node("Gemm", "x w b", "p", "begin"), node("Relu", "p", "r", "relu"), node("Mul", "r c", "y", "scale")],
        {"w": normal(64, 8), "b": normal(8, scale=1000), "c": 1e-3},
    ),
    "sum": (
        [node("ReduceSum", "x axis", "p", "begin"), node("Abs", "p", "a", "abs"), node("Div", "a c", "y", "scale")],
        {"axis": np.array([1]), "c": 2048.0},
    ),
    "additions": (
        [
            node("Add", "x x", "a", "begin"),
            node("Add", "a x", "b", "next"),
            node("Max", "b zero", "m", "max"),
            node("Clip", "m low high", "l", "clip"),
            node("Mul", "l c", "y", "scale"),
        ],
        {"zero": 0.0, "c": 1e-3, "low": -3e7, "high": 3e7},
    ),
    "there and back": (
        [node("Mul", "x up", "p", "begin"), node("Relu", "p", "r", "relu"), node("Mul", "r c", "y", "scale")],
        {"up": 1e4, "c": 1e-4},
    ),
    "a factor of its own": (
        [node("Mul", "x up", "p", "begin"), node("LeakyRelu", "p", "r", "relu"), node("Mul", "r c", "y", "scale")],
        {"up": 3e4, "c": 1e-3},
    ),
    "moved about": (
        [
            node("MatMul", "x w", "p", "begin"),
            node("Transpose", "p", "t", "turn", perm=[1, 0]),
            node("Identity", "t", "i", "same"),
            node("Concat", "i i2", "k", "join", axis=0),
            node("Mul", "k c", "y", "scale"),
        ],
        {"w": normal(64, 8), "i2": normal(8, 32, scale=1000), "c": 1e-3},
    ),
}


def way(name: str) -> onnx.ModelProto:
    nodes, weights = WAYS[name]
    model: onnx.ModelProto = graph(nodes, {"x": (32, 64)}, ["y"], weights)
    return model


X = {"x": np.abs(normal(32, 64, scale=3000)) + 20000}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_the_same_in_fp32_and_within_fp16(tmp_path: Path, name: str) -> None:
    before = way(name)
    kept = before.SerializeToString()
    after = reformulate(before, ["begin"], "scale_first")
    assert "scale" not in {each.name for each in after.graph.node}
    assert before.SerializeToString() == kept
    inputs = X if "up" not in WAYS[name][1] else {"x": normal(32, 64, scale=5)}
    assert same(before, after, **inputs)
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()


@pytest.mark.parametrize("op", ["Mul", "Div"])
@pytest.mark.parametrize("begin", ["begin", "scale"])
def test_attention_scales_its_queries(tmp_path: Path, op: str, begin: str) -> None:
    before = attention(1e-4, op)
    after = reformulate(before, [begin], "scale_first")
    assert [(each.op_type, each.name) for each in after.graph.node][-2:] == [
        ("MatMul", "begin"),
        ("Softmax", "softmax"),
    ]
    inputs: dict[str, Array] = {"q": normal(*Q) + 100, "k": normal(*K, seed=1, scale=100)}
    assert same(before, after, **inputs)
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()


@given(factor=st.floats(2**-10, 0.999), op=st.sampled_from(["Mul", "Div"]))
@settings(max_examples=20, deadline=None)
def test_any_factor_below_one(factor: float, op: str) -> None:
    before = attention(factor, op)
    after = reformulate(before, ["begin"], "scale_first")
    assert same(before, after, q=normal(*Q), k=normal(*K, seed=1))


def test_a_detour_through_tiny_values_is_cut_short(tmp_path: Path) -> None:
    nodes = [node("Mul", "x low", "p", "begin"), node("Relu", "p", "r", "relu"), node("Mul", "high r", "y", "scale")]
    before = graph(nodes, {"x": (32, 64)}, ["y"], {"low": 1e-8, "high": 1e8})
    inputs = {"x": normal(32, 64)}
    assert "underflow_layers" in refused(tmp_path, before, inputs)
    after = reformulate(before, ["begin"], "scale_first")
    assert {each.name for each in after.graph.node} == {"begin/Identity", "relu"}
    assert same(before, after, **inputs)
    assert refused(tmp_path, after, inputs) == set()


def test_a_factor_that_makes_larger_is_left_where_it_is() -> None:
    nodes = [node("Mul", "x low", "p", "begin"), node("Mul", "p high", "y", "scale")]
    with pytest.raises(EditError, match="y is an output"):
        reformulate(graph(nodes, {"x": (4, 8)}, ["y"], {"low": 1e-3, "high": 1e8}), ["begin"], "scale_first")


def behind(*nodes: onnx.NodeProto, outputs: tuple[str, ...] = ("y",)) -> onnx.ModelProto:
    every = [node("Mul", "x up", "p", "begin"), *nodes]
    model: onnx.ModelProto = graph(every, {"x": (4, 8)}, outputs, {"up": 1e4, "c": 1e-4, "row": normal(8) * 1e-3})
    return model


REFUSED = {
    "not homogeneous": (
        behind(node("Softplus", "p", "s", "f"), node("Mul", "s c", "y")),
        "Softplus f is not homogeneous",
    ),
    "a square": (behind(node("Mul", "p p", "s"), node("Mul", "s c", "y")), "more than one node"),
    "a divisor": (behind(node("Div", "x p", "s", "f"), node("Mul", "s c", "y")), "Div f is not homogeneous"),
    "read elsewhere": (
        behind(node("Mul", "p c", "a"), node("Relu", "p", "b"), node("Add", "a b", "y")),
        "p is used by more than one node",
    ),
    "an output": (behind(node("Mul", "p c", "y"), outputs=("y", "p")), "p is an output"),
    "no factor": (behind(node("Relu", "p", "y")), "y is an output"),
    "a factor for each column": (behind(node("Mul", "p row", "y")), "y is an output"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_lets_no_factor_through_is_left_alone(name: str) -> None:
    model, why = REFUSED[name]
    with pytest.raises(EditError, match=why):
        reformulate(model, ["begin"], "scale_first")


def test_a_chain_without_end_is_given_up() -> None:
    nodes = [node("Relu", f"t{i}", f"t{i + 1}") for i in range(60)]
    nodes = [node("Mul", "x up", "t0", "begin"), *nodes, node("Mul", "t60 c", "y")]
    model = graph(nodes, {"x": (4,)}, ["y"], {"up": 1e4, "c": 1e-4})
    with pytest.raises(EditError, match="none among the 32 nodes"):
        reformulate(model, ["begin"], "scale_first")
