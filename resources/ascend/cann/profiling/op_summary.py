"""op_summary: every task that the device ran, as msprof exports it in its three generations.

Here belong the columns' names through the generations and one typed record per task. Not here: what follows from the
figures (`utilisation.py`).

The generations: one AI core with a cube and a vector unit (310, 310P, 910A: `total_cycles`, `mac_ratio`, `vec_ratio`);
cube and vector cores apart (910B and later: `aic_*` and `aiv_*`); and the newest, which says `Block Num` for
`Block Dim`. An export at task-time level l0 has no core columns at all.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from sys import intern

from resources.ascend.cann.profiling.csv_table import Row

UNITS = ("mac", "vec", "scalar", "mte1", "mte2", "mte3", "fixpipe")
"""A core's units, of whose busy time the table has a ratio each."""

MAX_TENSORS = 1024
MAX_RANK = 16
MAX_NAME = 2048
"""Characters of a name; a fused operator's is made of many."""
MAX_US = 1e10
"""Almost three hours: a longer time of one task is damage."""
MAX_CYCLES = 1e18
MAX_BLOCKS = 65_535

_DIGITS = re.compile(r"-?\d{1,15}")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Core:
    """One kind of core in one task: microseconds, cycles of all its cores together, and the units' share of them."""

    time_us: float
    cycles: float
    ratios: Mapping[str, float] = field(default_factory=dict)
    """Unit -> its busy share, 0 to 1; a unit that the table does not have is left out."""


@dataclass(frozen=True, slots=True)
class OpRecord:
    """One task. Times in microseconds, NaN where the table does not tell; `cube` and `vector` None likewise.

    `cube` is the AI core of the first generation, which has both units. `block_dim`: cores that the task was split
    over. `cube_utilisation` as the table gives it, a percentage. `fops`: operations of the cube, where counted.
    """

    name: str
    op: str
    task_type: str
    start_us: float
    duration_us: float
    wait_us: float
    block_dim: int | None
    input_shapes: tuple[Shape, ...] = ()
    input_dtypes: tuple[str, ...] = ()
    output_shapes: tuple[Shape, ...] = ()
    output_dtypes: tuple[str, ...] = ()
    cube: Core | None = None
    vector: Core | None = None
    cube_utilisation: float = float("nan")
    fops: float = float("nan")


def parse(rows: Iterable[Row]) -> tuple[OpRecord, ...]:
    """Every task that has a name and a time, in the table's order."""
    # A task comes once in each run: its words and shapes are read and kept once.
    shaped, worded = cache(shapes), cache(words)
    found = (_record(row, shaped, worded) for row in rows)
    return tuple(record for record in found if record.name and record.duration_us >= 0)


def _record(row: Row, shaped: Callable[[str], tuple[Shape, ...]], worded: Callable[[str], tuple[str, ...]]) -> OpRecord:
    return OpRecord(
        name=intern(row.text("Op Name")[:MAX_NAME]),
        op=intern(row.text("OP Type")[:MAX_NAME]),
        task_type=intern(row.text("Task Type")[:MAX_NAME]),
        start_us=row.number("Task Start Time(us)", "Task Start Time"),
        duration_us=_within(row.number("Task Duration(us)"), MAX_US),
        wait_us=row.number("Task Wait Time(us)"),
        block_dim=_blocks(row.integer("Block Dim", "Block Num")),
        input_shapes=shaped(row.text("Input Shapes")),
        input_dtypes=worded(row.text("Input Data Types")),
        output_shapes=shaped(row.text("Output Shapes")),
        output_dtypes=worded(row.text("Output Data Types")),
        cube=_core(row, ("aicore_time(us)", "aic_time(us)"), ("aic_total_cycles", "total_cycles"), ("aic_", "")),
        vector=_core(row, ("aiv_time(us)",), ("aiv_total_cycles",), ("aiv_",)),
        cube_utilisation=row.number("cube_utilization(%)"),
        fops=_within(row.number("aic_cube_fops", "cube_fops"), MAX_CYCLES),
    )


def _core(row: Row, times: tuple[str, ...], cycles: tuple[str, ...], prefixes: tuple[str, ...]) -> Core | None:
    time_us, total = _within(row.number(*times), MAX_US), _within(row.number(*cycles), MAX_CYCLES)
    if time_us != time_us and total != total:  # noqa: PLR0124 - NaN: the table has neither
        return None
    ratios = {unit: row.number(*(f"{prefix}{unit}_ratio" for prefix in prefixes)) for unit in UNITS}
    return Core(time_us, total, {unit: share for unit, share in ratios.items() if share >= 0})


def _within(value: float, most: float) -> float:
    """A figure that is not negative and no more than any device can tell; NaN for others."""
    return value if 0 <= value <= most else float("nan")


def _blocks(number: int | None) -> int | None:
    return number if number is not None and 0 <= number <= MAX_BLOCKS else None


def shapes(text: str) -> tuple[Shape, ...]:
    """`"1,3,224,224;64,3,7,7;"` as shapes; an empty part is a scalar or an input that is not there, and counts.

    Brackets around a shape do not matter. What is not numbers makes the whole unknown: an empty tuple.
    """
    text = text.strip().strip('"')
    if not text:
        return ()
    parts = text.split(";")
    if len(parts) > MAX_TENSORS:
        return ()
    found = []
    for part in parts:
        dims = [dim.strip() for dim in part.strip(" []").split(",") if dim.strip()]
        if len(dims) > MAX_RANK or not all(_DIGITS.fullmatch(dim) for dim in dims):
            return ()
        found.append(tuple(map(int, dims)))
    return tuple(found)


def words(text: str) -> tuple[str, ...]:
    """`DT_FLOAT16;FLOAT` as words, in lower case and without `DT_`."""
    text = text.strip().strip('"')
    return tuple(word.strip().lower().removeprefix("dt_") for word in text.split(";")[:MAX_TENSORS]) if text else ()
