"""msprof's other tables: operators by type, tasks by time, and steps.

Here belong the columns of op_statistic, task_time and step_trace through the generations. Not here: op_summary
(`op_summary.py`), or what follows from the figures (`profile.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from resources.ascend.cann.profiling.csv_table import Row


@dataclass(frozen=True)
class TypeStatistic:
    """One operator type on one kind of core. Times in microseconds, `ratio` a percentage; NaN where not told."""

    op: str
    core: str
    count: int
    total_us: float
    mean_us: float
    ratio: float


@dataclass(frozen=True)
class TaskTime:
    """One kernel's run. Times in microseconds."""

    name: str
    kind: str
    time_us: float
    start_us: float
    stop_us: float


@dataclass(frozen=True)
class Step:
    """One iteration of one model. Times in microseconds."""

    number: int
    model: int | None
    time_us: float
    end_us: float


def statistics(rows: Iterable[Row]) -> tuple[TypeStatistic, ...]:
    """op_statistic: what has a type and a count, in the table's order."""
    found = (
        TypeStatistic(
            op=row.text("OP Type"),
            core=row.text("Core Type"),
            count=row.integer("Count") or 0,
            total_us=row.number("Total Time(us)"),
            mean_us=row.number("Avg Time(us)"),
            ratio=row.number("Ratio(%)"),
        )
        for row in rows
    )
    return tuple(each for each in found if each.op and each.count > 0)


def tasks(rows: Iterable[Row]) -> tuple[TaskTime, ...]:
    """task_time: kernels that have a name and a time. Older tables begin with another column, and say the same."""
    found = (
        TaskTime(
            name=row.text("kernel_name"),
            kind=row.text("kernel_type"),
            time_us=row.number("task_time(us)", "Time(us)"),
            start_us=row.number("task_start(us)", "task_start"),
            stop_us=row.number("task_stop(us)", "task_stop"),
        )
        for row in rows
    )
    return tuple(each for each in found if each.name and each.time_us >= 0)


def steps(rows: Iterable[Row]) -> tuple[Step, ...]:
    """step_trace: iterations that have a number and a time. The columns of training (FP Start, BP End) are not read."""
    found = (
        Step(
            number=number,
            model=row.integer("Model ID"),
            time_us=row.number("Iteration Time(us)"),
            end_us=row.number("Iteration End(us)"),
        )
        for row in rows
        if (number := row.integer("Iteration ID")) is not None
    )
    return tuple(each for each in found if each.time_us >= 0)
