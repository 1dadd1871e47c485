"""How fast a compiled model runs, and where its time goes: times without a profiler, operators with one.

Here belongs putting both together into one report, with all that a reader must know. Not here: timing
(`benchmark.py`), msprof's tables, operators from tasks (`operator_times.py`), or the formulas (`utilisation.py`).
"""

import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from resources.ascend.cann.environment.chip import Chip, chip
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.om.om_origins import origins
from resources.ascend.cann.profiling import advisor, msprof, op_summary, prof_tables, utilisation
from resources.ascend.cann.profiling.op_summary import OpRecord
from resources.ascend.cann.profiling.operator_times import counted, inferences, operators, share, whole
from resources.ascend.cann.profiling.prof_tables import TypeStatistic
from resources.ascend.cann.running import ais_bench
from resources.ascend.cann.running.ais_failures import failure
from resources.ascend.cann.running.ais_tools import find_tools
from resources.ascend.cann.running.benchmark import Timing, percentiles
from resources.ascend.cann.running.model_inputs import largest
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Measurement, OpTime, Profile, ToolchainError

WARMUP, LOOPS = 5, 10
"""Runs under the profiler: the first ones load kernels and are left out."""

TABLES_DIFFER = 0.05
"""Share by which msprof's tables may disagree about the time of all operators before a reader is told."""

CLOCK_DIFFERS = 0.05
"""Share by which cycles and times may disagree with the clock before a reader is told."""

UNKNOWN = "operators are not known"
"""How the note begins that says why there are none."""


@dataclass(frozen=True)
class _Profiled:
    """What the profiler told. `notes`: why there is less than there could be."""

    records: tuple[OpRecord, ...] = ()
    ops: tuple[OpTime, ...] = ()
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def profile(site: Site, device: Device, om: OmFile, options: CompileOptions, timing: Timing) -> Profile:
    """Operators of the largest gear beside the times that were measured without a profiler.

    `timing`: of at least one run. What cannot be told stays unknown, with a note: without a profile there are no
    operators and the utilisation is NaN, which keeps no limit. The times are not lost for what goes wrong under the
    profiler.
    """
    cores = chip(site.installation, options.soc_version)
    found = _profiled(site, device, om, options, cores)
    wall_us = 1000 * math.fsum(timing.runs_ms) / len(timing.runs_ms)
    needed = needed_bytes(om)
    return Profile(
        origin="measured",
        soc_version=options.soc_version,
        batch=timing.batch,
        latency_ms=percentiles(timing.runs_ms),
        throughput=timing.throughput,
        aicore_utilisation=share(found.records, wall_us, cores),
        memory_bytes=needed,
        memory_available_bytes=device.memory_bytes,
        bound=whole(found.ops),
        error_band=None,
        ops=found.ops,
        measurement=Measurement(
            runs_ms=timing.runs_ms,
            warmup=timing.warmup,
            device=str(device),
            tools=_tools(site, timing, profiled=bool(found.records)),
            energy_j=timing.energy_j,
            advice=found.advice,
            notes=(
                *timing.notes,
                *found.notes,
                *remarks(found.records, found.ops, cores),
                *_circumstances(needed, device),
            ),
        ),
    )


def needed_bytes(om: OmFile) -> int:
    """Device memory for weights, activations and workspace; 0 where the file does not tell both."""
    told = {"memory_size", "weight_size"} <= om.attributes.keys()
    return om.memory_bytes + om.weight_bytes if told and min(om.memory_bytes, om.weight_bytes) >= 0 else 0


