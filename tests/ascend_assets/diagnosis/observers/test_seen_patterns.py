"""Formulas written out: recognised by what they compute, and blamed where they fail."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from numeric_faults import Array, case, model, of_kind, passes, step, unseen
from numeric_graphs import (
    EXAMPLES,
    LAST,
    ROWS,
    cube_by_products,
    layer_norm,
    rows,
    softmax,
    variance_difference,
)

from ascend_assets.diagnosis.observers import motifs, patterns
from ascend_assets.diagnosis.observers.reading import Reading


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_formula_that_leaves_the_range_hurts_and_keeping_it_repairs(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    seen = case(tmp_path, example.model, example.bad)
    assert seen.refused
    (fact,) = of_kind(list(patterns.observe(seen)), kind)
    assert fact.values["hurts"] == 1
    assert passes(tmp_path, example.model, example.bad, fact.remedies["keep_dtype"])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_same_formula_within_the_range_does_not(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    seen = case(tmp_path, example.model, example.good)
    assert not seen.refused
    assert not any(fact.values["hurts"] for fact in patterns.observe(seen))


def named(given: onnx.ModelProto) -> dict[str, motifs.Motif]:
    return {motif.name: motif for motif in motifs.motifs(Reading(unseen(given)))}


@pytest.mark.parametrize(("by_pow", "inverse"), [(True, False), (False, False), (True, True), (False, True)], ids=str)
def test_a_layer_norm_begins_with_its_mean_however_it_is_written(by_pow: bool, inverse: bool) -> None:  # noqa: FBT001
    found = named(layer_norm(by_pow=by_pow, inverse=inverse))["layer_norm"]
    assert found.begin.name == "mean"
    assert {node.name for node in found.nodes} >= {"mean", "d", "sq", "var", "ve", "sd", "n"}


def test_a_softmax_says_whether_the_maximum_is_taken_off() -> None:
    assert named(softmax())["softmax"].detail == "unshifted"
    assert named(softmax(shifted=True))["softmax"].detail == "shifted"


def test_a_cube_made_of_products_is_a_power() -> None:
    assert named(cube_by_products())["power"].detail == "3"


@pytest.mark.parametrize(
    "nodes",
    [
        [step("Mul", "x w", "sq"), step("ReduceMean", "sq", "m", axes=[-1]), step("Sqrt", "m", "y")],
        [step("Pow", "x three", "c"), step("ReduceMean", "c", "m", axes=[-1]), step("Sqrt", "m", "y")],
        [step("Exp", "x", "e"), step("ReduceSum", "e last", "s"), step("Div", "x s", "y")],
        [step("ReduceMean", "x", "m", axes=[-1]), step("Sub", "w m", "d"), step("Relu", "d", "y")],
        [step("MatMul", "x t", "p"), step("Mul", "p two", "y")],
    ],
    ids=["a product of two tensors", "a cube", "another dividend", "another mean", "a factor above one"],
)
def test_what_only_looks_like_a_formula_is_none(nodes: list[onnx.NodeProto]) -> None:
    held: dict[str, float | Array] = {
        "w": 3.0,
        "three": 3.0,
        "two": 2.0,
        "last": LAST,
        "t": np.ones((64, 64), np.float32),
    }
    found = set(named(model(nodes, {"x": ROWS}, held))) - {"power"}
    assert not found


def test_a_formula_in_fp32_is_no_fact() -> None:
    given_model = layer_norm()
    assert list(patterns.observe(unseen(given_model)))
    assert not list(patterns.observe(unseen(given_model, precision_mode="must_keep_origin_dtype")))


def test_a_difference_of_moments_needs_what_was_rounded_before_it(tmp_path: Path) -> None:
    (fact,) = of_kind(
        list(patterns.observe(case(tmp_path, variance_difference(), rows(1, mean=60)))), "variance_difference"
    )
    kept = fact.remedies["keep_dtype"].model_dump()["nodes"]
    assert {"msq", "mean", "mean2", "y"} <= set(kept)


def test_edits_are_offered_where_the_formula_begins(tmp_path: Path) -> None:
    seen = case(tmp_path, layer_norm(), rows(600))
    (fact,) = of_kind(list(patterns.observe(seen)), "layer_norm")
    assert fact.remedies["fuse_normalization"].model_dump()["nodes"] == ("mean",)
    assert fact.remedies["reformulate"].model_dump()["pattern"] == "sum_of_squares"


@pytest.mark.parametrize("kind", ["softmax", "log_sum_exp", "scaled_after", "layer_norm", "rms_norm", "l2_norm"])
def test_the_edits_repair_what_hurts(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    (fact,) = of_kind(list(patterns.observe(case(tmp_path, example.model, example.bad))), kind)
    edits = [remedy for remedy in fact.remedies.values() if remedy.touches == "graph"]
    assert edits
    assert all(passes(tmp_path, example.model, example.bad, remedy) for remedy in edits)
