"""The judgement of one layer, and its cause in words."""

import math

import pytest
from numeric_models import f32, fp16

from resources.ascend.emulator.culprit import cause
from resources.ascend.emulator.precision import Arithmetic
from resources.ascend.metrics import beyond_limits, own_fault
from resources.onnx_files.graph import Node

FP16 = Arithmetic("float16", "float16")


def node(op: str, **attributes: float) -> Node:
    return Node(0, "n", op, "ai.onnx", ("x",), ("y",), dict(attributes))


@pytest.mark.parametrize(
    ("cosine", "distance", "overflow", "beyond"),
    [
        (0.99, 0.05, 0, False),
        (0.98, 0.01, 0, True),
        (0.999, 0.051, 0, True),
        (1.0, 0.0, 1, True),
        (math.nan, 0.0, 0, True),
        (1.0, math.nan, 0, True),
    ],
)
def test_the_limits_are_msits_and_nan_breaks_them(
    cosine: float, distance: float, overflow: int, *, beyond: bool
) -> None:
    assert beyond_limits(cosine, distance, overflow) == beyond


def test_minus_infinity_in_both_is_no_fault() -> None:
    mask = f32([0, -math.inf])
    assert not own_fault(mask, mask)
    assert own_fault(f32([-math.inf, -math.inf]), mask)


def words(op: str, own: object, reference: object, **inputs: object) -> str:
    arrays = {name: f32(values) for name, values in inputs.items()}
    return cause(node(op), FP16, f32(own), f32(reference), arrays)


def test_an_overflowing_result_is_told_with_its_size() -> None:
    said = words("Mul", [math.inf, 1], [1e5, 1], x=[1e3, 1], w=[100, 1])
    assert said == "overflow: 1 of 2 results are beyond FP16's 65504 (in FP32 up to 1e+05)"


def test_an_input_that_cannot_be_held_is_named() -> None:
    said = words("Mul", [math.inf], [10], x=[1e5], w=[1e-4])
    assert said == "overflow: its input x reaches 1e+05, beyond FP16's 65504, and 1 of 1 results are not finite"


def test_a_divisor_that_becomes_zero_is_named() -> None:
    said = words("Div", [math.inf], [1e2], x=[1e-6], w=[1e-8])
    assert said.startswith("underflow: its input w is below FP16's smallest normal number 6.1e-05 in 1 of 1 elements")
    assert said.endswith("1 of 1 results are not finite")


def test_an_epsilon_that_becomes_zero_is_named() -> None:
    said = cause(node("LayerNormalization", epsilon=1e-12), FP16, f32([math.nan]), f32([0]), {})
    assert said == "underflow: its epsilon 1e-12 becomes 0 in FP16, and 1 of 1 results are not finite"


def test_results_below_the_smallest_normal_are_an_underflow() -> None:
    reference = f32([1e-8, 3e-8])
    said = words("Mul", fp16(reference), reference, x=[1e-3, 3e-3], w=[1e-2, 1e-2])
    assert said == "underflow: 2 of 2 results are below FP16's smallest normal number 6.1e-05 (in FP32 up to 3e-08)"


def test_small_results_of_large_operands_are_a_cancellation() -> None:
    said = words("Sub", [0], [0.3], x=[2048.3], w=[2048])
    assert said.startswith("cancellation: results of at most 0.3 are left of operands of up to 2048")


def test_what_remains_is_rounding() -> None:
    said = words("Exp", [2.5, 1], [2, 1], x=[0.7, 0])
    assert said.startswith("rounding: 11 significant bits of FP16 leave an own error of 0.2")
