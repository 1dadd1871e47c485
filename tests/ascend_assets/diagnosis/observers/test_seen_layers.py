"""What the layer table says where nothing else explains it."""

import math
from pathlib import Path

import numpy as np
import pytest
from numeric_faults import case, model, normal, of_kind, passes, step, unseen
from numeric_graphs import EXAMPLES, ROWS, cancellation, dead_row, layer_norm, rows, variance_difference

from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.observers import layers
from ascend_assets.diagnosis.observers.faults import Faults, wrong_by_itself
from ascend_assets.diagnosis.observers.reading import Reading
from resources.ascend.toolchain import Comparison, LayerComparison, OutputComparison


def kept(fact: Observation) -> tuple[str, ...]:
    nodes: tuple[str, ...] = fact.remedies["keep_dtype"].model_dump()["nodes"]
    return nodes


def test_layers_that_fail_from_right_inputs_are_told_from_those_that_follow(tmp_path: Path) -> None:
    seen = case(tmp_path, layer_norm(), rows(600))
    (own,) = of_kind(list(layers.observe(seen)), "own_errors")
    assert set(own.nodes) == {"sq", "var", "ve", "sd"}
    assert passes(tmp_path, layer_norm(), rows(600), own.remedies["keep_dtype"])


@pytest.mark.parametrize("kind", ["mix_precision", "set_precision_mode"])
def test_whole_modes_are_offered_and_repair_as_well(tmp_path: Path, kind: str) -> None:
    seen = case(tmp_path, layer_norm(), rows(600))
    (own,) = of_kind(list(layers.observe(seen)), "own_errors")
    assert passes(tmp_path, layer_norm(), rows(600), own.remedies[kind])


def test_bf16_gives_way_to_fp16_before_fp32(tmp_path: Path) -> None:
    weight = np.tile(np.array([[1.0], [-1.0]], np.float32), (32, 1))
    given = model([step("MatMul", "x w", "y")], {"x": ROWS}, {"w": weight})
    asked = {"soc_version": "Ascend910B3", "precision_mode": "allow_mix_precision_bf16"}
    seen = case(tmp_path, given, rows(0.1, mean=100), **asked)
    (own,) = of_kind(list(layers.observe(seen)), "own_errors")
    modes = [remedy.model_dump()["precision_mode"] for key, remedy in own.remedies.items() if key.startswith("set_")]
    assert modes == ["allow_mix_precision_fp16", "must_keep_origin_dtype"]


def test_what_was_rounded_before_a_fault_has_to_be_wide_with_it(tmp_path: Path) -> None:
    arrays = rows(1, mean=60)
    found = list(layers.observe(case(tmp_path, variance_difference(), arrays)))
    (own,) = of_kind(found, "own_errors")
    (fed,) = of_kind(found, "rounded_inputs")
    assert not passes(tmp_path, variance_difference(), arrays, own.remedies["keep_dtype"])
    assert passes(tmp_path, variance_difference(), arrays, fed.remedies["keep_dtype"])


def test_a_node_where_overflow_begins_counts_although_it_is_right_by_itself(tmp_path: Path) -> None:
    seen = case(tmp_path, layer_norm(epsilon=1e-12), dead_row())
    assert seen.comparison is not None
    assert seen.comparison.first_bad_layer is None
    found = list(layers.observe(seen))
    assert of_kind(found, "own_errors")[0].nodes == ("n",)
    assert passes(
        tmp_path, layer_norm(epsilon=1e-12), dead_row(), of_kind(found, "rounded_inputs")[0].remedies["keep_dtype"]
    )


def test_the_first_bad_layer_is_told_in_the_comparisons_words(tmp_path: Path) -> None:
    seen = case(tmp_path, cancellation(), rows(0.1, mean=1000))
    (fact,) = of_kind(list(layers.observe(seen)), "first_bad_layer")
    assert fact.values["node"] == "d"
    assert "cancellation" in str(fact.values["why"])


@pytest.mark.parametrize("kind", EXAMPLES)
def test_nothing_is_said_of_what_passes(tmp_path: Path, kind: str) -> None:
    example = EXAMPLES[kind]()
    assert not list(layers.observe(case(tmp_path, example.model, example.good)))
    assert not list(layers.observe(unseen(example.model)))


def layer(node: str, error: float, **changed: object) -> LayerComparison:
    figures = {
        "index": 0,
        "node": node,
        "op": "Add",
        "dtype": "float16",
        "cosine_similarity": 1.0,
        "max_absolute_error": 0.0,
        "relative_euclidean_distance": error,
        "overflow": 0,
        "underflow": 0,
        "local_error": error,
    }
    return LayerComparison.model_validate(figures | changed)


def summed(errors: dict[str, float]) -> Case:
    """A chain of additions with these own errors, and an output that is too far off."""
    names = list(errors)
    steps = [step("Add", f"{before} one", name) for before, name in zip(["x", *names], names, strict=False)]
    given = model(steps, {"x": (4,)}, {"one": 1.0}, outputs=(names[-1],))
    metrics = dict.fromkeys(OutputComparison.model_fields, 0.0) | {"name": names[-1], "non_finite": 0}
    output = OutputComparison.model_validate(metrics | {"cosine_similarity": 0.98, "relative_euclidean_distance": 0.2})
    table = tuple(layer(name, error) for name, error in errors.items())
    comparison = Comparison(origin="emulated", layers=table, outputs=(output,), first_bad_layer=None)
    plain = unseen(given)
    return Case(options=plain.options, model=plain.model, graph=plain.graph, comparison=comparison)


def test_errors_that_add_up_are_ranked_and_most_of_them_kept() -> None:
    (fact,) = list(layers.observe(summed({"a": 0.01, "b": 0.04, "c": 0.02, "d": 1e-9})))
    assert fact.kind == "accumulated_error"
    assert fact.nodes == ("b", "c")
    assert kept(fact) == ("b", "c", "a")
    assert float(fact.values["share"]) == pytest.approx((0.04**2 + 0.02**2) / (0.04**2 + 0.02**2 + 0.01**2))


def test_errors_that_are_all_alike_are_nearly_all_kept() -> None:
    (fact,) = list(layers.observe(summed({f"n{at}": 0.01 for at in range(20)})))
    assert len(fact.nodes) == pytest.approx(16, abs=1)
    assert len(kept(fact)) == 20


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"local_error": 0.04}, False),
        ({"local_error": 0.06}, True),
        ({"local_error": math.inf}, True),
        ({"local_error": math.nan, "overflow": 3}, True),
        ({"local_error": math.nan}, False),
        ({"local_error": 0.5, "dtype": "other"}, False),
    ],
    ids=["within", "beyond", "infinite", "no number by overflow", "no number in FP32 either", "integers"],
)
def test_when_a_layer_is_wrong_by_itself(changed: dict[str, object], wrong: bool) -> None:  # noqa: FBT001
    assert wrong_by_itself(layer("a", 0.0, **changed)) is wrong


def test_a_chain_goes_through_movers_to_the_next_faulty_node(tmp_path: Path) -> None:
    steps = [
        step("Mul", "x big", "a"),
        step("Reshape", "a shape", "r"),
        step("Mul", "r k", "b"),
        step("Mul", "b k", "y"),
    ]
    given = model(steps, {"x": ROWS}, {"big": 5e4, "k": 1e-3, "shape": np.array([64, 4])})
    faults = Faults(Reading(case(tmp_path, given, {"x": normal(*ROWS, scale=3)})))
    first = next(node for node in faults.reading.nodes if node.name == "a")
    assert [node.name for node in faults.chain([first])] == ["a", "r", "b"]
