"""Evaluation data is what the model takes, and a metric is what its name says."""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, mean_absolute_error, top_k_accuracy_score

from ascend_assets import evaluation
from ascend_assets.evaluation import BadEvaluationData, EvaluationData, MetricNotApplicable
from ascend_assets.images import Images
from ascend_assets.spec import Evaluation, Input

IMAGE = Input(name="image", shape=("batch", 1, 2, 2))
MASK = Input(name="mask", dtype="bool", shape=("batch", 3))


def arrays(samples: int = 5) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "image": rng.standard_normal((samples, 1, 2, 2)).astype(np.float32),
        "mask": rng.integers(0, 2, (samples, 3)).astype(bool),
        "labels": np.arange(samples),
    }


def data(samples: int = 5) -> EvaluationData:
    given = arrays(samples)
    return EvaluationData(inputs={"image": given["image"]}, labels=given["labels"])


def test_file_comes_back_as_inputs_and_labels(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **arrays())
    found = evaluation.load(tmp_path / "e.npz", (MASK, IMAGE))
    assert list(found.inputs) == ["mask", "image"]
    assert found.samples == 5
    np.testing.assert_array_equal(found.inputs["image"], arrays()["image"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": None}, r"must hold \['image', 'labels', 'mask'\]"),
        ({"labels": None}, "one per input, and labels"),
        ({"weights": np.zeros(5)}, "holds the arrays"),
        (
            {"image": np.zeros((5, 1, 2, 2))},
            r"'image' is float64, the input is float32: save it with .astype\('float32'\)",
        ),
        ({"image": np.zeros((5, 1, 2), np.float32)}, r"must have \(samples, 1, 2, 2\)"),
        ({"image": np.zeros((5, 3, 2, 2), np.float32)}, r"has shape \(5, 3, 2, 2\)"),
        ({"image": np.zeros((), np.float32)}, r"must have \(samples, 1, 2, 2\)"),
        ({"labels": np.arange(4)}, "the same number of samples"),
        ({"labels": np.array(3)}, "the same number of samples"),
        (arrays(0), "one or more"),
        ({"labels": np.array([None] * 5)}, "holds Python objects"),
    ],
)
def test_file_that_is_not_about_these_inputs_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    content = {name: array for name, array in {**arrays(), **changes}.items() if array is not None}
    np.savez(tmp_path / "e.npz", **content)
    with pytest.raises(BadEvaluationData, match=message) as caught:
        evaluation.load(tmp_path / "e.npz", (IMAGE, MASK))
    assert str(tmp_path / "e.npz") in str(caught.value)


EDGE = Images("edge", "image", "RGB888_U8", (4, 6, 6, 3))
RACK = Images("rack", "image", "YUV420SP_U8", (4, 9, 6, 1))


def pictures(samples: int = 5, *shape: int) -> Any:
    return np.random.default_rng(2).integers(0, 256, (samples, *(shape or (6, 6, 3))), np.uint8)


def test_images_stand_beside_what_they_were_made_into(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **{**arrays(), "image.image": pictures()})
    found = evaluation.load(tmp_path / "e.npz", (IMAGE, MASK), (EDGE,))
    taken = found.taken_by("edge")
    np.testing.assert_array_equal(taken.inputs["image"], pictures())
    assert taken.inputs["mask"] is found.inputs["mask"]
    assert taken.labels is found.labels
    assert found.taken_by("other").inputs == found.inputs


def test_a_targets_own_images_go_before_those_of_all(tmp_path: Path) -> None:
    own = {"image.image.rack": pictures(5, 9, 6, 1), "image.image": pictures()}
    np.savez(tmp_path / "e.npz", **{**arrays(), **own})
    found = evaluation.load(tmp_path / "e.npz", (IMAGE, MASK), (EDGE, RACK))
    assert {target: found.taken_by(target).inputs["image"].shape for target in ("edge", "rack")} == {
        "edge": (5, 6, 6, 3),
        "rack": (5, 9, 6, 1),
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, r"no images for target edge, .*'image.image': uint8 of shape \(samples, 6, 6, 3\), RGB888_U8"),
        ({"image.image": pictures(5, 3, 6, 6)}, r"'image.image' is uint8 of shape \(5, 3, 6, 6\), but target edge"),
        ({"image.image": pictures().astype(np.float32)}, "'image.image' is float32"),
        ({"image.image": np.uint8(3)}, r"of shape \(\), but"),
        ({"image.image": pictures(4)}, "the same number of samples"),
        ({"image.image": pictures(), "image.image.rack": pictures()}, "and images for aipp"),
    ],
)
def test_images_that_the_target_does_not_take_are_refused(tmp_path: Path, given: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "e.npz", **{**arrays(), **given})
    with pytest.raises(BadEvaluationData, match=message):
        evaluation.load(tmp_path / "e.npz", (IMAGE, MASK), (EDGE,))