def remarks(records: Sequence[OpRecord], ops: Iterable[OpTime], cores: Chip) -> tuple[str, ...]:
    """What a reader must know before believing what the profile says."""
    if not records:
        return ()
    found = []
    if not any(record.cube or record.vector for record in records):
        found.append("the profile has no columns of cores: what holds an operator back is not known")
    elif cores.scales:
        found.append("this card changes its clock: core times, and the utilisation from them, are a reference only")
    clocks = [mhz for r in records if not math.isnan(mhz := utilisation.clock_mhz(r, cores.cores))]
    if clocks and abs(median(clocks) / cores.clock_mhz - 1) > CLOCK_DIFFERS:
        asked = "" if cores.scales else ": was the card throttled?"
        found.append(f"the cores ran at {median(clocks):.0f} MHz, not at {cores.clock_mhz:.0f}{asked}")
    elsewhere = [op for op in ops if op.core.upper() in utilisation.AI_CPU]
    if elsewhere:
        spent = math.fsum(op.time_us for op in elsewhere)
        found.append(
            f"on the AI CPU, not on AI cores: {len(elsewhere)} of the operators, {spent / 1000:.4g} ms of each run, "
            f"first {elsewhere[0].node} ({elsewhere[0].op})"
        )
    if (ran := inferences(records)) != LOOPS:
        found.append(f"the profile holds {ran} counted runs where {LOOPS} were asked for: it may be incomplete")
    return tuple(found)


def disagreement(records: Iterable[OpRecord], statistics: Iterable[TypeStatistic]) -> str:
    """What to say where two tables of msprof tell different times in all; empty where they agree, or one is missing."""
    listed = math.fsum(record.duration_us for record in records)
    summed = math.fsum(each.total_us for each in statistics if each.total_us >= 0)
    if not listed or not summed or abs(summed / listed - 1) <= TABLES_DIFFER:
        return ""
    return (
        f"op_summary lists {listed / 1000:.4g} ms of operators and op_statistic {summed / 1000:.4g} ms: one of them is "
        "incomplete"
    )


def _profiled(site: Site, device: Device, om: OmFile, options: CompileOptions, cores: Chip) -> _Profiled:
    """Run under the profiler. One that fails costs the operators, not the times."""
    try:
        with tempfile.TemporaryDirectory(prefix="ascend-profile-") as name:
            found = _collected(site, device, om, options, Path(name).resolve())
            every = op_summary.parse(msprof.rows(found, "op_summary"))
            doubt = disagreement(every, prof_tables.statistics(msprof.rows(found, "op_statistic")))
            records = counted(every, WARMUP, LOOPS)
            ops = operators(records, cores, origins(om))
            steps = prof_tables.steps(msprof.rows(found, "step_trace"))
            if not records:
                return _Profiled(notes=(f"{UNKNOWN}: op_summary lists none",))
            advice, note = advisor.advice(site, found)
    except ToolchainError as error:
        why = str(error).splitlines()[0].removesuffix("; it said:")
        return _Profiled(notes=(f"{UNKNOWN}: {why}",))
    under = f"under the profiler a run took {median(s.time_us for s in steps) / 1000:.4g} ms" if steps else ""
    return _Profiled(records, ops, advice, tuple(filter(None, (under, doubt, note))))


def _collected(site: Site, device: Device, om: OmFile, options: CompileOptions, folder: Path) -> Path:
    """The profile of the largest gear, in the private folder."""
    tool = find_tools(site).require_command()

    def failed(what: str, log: str) -> ToolchainError:
        nameless = replace(om, path=Path("the model"))
        return failure(what, log, om=nameless, options=options, inputs=[port.name for port in om.inputs])

    (folder / "output").mkdir()
    request = ais_bench.Request(
        model=ais_bench.staged(om.path, folder),
        output=folder / "output",
        name="run",
        setting=largest(om, options),
        device=device.logic,
        loops=LOOPS,
        warmup=WARMUP,
    )
    return msprof.collect(site, ais_bench.arguments(tool, request), folder, failed=failed)


def _tools(site: Site, timing: Timing, *, profiled: bool) -> tuple[str, ...]:
    found = site.installation
    told = {"msprof of CANN" if profiled else "CANN": found.version, "driver": found.driver, "firmware": found.firmware}
    return (timing.tool, *(f"{name} {version}" for name, version in told.items() if version))


def _circumstances(needed: int, device: Device) -> tuple[str, ...]:
    """What a reader must know about the model and the device."""
    found = []
    if needed <= 0:
        found.append("the file does not tell how much memory it needs")
    if device.processes:
        found.append(f"other processes were on the device before the run: {len(device.processes)}")
    return tuple(found)
