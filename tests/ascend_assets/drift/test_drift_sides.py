"""Both sides are summarised in bounded pieces, and the pieces change nothing."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ascend_assets.drift import sides
from ascend_assets.drift.features import features
from ascend_assets.drift.samples import Chunk
from ascend_assets.evaluation import EvaluationData
from ascend_assets.spec import Input

TABULAR = features([Input(name="x", shape=("batch", 5)), Input(name="age", dtype="int64", shape=("batch",))])
BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def data(rows: int, seed: int = 0) -> EvaluationData:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)).astype(np.float32)
    return EvaluationData({"x": x, "age": rng.integers(18, 90, rows)}, rng.integers(0, 3, rows))


def chunk(first: int, last: int, *, seconds: int = 1) -> Chunk:
    """Rows of one long production; every third is another release's, every second has a label."""
    place = np.arange(first, last)
    rows = data(1000, 1)
    return Chunk(
        columns=(rows.inputs["x"][first:last].T.copy(), rows.inputs["age"][None, first:last]),
        predictions=rows.labels[first:last],
        labels=np.where(place % 2 == 0, rows.labels[first:last], np.nan),
        own=place % 3 > 0,
        at=np.datetime64(BEGIN.replace(tzinfo=None), "us") + place * np.timedelta64(seconds, "s"),
    )


def filled(*bounds: int, since: datetime | None = None) -> sides.Sides:
    reference = data(400)
    answered = sides.of_answers("class", reference.labels, reference.labels)
    chunks = (chunk(first, last) for first, last in itertools.pairwise(bounds))
    return sides.filled(sides.of_reference(TABULAR, reference), answered, "class", chunks, since)


def test_production_in_pieces_is_production() -> None:
    whole, parts = filled(0, 1000), filled(0, 1, 17, 400, 999, 1000)
    assert (whole.rows, whole.fresh, whole.newest) == (parts.rows, parts.fresh, parts.newest)
    assert [one.name for one in whole.compared] == ["x[0]", "x[1]", "x[2]", "x[3]", "x[4]", "age"]
    for one, other in zip(whole.compared, parts.compared, strict=True):
        assert one.production.count == other.production.count == 1000
        assert (one.production.upto == other.production.upto).all()


def test_only_the_releases_own_answers_are_its_predictions() -> None:
    found = filled(0, 1000)
    assert found.answered is not None
    assert found.answered.compared.production.count == 666
    assert found.answered.production.number == 333
    assert found.answered.production.mean == 1.0
    assert found.answered.reference.number == 400


def test_what_is_newer_than_the_look_before_is_fresh() -> None:
    since = BEGIN + timedelta(seconds=899)
    assert filled(0, 1000, since=since).fresh == 100
    assert filled(0, 500, since=since).fresh == 0
    assert filled(0, 1000).newest == BEGIN + timedelta(seconds=999)
    assert filled(0, 0).newest is None


def test_evaluation_data_in_pieces_is_the_evaluation_data(monkeypatch: pytest.MonkeyPatch) -> None:
    take = features([Input(name="image", shape=("batch", 3, 20, 20))])
    images = EvaluationData(
        {"image": np.random.default_rng(0).random((30, 3, 20, 20)).astype(np.float32)}, np.zeros(30, dtype=np.int64)
    )
    whole = sides.of_reference(take, images)
    seen: list[int] = []
    real = type(take[0]).columns

    def counted(self: object, rows: np.ndarray) -> np.ndarray:
        seen.append(len(rows))
        return np.asarray(real(self, rows))  # type: ignore[arg-type]

    monkeypatch.setattr(type(take[0]), "columns", counted)
    monkeypatch.setattr(sides, "_CHUNK_BYTES", 8 * 1200 * 4)
    parts = sides.of_reference(take, images)
    assert max(seen) == 4
    for one, other in zip(whole, parts, strict=True):
        assert (one.grid.edges == other.grid.edges).all()
        assert one.scale == other.scale


def test_labels_of_many_values_say_nothing_about_one_answer() -> None:
    assert sides.of_answers("class", np.zeros(4, dtype=np.int64), np.zeros((4, 2))).reference.number == 0
