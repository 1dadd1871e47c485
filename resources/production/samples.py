"""Samples and feedback as production writes them: Parquet files that are whole or not there.

Here belong the names and types of the columns, and the writing. Not here: reading what somebody wrote (`reading.py`),
or what a model's samples may hold (`ascend_assets/production/schema.py`).

A sample is one answer: what was asked, what was answered, by which release. Feedback says what was right.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.digests import sha256_bytes
from resources.store.durable import put_whole

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLES = "samples"
FEEDBACK = "feedback"
"""Folders below `<production>/<model>/<environment>/`."""

REQUEST, AT, VERSION, PREDICTION, SCORE, LABEL = "request_id", "at", "version", "prediction", "score", "label"
INPUT = "in_"
"""An input's column is this and the input's name."""

_ROWS_OF_A_GROUP = 16_384
_COMPRESSION = "zstd"

Columns = Mapping[str, Any]
"""Column -> its values: a numpy array, rows along the first axis, or a sequence."""


def write_samples(folder: Path, samples: "pa.Table | Columns") -> Path:
    """Write samples below `folder`, that of a model in an environment; returns the file, `samples/<time>-<digest>`.

    Columns: `request_id`, `at` (aware datetimes, or `datetime64` in UTC), `version`, `in_<input>` (an array of rows; an
    element is flattened in C order), `prediction` (integers for a class, floats for a value) and, where there is one,
    `score`. The file is named for its content: the same samples twice are one file. Raises `ValueError` for columns
    that do not fit together, `OSError`.
    """
    return _write(folder / SAMPLES, samples, (REQUEST, AT, VERSION, PREDICTION))


def write_feedback(folder: Path, feedback: "pa.Table | Columns") -> Path:
    """Write feedback below `folder`; returns the file, `feedback/<time>-<digest>.parquet`.

    Columns: `request_id`, `label` (of the prediction's type), `at`. Errors as in `write_samples`.
    """
    return _write(folder / FEEDBACK, feedback, (REQUEST, LABEL, AT))


def parquet_bytes(table: "pa.Table") -> bytes:
    """A table as Parquet: the same table gives the same bytes, with the same pyarrow."""
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(
        table.replace_schema_metadata(None), sink, row_group_size=_ROWS_OF_A_GROUP, compression=_COMPRESSION
    )
    return bytes(sink.getvalue().to_pybytes())


def _write(folder: Path, given: "pa.Table | Columns", needed: Sequence[str]) -> Path:
    import pyarrow as pa

    table = given if isinstance(given, pa.Table) else pa.table({name: _array(name, v) for name, v in given.items()})
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        raise ValueError(f"columns are missing: {', '.join(missing)}")
    if not table.num_rows:
        raise ValueError("there is no row to write")
    data = parquet_bytes(table)
    first = min((moment for moment in table[AT].to_pylist() if moment is not None), default=None)
    if first is None:
        raise ValueError(f"{AT}: no row has a time")
    path = folder / f"{first:%Y%m%dT%H%M%SZ}-{sha256_bytes(data)[:16]}.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    put_whole(path, data)
    return path


def _array(name: str, values: Any) -> "pa.Array":  # noqa: ANN401 - whatever a column may be given as
    import numpy as np
    import pyarrow as pa

    if name == AT:
        return _times(values)
    if name in {REQUEST, VERSION}:
        return pa.array(values, pa.string())
    if name == SCORE:
        return pa.array(values, pa.float64())
    if name.startswith(INPUT):
        rows = np.ascontiguousarray(values)
        return _rows(rows)
    return pa.array(values)


def _rows(rows: Any) -> "pa.Array":  # noqa: ANN401 - an array of any type
    """Rows of an array as lists of one length; scalars where a row is one."""
    import pyarrow as pa

    if rows.ndim < 2:  # noqa: PLR2004 - rows, and something in each
        return pa.array(rows)
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), math.prod(rows.shape[1:]))


def _times(values: Any) -> "pa.Array":  # noqa: ANN401 - datetimes or an array of them
    import numpy as np
    import pyarrow as pa

    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return pa.array(values.astype("datetime64[us]")).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    if any(moment is not None and moment.tzinfo is None for moment in values):
        raise ValueError(f"{AT}: a time without a zone: give aware datetimes")
    return pa.array(list(values), pa.timestamp("us", "UTC"))
