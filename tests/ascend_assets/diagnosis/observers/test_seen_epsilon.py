"""Constants that keep a divisor away from zero, and that FP16 loses."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numeric_faults import Arrays, case, model, normal, of_kind, passes, step, unseen
from numeric_graphs import ROWS, dead_row, layer_norm, rows

from ascend_assets.diagnosis.observers import epsilon


def fused(value: float) -> onnx.ModelProto:
    nodes = [step("LayerNormalization", "x gain shift", "y", epsilon=value)]
    return model(nodes, {"x": ROWS}, {"gain": normal(64, mean=1), "shift": normal(64)})


def positive(low: float) -> Arrays:
    """Positive numbers, a quarter of them exactly zero."""
    x = abs(normal(*ROWS)) + np.float32(low)
    x[0] = 0
    return {"x": x}


GUARDED = {
    "Log": [step("Add", "x eps", "g"), step("Log", "g", "y")],
    "Div": [step("Max", "x eps", "g"), step("Div", "tiny g", "q"), step("Mul", "q k", "y")],
    "Pow": [step("Add", "x eps", "g"), step("Pow", "g half", "r"), step("Mul", "r k", "y")],
    "Reciprocal": [step("Clip", "x eps", "g"), step("Reciprocal", "g", "r"), step("Mul", "r k", "y")],
}


def guarded(op: str, value: float) -> onnx.ModelProto:
    return model(GUARDED[op], {"x": ROWS}, {"eps": value, "tiny": 1e-6, "k": 1e-6, "half": -0.5})


@pytest.mark.parametrize("value", [1e-8, 1e-12])
def test_an_epsilon_that_becomes_zero_hurts_where_nothing_varies(tmp_path: Path, value: float) -> None:
    given_model = fused(value)
    (fact,) = list(epsilon.observe(case(tmp_path, given_model, dead_row())))
    assert (fact.kind, fact.values["zero"], fact.values["hurts"]) == ("small_epsilon", 1, 1)
    tried = {key: passes(tmp_path, given_model, dead_row(), remedy) for key, remedy in fact.remedies.items()}
    assert tried.pop("set_op_precision") is False  # an emulator does not compute it
    assert all(tried.values())


def test_an_epsilon_that_only_lies_below_the_normal_numbers_does_not_hurt(tmp_path: Path) -> None:
    (fact,) = list(epsilon.observe(case(tmp_path, fused(1e-5), rows(1))))
    assert (fact.values["hurts"], fact.values["zero"], fact.from_) == (0, 0, "graph")
    assert fact.values["held"] == pytest.approx(1e-5, rel=0.01)


def test_an_epsilon_that_fp16_holds_is_no_fact() -> None:
    assert not list(epsilon.observe(unseen(fused(1e-4))))
    assert not list(epsilon.observe(unseen(fused(1e-12), precision_mode="must_keep_origin_dtype")))


@pytest.mark.parametrize("op", GUARDED)
def test_a_guard_that_is_lost_hurts_and_raising_or_keeping_it_repairs(tmp_path: Path, op: str) -> None:
    given_model, arrays = guarded(op, 1e-9), positive(0.1)
    (fact,) = list(epsilon.observe(case(tmp_path, given_model, arrays)))
    assert (fact.kind, fact.values["guarded"], fact.values["hurts"]) == ("small_guard", op, 1)
    assert passes(tmp_path, given_model, arrays, fact.remedies["keep_dtype"])


def test_a_single_row_without_variance_is_enough(tmp_path: Path) -> None:
    given_model = layer_norm(epsilon=1e-12)
    (fact,) = of_kind(list(epsilon.observe(case(tmp_path, given_model, dead_row()))), "small_guard")
    assert fact.values["hurts"] == 1
    assert all(passes(tmp_path, given_model, dead_row(), remedy) for remedy in fact.remedies.values())


def test_overflow_before_the_guard_is_another_fault(tmp_path: Path) -> None:
    seen = case(tmp_path, layer_norm(epsilon=1e-12), rows(600))
    assert seen.refused
    (fact,) = list(epsilon.observe(seen))
    assert fact.values["hurts"] == 0


def test_a_small_constant_that_guards_nothing_is_no_fact() -> None:
    nodes = [step("Add", "x eps", "a"), step("Relu", "a", "y")]
    assert not list(epsilon.observe(unseen(model(nodes, {"x": (4,)}, {"eps": 1e-9}))))
    nodes = [step("Add", "x eps", "a"), step("Div", "a x", "y")]
    assert not list(epsilon.observe(unseen(model(nodes, {"x": (4,)}, {"eps": 1e-9}))))


def test_a_bound_just_below_one_becomes_one(tmp_path: Path) -> None:
    nodes = [step("Min", "x high", "c"), step("Sub", "one c", "d"), step("Log", "d", "y")]
    given_model = model(nodes, {"x": ROWS}, {"high": 1 - 1e-6, "one": 1.0})
    arrays = {"x": np.linspace(0, 1, 256, dtype=np.float32).reshape(ROWS)}
    (fact,) = list(epsilon.observe(case(tmp_path, given_model, arrays)))
    assert (fact.kind, fact.values["hurts"], fact.values["held"]) == ("near_one", 1, 1.0)
    assert passes(tmp_path, given_model, arrays, fact.remedies["keep_dtype"])


@settings(max_examples=40, deadline=None)
@given(st.floats(min_value=1e-30, max_value=1e-3))
def test_what_is_held_is_what_fp16_rounds_to(value: float) -> None:
    exact = float(np.float32(value))
    found = list(
        epsilon.observe(unseen(model([step("Add", "x e", "a"), step("Log", "a", "y")], {"x": (2,)}, {"e": value})))
    )
    assert bool(found) == (0 < exact < 2.0**-14)
    for fact in found:
        assert fact.values["held"] == float(np.float16(np.float32(value)))
        assert fact.values["zero"] == int(fact.values["held"] == 0)
