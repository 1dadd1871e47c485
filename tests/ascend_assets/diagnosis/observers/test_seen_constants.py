"""Constants that FP16 cannot hold, told apart by what they are for."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numeric_faults import case, model, normal, of_kind, passes, step, unseen
from numeric_graphs import mask_inputs, masked
from onnx import TensorProto, helper

from ascend_assets.diagnosis.observers import constants


@pytest.mark.parametrize("how", ["multiply", "where", "add"])
@pytest.mark.parametrize("value", [float(np.finfo(np.float32).min), -1e9, -1e5])
def test_a_mask_beyond_fp16_hurts_and_each_remedy_repairs_it(tmp_path: Path, how: str, value: float) -> None:
    given_model, arrays = masked(value, how), mask_inputs(how)
    (fact,) = list(constants.observe(case(tmp_path, given_model, arrays)))
    assert fact.kind == ("large_factor" if how == "multiply" else "large_mask")
    assert fact.values["hurts"] == 1
    assert fact.values["value"] == pytest.approx(value)
    assert fact.from_ == "layers"
    assert all(passes(tmp_path, given_model, arrays, remedy) for remedy in fact.remedies.values())


@pytest.mark.parametrize("how", ["multiply", "where", "add"])
def test_a_mask_within_fp16_is_no_fact(tmp_path: Path, how: str) -> None:
    assert not list(constants.observe(case(tmp_path, masked(-1e4, how), mask_inputs(how))))


def test_a_large_constant_that_nothing_reached_does_not_hurt(tmp_path: Path) -> None:
    nodes = [step("Where", "m x big", "a"), step("Relu", "a", "y")]
    given_model = model(nodes, {"x": (4, 8), "m": (4, 8)}, {"big": 1e9}, types={"m": TensorProto.BOOL})
    arrays = {"x": normal(4, 8), "m": np.ones((4, 8), np.bool_)}
    (fact,) = list(constants.observe(case(tmp_path, given_model, arrays)))
    assert (fact.kind, fact.values["hurts"], fact.from_) == ("large_fill", 0, "graph")


def test_what_is_only_compared_is_harmless() -> None:
    nodes = [step("Greater", "x big", "g"), step("Where", "g x zero", "y")]
    assert not list(constants.observe(unseen(model(nodes, {"x": (4,)}, {"big": 1e9, "zero": 0.0}))))


def test_infinity_is_what_fp32_has_as_well() -> None:
    nodes = [step("Where", "m x low", "a"), step("Softmax", "a", "y")]
    held = {"low": np.array(-np.inf, np.float32)}
    given_model = model(nodes, {"x": (4, 8), "m": (4, 8)}, held, types={"m": TensorProto.BOOL})
    assert not list(constants.observe(unseen(given_model)))


def test_a_reader_that_is_kept_in_fp32_holds_the_constant() -> None:
    nodes = [step("Mul", "x big", "y")]
    given_model = model(nodes, {"x": (4,)}, {"big": 1e9})
    assert list(constants.observe(unseen(given_model)))
    assert not list(constants.observe(unseen(given_model, keep_dtype=("y",))))
    assert not list(constants.observe(unseen(given_model, precision_mode="must_keep_origin_dtype")))


def test_a_bound_an_operand_and_a_scale_are_told_apart() -> None:
    roles = {
        "large_bound": step("Min", "x big", "y"),
        "large_operand": step("Add", "x big", "y"),
        "large_factor": step("Mul", "x big", "y"),
    }
    for kind, node in roles.items():
        (fact,) = list(constants.observe(unseen(model([node], {"x": (4,)}, {"big": 7e4}))))
        assert fact.kind == kind
        assert fact.values["tensor"] == "big"
    assert of_kind([fact], "large_factor")[0].values["masks"] == 0


def test_what_was_trained_is_clamped_by_a_person_alone() -> None:
    weight = normal(16, 8)
    weight[3, 3] = 9e4
    (fact,) = list(constants.observe(unseen(model([step("MatMul", "x w", "y")], {"x": (4, 16)}, {"w": weight}))))
    assert fact.kind == "large_weight"
    assert fact.remedies["clamp_weights"].needs_person
    assert fact.remedies["scale_weights"].needs_person
    assert fact.remedies["scale_weights"].model_dump()["power"] == 1
    assert not any(key.startswith("clamp_constants") for key in fact.remedies)


def test_a_constant_behind_movers_and_casts_is_named_where_it_is_stored() -> None:
    held = helper.make_tensor("v", TensorProto.FLOAT, [1], [-1e9])
    nodes = [
        step("Constant", "", "c", value=held),
        step("Reshape", "c shape", "r"),
        step("Identity", "r", "i"),
        step("Add", "x i", "y"),
    ]
    nodes[0].ClearField("input")
    (fact,) = list(constants.observe(unseen(model(nodes, {"x": (4,)}, {"shape": np.array([1, 1])}))))
    assert fact.values["tensor"] == "c"
    assert fact.nodes == ("y",)


def test_one_constant_with_many_readers_is_one_fact() -> None:
    nodes = [step("Mul", "x big", "a"), step("Mul", "a big", "y")]
    (fact,) = list(constants.observe(unseen(model(nodes, {"x": (4,)}, {"big": 1e9}))))
    assert fact.nodes == ("a", "y")


@settings(max_examples=40, deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_constant_is_told_of_exactly_if_fp16_makes_it_infinite(value: float) -> None:
    with np.errstate(over="ignore"):
        lost = bool(np.isinf(np.float32(value).astype(np.float16)))
    found = list(constants.observe(unseen(model([step("Add", "x c", "y")], {"x": (2,)}, {"c": value}))))
    assert bool(found) == lost
