"""Reading Parquet files that somebody else wrote: in pieces, within bounds, and into exactly the types that are known.

Here belong the bounds and a file's types. Not here: whether a row is right (`ascend_assets/production/schema.py`).
Every file is taken for hostile: Parquet encodes a million equal values in a few bytes.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

from resources.production.samples import AT, INPUT, LABEL, PREDICTION, REQUEST, SCORE, VERSION
from resources.regular_files import open_regular

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

MOST_BYTES = 1024**3
"""Bytes of one file, and of one group of its rows uncompressed."""
MOST_ROWS = 5_000_000
MOST_VALUES = 500_000_000
"""Rows of one file, and values of one of its columns."""
LONGEST_TEXT = 200
"""Characters of a request's id or a version."""
_PIECE_BYTES = 32 * 1024**2
_PIECE_ROWS = 65_536
_FOOTER_BYTES = 16 * 1024**2
_MOST_TEXT = 10 * LONGEST_TEXT
"""Beyond, a text condemns its file and not only its row: it could not be held a million times."""

ROW = "row"
"""Column that is added: the row's place in its file, from 0."""

Answer = Literal["class", "value"]


class BadFile(Exception):
    """A file that cannot be used whole. `column` and `check` say where, `value` what stands there."""

    def __init__(self, check: str, value: object, column: str = "") -> None:
        self.check, self.value, self.column = check, str(value)[:LONGEST_TEXT], column
        super().__init__(f"{column + ': ' if column else ''}{check}: {self.value}")


@dataclass(frozen=True)
class InputColumn:
    """An input's values in a sample: how many, None for any number, 0 for one that is no list."""

    dtype: str
    length: int | None


@dataclass(frozen=True)
class Layout:
    """The columns of a model's files. `inputs` is empty and `labels` True for feedback."""

    answer: Answer
    inputs: Mapping[str, InputColumn] = field(default_factory=dict)
    labels: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that must be there."""
        if self.labels:
            return (REQUEST, AT, LABEL)
        return (REQUEST, AT, VERSION, *(INPUT + name for name in self.inputs), PREDICTION)

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that are read where they are there."""
        return self.columns if self.labels else (*self.columns, SCORE)

    def row_bytes(self) -> int:
        """About how many bytes a row takes in memory."""
        return 64 + sum(8 * max(1, column.length or 1) for column in self.inputs.values())


@dataclass(frozen=True)
class Head:
    """What a file says of itself. `ignored`: columns that nobody asked for."""

    rows: int
    ignored: tuple[str, ...]


@contextmanager
def opened(path: Path, layout: Layout) -> Iterator[tuple["parquet.ParquetFile", Head]]:
    """A Parquet file whose columns have the layout's types, and within bounds. Raises `BadFile`."""
    file, head = _open(path, layout)
    try:
        yield file, head
    finally:
        file.close(force=True)


def _open(path: Path, layout: Layout) -> tuple["parquet.ParquetFile", Head]:
    import pyarrow as pa

    try:
        stream, size = open_regular(path)
    except OSError as error:
        raise BadFile("cannot be read", error.strerror or error) from error
    try:
        first = _opened(stream, size)
        _bounded(first)
        ignored = _typed(first.schema_arrow, layout)
        # Texts stay what they point to: one long text may stand for a million rows.
        file = _opened(stream, size, tuple(name for name in (REQUEST, VERSION) if name in layout.columns))
    except (pa.ArrowException, OSError, ValueError) as error:
        stream.close()
        raise BadFile("is no whole Parquet file", _first_line(error)) from error
    except BadFile:
        stream.close()
        raise
    return file, Head(file.metadata.num_rows, ignored)


