"""How busy the cores were, and what held an operator back.

Here belong the formulas, pure. Those for cycles agree with a real profile of an Ascend910B3 (1800 MHz, 20 cores) in
every row, and with msprof's own source. Not here: reading tables.
"""

import math
from collections.abc import Iterable
from typing import Final

from resources.ascend.cann.environment.chip import Chip
from resources.ascend.cann.profiling.op_summary import Core, OpRecord
from resources.ascend.toolchain import Bound

AI_CPU: Final = frozenset({"AI_CPU", "AICPU"})
"""Task types that the chip's own CPU computes, and no AI core."""

BUSY: Final = 0.5
"""A unit that works for less than half of a task's time does not hold it back; the way to it does."""


def cube_utilisation(cycles: float, clock_mhz: float, cores: int, duration_us: float) -> float:
    """Share of all cores' cycles in a task, in percent: cycles / (clock x cores x duration) x 100.

    NaN without a time.
    """
    available = clock_mhz * cores * duration_us
    return cycles / available * 100 if available > 0 else math.nan


def aicore_time_us(cycles: float, clock_mhz: float, block_dim: int, cores: int) -> float:
    """Microseconds on the cores: cycles / clock / blocks, times the rounds that the blocks need.

    NaN without a block or a clock.
    """
    if clock_mhz <= 0 or block_dim <= 0 or cores <= 0:
        return math.nan
    return cycles / clock_mhz / block_dim * math.ceil(block_dim / cores)


def memory_bound(mte2: float, mac: float, vec: float) -> float:
    """What msprof calls memory_bound: the share of reading over that of the busier unit; NaN if neither works."""
    busier = max(mac, vec)
    return mte2 / busier if busier > 0 else math.nan


def core_time_us(record: OpRecord, chip: Chip | None = None) -> float:
    """Microseconds in which a task kept AI cores busy: the longer of its two kinds of core; 0 on the AI CPU.

    From the table where it has them, else from cycles, clock and cores of `chip`. NaN where neither tells.
    """
    if record.task_type.upper() in AI_CPU:
        return 0.0
    kinds = ((record.cube, chip.cores if chip else 0), (record.vector, chip.vector_cores if chip else 0))
    times = [_core_time(core, count, record, chip) for core, count in kinds if core is not None]
    return max((time for time in times if time >= 0), default=math.nan)


def _core_time(core: Core, count: int, record: OpRecord, chip: Chip | None) -> float:
    if core.time_us >= 0 or chip is None:
        return core.time_us
    return aicore_time_us(core.cycles, chip.clock_mhz, record.block_dim or 0, count)


def window(records: Iterable[OpRecord], wall_us: float, chip: Chip | None = None) -> float:
    """AI cores' share of a window of `wall_us` microseconds, 0 to 1: the sum of core times over the wall's.

    Tasks of several streams overlap, so that the sum may exceed the wall: that is a full window. NaN if nothing is
    known of any task, or there is no window.
    """
    times = [core_time_us(record, chip) for record in records]
    known = [time for time in times if not math.isnan(time)]
    if not known or not wall_us > 0:
        return math.nan
    return min(1.0, sum(known) / wall_us)


def clock_mhz(record: OpRecord, cores: int) -> float:
    """The clock that a task's cycles and time imply, in MHz; NaN where they do not. See `aicore_time_us`."""
    core, blocks = record.cube, record.block_dim or 0
    if core is None or not (core.cycles > 0 and core.time_us > 0) or blocks <= 0 or cores <= 0:
        return math.nan
    return core.cycles / core.time_us / blocks * math.ceil(blocks / cores)


def bound(record: OpRecord, chip: Chip | None = None) -> Bound:
    """What holds an operator back.

    The unit that is busy at least half of the time: the cube (`mac`), the vector unit, or reading and writing memory
    (`mte1`, `mte2`, `mte3`); of several the busiest. A task on the AI CPU, one whose cores wait for most of its time,
    and one of which nothing is known are overhead.
    """
    on_cores = core_time_us(record, chip)
    if record.task_type.upper() in AI_CPU or math.isnan(on_cores) or on_cores < BUSY * record.duration_us:
        return "overhead"
    shares = {
        "cube": _share(record, "mac"),
        "vector": _share(record, "vec"),
        "memory": max(_share(record, "mte2"), _share(record, "mte3"), _share(record, "mte1")),
    }
    busiest: Bound = max(("cube", "vector", "memory"), key=lambda name: shares[name])
    return busiest if shares[busiest] >= BUSY else "overhead"


def _share(record: OpRecord, unit: str) -> float:
    """A unit's share of the core that was busy longer; 0 where the table does not tell."""
    cores = [core for core in (record.cube, record.vector) if core is not None and core.time_us > 0]
    longest = max((core.time_us for core in cores), default=0.0)
    shares = [core.ratios.get(unit, 0.0) * core.time_us / longest for core in cores]
    return max(shares, default=0.0)
