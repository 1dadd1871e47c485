"""Where results leave FP16's range, and which nodes have to be wide for it."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numeric_faults import Arrays, case, model, normal, of_kind, passes, step, unseen
from numeric_graphs import ROWS, mask_inputs, masked, rows

from ascend_assets.diagnosis.case import Observation
from ascend_assets.diagnosis.observers import overflow


def scaled(sum_: onnx.NodeProto, **held: np.ndarray) -> onnx.ModelProto:
    return model([sum_, step("Mul", "s k", "y")], {"x": ROWS}, {"k": 1e-4, **held})


SUMS = {
    "ReduceSum": scaled(step("ReduceSum", "x last", "s"), last=np.array([-1])),
    "CumSum": scaled(step("CumSum", "x axis", "s"), axis=np.array(1)),
    "Add": scaled(step("Add", "x x", "s")),
}


def kept(fact: Observation) -> set[str]:
    return set(fact.remedies["keep_dtype"].model_dump()["nodes"])


@pytest.mark.parametrize("op", SUMS)
def test_a_sum_beyond_the_range_is_kept_until_its_values_are_small_again(tmp_path: Path, op: str) -> None:
    arrays = rows(1000, mean=40_000)
    (fact,) = list(overflow.observe(case(tmp_path, SUMS[op], arrays)))
    assert (fact.kind, fact.values["op"], fact.nodes) == ("sum_overflow", op, ("s",))
    assert kept(fact) == {"s", "y"}
    assert passes(tmp_path, SUMS[op], arrays, fact.remedies["keep_dtype"])


@pytest.mark.parametrize("op", SUMS)
def test_the_same_sum_of_small_values_is_no_fact(tmp_path: Path, op: str) -> None:
    assert not list(overflow.observe(case(tmp_path, SUMS[op], rows(1))))
    assert not list(overflow.observe(unseen(SUMS[op])))


def product(*, normalised: bool) -> onnx.ModelProto:
    end = step("Softmax", "p", "y") if normalised else step("MatMul", "p w2", "y")
    return model([step("MatMul", "x w", "p"), end], {"x": ROWS}, {"w": normal(64, 32, scale=30), "w2": normal(32, 8)})


def test_a_product_is_summed_in_fp32_where_it_is_kept(tmp_path: Path) -> None:
    steps = [step("MatMul", "x w", "p"), step("LayerNormalization", "p g", "y", axis=-1)]
    given = model(steps, {"x": ROWS}, {"w": normal(64, 32, scale=30), "g": np.ones(32, np.float32)})
    arrays = rows(300)
    (fact,) = list(overflow.observe(case(tmp_path, given, arrays)))
    assert (fact.kind, fact.values["narrow_cube"]) == ("product_overflow", 1)
    assert passes(tmp_path, given, arrays, fact.remedies["keep_dtype"])
    assert fact.remedies["scale_weights.4"].needs_person


def test_a_product_that_reads_too_large_values_is_told_apart(tmp_path: Path) -> None:
    found = list(overflow.observe(case(tmp_path, product(normalised=False), rows(300))))
    (fact,) = of_kind(found, "product_input_overflow")
    assert fact.nodes == ("y",)
    assert (fact.values["narrow_cube"], fact.values["length"]) == (1, 1)
    wide = case(tmp_path, product(normalised=False), rows(300), soc_version="Ascend910B3")
    (fact,) = of_kind(list(overflow.observe(wide)), "product_input_overflow")
    assert fact.values["narrow_cube"] == 0


def stream() -> tuple[onnx.ModelProto, Arrays]:
    """A residual stream whose second block is large, up to a normalisation."""
    steps = [
        step("Mul", "x big", "a"),
        step("Add", "x a", "r1"),
        step("Relu", "x", "b"),
        step("Add", "r1 b", "r2"),
        step("LayerNormalization", "r2 g", "n", axis=-1),
        step("Mul", "n k", "y"),
    ]
    given = model(steps, {"x": ROWS}, {"big": 5e4, "g": np.ones(64, np.float32), "k": 2.0})
    return given, rows(3)


def test_a_growing_stream_is_followed_to_its_normalisation(tmp_path: Path) -> None:
    given, arrays = stream()
    (fact,) = list(overflow.observe(case(tmp_path, given, arrays)))
    assert (fact.kind, fact.values["adds"], fact.nodes) == ("value_overflow", 2, ("a",))
    assert kept(fact) == {"a", "r1", "r2", "n"}
    assert passes(tmp_path, given, arrays, fact.remedies["keep_dtype"])


def test_what_reads_a_large_constant_is_told_with_the_constant(tmp_path: Path) -> None:
    assert not list(overflow.observe(case(tmp_path, masked(-1e9, "where"), mask_inputs("where"))))


def test_results_that_vanish_are_kept_until_they_are_large_again(tmp_path: Path) -> None:
    given = model(
        [step("Mul", "x k", "a"), step("Abs", "a", "b"), step("Mul", "b inv", "y")],
        {"x": ROWS},
        {"k": 1e-7, "inv": 1e7 / 200},
    )
    arrays = rows(0.5)
    (fact,) = of_kind(list(overflow.observe(case(tmp_path, given, arrays))), "value_underflow")
    assert fact.nodes == ("a",)
    assert kept(fact) >= {"a", "b"}
    assert passes(tmp_path, given, arrays, fact.remedies["keep_dtype"])
