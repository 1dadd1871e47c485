"""Samples and feedback put together: in order, each request once, each with its label.

Here belongs what is done to whole columns. Not here: reading or judging them (`gathering.py`, `schema.py`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.production.reading import InputColumn, Layout
from resources.production.samples import AT, INPUT, LABEL, PREDICTION, REQUEST, SCORE, VERSION

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

OTHERS = "others"
"""Stands for the releases that are not counted one by one."""


@dataclass(frozen=True)
class Joined:
    """Samples sorted by (at, request_id), with the column `label`; how many have one, and what was left out."""

    table: "pa.Table"
    labelled: int
    duplicates: int
    unmatched: int


def uniform(table: "pa.Table", layout: Layout) -> "pa.Table":
    """Good rows with their columns in the layout's order and types; a fixed number of values is a fixed-size list."""
    import pyarrow as pa

    columns: dict[str, pa.Array] = {}
    for name in layout.known:
        column = table[name].combine_chunks()
        if name.startswith(INPUT):
            column = _values(column, layout.inputs[name.removeprefix(INPUT)])
        columns[name] = column
    return pa.table(columns)


def join(samples: "list[pa.Table]", feedback: "list[pa.Table]", layout: Layout) -> Joined:
    """Of samples of one request the first by time counts, of feedback the last."""
    import numpy as np
    import pyarrow as pa

    if not samples:
        told = sum(len(table) for table in feedback)
        return Joined(pa.table({REQUEST: pa.array([], pa.string())}), labelled=0, duplicates=0, unmatched=told)
    everything = pa.concat_tables(samples)
    ordered = everything.take(_order(everything, layout))
    doubled = ordered[REQUEST].to_pandas().duplicated().to_numpy(dtype=bool)
    table = ordered.filter(pa.array(~doubled))
    labels, known, unmatched = _labels(table, feedback, layout)
    column = pa.array(labels, pa.int64() if layout.answer == "class" else pa.float64(), mask=~known)
    return Joined(table.append_column(LABEL, column), int(known.sum()), int(np.sum(doubled)), unmatched)


def versions(table: "pa.Table", most: int) -> dict[str, int]:
    """Release -> rows, the most frequent first; beyond `most` as `others`."""
    if VERSION not in table.column_names:
        return {}
    counts = table[VERSION].to_pandas().value_counts()
    ordered = sorted(((str(name), int(rows)) for name, rows in counts.items()), key=lambda pair: (-pair[1], pair[0]))
    rest = sum(rows for _, rows in ordered[most:])
    return {**dict(ordered[:most]), **({OTHERS: rest} if rest else {})}


def _order(table: "pa.Table", layout: Layout) -> Any:  # noqa: ANN401 - an array of places
    """Places by (at, request_id), then by answer, so that the order of files changes nothing."""
    from pyarrow import compute

    keys = [AT, REQUEST, VERSION, PREDICTION, SCORE]
    keys += [INPUT + name for name, column in layout.inputs.items() if column.length == 0]
    return compute.sort_indices(table, sort_keys=[(name, "ascending") for name in keys])


def _labels(
    table: "pa.Table", feedback: "list[pa.Table]", layout: Layout
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]":
    """Each row's label, whether it has one, and how many requests with feedback are of no row."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    kind = np.int64 if layout.answer == "class" else np.float64
    labels, known = np.zeros(len(table), dtype=kind), np.zeros(len(table), dtype=bool)
    if not feedback:
        return labels, known, 0
    from pyarrow import compute

    told = pa.concat_tables(feedback)
    keys = [(AT, "ascending"), (LABEL, "ascending")]
    told = told.take(compute.sort_indices(told, sort_keys=keys))
    requests = told[REQUEST].to_pandas()
    last = ~requests.duplicated(keep="last").to_numpy(dtype=bool)
    index = pd.Index(requests[last])
    places = index.get_indexer(pd.Index(table[REQUEST].to_pandas()))
    known = places >= 0
    labels[known] = told[LABEL].to_numpy()[last][places[known]]
    return labels, known, len(index) - int(known.sum())


def _values(column: "pa.Array", wanted: InputColumn) -> "pa.Array":
    import pyarrow as pa

    if not wanted.length:
        return column if wanted.length == 0 else column.cast(pa.list_(column.type.value_type))
    flat = column.flatten()
    return pa.FixedSizeListArray.from_arrays(flat, wanted.length)