def test_images_that_no_target_takes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", **{**arrays(), "image.image": pictures()})
    with pytest.raises(BadEvaluationData, match="holds the arrays"):
        evaluation.load(tmp_path / "e.npz", (IMAGE, MASK))


def test_the_metric_gives_each_side_its_own_of_the_same_samples() -> None:
    labels = np.array([2, 0, 1, 1, 2])
    images = np.repeat(labels[:, None], 3, axis=1).astype(np.uint8)
    whole = EvaluationData({"x": labels.astype(np.float32)[:, None]}, labels, {"edge": {"x": images}})

    def answer(inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {"y": np.eye(3)[inputs["x"][:, 0].astype(int)]}

    def device(inputs: Mapping[str, Any]) -> dict[str, Any]:
        assert inputs["x"].dtype == np.uint8
        return answer(inputs)

    found = evaluation.task_metric(answer, device, whole, "top1", batch=2, taken=whole.taken_by("edge"))
    assert (found.reference, found.device, found.samples) == (1.0, 1.0, 5)


def test_input_without_axes_cannot_be_evaluated(tmp_path: Path) -> None:
    np.savez(tmp_path / "e.npz", scale=np.zeros(3, np.float32), labels=np.arange(3))
    with pytest.raises(BadEvaluationData, match="'scale' has shape"):
        evaluation.load(tmp_path / "e.npz", (Input(name="scale", shape=()),))


@given(samples=st.integers(1, 40), batch=st.integers(1, 50))
def test_batches_hold_every_sample_once_in_order_and_are_all_of_one_size(samples: int, batch: int) -> None:
    whole = data(samples)
    parts = list(evaluation.batches(whole, batch))
    assert {len(part.inputs["image"]) for part in parts} == {batch}
    assert np.concatenate([part.labels[: part.valid] for part in parts]).tolist() == whole.labels.tolist()
    cut = np.concatenate([part.inputs["image"][: part.valid] for part in parts])
    np.testing.assert_array_equal(cut, whole.inputs["image"])


def test_batch_must_be_positive() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        next(evaluation.batches(data(), 0))


def test_metrics_are_those_that_a_model_may_name() -> None:
    assert set(evaluation.HIGHER_IS_BETTER) == set(get_args(Evaluation.model_fields["metric"].annotation))


@given(seed=st.integers(0, 2**32 - 1), samples=st.integers(1, 30), classes=st.integers(6, 12))
def test_metrics_are_sklearns(seed: int, samples: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(classes, dtype=np.float32), (samples, 1)), axis=1)
    labels = rng.integers(0, classes, samples)
    top1 = evaluation.score("top1", scores, labels).mean()
    assert top1 == pytest.approx(accuracy_score(labels, scores.argmax(axis=1)))
    top5 = evaluation.score("top5", scores, labels).mean()
    assert top5 == pytest.approx(top_k_accuracy_score(labels, scores, k=5, labels=range(classes)))
    targets = rng.standard_normal((samples, classes))
    error = evaluation.score("mean_absolute_error", scores, targets).mean()
    assert error == pytest.approx(mean_absolute_error(targets, scores))


def test_lower_class_is_first_among_equals() -> None:
    flat = np.zeros((6, 6), np.float32)
    assert evaluation.score("top1", flat, np.arange(6)).tolist() == [1, 0, 0, 0, 0, 0]
    assert evaluation.score("top5", flat, np.arange(6)).tolist() == [1, 1, 1, 1, 1, 0]


def test_answer_with_nan_is_wrong() -> None:
    scores = np.array([[0, 1, 2], [math.nan, 1, 2], [0, 1, math.nan], [0, 1, math.inf]], np.float32)
    assert evaluation.score("top1", scores, np.array([2, 2, 2, 2])).tolist() == [1, 0, 0, 1]
    assert math.isnan(evaluation.score("mean_absolute_error", scores, np.zeros((4, 3)))[1])


def test_classes_stand_on_axis_one_and_the_rest_is_averaged() -> None:
    scores = np.zeros((1, 3, 2, 2), np.float32)
    scores[0, 2] = 1
    assert evaluation.score("top1", scores, np.array([[[2, 2], [2, 0]]])).tolist() == [0.75]


