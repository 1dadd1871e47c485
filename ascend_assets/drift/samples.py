"""Production's samples out of their Parquet file, some rows at a time, as columns of features.

Here belongs reading within bounded memory. Not here: what a row must keep (`production/schema.py` judged that when the
file was made), or which features there are (`features.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets.drift.features import Features
from resources.production.samples import AT, INPUT, LABEL, PREDICTION, VERSION

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray
    from pyarrow import parquet

_CHUNK_BYTES = 16 * 2**20
_CHUNK_ROWS = 65_536


class BadSamples(Exception):
    """A file of samples that does not hold what the model takes. The message names the column."""


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some rows. `columns`: for each input (features, n). `labels`: NaN where there is none.

    `own`: which rows the release in question answered.
    """

    columns: "tuple[NDArray[Any], ...]"
    predictions: "NDArray[Any]"
    labels: "NDArray[np.float64]"
    own: "NDArray[np.bool_]"
    at: "NDArray[np.datetime64]"


def chunks(path: Path, wanted: Sequence[Features], version: str) -> Iterator[Chunk]:
    """All rows of a file, in its order. `version`: the release in question. Raises `BadSamples`."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = [*(INPUT + one.input for one in wanted), PREDICTION, LABEL, VERSION, AT]
            missing = [name for name in names if name not in file.schema_arrow.names]
            if missing:
                raise BadSamples(f"{path.name}: has no column {', '.join(missing)}: look at production again")
            for batch in file.iter_batches(_rows_at_once(file, wanted), columns=names):
                yield _chunk(batch, wanted, version)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadSamples(f"{path.name}: cannot be read: {str(error).partition(chr(10))[0]}") from error


def _rows_at_once(file: "parquet.ParquetFile", wanted: Sequence[Features]) -> int:
    """So many rows that their inputs take about 16 MiB, judged by the file's own figures."""
    about = file.metadata
    inputs = {INPUT + one.input for one in wanted}
    values, rows = 0, max(1, int(about.num_rows))
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        columns = (group.column(place) for place in range(group.num_columns))
        values += sum(int(column.num_values) for column in columns if column.path_in_schema.split(".")[0] in inputs)
    bytes_a_row = max(1, 8 * values // rows)
    return max(1, min(_CHUNK_ROWS, _CHUNK_BYTES // bytes_a_row))


def _chunk(batch: "pa.RecordBatch", wanted: Sequence[Features], version: str) -> Chunk:
    import numpy as np
    from pyarrow import compute

    def column(name: str) -> Any:  # noqa: ANN401 - an array of pyarrow's, which has no types
        return batch.column(batch.schema.get_field_index(name))

    own = compute.fill_null(compute.equal(column(VERSION), version), False)
    return Chunk(
        columns=tuple(_columns(column(INPUT + one.input), one) for one in wanted),
        predictions=_numbers(column(PREDICTION)),
        labels=_numbers(column(LABEL)).astype(np.float64),
        own=own.to_numpy(zero_copy_only=False),
        at=column(AT).cast("timestamp[us]").to_numpy(zero_copy_only=False),
    )


def _columns(values: "pa.Array", wanted: Features) -> "NDArray[Any]":
    """The features (features, n) of an input's rows; NaN where a row has no values."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    if not (pa.types.is_list(values.type) or pa.types.is_fixed_size_list(values.type)):
        return wanted.columns(_numbers(values).reshape(-1, 1))
    lengths = np.nan_to_num(_numbers(compute.list_value_length(values)), nan=-1).astype(np.int64)
    flat = _numbers(values.flatten())
    if len(lengths) and lengths[0] > 0 and (lengths == lengths[0]).all():
        return wanted.columns(_fitting(flat.reshape(len(lengths), -1), wanted))
    found = np.full((len(wanted.names), len(lengths)), np.nan)
    starts = np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))])[:-1]
    for length in np.unique(lengths[lengths > 0]):
        rows = np.flatnonzero(lengths == length)
        places = starts[rows, None] + np.arange(length)
        found[:, rows] = wanted.columns(_fitting(flat[places], wanted))
    return found


def _fitting(rows: "NDArray[Any]", wanted: Features) -> "NDArray[Any]":
    """Rows (n, elements) as they are. Raises `BadSamples` unless the input can have so many elements."""
    if not wanted.fits(rows.shape[1]):
        raise BadSamples(
            f"{INPUT}{wanted.input}: has {rows.shape[1]} values in a row, which the input does not take: "
            "look at production again"
        )
    return rows


def _numbers(values: "pa.Array") -> "NDArray[Any]":
    """A column as numbers; null is NaN."""
    import pyarrow as pa

    if values.null_count:
        values = values.cast(pa.float64(), safe=False)
    found: NDArray[Any] = values.to_numpy(zero_copy_only=False)
    return found
