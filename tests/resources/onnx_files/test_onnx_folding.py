"""Folding gives what ONNX's own reference gives, or leaves the node alone."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from resources.onnx_files.folding import fold

I64 = np.int64


def graph(op: str, inputs: list[Any], opset: int, **attributes: Any) -> onnx.ModelProto:
    arrays = [np.asarray(item) for item in inputs]
    names = [f"i{index}" for index in range(len(arrays))]
    weights = [numpy_helper.from_array(array, name) for array, name in zip(arrays, names, strict=True)]
    node = helper.make_node(op, names, ["y"], name="n", **attributes)
    output = helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)
    made = helper.make_graph([node], "g", [], [output], weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def folded(model: onnx.ModelProto) -> "np.ndarray[Any, Any] | None":
    changed = fold(model, {})
    node = model.graph.node[0]
    assert changed == (node.op_type == "Constant")
    return numpy_helper.to_array(node.attribute[0].t) if changed else None


@pytest.mark.parametrize(
    ("op", "inputs", "opset", "attributes"),
    [
        ("Gather", [np.array([5, 6, 7]), I64(1)], 13, {}),
        ("Gather", [np.array([5, 6, 7]), np.array([-1])], 13, {}),
        ("Gather", [np.arange(6).reshape(2, 3), np.array([2, 0])], 13, {"axis": 1}),
        ("Concat", [np.array([1]), np.array([2, 3])], 13, {"axis": 0}),
        ("Unsqueeze", [I64(3)], 11, {"axes": [0]}),
        ("Unsqueeze", [I64(3), np.array([0])], 13, {}),
        ("Squeeze", [np.array([[4]])], 11, {"axes": [0]}),
        ("Squeeze", [np.array([[4]])], 13, {}),
        ("Slice", [np.arange(9), np.array([1]), np.array([-1]), np.array([0]), np.array([2])], 13, {}),
        ("Slice", [np.arange(9), np.array([-1]), np.array([-(2**62)]), np.array([0]), np.array([-1])], 13, {}),
        ("Slice", [np.arange(9)], 9, {"starts": [2], "ends": [2**62]}),
        ("Add", [np.array([1, 2]), I64(3)], 13, {}),
        ("Sub", [np.array([1, 2]), I64(3)], 13, {}),
        ("Mul", [np.array([1.5, 2]), np.array(2.0)], 13, {}),
        ("Div", [np.array([-7, 7]), I64(2)], 13, {}),
        ("Div", [np.array([-7.0, 7.0]), np.array(2.0)], 13, {}),
        ("Max", [np.array([1, 9]), np.array([5, 5]), np.array([2, 2])], 13, {}),
        ("Min", [np.array([1, 9])], 13, {}),
        ("Neg", [np.array([1, -9])], 13, {}),
        ("Floor", [np.array([1.5, -1.5])], 13, {}),
        ("Equal", [np.array([1, -1]), I64(-1)], 13, {}),
        ("Where", [np.array([True, False]), np.array([1, 2]), np.array([3, 4])], 13, {}),
        ("Cast", [np.array([1.9, -1.9])], 13, {"to": TensorProto.INT64}),
        ("Reshape", [np.arange(6), np.array([2, -1])], 13, {}),
        ("Reshape", [np.arange(6).reshape(2, 3), np.array([0, 3])], 13, {}),
        ("ConstantOfShape", [np.array([2, 2])], 13, {"value": helper.make_tensor("v", TensorProto.INT64, [1], [7])}),
        ("ConstantOfShape", [np.array([2])], 13, {}),
        ("Expand", [np.array([[1], [2]]), np.array([2, 3])], 13, {}),
        ("Expand", [np.array([[1, 2]]), np.array([1])], 13, {}),
        ("Range", [I64(2), I64(9), I64(3)], 13, {}),
        ("Range", [I64(9), I64(2), I64(-3)], 13, {}),
        ("ReduceProd", [np.array([2, 3, 4])], 13, {"keepdims": 0}),
        ("ReduceProd", [np.array([2, 3, 4])], 13, {"axes": [0]}),
        ("Identity", [np.array([2, 3])], 13, {}),
    ],
)
def test_it_agrees_with_the_reference(op: str, inputs: list[Any], opset: int, attributes: dict[str, Any]) -> None:
    model = graph(op, inputs, opset, **attributes)
    outputs = ReferenceEvaluator(model).run(None, {})
    assert isinstance(outputs, list)
    expected = np.asarray(outputs[0])
    found = folded(model)
    assert found is not None
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("Gather", [np.array([1]), I64(7)], {}),
        ("Div", [np.array([1]), I64(0)], {}),
        ("Reshape", [np.arange(6), np.array([4])], {}),
        ("ConstantOfShape", [np.array([10**12])], {}),
        ("ConstantOfShape", [np.array([-1])], {}),
        ("Expand", [np.array([1]), np.array([10**9])], {}),
        ("Range", [I64(0), I64(10**15), I64(1)], {}),
        ("Range", [I64(0), I64(5), I64(0)], {}),
        ("Range", [np.array([1, 2]), I64(5), I64(1)], {}),
        ("Concat", [np.array([1])], {}),
        ("Cast", [np.array([1])], {"to": 99}),
        ("Neg", [np.array([1]), np.array([2])], {}),
        ("Unsqueeze", [np.array([1])], {"axes": [10**15]}),
        ("Slice", [np.array([1]), np.array([0, 1]), np.array([1])], {}),
        ("Relu", [np.array([1.0])], {}),
    ],
)
def test_what_makes_no_sense_or_is_large_is_left(op: str, inputs: list[Any], attributes: dict[str, Any]) -> None:
    assert folded(graph(op, inputs, 13, **attributes)) is None


def test_shapes_become_constants_only_when_they_are_known() -> None:
    node = helper.make_node("Shape", ["x"], ["y"], start=1)
    value = helper.make_tensor_value_info("x", 1, None)
    model = helper.make_model(helper.make_graph([node], "g", [value], [value]))
    assert not fold(model, {"x": (2, -1, 4)})
    assert not fold(model, {})
    assert fold(model, {"x": (2, 3, 4)})
    assert numpy_helper.to_array(model.graph.node[0].attribute[0].t).tolist() == [3, 4]


def test_an_operator_of_another_domain_is_left() -> None:
    model = graph("Add", [I64(1), I64(2)], 13)
    model.graph.node[0].domain = "custom"
    assert folded(model) is None


def test_a_constant_of_numbers_is_no_tensor() -> None:
    node = helper.make_node("Constant", [], ["y"], value_ints=[1, 2])
    model = helper.make_model(helper.make_graph([node], "g", [], []))
    model.graph.node[0].attribute[0].name = "value"
    assert not fold(model, {})