def test_error_ignores_axes_of_length_one() -> None:
    assert evaluation.score("mean_absolute_error", np.ones((3, 1), np.float16), np.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("metric", "output", "labels", "message"),
    [
        ("f1", np.zeros((2, 3)), np.zeros(2, int), "allowed: top1, top5, mean_absolute_error"),
        ("top1", np.zeros((2, 1)), np.zeros(2, int), "more than 1 classes"),
        ("top1", np.zeros(2), np.zeros(2, int), "more than 1 classes"),
        ("top5", np.zeros((2, 5)), np.zeros(2, int), "more than 5 classes"),
        ("top1", np.zeros((2, 3)), np.zeros((2, 3), int), r"integer labels of shape \(2,\)"),
        ("top1", np.zeros((2, 3)), np.zeros(2), "they are float64"),
        ("top1", np.zeros((2, 3)), np.array([0, 3]), "run from 0 to 3; 3 classes exist"),
        ("top1", np.zeros((2, 3)), np.array([0, -1]), "run from -1"),
        ("top1", np.zeros((3, 3)), np.zeros(2, int), "first axis must be the samples"),
        ("top1", np.zeros(()), np.zeros(2, int), "first axis must be the samples"),
        ("mean_absolute_error", np.zeros((2, 3)), np.zeros((2, 4)), "labels of the output's shape"),
    ],
)
def test_metric_that_cannot_be_computed_says_why(metric: str, output: Any, labels: Any, message: str) -> None:
    with pytest.raises(MetricNotApplicable, match=message):
        evaluation.score(metric, output, labels)


def test_task_metric_compares_both_sides_over_all_samples() -> None:
    batches: list[int] = []

    def reference(inputs: Mapping[str, Any]) -> dict[str, Any]:
        batches.append(len(inputs["x"]))
        return {"logits": inputs["x"], "other": np.zeros(3)}

    def device(inputs: Mapping[str, Any]) -> dict[str, Any]:
        wrong = inputs["x"].copy()
        wrong[inputs["x"][:, 0] == 1] = [0, 1, 0]
        return {"other": np.zeros(3), "logits": wrong}

    x = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2, 0]]
    whole = EvaluationData(inputs={"x": x}, labels=np.array([0, 1, 2, 0, 1, 2, 0]))
    metric = evaluation.task_metric(reference, device, whole, "top1", batch=4)
    assert batches == [4, 4]
    assert (metric.reference, metric.samples) == (1.0, 7)
    assert metric.device == pytest.approx(4 / 7)
    assert metric.higher_is_better
    assert not evaluation.task_metric(
        reference, device, whole_of_errors(), "mean_absolute_error", batch=4
    ).higher_is_better


def whole_of_errors() -> EvaluationData:
    return EvaluationData(inputs={"x": np.zeros((3, 3), np.float32)}, labels=np.ones((3, 3)))


def test_output_without_a_batch_axis_is_refused() -> None:
    def run(_: Mapping[str, Any]) -> dict[str, Any]:
        return {"score": np.zeros((1, 10))}

    with pytest.raises(MetricNotApplicable, match=r"'score' has shape \(1, 10\) for a batch of 4"):
        evaluation.task_metric(run, run, data(), "top1", batch=4)


def test_comparison_draws_each_sample_once_and_the_same_ones_again() -> None:
    whole = data(10)
    drawn = evaluation.samples_for_comparison(whole, (IMAGE,), {"image": (4, 1, 2, 2)})
    again = evaluation.samples_for_comparison(whole, (IMAGE,), {"image": (4, 1, 2, 2)})
    np.testing.assert_array_equal(drawn["image"], again["image"])
    assert len({sample.tobytes() for sample in drawn["image"]}) == 4
    other = evaluation.samples_for_comparison(whole, (IMAGE,), {"image": (4, 1, 2, 2)}, seed=1)
    assert not np.array_equal(drawn["image"], other["image"])


def test_few_samples_are_repeated_to_fill_the_batch() -> None:
    drawn = evaluation.samples_for_comparison(data(2), (IMAGE,), {"image": (5, 1, 2, 2)})
    assert drawn["image"].shape == (5, 1, 2, 2)
    assert len({sample.tobytes() for sample in drawn["image"]}) == 2


def test_samples_that_do_not_fit_the_compiled_shape_are_refused() -> None:
    with pytest.raises(BadEvaluationData, match=r"'image' make a batch of shape \(4, 1, 2, 2\).*\(4, 1, 9, 9\)"):
        evaluation.samples_for_comparison(data(), (IMAGE,), {"image": (4, 1, 9, 9)})


@pytest.mark.parametrize("dtype", get_args(Input.model_fields["dtype"].annotation))
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4)])
def test_random_inputs_have_the_declared_type_and_shape(dtype: Any, shape: tuple[int, ...]) -> None:
    declared = Input(name="x", dtype=dtype, shape=shape)
    found = evaluation.samples_for_comparison(None, (declared,), {"x": shape})["x"]
    again = evaluation.samples_for_comparison(None, (declared,), {"x": shape})["x"]
    assert isinstance(found, np.ndarray)
    assert (found.dtype.name, found.shape) == (dtype, shape)
    assert np.isfinite(found.astype(np.float64)).all()
    np.testing.assert_array_equal(found, again)


def test_random_integers_are_small_enough_to_index_with() -> None:
    declared = tuple(Input(name=d, dtype=d, shape=(1000,)) for d in ("int8", "int32", "int64"))
    found = evaluation.samples_for_comparison(None, declared, {d.name: (1000,) for d in declared})
    values = set(itertools.chain.from_iterable(array.tolist() for array in found.values()))
    assert values == set(range(10))
