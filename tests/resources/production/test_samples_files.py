"""Samples and feedback are written whole, under a name of their content, and hostile files are read within bounds."""

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from production_samples import feedback, samples
from pyarrow import parquet

from resources.production import reading
from resources.production.files import look
from resources.production.reading import BadFile, InputColumn, Layout, opened, pieces
from resources.production.samples import write_feedback, write_samples

LAYOUT = Layout(answer="class", inputs={"x": InputColumn("float32", 8)})


def rows(path: Path, layout: Layout = LAYOUT) -> int:
    with opened(path, layout) as (file, _):
        return sum(len(piece) for piece in pieces(file, layout))


def test_what_is_written_has_the_columns_and_types_of_the_contract(tmp_path: Path) -> None:
    path = write_samples(tmp_path, samples(5, in_image=np.zeros((5, 1, 4, 4), dtype=np.float32)))
    assert path.parent == tmp_path / "samples"
    schema = parquet.read_schema(path)
    assert {name: str(schema.field(name).type) for name in schema.names} == {
        "request_id": "string",
        "at": "timestamp[us, tz=UTC]",
        "version": "string",
        "in_x": "fixed_size_list<element: float>[8]",
        "in_image": "fixed_size_list<element: float>[16]",
        "prediction": "int64",
        "score": "double",
    }
    labels = parquet.read_schema(write_feedback(tmp_path, feedback(["a"], [1])))
    assert (str(labels.field("label").type), str(labels.field("at").type)) == ("int64", "timestamp[us, tz=UTC]")


def test_the_same_samples_are_one_file(tmp_path: Path) -> None:
    assert write_samples(tmp_path, samples()) == write_samples(tmp_path, samples())
    assert write_samples(tmp_path, samples(seed=1)) != write_samples(tmp_path, samples())
    assert len(list((tmp_path / "samples").iterdir())) == 2, "and nothing half is left"


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"request_id": ["a"]}, "columns are missing: at, version, prediction"),
        (samples(0), "no row"),
        ({**samples(1), "at": [datetime(2026, 11, 21)]}, "without a zone"),  # noqa: DTZ001 - what is refused
        ({**samples(1), "at": [None]}, "no row has a time"),
    ],
)
def test_columns_that_are_no_samples_are_refused(columns: dict[str, object], why: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=why):
        write_samples(tmp_path, columns)
    assert not list(tmp_path.rglob("*.parquet"))


def test_times_may_be_an_array_in_utc(tmp_path: Path) -> None:
    path = write_samples(tmp_path, {**samples(1), "at": np.array(["2026-11-21T10:00:00"], dtype="datetime64[s]")})
    assert parquet.read_table(path)["at"].to_pylist() == [datetime(2026, 11, 21, 10, tzinfo=UTC)]


def test_a_long_text_that_stands_for_many_rows_is_refused_before_it_is_written_out(tmp_path: Path) -> None:
    many = 300_000
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(many, dtype=np.int32)), pa.array(["x" * 2**20]))
    one = samples(1)
    columns = {name: pa.array([column[0]] * many) for name, column in one.items() if name != "in_x"}
    x = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(many * 8, dtype=np.float32)), 8)
    table = pa.table({**columns, "request_id": texts, "in_x": x})
    path = tmp_path / "bomb.parquet"
    parquet.write_table(table, path)
    assert path.stat().st_size < 2 * 2**20, "300 GB of text in two megabytes"
    before = pa.total_allocated_bytes()
    with pytest.raises(BadFile, match="must be at most 200 characters"):
        rows(path)
    assert pa.total_allocated_bytes() - before < 2**28


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_ROWS", "MOST_VALUES"])
def test_what_is_beyond_a_bound_is_not_read(bound: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_samples(tmp_path, samples(100))
    monkeypatch.setattr(reading, bound, 99)
    with pytest.raises(BadFile, match="99"):
        rows(path)


def test_a_file_is_closed_however_it_ends(tmp_path: Path) -> None:
    good = write_samples(tmp_path, samples(10))
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(good.read_bytes()[:-20])
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        rows(good)
        with pytest.raises(BadFile):
            rows(bad)
        with pytest.raises(BadFile):
            rows(tmp_path / "gone.parquet")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


WRITER = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
import numpy as np
from resources.production.samples import write_samples
at = np.array(["2026-11-21T10:00:00"] * 2000, dtype="datetime64[us]")
x = np.zeros((2000, 8), dtype=np.float32)
for n in range(100_000):
    ids = [f"r{{n}}-{{row}}" for row in range(2000)]
    columns = dict(request_id=ids, at=at, version=["1.0.0"] * 2000, in_x=x, prediction=np.zeros(2000, dtype=np.int64))
    write_samples(Path({folder!r}), columns)
    print(n, flush=True)
"""


def test_a_writer_that_is_killed_leaves_whole_files_and_nothing_else(tmp_path: Path) -> None:
    code = WRITER.format(path=sys.path, folder=str(tmp_path))
    for _ in range(2):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"0\n"
            time.sleep(0.1)
            process.kill()
    found = look(tmp_path / "samples", ".parquet").files
    assert found
    assert {rows(tmp_path / "samples" / file.name) for file in found} == {2000}
