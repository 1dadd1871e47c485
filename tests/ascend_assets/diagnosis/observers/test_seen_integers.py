"""Integers and doubles on a device of 16 and 32 bits."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numeric_faults import Arrays, case, model, of_kind, passes, step, unseen
from onnx import TensorProto

from ascend_assets.diagnosis.observers import integers

INT64 = {"x": TensorProto.INT64, "y": TensorProto.INT64}


@pytest.mark.parametrize(("value", "told"), [(2**31 - 1, False), (2**31, True), (-(2**40), True), (5, False)])
def test_int32_ends_somewhere(value: int, told: bool) -> None:  # noqa: FBT001
    made = model([step("Add", "x c", "y")], {"x": (4,)}, {"c": np.array([value])}, types=INT64)
    found = of_kind(list(integers.observe(unseen(made))), "beyond_int32")
    assert bool(found) == told
    assert not told or found[0].values["value"] == value


def test_the_open_end_of_a_slice_is_no_value() -> None:
    held = {"from": np.array([1]), "to": np.array([2**63 - 1])}
    made = model([step("Slice", "x from to", "y")], {"x": (4,)}, held)
    assert not list(integers.observe(unseen(made)))


def test_arithmetic_in_64_bits_is_told_and_narrowed() -> None:
    made = model([step("Add", "x c", "a"), step("Mul", "a c", "y")], {"x": (4,)}, {"c": np.array([3])}, types=INT64)
    (fact,) = of_kind(list(integers.observe(unseen(made))), "int64_arithmetic")
    assert (fact.values["number"], fact.values["ops"]) == (2, "Add, Mul")
    assert fact.remedies["narrow_integers"].model_dump()["nodes"] == ("a", "y")


def test_what_follows_from_shapes_alone_is_folded() -> None:
    nodes = [step("Shape", "x", "s"), step("Mul", "s two", "t"), step("Expand", "x t", "y")]
    assert not list(integers.observe(unseen(model(nodes, {"x": (1,)}, {"two": np.array([2])}))))


def test_doubles_are_told_and_widened_to_floats() -> None:
    kinds = {"x": TensorProto.DOUBLE, "y": TensorProto.DOUBLE}
    made = model([step("Add", "x x", "y")], {"x": (4,)}, types=kinds)
    (fact,) = of_kind(list(integers.observe(unseen(made))), "float64_arithmetic")
    assert fact.remedies["widen_floats"].model_dump()["of"] == "float64"


def positions(top: int) -> tuple[onnx.ModelProto, Arrays]:
    nodes = [
        step("Cast", "ids", "f", to=TensorProto.FLOAT),
        step("Sub", "f c", "d"),
        step("Mul", "d k", "y"),
    ]
    made = model(nodes, {"ids": (8,)}, {"c": float(top - 4), "k": 0.5}, types={"ids": TensorProto.INT64})
    return made, {"ids": np.arange(top - 8, top)}


def test_positions_beyond_2048_are_not_counted_in_fp16(tmp_path: Path) -> None:
    made, arrays = positions(60_001)
    (fact,) = of_kind(list(integers.observe(case(tmp_path, made, arrays))), "integers_as_floats")
    assert (fact.values["hurts"], fact.values["op"]) == (1, "Sub")
    assert passes(tmp_path, made, arrays, fact.remedies["keep_dtype"])


def test_small_positions_are(tmp_path: Path) -> None:
    made, arrays = positions(64)
    (fact,) = of_kind(list(integers.observe(case(tmp_path, made, arrays))), "integers_as_floats")
    assert fact.values["hurts"] == 0
