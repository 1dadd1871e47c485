"""An epsilon that FP16 loses, raised: of the named node alone, and never lowered."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from edit_samples import graph, node, normal, refused, same
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.raise_epsilon import raise_epsilon

SHAPE = (2, 4, 16)


def norm(**attributes: Any) -> onnx.ModelProto:
    model: onnx.ModelProto = graph(
        [node("LayerNormalization", "x g b", "y", "norm", **attributes)],
        {"x": SHAPE},
        ["y"],
        {"g": np.ones(16, np.float32), "b": np.zeros(16, np.float32)},
        opset=17,
    )
    return model


def epsilon(model: onnx.ModelProto, name: str = "norm") -> float:
    found = next(each for each in model.graph.node if each.name == name)
    return next(float(entry.f) for entry in found.attribute if entry.name == "epsilon")


@pytest.mark.parametrize("attributes", [{}, {"epsilon": 1e-12}, {"epsilon": 1e-12, "axis": -1}])
def test_an_attribute_stated_or_not(attributes: dict[str, float]) -> None:
    before = norm(**attributes)
    kept = before.SerializeToString()
    after = raise_epsilon(before, ["norm"], 1e-4)
    assert epsilon(after) == np.float32(1e-4)
    assert before.SerializeToString() == kept
    assert len(after.graph.node[0].attribute) == max(1, len(attributes))


@given(stated=st.floats(1e-12, 0.1), to=st.floats(1e-7, 0.01))
@settings(max_examples=25, deadline=None)
def test_never_lower(stated: float, to: float) -> None:
    assert epsilon(raise_epsilon(norm(epsilon=stated), ["norm"], to)) == np.float32(max(float(np.float32(stated)), to))


def rms(op: str = "Add", value: Any = 1e-12, inputs: str = "v eps", **extra: Any) -> onnx.ModelProto:
    """X divided by a guarded root; `value` is the guard."""
    nodes = [
        node("Mul", "x x", "q", "square"),
        node("ReduceMean", "q", "v", "mean", axes=[-1]),
        node(op, inputs, "g", "guard"),
        node("Sqrt", "g", "r", "root"),
        node("Div", "x r", "n", "quotient"),
        *extra.pop("more", [node("Identity", "n", "y", "end")]),
    ]
    model: onnx.ModelProto = graph(nodes, {"x": SHAPE}, ["y"], {"eps": value, **extra})
    return model


def guard(model: onnx.ModelProto, name: str = "guard") -> list[Any]:
    weights = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    found = next(each for each in model.graph.node if each.name == name)
    return [weights[each] for each in found.input if each in weights]


@pytest.mark.parametrize(
    ("op", "inputs"), [("Add", "v eps"), ("Add", "eps v"), ("Max", "v eps"), ("Sum", "eps v"), ("Clip", "v eps")]
)
@pytest.mark.parametrize("named", ["guard", "root", "quotient"])
def test_the_constant_of_a_guard_by_its_own_name_or_what_it_guards(op: str, inputs: str, named: str) -> None:
    before = rms(op, inputs=inputs)
    after = raise_epsilon(before, [named], 1e-4)
    assert [each.tolist() for each in guard(after)] == [pytest.approx(1e-4)]
    assert [each.name for each in after.graph.node] == [each.name for each in before.graph.node]
    assert same(before, after, x=normal(*SHAPE))


def test_zero_rows_survive_fp16(tmp_path: Path) -> None:
    x = normal(*SHAPE)
    x[0, 0] = 0
    before = rms(value=1e-9)
    assert "non_finite_outputs" in refused(tmp_path, before, {"x": x})
    after = raise_epsilon(before, ["guard"], 1e-4)
    assert same(before, after, x=x)
    assert refused(tmp_path, after, {"x": x}) == set()


def test_a_normalisation_of_tiny_values_survives_fp16(tmp_path: Path) -> None:
    x = normal(*SHAPE)
    x[0, 0] = 3.0
    before = norm(epsilon=1e-12)
    assert refused(tmp_path, before, {"x": x})
    assert refused(tmp_path, raise_epsilon(before, ["norm"], 1e-4), {"x": x}) == set()


def test_others_keep_a_constant_that_they_share() -> None:
    more = [node("Add", "n eps", "y", "other")]
    after = raise_epsilon(rms(more=more), ["guard"], 1e-4)
    assert guard(after)[0] == np.float32(1e-4)
    assert guard(after, "other")[0] == np.float32(1e-12)


def test_a_constant_behind_a_cast_and_in_a_node() -> None:
    tensor = numpy_helper.from_array(np.array(1e-12, np.float64))
    before = rms(inputs="v cast")
    made = [
        helper.make_node("Constant", [], ["wide"], name="constant", value=tensor),
        helper.make_node("Cast", ["wide"], ["cast"], name="cast", to=1),
    ]
    nodes = [*made, *before.graph.node]
    del before.graph.node[:]
    before.graph.node.extend(nodes)
    after = raise_epsilon(before, ["guard"], 1e-4)
    assert guard(after) == [np.float32(1e-4)]
    assert guard(after)[0].dtype == np.float32
    assert not {"constant", "cast"} & {each.name for each in after.graph.node}


def test_what_is_taken_off_stays_negative() -> None:
    nodes = [node("Sub", "x eps", "s", "guard"), node("Log", "s", "y", "log")]
    model = graph(nodes, {"x": SHAPE}, ["y"], {"eps": -1e-9})
    assert guard(raise_epsilon(model, ["log"], 1e-4)) == [np.float32(-1e-4)]


def test_a_bound_in_an_attribute() -> None:
    nodes = [node("Clip", "x", "c", "guard", min=1e-9, max=5.0), node("Log", "c", "y", "log")]
    after = raise_epsilon(graph(nodes, {"x": SHAPE}, ["y"], opset=9), ["guard"], 1e-4)
    stated = {entry.name: entry.f for entry in after.graph.node[0].attribute}
    assert stated == {"min": pytest.approx(1e-4), "max": 5.0}


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        ([node("Relu", "x", "y", "guard")], "has no epsilon"),
        ([node("Add", "x w", "s", "guard"), node("Sqrt", "s", "y")], "has no epsilon"),
        ([node("Relu", "x", "y", "other")], "no node guard"),
    ],
)
def test_a_node_without_epsilon_is_refused(nodes: list[onnx.NodeProto], why: str) -> None:
    read = {name for each in nodes for name in each.input}
    weights = {"w": normal(16, scale=1e-3)} if "w" in read else {}
    with pytest.raises(EditError, match=why):
        raise_epsilon(graph(nodes, {"x": SHAPE}, ["y"], weights), ["guard"], 1e-4)
