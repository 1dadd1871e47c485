"""Nearest-neighbour Resize: what ONNX takes and what a device takes."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numeric_faults import model, step, unseen

from ascend_assets.diagnosis.observers import resize_rounding
from ascend_assets.diagnosis.observers.reading import Reading

COORDINATES = ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


def resized(old: int, new: int, coordinates: str, rounding: str, mode: str = "nearest") -> onnx.ModelProto:
    node = step(
        "Resize", "x   sizes", "y", mode=mode, coordinate_transformation_mode=coordinates, nearest_mode=rounding
    )
    node.input[:] = ["x", "", "", "sizes"]
    return model([node], {"x": (1, 1, 1, old)}, {"sizes": np.array([1, 1, 1, new])})


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 24), st.sampled_from(COORDINATES), st.sampled_from(ROUNDINGS))
@example(7, 1, "half_pixel", "floor")
def test_the_positions_are_those_that_onnx_takes(old: int, new: int, coordinates: str, rounding: str) -> None:
    made = resized(old, new, coordinates, rounding)
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    (taken,) = session.run(None, {"x": np.arange(old, dtype=np.float32).reshape(1, 1, 1, old)})
    reading = Reading(unseen(made))
    for positions, _, _ in resize_rounding._axes(reading, reading.nodes[0]):
        assert positions.tolist() == taken.ravel().astype(int).tolist()


def test_an_image_that_is_halved_moves_by_a_pixel() -> None:
    (fact,) = list(resize_rounding.observe(unseen(resized(8, 4, "half_pixel", "round_prefer_floor"))))
    assert (fact.values["moved"], fact.values["positions"], fact.values["whole"]) == (4, 4, 0)
    assert not fact.remedies


def test_a_repetition_can_be_written_without_rounding() -> None:
    (fact,) = list(resize_rounding.observe(unseen(resized(4, 8, "asymmetric", "round_prefer_floor"))))
    assert fact.values["whole"] == 1
    assert fact.remedies["rewrite_resize"].model_dump()["how"] == "repeat"


@pytest.mark.parametrize(
    ("old", "new", "coordinates", "rounding", "mode"),
    [
        (4, 8, "asymmetric", "floor", "nearest"),
        (4, 8, "half_pixel", "round_prefer_floor", "nearest"),
        (8, 4, "half_pixel", "round_prefer_ceil", "nearest"),
        (8, 4, "half_pixel", "round_prefer_floor", "linear"),
        (4, 4, "asymmetric", "ceil", "nearest"),
    ],
    ids=["PyTorch's form", "no halves", "the device's own rounding", "another mode", "no change of size"],
)
def test_what_a_device_computes_alike_is_no_fact(
    old: int, new: int, coordinates: str, rounding: str, mode: str
) -> None:
    assert not list(resize_rounding.observe(unseen(resized(old, new, coordinates, rounding, mode))))


def test_sizes_that_nobody_knows_are_passed_over() -> None:
    made = resized(8, 4, "half_pixel", "round_prefer_floor")
    made.graph.input[0].type.tensor_type.shape.dim[3].dim_param = "w"
    del made.graph.value_info[:]
    made.graph.output[0].type.tensor_type.ClearField("shape")
    assert not list(resize_rounding.observe(unseen(made)))
