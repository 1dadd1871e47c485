"""A window of samples: what counts, what is refused and told, and the one file that is made of it."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from production_samples import NOW, PRODUCTION, feedback, folder, samples
from pyarrow import parquet
from tiny import DEFS_YAML
from yaml import safe_load

from ascend_assets.production import gathering
from ascend_assets.production.gathering import gather
from ascend_assets.production.records import ProductionRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools
from resources.production.samples import SAMPLES, write_feedback, write_samples
from resources.store.blobs import Blobs, FolderStore

CLASSES = ModelSpec.model_validate(safe_load(DEFS_YAML + PRODUCTION)["attributes"])
VALUES = CLASSES.model_copy(update={"evaluation": None})
WRITTEN = (NOW - timedelta(minutes=1)).timestamp()


class Desk:
    """One model's production, looked at at `NOW`."""

    def __init__(self, root: Path, spec: ModelSpec = CLASSES) -> None:
        self.folder, self.spec = folder(root / "production"), spec
        self.blobs = Blobs(FolderStore(root / "store"))

    def wrote(self, path: Path, at: float = WRITTEN) -> Path:
        os.utime(path, (at, at))
        return path

    def samples(self, columns: Any, at: float = WRITTEN) -> Path:
        return self.wrote(write_samples(self.folder, columns), at)

    def feedback(self, *of: Any, **more: Any) -> Path:
        return self.wrote(write_feedback(self.folder, feedback(*of, **more)))

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / SAMPLES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return self.wrote(path)

    def look(self, now: datetime = NOW) -> ProductionRecord:
        tools: Any = Tools(self.blobs, *(None,) * 3, Path(), now=lambda: now)  # type: ignore[arg-type]
        return gather(tools, self.spec, self.folder)

    def table(self, record: ProductionRecord) -> pa.Table:
        assert record.samples is not None
        return parquet.read_table(self.blobs.path(record.samples))


