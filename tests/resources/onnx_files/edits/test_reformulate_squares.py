"""Sums of squares of values near one: the same in FP32, and within FP16's range."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from edit_samples import Array, graph, node, normal, refused, same
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.reformulate import reformulate

SHAPE = (2, 6, 64)


def l2(*, reduced: str = "ReduceL2", guard: str = "", back: str = "divide", opset: int = 13) -> onnx.ModelProto:
    """A norm of x along its last axis, with a guard, that divides x or is handed out."""
    nodes = {
        "ReduceL2": [node("ReduceL2", "x", "r", "norm", axes=[-1])],
        "ReduceSumSquare": [node("ReduceSumSquare", "x", "s", "sum", axes=[-1]), node("Sqrt", "s", "r", "root")],
        "Mul": [
            node("Mul", "x x", "q", "square"),
            node("ReduceSum", "q axis", "s", "sum", keepdims=1),
            node("Sqrt", "s", "r", "root"),
        ],
        "Mean": [
            node("Pow", "x two", "q", "square"),
            node("ReduceMean", "q", "s", "sum", axes=[-1]),
            node("Add", "s eps", "g", "guard"),
            node("Sqrt", "g", "r", "root"),
        ],
    }[reduced]
    end = "r"
    if guard:
        behind = {"Clip": "r eps", "Max": "r eps", "Add": "eps r", "Expand": "r shape"}
        nodes = [*nodes, node(guard, behind[guard], "b", "behind")]
        end = "b"
    ends = {
        "divide": [node("Div", f"x {end}", "y", "quotient")],
        "reciprocal": [node("Reciprocal", end, "i", "inverse"), node("Mul", "i x", "y", "product")],
        "hand out": [node("Mul", f"{end} tiny", "y", "out")],
        "other": [node("Mul", f"{end} z", "y", "out")],
    }[back]
    weights = {
        "axis": np.array([-1]),
        "two": 2.0,
        "eps": 1e-6,
        "tiny": 1e-3,
        "shape": np.array(SHAPE),
        "z": normal(64) * 1e-3,
    }
    read = {name for each in (*nodes, *ends) for name in each.input}
    used = {name: value for name, value in weights.items() if name in read}
    return graph([*nodes, *ends], {"x": SHAPE}, ["y"], used, opset=opset)


def mixed(scale: float) -> Array:
    """Rows of very different sizes, one of them of zeros but for one element."""
    x = normal(*SHAPE) * np.logspace(-3, 0, 6, dtype=np.float32).reshape(6, 1) * np.float32(scale)
    x[0, 0] = 0
    x[0, 0, 3] = scale
    return x


@pytest.mark.parametrize("reduced", ["ReduceL2", "ReduceSumSquare", "Mul", "Mean"])
@pytest.mark.parametrize("guard", ["", "Clip", "Max", "Add", "Expand"])
@pytest.mark.parametrize("back", ["divide", "reciprocal", "hand out", "other"])
def test_the_same_in_fp32(reduced: str, guard: str, back: str) -> None:
    before = l2(reduced=reduced, guard=guard, back=back)
    after = reformulate(before, [before.graph.node[0].name], "sum_of_squares")
    assert same(before, after, x=mixed(1000))
    assert {each.name for each in after.graph.node} >= {"quotient"} & {each.name for each in before.graph.node}


@given(scale=st.floats(1e-3, 1e5))
@settings(max_examples=25, deadline=None)
def test_the_same_in_fp32_whatever_the_size(scale: float) -> None:
    before = l2(reduced="Mean")
    after = reformulate(before, ["square"], "sum_of_squares")
    assert same(before, after, x=mixed(scale))


@pytest.mark.parametrize("reduced", ["ReduceSumSquare", "Mul", "Mean"])
@pytest.mark.parametrize("back", ["divide", "hand out"])
def test_survives_fp16_where_the_squares_do_not(tmp_path: Path, reduced: str, back: str) -> None:
    before, inputs = l2(reduced=reduced, back=back), {"x": normal(*SHAPE, scale=2000)}
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    after = reformulate(before, [before.graph.node[0].name], "sum_of_squares")
    assert refused(tmp_path, after, inputs) == set()


def test_what_fits_already_stays_as_good_as_it_was(tmp_path: Path) -> None:
    before, inputs = l2(reduced="Mean"), {"x": normal(*SHAPE)}
    assert refused(tmp_path, reformulate(before, ["sum"], "sum_of_squares"), inputs) == set()


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_a_layer_normalisation_of_any_opset(tmp_path: Path, opset: int) -> None:
    def mean(source: str, made: str, name: str) -> onnx.NodeProto:
        if opset >= 18:
            return node("ReduceMean", f"{source} axes", made, name, keepdims=1)
        return node("ReduceMean", source, made, name, axes=[-1], keepdims=1)

    nodes = [
        mean("x", "m", "mean"),
        node("Sub", "x m", "d", "deviation"),
        node("Pow", "d two", "q", "square"),
        mean("q", "v", "variance"),
        node("Add", "v eps", "g", "guard"),
        node("Sqrt", "g", "r", "root"),
        node("Div", "d r", "y", "quotient"),
    ]
    weights = {"two": 2.0, "eps": 1e-5, **({"axes": np.array([-1])} if opset >= 18 else {})}
    before = graph(nodes, {"x": SHAPE}, ["y"], weights, opset=opset)
    inputs = {"x": normal(*SHAPE, scale=900)}
    after = reformulate(before, ["square"], "sum_of_squares")
    assert same(before, after, **inputs)
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()


def test_a_dropped_dimension_is_multiplied_back_in_its_shape() -> None:
    nodes = [
        node("Mul", "x x", "q", "square"),
        node("ReduceMean", "q", "s", "sum", axes=[1, 2], keepdims=0),
        node("Sqrt", "s", "y", "root"),
    ]
    before = graph(nodes, {"x": SHAPE}, ["y"])
    after = reformulate(before, ["square"], "sum_of_squares")
    assert same(before, after, x=mixed(1000))


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("Mul", "x x", "q", "begin"), node("ReduceSum", "q", "y", "sum")], "used by the model's output"),
        (
            [node("Mul", "x x", "q", "begin"), node("ReduceSum", "q", "s", "sum"), node("Exp", "s", "y", "e")],
            "used by Exp without a root",
        ),
        ([node("Relu", "x", "y", "begin")], "begins no sum of squares"),
    ],
)
def test_without_a_root_there_is_nothing_to_gain(nodes: list[onnx.NodeProto], why: str) -> None:
    with pytest.raises(EditError, match=why):
        reformulate(graph(nodes, {"x": SHAPE}, ["y"]), ["begin"], "sum_of_squares")


def test_a_sum_that_is_read_twice_is_followed_both_ways() -> None:
    nodes = [
        node("Mul", "x x", "q", "square"),
        node("ReduceMean", "q", "s", "sum", axes=[-1]),
        node("Sqrt", "s", "r", "root"),
        node("Div", "x r", "a", "quotient"),
        node("Mul", "r tiny", "b", "out"),
        node("Add", "a b", "y", "both"),
    ]
    before = graph(nodes, {"x": SHAPE}, ["y"], {"tiny": 1e-3})
    assert same(before, reformulate(before, ["square"], "sum_of_squares"), x=mixed(1000))


def test_the_argument_is_not_changed() -> None:
    before = l2()
    kept = before.SerializeToString()
    reformulate(before, ["norm"], "sum_of_squares")
    assert before.SerializeToString() == kept


def moments(keepdims: int = 1, end: str = "quotient") -> onnx.ModelProto:
    """E[x^2] - E[x]^2, never below zero, under a root."""
    nodes = [
        node("ReduceMean", "x", "m", "mean", axes=[-1], keepdims=keepdims),
        node("Mul", "x x", "q", "square"),
        node("ReduceMean", "q", "s", "squares", axes=[-1], keepdims=keepdims),
        node("Mul", "m m", "n", "squared mean"),
        node("Sub", "s n", "v", "variance"),
        node("Relu", "v", "p", "not below zero"),
        node("Add", "p eps", "g", "guard"),
        node("Sqrt", "g", "r", "root"),
    ]
    ends = {
        "quotient": [node("Sub", "x m", "d", "deviation"), node("Div", "d r", "y", "quotient")],
        "hand out": [node("Identity", "r", "y", "end")],
    }[end]
    model: onnx.ModelProto = graph([*nodes, *ends], {"x": SHAPE}, ["y"], {"eps": 1e-5})
    return model


@pytest.mark.parametrize(("keepdims", "end"), [(1, "quotient"), (1, "hand out"), (0, "hand out")])
def test_a_variance_by_moments_takes_the_mean_off_first(tmp_path: Path, keepdims: int, end: str) -> None:
    before = moments(keepdims, end)
    after = reformulate(before, ["square"], "sum_of_squares")
    assert same(before, after, x=normal(*SHAPE) + 3)
    inputs = {"x": normal(*SHAPE, scale=8) + 150}
    assert refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()
