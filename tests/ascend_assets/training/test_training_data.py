"""Labelled samples become training data: split once and for all, nothing judged that was trained on."""

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.evaluation import EvaluationData
from ascend_assets.spec import Input
from ascend_assets.training import data
from ascend_assets.training.data import Labelled, TrainingDataError
from resources import npz
from resources.production.samples import parquet_bytes

INPUTS = (Input(name="image", shape=("batch", 1, 2, 2)), Input(name="age", dtype="int64", shape=("batch",)))


def table(count: int, labels: list[int | None] | None = None) -> pa.Table:
    image = np.arange(count * 4, dtype=np.float32)
    return pa.table(
        {
            "request_id": [f"r{number}" for number in range(count)],
            "at": pa.array([datetime(2026, 11, 1, tzinfo=UTC)] * count, pa.timestamp("us", "UTC")),
            "in_image": pa.FixedSizeListArray.from_arrays(pa.array(image), 4),
            "in_age": pa.array(np.arange(count)),
            "label": pa.array(labels if labels is not None else [n % 3 for n in range(count)], pa.int64()),
        }
    )


def written(folder: Path, content: pa.Table | bytes) -> Path:
    path = folder / "samples.parquet"
    path.write_bytes(content if isinstance(content, bytes) else parquet_bytes(content))
    return path


def labelled(count: int, *, seed: int = 3) -> Labelled:
    rng = np.random.default_rng(seed)
    found = EvaluationData({"x": rng.normal(size=(count, 3)).astype(np.float32)}, rng.integers(0, 3, count))
    return Labelled(tuple(f"s{seed}-{number}" for number in range(count)), found)


def rows(found: EvaluationData) -> set[bytes]:
    return {row.tobytes() for row in found.inputs["x"]}


def test_inputs_have_their_shapes_and_unlabelled_rows_are_left_out(tmp_path: Path) -> None:
    found = data.read(written(tmp_path, table(5, [0, None, 2, None, 1])), INPUTS)
    assert found.ids == ("r0", "r2", "r4")
    assert found.data.inputs["image"].shape == (3, 1, 2, 2)
    assert found.data.inputs["image"][1].ravel().tolist() == [8, 9, 10, 11]
    assert found.data.inputs["age"].tolist() == [0, 2, 4]
    assert found.data.labels.tolist() == [0, 2, 1]


def test_labels_that_are_no_class_are_counted_and_left_out(tmp_path: Path) -> None:
    found = data.read(written(tmp_path, table(4, [0, -1, 10**18, 2])), INPUTS, classes=3)
    assert (found.ids, found.refused) == (("r0", "r3"), 2)


def test_without_any_label_there_is_nothing(tmp_path: Path) -> None:
    found = data.read(written(tmp_path, table(3, [None, None, None])), INPUTS)
    assert len(found) == 0
    assert found.data.inputs["image"].shape == (0, 1, 2, 2)


def test_the_newest_are_taken_where_they_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "_ROWS_AT_ONCE", 10)
    monkeypatch.setattr(data, "MOST_BYTES", 1000)
    found = data.read(written(tmp_path, table(100)), INPUTS)
    assert 0 < len(found) < 100
    assert found.ids[-1] == "r99"


@pytest.mark.parametrize("content", [b"", b"PAR1 no more", b"\0" * 5000], ids=["empty", "truncated", "zeros"])
def test_a_damaged_file_is_said(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TrainingDataError, match="cannot be used"):
        data.read(written(tmp_path, content), INPUTS)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="no in_age"):
        data.read(written(tmp_path, table(3).drop_columns(["in_age"])), INPUTS)


def test_rows_of_another_size_are_said(tmp_path: Path) -> None:
    other = (Input(name="image", shape=("batch", 1, 3, 3)), INPUTS[1])
    with pytest.raises(TrainingDataError, match="cannot be used"):
        data.read(written(tmp_path, table(3)), other)


def test_an_input_of_open_size_cannot_be_trained_on(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="open dimension"):
        data.read(written(tmp_path, table(3)), (Input(name="image", shape=("batch", "width")),))


@given(st.text(max_size=50), st.floats(0.01, 0.98), st.floats(0.001, 0.01))
def test_a_sample_never_goes_over_to_training_where_the_share_grows(request_id: str, share: float, more: float) -> None:
    if data.is_held_out(request_id, share):
        assert data.is_held_out(request_id, share + more)


def test_the_share_is_held() -> None:
    held = sum(data.is_held_out(f"request-{number}", 0.3) for number in range(20_000))
    assert held == pytest.approx(6000, rel=0.05)


def test_a_later_training_never_sees_what_an_earlier_one_was_judged_by() -> None:
    everything = labelled(600)
    early = Labelled(
        everything.ids[:400], EvaluationData({"x": everything.data.inputs["x"][:400]}, everything.data.labels[:400])
    )
    assert not rows(data.split(early, 0.3).held_out) & rows(data.split(everything, 0.3).trained_on)


def test_split_parts_everything_and_loses_nothing() -> None:
    everything = labelled(300)
    found = data.split(everything, 0.4)
    assert rows(found.held_out) | rows(found.trained_on) == rows(everything.data)
    assert not rows(found.held_out) & rows(found.trained_on)
    assert found.repeated == 0


def test_the_same_input_under_another_id_is_not_trained_on() -> None:
    """A resent request would else be learnt by heart and then asked for."""
    once = labelled(200)
    twice = Labelled(
        (*once.ids, *(f"again-{n}" for n in range(200))),
        EvaluationData({"x": np.tile(once.data.inputs["x"], (2, 1))}, np.tile(once.data.labels, 2)),
    )
    found = data.split(twice, 0.3)
    assert not rows(found.held_out) & rows(found.trained_on)
    assert found.repeated > 0


def test_the_champions_evaluation_data_is_not_trained_on() -> None:
    everything = labelled(200)
    known = EvaluationData({"x": everything.data.inputs["x"][:150]}, everything.data.labels[:150])
    assert not rows(known) & rows(data.split(everything, 0.3, known).trained_on)


@pytest.mark.parametrize("count", [0, 1])
def test_one_side_alone_is_refused(count: int) -> None:
    with pytest.raises(TrainingDataError, match="both are needed"):
        data.split(labelled(count), 0.3)


def test_the_same_samples_are_the_same_bytes(tmp_path: Path) -> None:
    found = labelled(50).data
    first, second = data.npz_bytes(found), data.npz_bytes(found)
    assert first == second
    path = tmp_path / "data.npz"
    path.write_bytes(first)
    arrays = npz.read(path)
    assert set(arrays) == {"x", "labels"}
    assert (arrays["x"] == found.inputs["x"]).all()
    assert np.load(BytesIO(first), allow_pickle=False)["labels"].tolist() == found.labels.tolist()


def test_evaluation_is_of_the_new_world_where_it_has_enough() -> None:
    original, held_out = labelled(100, seed=1).data, labelled(80, seed=2).data
    assert rows(data.evaluated(original, held_out, 50)) == rows(held_out)
    assert rows(data.evaluated(original, held_out, 90)) == rows(original) | rows(held_out)
    assert data.evaluated(original, labelled(5000, seed=4).data, 50).samples == 100
    assert data.evaluated(original, labelled(5000, seed=4).data, 700).samples == 700


def test_too_few_labels_say_what_to_do() -> None:
    with pytest.raises(data.NotEnoughLabelled, match="3 labelled samples"):
        data.require_enough(3, 4)
    data.require_enough(4, 4)