@pytest.fixture(autouse=True)
def _read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most files here kill nobody: no child reads them first, but where a test asks for it."""
    if not request.node.name.startswith(("test_damaged", "test_a_file_that_kills")):
        monkeypatch.setattr("ascend_assets.production.gathering.vetting.deadly", lambda *_: {})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_file_has_the_samples_in_order_with_their_labels(desk: Desk) -> None:
    late = samples(3, first=10, at=NOW - timedelta(minutes=10), seed=1)
    desk.samples(late)
    desk.samples(samples(2, version=["1.0.0", "0.9.0"]))
    desk.feedback(["r000010", "r000000"], [3, 1])
    record = desk.look()
    table = desk.table(record)
    assert table["request_id"].to_pylist() == ["r000000", "r000001", "r000010", "r000011", "r000012"]
    assert table["label"].to_pylist() == [1, None, 3, None, None]
    assert table.schema.field("in_x").type == pa.list_(pa.float32(), 8)
    assert table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert (table.schema.field("prediction").type, table.schema.field("label").type) == (pa.int64(), pa.int64())
    x = np.array(table["in_x"].to_pylist()[2:], dtype=np.float32)
    assert np.array_equal(x, late["in_x"])
    assert (record.rows, record.labelled, record.versions) == (5, 2, {"1.0.0": 4, "0.9.0": 1})
    assert record.data_version == record.samples.sha256 if record.samples else False


def test_how_rows_lie_in_files_changes_no_byte(tmp_path: Path) -> None:
    one, other = Desk(tmp_path / "one"), Desk(tmp_path / "other")
    whole = samples(20)
    one.samples(whole)
    for begin in (10, 0):
        other.samples({name: column[begin : begin + 10] for name, column in whole.items()})
    assert one.look().data_version == other.look().data_version


def test_only_the_window_counts(desk: Desk) -> None:
    desk.samples(samples(1, at=NOW - timedelta(hours=24)))
    desk.samples(samples(1, first=1, at=NOW - timedelta(hours=24) + timedelta(seconds=1)))
    desk.samples(samples(1, first=2, at=NOW))
    desk.samples(samples(1, first=3, at=NOW + timedelta(minutes=5)))
    record = desk.look()
    assert desk.table(record)["request_id"].to_pylist() == ["r000001", "r000002"]
    assert (record.refused, record.violated) == (0, 0), "a clock a little ahead is of the next window"
    assert record.window == (NOW - timedelta(hours=24), NOW)


def test_a_file_from_before_the_window_is_not_opened(desk: Desk) -> None:
    desk.wrote(desk.file("old.parquet", b"no Parquet"), at=(NOW - timedelta(hours=25)).timestamp())
    assert desk.look().files == 0


def test_the_first_sample_of_a_request_and_the_last_feedback_count(desk: Desk) -> None:
    desk.samples(samples(2, prediction=np.array([1, 1])))
    desk.samples(samples(2, at=NOW - timedelta(minutes=30), prediction=np.array([2, 2])))
    desk.feedback(["r000000"], [1])
    desk.feedback(["r000000", "nobody"], [0, 0], at=NOW)
    record = desk.look()
    table = desk.table(record)
    assert table["prediction"].to_pylist() == [1, 1]
    assert table["label"].to_pylist() == [0, None]
    assert (record.duplicates, record.unmatched, record.labelled) == (2, 1, 1)


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "NaN": ({"in_x": [[0] * 3 + [float("nan")] + [0] * 4]}, "in_x[3]", "is not finite"),
    "infinite": ({"in_x": [[0] * 7 + [float("inf")]]}, "in_x[7]", "is not finite"),
    "minus infinite": ({"in_x": [[float("-inf")] + [0] * 7]}, "in_x[0]", "is not finite"),
    "too small": ({"in_x": [[0, -11] + [0] * 6]}, "in_x[1]", "is less than -10"),
    "no list": ({"in_x": [None]}, "in_x", "is missing"),
    "too few values": ({"in_x": [[1.0]]}, "in_x", "has not 8 values"),
    "no values": ({"in_x": [[]]}, "in_x", "has not 8 values"),
    "a hole": ({"in_x": [[0] * 7 + [None]]}, "in_x[7]", "is not finite"),
    "no class": ({"prediction": [-1]}, "prediction", "is no class"),
    "no prediction": ({"prediction": [None]}, "prediction", "is missing"),
    "no score": ({"score": [float("inf")]}, "score", "is not finite"),
    "no id": ({"request_id": [""]}, "request_id", "has not 1 to 200 characters"),
    "no id at all": ({"request_id": [None]}, "request_id", "is missing"),
    "a long id": ({"request_id": ["x" * 201]}, "request_id", "has not 1 to 200 characters"),
    "no version": ({"version": ["../1.0"]}, "version", "is no version"),
    "the future": ({"at": [NOW + timedelta(minutes=6)]}, "at", "lies in the future"),
    "the year 294247": ({"at": pa.array([2**63 - 1]).cast(pa.timestamp("us", "UTC"))}, "at", "lies in the future"),
    "no time": ({"at": [None]}, "at", "is missing"),
    "nothing at all": (
        {"request_id": [None], "at": [None], "version": [None], "in_x": [None], "prediction": [None]},
        "version",
        "is missing",
    ),
}


def raw(**columns: Any) -> pa.Table:
    """One right sample with some columns replaced, in types that the writer would not give."""
    types = {
        "request_id": pa.string(),
        "at": pa.timestamp("us", "UTC"),
        "version": pa.string(),
        "in_x": pa.list_(pa.float32()),
        "prediction": pa.int64(),
        "score": pa.float64(),
    }
    right = {**samples(1, at=NOW - timedelta(minutes=2)), "in_x": [[0.0] * 8]}
    return pa.table(
        {n: v if isinstance(v, pa.Array) else pa.array(v, types.get(n)) for n, v in {**right, **columns}.items()}
    )


@pytest.mark.parametrize(("columns", "column", "check"), BAD.values(), ids=BAD)
def test_a_bad_row_is_left_out_and_told(desk: Desk, columns: dict[str, Any], column: str, check: str) -> None:
    desk.samples(samples(3, first=500))
    table = raw(**columns)
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink)
    desk.file("bad.parquet", sink.getvalue().to_pybytes())
    record = desk.look()
    assert (record.rows, record.refused) == (3, 1)
    assert ("samples/bad.parquet", 0, column, check) in {(v.file, v.row, v.column, v.check) for v in record.violations}


WRONG: dict[str, tuple[Callable[[], pa.Table], str, str]] = {
    "a missing column": (lambda: raw().drop_columns(["version"]), "version", "must stand there once"),
    "numbers as text": (lambda: raw(prediction=pa.array(["1"])), "prediction", "must be int64"),
    "a time without a zone": (
        lambda: raw(at=pa.array([NOW.replace(tzinfo=None)])),
        "at",
        "must be a timestamp with a time zone",
    ),
    "another type of list": (lambda: raw(in_x=pa.array([[0.0] * 8])), "in_x", "must be a list of float"),
    "no list": (lambda: raw(in_x=pa.array([0.0], pa.float32())), "in_x", "must be a list of float"),
    "a list of lists": (lambda: raw(in_x=pa.array([[[0.0] * 8]])), "in_x", "must be a list of float"),
    "an id of a megabyte": (
        lambda: raw(request_id=pa.array(["x" * 2**20])),
        "request_id",
        "must be at most 200 characters",
    ),
    "an id that is a number": (lambda: raw(request_id=pa.array([7])), "request_id", "must be string"),
}


@pytest.mark.parametrize(("table", "column", "check"), WRONG.values(), ids=WRONG)
def test_a_file_of_another_form_is_a_violation_as_a_whole(
    desk: Desk, table: Callable[[], pa.Table], column: str, check: str
) -> None:
    desk.samples(samples(3, first=500))
    sink = pa.BufferOutputStream()
    parquet.write_table(table(), sink)
    desk.file("wrong.parquet", sink.getvalue().to_pybytes())
    record = desk.look()
    assert record.rows == 3
    (told,) = record.violations
    assert (told.file, told.row, told.column, told.check) == ("samples/wrong.parquet", None, column, check)


def test_what_is_no_file_is_a_violation_or_nothing_and_never_a_crash(desk: Desk) -> None:
    whole = desk.samples(samples(50)).read_bytes()
    for name, data in {"empty": b"", "text": b"hello", "cut": whole[: len(whole) // 2], "magic": b"PAR1PAR1"}.items():
        desk.file(f"{name}.parquet", data)
    os.mkfifo(desk.folder / SAMPLES / "pipe.parquet")
    (desk.folder / SAMPLES / "link.parquet").symlink_to("/dev/zero")
    (desk.folder / SAMPLES / "folder.parquet").mkdir()
    (desk.folder / SAMPLES / ".half.parquet").write_bytes(b"being written")
    record = desk.look()
    assert record.rows == 50
    assert sorted(v.file for v in record.violations) == [
        f"samples/{n}.parquet" for n in ("cut", "empty", "magic", "text")
    ]
    assert {v.check for v in record.violations} == {"is no whole Parquet file"}


def test_damaged_files_are_violations_and_never_a_crash(desk: Desk) -> None:
    whole = desk.samples(samples(20)).read_bytes()
    rng = random.Random(5)  # noqa: S311 - damage is no secret
    for n in range(150):
        body = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            body[rng.randrange(len(body))] = rng.randrange(256)
        desk.file(f"{n}.parquet", bytes(body))
    record = desk.look()
    assert record.files == 151
    assert record.rows == 20, "damaged rows are doubles of the whole ones, or refused"
    assert record.violated


def test_a_file_that_kills_whoever_reads_it_is_a_violation(desk: Desk) -> None:
    body = bytearray(desk.samples(samples(20)).read_bytes())
    footer = len(body) - int.from_bytes(body[-8:-4], "little") - 8
    body[footer + 81] = 86  # pyarrow 26.0.1: terminate called after throwing an instance of parquet::ParquetException
    desk.file("killer.parquet", bytes(body))
    record = desk.look()
    assert record.rows == 20
    assert [(v.file, v.row) for v in record.violations] == [("samples/killer.parquet", None)]


def test_all_violations_are_counted_and_fifty_listed(desk: Desk) -> None:
    desk.samples(samples(80, prediction=np.full(80, -1)))
    record = desk.look()
    assert (record.rows, record.refused, record.violated, len(record.violations)) == (0, 80, 80, 50)
    assert [v.row for v in record.violations] == list(range(50))
    assert record.samples is None


def test_other_columns_are_told_and_left_out(desk: Desk) -> None:
    desk.samples(raw(customer=pa.array(["Ada"])))
    record = desk.look()
    assert record.notes == ("samples: columns that nobody asked for: customer",)
    assert "customer" not in desk.table(record).column_names


def test_bad_feedback_is_left_out_and_told(desk: Desk) -> None:
    desk.samples(samples(3))
    desk.feedback(["r000000", "r000001"], [1, -1])
    record = desk.look()
    assert (record.rows, record.labelled, record.refused) == (3, 1, 1)
    assert record.violations[0].file.startswith("feedback/")


def test_a_model_of_values_has_values(tmp_path: Path) -> None:
    desk = Desk(tmp_path, VALUES)
    desk.samples(samples(3, prediction=np.array([0.5, float("nan"), 1.5]), score=[None] * 3))
    desk.wrote(write_feedback(desk.folder, {"request_id": ["r000002"], "label": [1.25], "at": [NOW]}))
    record = desk.look()
    table = desk.table(record)
    assert table["prediction"].to_pylist() == [0.5, 1.5]
    assert table["label"].to_pylist() == [None, 1.25]
    assert record.refused == 1


def test_beyond_the_bound_the_oldest_files_are_left_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "MOST_ROWS", 4)
    for n in range(3):
        desk.samples(samples(3, first=10 * n), at=WRITTEN - 60 * n)
    record = desk.look()
    assert sorted(set(desk.table(record)["request_id"].to_pylist())) == [f"r{n:06d}" for n in (0, 1, 2, 10, 11, 12)]
    assert record.notes == ("samples: 1 older file left out: 6 rows of 2 files are enough",)


def test_no_folder_is_said(desk: Desk) -> None:
    record = desk.look()
    assert (record.rows, record.violated) == (0, 0)
    assert "nothing has been written" in record.notes[0]
    assert record.data_version == record.digest


def test_inputs_without_a_fixed_number_of_values(tmp_path: Path) -> None:
    inputs = (replace_shape("x", ("batch", "length")), replace_shape("age", ("batch",)))
    desk = Desk(tmp_path, CLASSES.model_copy(update={"inputs": inputs, "production": CLASSES.production}))
    table = raw(in_x=pa.array([[0.0], None, [1.0, 2.0], []], pa.list_(pa.float32())).take(pa.array([0])))
    table = table.append_column("in_age", pa.array([40.0], pa.float32()))
    desk.samples(table)
    found = desk.table(desk.look())
    assert found["in_x"].to_pylist() == [[0.0]]
    assert found["in_age"].to_pylist() == [40.0]


def replace_shape(name: str, shape: tuple[str, ...]) -> Any:
    return CLASSES.inputs[0].model_copy(update={"name": name, "shape": shape})


def test_a_hundred_thousand_rows_take_seconds(desk: Desk) -> None:
    wide = CLASSES.inputs[0].model_copy(update={"shape": ("batch", 64)})
    desk.spec = CLASSES.model_copy(update={"inputs": (wide,)})
    rows = 100_000
    x = np.random.default_rng(0).normal(size=(rows, 64)).clip(-9, 9).astype(np.float32)
    times = np.datetime64("2026-11-21T10:00:00", "us") + np.arange(rows).astype("timedelta64[ms]")
    desk.samples(
        samples(1)
        | {"request_id": [f"r{n}" for n in range(rows)], "at": times, "in_x": x}
        | {"version": ["1.0.0"] * rows, "prediction": np.zeros(rows, dtype=np.int64), "score": np.zeros(rows)}
    )
    begin = datetime.now(UTC)
    assert desk.look().rows == rows
    assert datetime.now(UTC) - begin < timedelta(seconds=60), "a bound on hanging: it takes one or two"
