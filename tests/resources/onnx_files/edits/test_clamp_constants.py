"""Constants that FP16 does not hold, limited: in their own type, and no other tensor's."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from edit_samples import graph, node, normal, refused, same
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from onnx import helper, numpy_helper

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.clamp_constants import clamp_constants
from resources.onnx_files.edits.clamp_weights import clamp_weights

LARGEST = {"float16": 65504.0}
LOWEST = float(np.finfo(np.float32).min)
ROW = [0.0, LOWEST, 0.0, -np.inf]


def attention(mask: Any = ROW) -> onnx.ModelProto:
    nodes = [node("Add", "x mask", "m", "add"), node("Softmax", "m", "y", "softmax")]
    model: onnx.ModelProto = graph(nodes, {"x": (2, 4)}, ["y"], {"mask": mask})
    return model


def held(model: onnx.ModelProto, name: str) -> Any:
    return numpy_helper.to_array(next(weight for weight in model.graph.initializer if weight.name == name))


def test_a_mask_is_limited_and_masks_as_before(tmp_path: Path) -> None:
    before, inputs = attention([0.0, LOWEST, 0.0, LOWEST]), {"x": normal(2, 4)}
    kept = before.SerializeToString()
    after = clamp_constants(before, ["mask"], 1e4)
    assert held(after, "mask").tolist() == [0, -1e4, 0, -1e4]
    assert before.SerializeToString() == kept
    assert same(before, after, **inputs)
    assert "overflow_layers" in refused(tmp_path, before, inputs)
    assert refused(tmp_path, after, inputs) == set()


def test_infinities_are_limited_too() -> None:
    after = clamp_constants(attention(), ["mask"], 6e4)
    assert held(after, "mask").tolist() == [0, -6e4, 0, -6e4]
    assert same(attention(), after, x=normal(2, 4))


FLOATS = {"float16": np.float16, "float32": np.float32, "float64": np.float64, "bfloat16": ml_dtypes.bfloat16}


@pytest.mark.parametrize("kind", sorted(FLOATS))
@given(
    values=arrays.arrays(np.float32, st.integers(1, 12), elements=st.floats(width=32, allow_nan=False)),
    bound=st.floats(1e-3, 1e5),
)
@settings(max_examples=25, deadline=None)
def test_every_element_is_within_the_bound_in_its_own_type(kind: str, values: Any, bound: float) -> None:
    with np.errstate(over="ignore"):
        given_ = values.astype(FLOATS[kind])
    model = graph([node("Identity", "mask", "y")], {}, [], {"mask": given_})
    model.graph.output.append(helper.make_tensor_value_info("y", model.graph.initializer[0].data_type, [len(values)]))
    after = held(clamp_constants(model, ["mask"], bound), "mask")
    assert after.dtype == given_.dtype
    assert after.shape == given_.shape
    wide, was = after.astype(np.float64), given_.astype(np.float64)
    assert (np.abs(wide) <= bound).all()
    inside = np.abs(was) <= bound
    assert (wide[inside] == was[inside]).all()
    assert (np.sign(wide[~inside]) == np.sign(was[~inside])).all()
    # As near to the bound as the type comes.
    nearest = min(bound, LARGEST.get(kind, np.inf))
    assert (np.abs(wide[~inside]) >= nearest * (1 - 2**-7)).all()


@given(bound=st.floats(1e-3, 1e5))
@settings(max_examples=25, deadline=None)
def test_limiting_again_changes_nothing(bound: float) -> None:
    once = clamp_constants(attention(), ["mask"], bound)
    assert clamp_constants(once, ["mask"], bound) == once


def test_only_the_given_tensor_changes() -> None:
    nodes = [node("Add", "x mask", "m", "add"), node("Min", "m bound", "y", "min")]
    model = graph(nodes, {"x": (2, 4)}, ["y"], {"mask": ROW, "bound": 1e30})
    assert held(clamp_constants(model, ["mask"], 1e4), "bound") == np.float32(1e30)


def test_a_mask_that_is_too_large_for_a_skeleton_is_limited_too() -> None:
    mask = np.where(normal(64, 64) > 0, 0, LOWEST).astype(np.float32)
    nodes = [node("Add", "x mask", "m", "add"), node("Softmax", "m", "y", "softmax")]
    model = graph(nodes, {"x": (64, 64)}, ["y"], {"mask": mask, "w": normal(100, 100)})
    after = clamp_constants(model, ["mask"], 1e4)
    assert held(after, "mask").min() == -1e4
    assert [weight.name for weight in after.graph.initializer] == ["mask"]
    assert [value.name for value in after.graph.input] == ["x"]


def constant(**attribute: Any) -> onnx.ModelProto:
    made = helper.make_node("Constant", [], ["mask"], name="constant", **attribute)
    return graph([made, node("Add", "x mask", "y", "add")], {"x": (2, 4)}, ["y"])


HELD = {
    "value": constant(value=numpy_helper.from_array(np.array(ROW, np.float32))),
    "value_float": constant(value_float=-1e30),
    "value_floats": constant(value_floats=ROW),
    "fill": graph(
        [
            helper.make_node(
                "ConstantOfShape", ["shape"], ["mask"], value=numpy_helper.from_array(np.array([-1e30], np.float32))
            ),
            node("Add", "x mask", "y", "add"),
        ],
        {"x": (2, 4)},
        ["y"],
        {"shape": np.array([4])},
    ),
    "clip": graph(
        [node("Clip", "x", "mask", min=-1e30, max=1e30), node("Relu", "mask", "y")], {"x": (2, 4)}, ["y"], opset=9
    ),
}


@pytest.mark.parametrize("where", sorted(HELD))
def test_a_constant_is_found_wherever_the_graph_holds_it(where: str) -> None:
    after = clamp_constants(HELD[where], ["mask"], 1e4)
    made = next(each for each in after.graph.node if "mask" in each.output)
    values = [helper.get_attribute_value(entry) for entry in made.attribute]
    numbers = np.concatenate(
        [np.atleast_1d(numpy_helper.to_array(v) if isinstance(v, onnx.TensorProto) else v) for v in values]
    )
    assert np.abs(numbers).max() == 1e4


def test_a_large_fill_value_is_repaired(tmp_path: Path) -> None:
    before, inputs = HELD["fill"], {"x": normal(2, 4)}
    assert refused(tmp_path, before, inputs)
    assert "overflow_layers" not in refused(tmp_path, clamp_constants(before, ["mask"], 1e4), inputs)


REFUSED = {
    "nan": (attention([0.0, np.nan, 0, 0]), "mask", "holds a NaN"),
    "not there": (attention(), "nothing\n", r"no constant nothing\\n"),
    "computed": (attention(), "m", "is made by Add, which holds no constant"),
    "no floats": (
        graph([node("Gather", "x i", "y")], {"x": (2, 4)}, ["y"], {"i": np.array([0, 1])}),
        "i",
        "holds no floats",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_limited_is_refused(name: str) -> None:
    model, tensor, why = REFUSED[name]
    with pytest.raises(EditError, match=why):
        clamp_constants(model, [tensor], 1e4)


def test_weights_are_limited_the_same_way_by_another_name() -> None:
    model = graph([node("MatMul", "x w", "y", "matmul")], {"x": (2, 4)}, ["y"], {"w": normal(4, 64, scale=1e5)})
    assert np.abs(held(clamp_weights(model, ["w"], 65504.0), "w")).max() == 65504
