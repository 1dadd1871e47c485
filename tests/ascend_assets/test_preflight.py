"""Preflight judges any ONNX file: legal ones are answered, others refused in one sentence, nothing is guessed."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import strange_models
from onnx import helper
from strange_models import BAD, GOOD, tokens

from ascend_assets import preflight
from ascend_assets.preflight import Preflight
from ascend_assets.preflight_inputs import NotUsable
from benchmarks.two_layers import two_layers
from resources.ascend.options import CompileOptions
from resources.onnx_files.limits import OnnxFileError

KEYS = {
    "model",
    "sha256",
    "soc",
    "origin",
    "precision_mode",
    "verdicts",
    "layers",
    "first_bad_layer",
    "estimate",
    "seconds",
}
VERDICT = {"criterion", "passed", "value", "limits", "admits", "why"}
LAYER = {
    "index",
    "node",
    "op",
    "cosine_similarity",
    "max_absolute_error",
    "relative_euclidean_distance",
    "overflow",
    "underflow",
    "local_error",
}
ESTIMATE = {"latency_ms", "throughput", "aicore_utilisation", "bound", "error_band"}


def judged(folder: Path, model: Any, *, shapes: dict[str, tuple[int, ...]] | None = None, **given: Any) -> Preflight:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    options = CompileOptions(soc_version="Ascend310P3", input_shape=shapes or {})
    return preflight.run(path, options, **given)


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "inputs.npz"
    np.savez(path, **arrays)
    return path


ANSWERS = {"branching": {"model_safety"}, "inputless": {"conversion_errors"}}
REFUSED_INPUT = {"text_input": "is of type string", "sequence_input": "is of type sequence"}


@pytest.mark.parametrize("name", sorted(set(GOOD) - set(REFUSED_INPUT)))
def test_an_unusual_model_gets_an_answer(tmp_path: Path, name: str) -> None:
    found = judged(tmp_path, GOOD[name]())
    assert {verdict.criterion for verdict in found.verdicts if not verdict} == ANSWERS.get(name, set())


@pytest.mark.parametrize("name", sorted(REFUSED_INPUT))
def test_an_input_that_is_no_tensor_of_numbers_cannot_be_fed(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotUsable, match=REFUSED_INPUT[name]):
        judged(tmp_path, GOOD[name]())


REFUSALS = {
    "not_numbers": "model_safety",
    "foreign": "model_safety",
    "greedy_inside": "conversion_errors",
    "opset_20": "conversion_errors",
    "overflowing": "overflow_layers",
}
UNUSABLE = {
    "unknown_rank": r"x of unknown rank.*--input-shape",
    "without_nodes": "holds no node",
    "cyclic": "cycle",
    "escaping": "outside the model's folder",
    "escaping_absolute": "no relative path",
    "greedy": "claims 4,398,046,511,104 bytes",
    "zero_dimension": "holds nothing",
    "huge_name": "a name of 100,000 characters",
}


def test_every_bad_model_is_expected_somewhere() -> None:
    assert set(REFUSALS) | set(UNUSABLE) == set(BAD)


@pytest.mark.parametrize("name", sorted(REFUSALS))
def test_a_bad_model_is_refused_by_name(tmp_path: Path, name: str) -> None:
    found = judged(tmp_path, BAD[name]())
    assert not found
    assert REFUSALS[name] in {verdict.criterion for verdict in found.verdicts if not verdict}


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_a_bad_model_is_unusable_in_one_line_that_names_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises((NotUsable, OnnxFileError), match=UNUSABLE[name]) as caught:
        judged(tmp_path, BAD[name]())
    assert str(caught.value).startswith(str(tmp_path / "model.onnx"))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_batch_that_nobody_named_is_one_and_that_is_remembered(tmp_path: Path) -> None:
    found = judged(tmp_path, two_layers())
    assert found.options.input_shape == {"x": (1, 8)}
    assert found.assumed == ("x",)


def test_a_named_batch_is_no_assumption(tmp_path: Path) -> None:
    found = judged(tmp_path, two_layers(), batch=3)
    assert found.options.input_shape == {"x": (3, 8)}
    assert found.assumed == ()


def test_any_other_open_size_is_asked_for_with_an_option_that_can_be_copied(tmp_path: Path) -> None:
    with pytest.raises(NotUsable, match='--input-shape "ids:1,128;mask:1,128"'):
        judged(tmp_path, tokens("sequence"))
    found = judged(tmp_path, tokens("sequence"), shapes={"ids": (1, 128), "mask": (1, 128)})
    assert found


def test_given_arrays_settle_open_sizes_but_not_the_batch(tmp_path: Path) -> None:
    ids = np.arange(36, dtype=np.int64).reshape(4, 9) % 32
    found = judged(tmp_path, tokens("sequence"), inputs=saved(tmp_path, ids=ids, mask=np.ones_like(ids)))
    assert found.options.input_shape == {"ids": (1, 9), "mask": (1, 9)}
    assert "evaluation inputs" in found.verdicts[5].why


@pytest.mark.parametrize(
    ("shapes", "batch", "message"),
    [
        ({"z": (1, 8)}, None, "no input 'z'.*it has: x"),
        ({"x": (1, 9)}, None, "fixed to 8 at axis 1"),
        ({"x": (1, 8, 1)}, None, "has 2 dimensions"),
        ({"x": (-1, 8)}, None, "leaves sizes open"),
        ({"x": (2, 8)}, 4, "no input takes a batch of 4"),
    ],
)
def test_a_wrong_shape_is_told_with_the_right_one(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], batch: int | None, message: str
) -> None:
    with pytest.raises(NotUsable, match=message):
        judged(tmp_path, two_layers(), shapes=shapes, batch=batch)


X = np.zeros((4, 8), np.float32)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"y": X}, "has no array 'x'.*its arrays are: y"),
        ({}, "has no array 'x'.*its arrays are: none"),
        ({"x": X.astype(np.float64)}, r"is float64, the model takes float32.*astype\('float32'\)"),
        ({"x": X[:, :4]}, r"is \[4, 4\], the model takes \[1, 8\]"),
        ({"x": X[0]}, r"is \[8\], the model takes \[1, 8\]"),
        ({"x": X[:0]}, r"is \[0, 8\], the model takes \[1, 8\]"),
        ({"x": np.array([None])}, "Python objects"),
    ],
)
def test_wrong_arrays_are_told_with_what_the_model_takes(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    with pytest.raises(NotUsable, match=message):
        judged(tmp_path, two_layers(), inputs=saved(tmp_path, **arrays))


def test_a_scalar_input_can_be_given(tmp_path: Path) -> None:
    nodes = [helper.make_node("Mul", ["x", "s"], ["y"], name="scale")]
    value = strange_models.value
    model = strange_models.model(nodes, [value("x", [2, 4]), value("s", [])], [value("y", [2, 4])])
    given = saved(tmp_path, x=np.ones((2, 4), np.float32), s=np.float32(2))
    assert judged(tmp_path, model, inputs=given)


@pytest.mark.parametrize("model", ["tiny", "opset_20", "overflowing"])
def test_the_object_has_exactly_the_promised_keys(tmp_path: Path, model: str) -> None:
    found = preflight.as_json(judged(tmp_path, {**BAD, "tiny": two_layers}[model]()))
    assert set(found) == KEYS
    assert found["origin"] == "emulated"
    assert all(set(verdict) == VERDICT for verdict in found["verdicts"])
    assert all(isinstance(verdict["passed"], bool) and verdict["why"] for verdict in found["verdicts"])
    assert all(set(layer) == LAYER for layer in found["layers"])
    if model == "opset_20":
        assert (found["layers"], found["first_bad_layer"], found["estimate"]) == ([], None, None)
        return
    assert len(found["layers"]) == 3
    assert set(found["estimate"]) == ESTIMATE
    bad = found["first_bad_layer"]
    assert bad is None if model == "tiny" else set(bad) == {"node", "op", "cause"} and bad["node"] == "hidden"
    assert math.isfinite(found["seconds"])