def pieces(file: "parquet.ParquetFile", layout: Layout) -> Iterator["pa.Table"]:
    """The file's rows, some at a time, times in UTC and microseconds, with `row`. Raises `BadFile`."""
    import numpy as np
    import pyarrow as pa

    at_once = max(1, min(_PIECE_ROWS, _PIECE_BYTES // layout.row_bytes()))
    columns = [name for name in layout.known if name in file.schema_arrow.names]
    begin = 0
    try:
        for batch in file.iter_batches(batch_size=at_once, columns=columns, use_threads=False):
            batch.validate(full=True)  # text that is not UTF-8, lists that point outside
            table = pa.table({name: _plain(name, batch.column(name)) for name in columns})
            if SCORE in layout.known and SCORE not in columns:
                table = table.append_column(SCORE, pa.nulls(len(table), pa.float64()))
            yield table.append_column(ROW, pa.array(np.arange(begin, begin + len(table), dtype=np.int64)))
            begin += len(table)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BadFile("is no whole Parquet file", _first_line(error)) from error


def _opened(stream: BinaryIO, size: int, texts: tuple[str, ...] = ()) -> "parquet.ParquetFile":
    from pyarrow import parquet

    if size > MOST_BYTES:
        raise BadFile(f"is larger than {MOST_BYTES} bytes", size)
    return parquet.ParquetFile(
        stream,
        read_dictionary=list(texts) or None,
        thrift_string_size_limit=_FOOTER_BYTES,
        thrift_container_size_limit=_FOOTER_BYTES,
    )


def _bounded(file: "parquet.ParquetFile") -> None:
    about = file.metadata
    if about.num_rows > MOST_ROWS:
        raise BadFile(f"has more than {MOST_ROWS} rows", about.num_rows)
    for group in (about.row_group(index) for index in range(about.num_row_groups)):
        if group.total_byte_size > MOST_BYTES:
            raise BadFile(f"has rows of more than {MOST_BYTES} bytes in a group", group.total_byte_size)
        most = max((group.column(index).num_values for index in range(group.num_columns)), default=0)
        if most > MOST_VALUES:
            raise BadFile(f"has more than {MOST_VALUES} values in a column", most)


def _typed(schema: "pa.Schema", layout: Layout) -> tuple[str, ...]:
    """Check every column's type; the columns that nobody asked for."""
    for name in layout.columns:
        if schema.names.count(name) != 1:
            raise BadFile("must stand there once", f"{schema.names.count(name)} times", name)
    for name in (name for name in layout.known if name in schema.names):
        wanted = _wanted(name, schema.field(name).type, layout)
        if wanted:
            raise BadFile(f"must be {wanted}", schema.field(name).type, name)
    return tuple(name for name in schema.names if name not in layout.known)


def _wanted(name: str, found: "pa.DataType", layout: Layout) -> str:
    """What the type must be; empty where it is."""
    from pyarrow import types

    if name in {REQUEST, VERSION}:
        plain = found.value_type if types.is_dictionary(found) else found
        right, wanted = types.is_string(plain) or types.is_large_string(plain), "string"
    elif name == AT:
        right, wanted = types.is_timestamp(found) and bool(found.tz), "a timestamp with a time zone"
    elif name == SCORE:
        right, wanted = types.is_floating(found) or types.is_null(found), "double"
    elif name in {PREDICTION, LABEL} and layout.answer == "class":
        right, wanted = types.is_integer(found), "int64"
    elif name in {PREDICTION, LABEL}:
        right, wanted = types.is_floating(found), "double"
    else:
        right, wanted = _input(found, layout.inputs[name.removeprefix(INPUT)])
    return "" if right else wanted


def _input(found: "pa.DataType", column: InputColumn) -> tuple[bool, str]:
    """Whether an input's type is right, and what is."""
    from pyarrow import types

    one = _ARROW.get(column.dtype, column.dtype)
    if column.length == 0:
        return str(found) == one, one
    listed = types.is_list(found) or types.is_large_list(found) or types.is_fixed_size_list(found)
    return listed and str(found.value_type) == one, f"a list of {one}"


_ARROW = {"float32": "float", "float64": "double", "float16": "halffloat"}
"""Arrow's names of types, where they are not numpy's."""


def _plain(name: str, values: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    from pyarrow import compute

    if pa.types.is_dictionary(values.type):
        longest = compute.max(compute.utf8_length(values.dictionary)).as_py() or 0
        if longest > _MOST_TEXT:
            raise BadFile(f"must be at most {LONGEST_TEXT} characters", f"{longest} characters", name)
        return values.cast(pa.string())
    if name == AT:
        return values.cast(pa.timestamp("us", "UTC"), safe=False)
    if name == SCORE:
        return values.cast(pa.float64())
    if name in {PREDICTION, LABEL}:
        return values.cast(pa.float64() if pa.types.is_floating(values.type) else pa.int64())
    return values.cast(pa.string()) if name in {REQUEST, VERSION} else values


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
