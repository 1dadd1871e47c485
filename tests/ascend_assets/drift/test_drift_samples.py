"""Production's file of samples becomes columns of features, whatever its size and however it was split."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from ascend_assets.drift import samples
from ascend_assets.drift.features import Features, features
from ascend_assets.drift.samples import BadSamples, Chunk, chunks
from ascend_assets.spec import Input

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def wanted(*shape: int | str, dtype: Any = "float32") -> tuple[Features, ...]:
    return features([Input(name="x", dtype=dtype, shape=("batch", *shape))])


def write(path: Path, rows: int, values: pa.Array, *, group: int = 100, **columns: Any) -> Path:
    table = {
        "request_id": pa.array([f"r{n}" for n in range(rows)]),
        "at": pa.array([BEGIN + timedelta(seconds=n) for n in range(rows)], pa.timestamp("us", "UTC")),
        "version": pa.array(["1.0.0"] * rows),
        "in_x": values,
        "prediction": pa.array(np.arange(rows) % 10),
        "label": pa.array([None if n % 2 else n % 10 for n in range(rows)], pa.int64()),
        **columns,
    }
    parquet.write_table(pa.table({name: value for name, value in table.items() if value is not None}), path, group)
    return path


def lists(rows: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), rows.shape[1])


def read(path: Path, take: tuple[Features, ...], version: str = "1.0.0") -> Chunk:
    found = list(chunks(path, take, version))
    return Chunk(
        columns=tuple(np.concatenate([one.columns[i] for one in found], axis=1) for i in range(len(take))),
        predictions=np.concatenate([one.predictions for one in found]),
        labels=np.concatenate([one.labels for one in found]),
        own=np.concatenate([one.own for one in found]),
        at=np.concatenate([one.at for one in found]),
    )


def test_rows_come_as_they_were_written(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(350, 4)).astype(np.float32)
    versions = pa.array(["1.0.0" if n % 3 else "0.9.0" for n in range(350)])
    found = read(write(tmp_path / "s", 350, lists(rows), version=versions), wanted(4))
    assert (found.columns[0] == rows.T).all()
    assert found.columns[0].dtype == np.float32
    assert found.predictions.tolist() == [n % 10 for n in range(350)]
    assert np.isnan(found.labels).sum() == 175
    assert found.own.sum() == 233
    assert found.at[-1] == np.datetime64((BEGIN + timedelta(seconds=349)).replace(tzinfo=None), "us")


def test_memory_is_bounded_by_reading_some_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(500, 40)).astype(np.float32)
    path = write(tmp_path / "s", 500, lists(rows))
    monkeypatch.setattr(samples, "_CHUNK_BYTES", 8 * 40 * 60)
    sizes = [len(one.at) for one in chunks(path, wanted(40), "")]
    assert max(sizes) <= 60
    assert sum(sizes) == 500


def test_a_scalar_input_is_no_list(tmp_path: Path) -> None:
    found = read(write(tmp_path / "s", 5, pa.array([1, 2, 3, 4, 5])), wanted(dtype="int64"))
    assert found.columns[0].tolist() == [[1, 2, 3, 4, 5]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_every_type_of_input_is_read(tmp_path: Path, dtype: str) -> None:
    rows = np.array([[0, 1], [1, 1], [1, 0]]).astype(dtype)
    found = read(write(tmp_path / "s", 3, lists(rows)), wanted(2, dtype=dtype))
    assert found.columns[0].astype(float).tolist() == [[0, 1, 1], [1, 1, 0]]


def test_rows_of_any_length_have_statistics_of_their_own(tmp_path: Path) -> None:
    values = pa.array([[1, 2, 3], [], [5], None, [2, 2, 2]], pa.list_(pa.int64()))
    take = wanted("length", dtype="int64")
    found = dict(zip(take[0].names, read(write(tmp_path / "s", 5, values), take).columns[0], strict=True))
    assert found["x.max"].tolist() == pytest.approx([3, np.nan, 5, np.nan, 2], nan_ok=True)
    assert found["x.nonzero"].tolist() == pytest.approx([3, np.nan, 1, np.nan, 3], nan_ok=True)


def test_rows_without_values_are_missing_and_not_dropped(tmp_path: Path) -> None:
    values = pa.array([[1.0, 2.0], None, [None, 4.0]], pa.list_(pa.float32(), 2))
    found = read(write(tmp_path / "s", 3, values), wanted(2)).columns[0]
    assert found.tolist() == [
        pytest.approx([1, np.nan, np.nan], nan_ok=True),
        pytest.approx([2, np.nan, 4], nan_ok=True),
    ]


def test_a_batch_that_begins_within_a_group_is_read_from_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(300, dtype=np.float64).reshape(150, 2)
    path = write(tmp_path / "s", 150, lists(rows), group=100)
    monkeypatch.setattr(samples, "_CHUNK_ROWS", 33)
    assert (read(path, wanted(2, dtype="float64")).columns[0] == rows.T).all()


@pytest.mark.parametrize("name", ["in_x", "prediction", "label", "version", "at"])
def test_a_column_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    values = {name: None}
    path = write(tmp_path / "s", 3, **{"values": lists(np.ones((3, 2))), **values})
    with pytest.raises(BadSamples, match=name):
        list(chunks(path, wanted(2), ""))


def test_rows_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "s", 3, lists(np.ones((3, 5), dtype=np.float32)))
    with pytest.raises(BadSamples, match="in_x: has 5 values in a row"):
        list(chunks(path, wanted(2), ""))


@pytest.mark.parametrize("left", [b"", b"PAR1" + bytes(40), None])
def test_a_damaged_file_is_refused(tmp_path: Path, left: bytes | None) -> None:
    path = write(tmp_path / "s", 50, lists(np.ones((50, 2), dtype=np.float32)))
    path.write_bytes(path.read_bytes()[:-20] if left is None else left)
    with pytest.raises(BadSamples, match="cannot be read"):
        list(chunks(path, wanted(2), ""))


def test_a_page_that_was_changed_is_refused_or_read_but_never_a_crash(tmp_path: Path) -> None:
    path = write(tmp_path / "s", 500, lists(np.random.default_rng(0).normal(size=(500, 2))))
    whole = path.read_bytes()
    rng = np.random.default_rng(1)
    for _ in range(40):
        data = bytearray(whole)
        data[rng.integers(4, len(data) - 8)] ^= int(rng.integers(1, 255))
        path.write_bytes(bytes(data))
        try:
            list(chunks(path, wanted(2, dtype="float64"), ""))
        except BadSamples as error:
            assert str(error)  # noqa: PT017 - either is right, and nothing else
