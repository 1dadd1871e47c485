"""What an input may hold, read off the graph: masks, indices of tables, and nothing where nothing is said."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ascend_assets import evaluation
from resources.onnx_files import roles
from resources.onnx_files.signature import TensorType


def model(*nodes: onnx.NodeProto, kind: int = TensorProto.INT64, **weights: Any) -> onnx.ModelProto:
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items()]
    given = helper.make_tensor_value_info("x", kind, [1, 8])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [given], [out], held)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def node(op: str, *inputs: str, to: str = "y", **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op, list(inputs), [to], **attributes)


MASKS = {
    "one minus it, cast and given axes": (
        node("Unsqueeze", "x", "axes", to="a"),
        helper.make_node("Cast", ["a"], ["b"], to=TensorProto.FLOAT),
        node("Sub", "one", "b", to="c"),
        node("Mul", "c", "low"),
    ),
    "made a truth": (helper.make_node("Cast", ["x"], ["y"], to=TensorProto.BOOL),),
}


@pytest.mark.parametrize("nodes", MASKS.values(), ids=MASKS)
def test_a_mask_is_zero_or_one(nodes: tuple[onnx.NodeProto, ...]) -> None:
    made = model(*nodes, axes=np.array([1]), one=np.float32(1), low=np.float32(-1e4))
    assert roles.bounds(made) == {"x": (0, 1)}


def test_an_index_is_below_the_length_of_the_smallest_table_that_it_is_looked_up_in() -> None:
    made = model(
        node("Gather", "words", "x", to="a"),
        node("Gather", "types", "x", to="b"),
        node("Add", "a", "b"),
        words=np.zeros((100, 4), np.float32),
        types=np.zeros((2, 4), np.float32),
    )
    assert roles.bounds(made) == {"x": (0, 1)}


def test_what_nothing_is_said_of_has_no_bounds() -> None:
    made = model(node("Sub", "two", "x", to="a"), node("Mul", "a", "x"), two=np.int64(2))
    assert roles.bounds(made) == {}
    assert roles.bounds(model(node("Sub", "x", "one"), one=np.int64(1))) == {}, "x - 1 is no mask"
    assert roles.bounds(model(node("Sub", "one", "x"), one=np.int64(1))) == {}, "an image may be inverted"


@pytest.mark.parametrize(
    "broken",
    [
        model(node("Gather", "table", "x", axis=7), table=np.zeros((3, 2), np.float32)),
        model(node("Gather", "x", "x")),
        model(node("OneHot", "x", "depth", "values"), depth=np.int64(-5), values=np.array([0.0, 1.0], np.float32)),
        model(node("Identity", "x", to="x")),
        model(node("Sub", "one"), one=np.float32(1)),
    ],
)
def test_broken_graphs_say_nothing(broken: onnx.ModelProto) -> None:
    assert roles.bounds(broken) == {}


def test_samples_keep_the_bounds_and_no_row_is_masked_whole() -> None:
    declared = (TensorType(name="m", dtype="int64", shape=(64, 8)), TensorType(name="t", dtype="int64", shape=(64, 8)))
    shapes = {"m": (64, 8), "t": (64, 8)}
    drawn = evaluation.samples_for_comparison(None, declared, shapes, bounds={"m": roles.MASK, "t": (0, 2)})
    assert set(np.unique(drawn["m"])) == {0, 1}
    assert drawn["m"].any(axis=1).all()
    assert set(np.unique(drawn["t"])) == {0, 1, 2}


def test_a_float_mask_is_a_mask() -> None:
    declared = (TensorType(name="m", dtype="float32", shape=(4, 8)),)
    drawn = evaluation.samples_for_comparison(None, declared, {"m": (4, 8)}, bounds={"m": roles.MASK})
    assert set(np.unique(drawn["m"])) <= {0.0, 1.0}
    assert drawn["m"].dtype == np.float32
