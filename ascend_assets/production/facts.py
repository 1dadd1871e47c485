"""What a schema looks at in a row: a few numbers, however many values an input has.

Here belongs reducing an input's values to how many there are, the smallest and the largest, in a few passes over whole
columns; NaN among them makes both NaN. Not here: what these numbers may be (`schema.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.production.reading import InputColumn, Layout
from resources.production.samples import AT, INPUT, LABEL, PREDICTION, REQUEST, SCORE, VERSION

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    Floats = np.ndarray[Any, np.dtype[np.float64]]

LENGTH, SMALLEST, LARGEST = ".values", ".smallest", ".largest"


@dataclass(frozen=True)
class Reduced:
    """An input's rows: number of values (NaN where there is no list), smallest and largest."""

    length: "Floats"
    smallest: "Floats"
    largest: "Floats"


def frame(table: "pa.Table", layout: Layout) -> "pd.DataFrame":
    """One row of facts for each row of the table, in its order.

    Columns: those of the layout that are no input, and for each input `in_<name>.values`, `.smallest` and `.largest`.
    Times are unix seconds: microseconds in 64 bits reach beyond what Python calls a date.
    """
    import pandas as pd
    import pyarrow as pa

    seconds = floats(table[AT].cast(pa.int64())) / 1e6
    columns: dict[str, Any] = {REQUEST: table[REQUEST].to_pandas(), AT: seconds}
    for name in (PREDICTION, LABEL, SCORE):
        if name in table.column_names:
            columns[name] = floats(table[name])
    if VERSION in table.column_names:
        columns[VERSION] = table[VERSION].to_pandas()
    for name, column in layout.inputs.items():
        found = reduced(table[INPUT + name].combine_chunks(), column)
        columns[INPUT + name + LENGTH] = found.length
        columns[INPUT + name + SMALLEST] = found.smallest
        columns[INPUT + name + LARGEST] = found.largest
    return pd.DataFrame(columns)


def floats(values: "pa.ChunkedArray | pa.Array") -> "Floats":
    """Numbers as float64, null as NaN."""
    import pyarrow as pa

    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def reduced(values: "pa.Array", column: InputColumn) -> Reduced:
    """An input's rows reduced. Rows without a value have smallest and largest 0, for their length says it."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import compute

    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if column.length == 0:
        numbers = floats(values)
        there = values.is_valid().to_numpy(zero_copy_only=False)
        held = np.where(there, numbers, 0.0)
        return Reduced(np.where(there, 1.0, np.nan), held, held)
    lengths = floats(compute.list_value_length(values))
    filled = np.flatnonzero(lengths > 0)
    smallest, largest = np.zeros(len(values)), np.zeros(len(values))
    if len(filled):
        flat = floats(compute.list_flatten(values.take(pa.array(filled)) if len(filled) < len(values) else values))
        starts = np.concatenate(([0], np.cumsum(lengths[filled])[:-1])).astype(np.int64)
        smallest[filled] = np.minimum.reduceat(flat, starts)
        largest[filled] = np.maximum.reduceat(flat, starts)
    return Reduced(lengths, smallest, largest)
