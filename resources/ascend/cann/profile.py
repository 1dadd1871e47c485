"""How fast a compiled model runs, and where its time goes: times without a profiler, operators with one.

Here belongs putting both together into one report. Not here: timing (`benchmark.py`), msprof's tables, or the formulas
(`utilisation.py`).
"""

import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from resources.ascend.cann import advisor, ais_bench, msprof, op_summary, prof_tables, utilisation
from resources.ascend.cann.ais_failures import failure
from resources.ascend.cann.ais_tools import find_tools
from resources.ascend.cann.benchmark import Timing, percentiles
from resources.ascend.cann.chip import Chip, chip
from resources.ascend.cann.devices import Device
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.model_inputs import largest
from resources.ascend.cann.om_file import OmFile
from resources.ascend.cann.op_summary import OpRecord
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Bound, Measurement, OpTime, Profile

WARMUP, LOOPS = 5, 10
"""Runs under the profiler: the first ones load kernels and are left out."""

CLOCK_DIFFERS = 0.05
"""Share by which cycles and times may disagree with the clock before a reader is told."""

_BYTES = {"float16": 2, "bfloat16": 2, "bf16": 2, "float": 4, "float32": 4, "int8": 1, "uint8": 1, "bool": 1}
_BYTES |= {"int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "double": 8, "hf32": 4}

_PLAIN = 2
"""The rank of matrices whose product has one reading."""


def profile(site: Site, device: Device, om: OmFile, options: CompileOptions, timing: Timing) -> Profile:
    """Operators of the largest gear beside the times that were measured without a profiler.

    What cannot be told stays unknown, with a note: without a profile there are no operators and the utilisation is NaN,
    which keeps no limit. Raises `NoDevice`, `NotLoadable`, and `ToolFailed` when the model does not run.
    """
    cores = chip(site.installation, options.soc_version)
    records, advice, notes = _profiled(site, device, om, options)
    ops = operators(records, cores)
    wall_us = 1000 * sum(timing.runs_ms) / len(timing.runs_ms) if timing.runs_ms else math.nan
    needed = om.memory_bytes + om.weight_bytes
    return Profile(
        origin="measured",
        soc_version=options.soc_version,
        batch=timing.batch,
        latency_ms=percentiles(timing.runs_ms),
        throughput=timing.throughput,
        aicore_utilisation=share(records, wall_us, cores),
        memory_bytes=needed,
        memory_available_bytes=device.memory_bytes,
        bound=whole(ops),
        error_band=None,
        ops=ops,
        measurement=Measurement(
            runs_ms=timing.runs_ms,
            warmup=timing.warmup,
            device=str(device),
            tools=_tools(site, timing),
            energy_j=timing.energy_j,
            advice=advice,
            notes=(*timing.notes, *notes, *_remarks(records, cores, needed, device)),
        ),
    )


def operators(records: Sequence[OpRecord], cores: Chip | None = None) -> tuple[OpTime, ...]:
    """One entry per operator, in the order of the first runs: its mean time in one inference."""
    runs: dict[tuple[str, str], list[OpRecord]] = defaultdict(list)
    for record in records:
        runs[record.name, record.op].append(record)
    inferences = _inferences(len(each) for each in runs.values())
    found = []
    for (name, op), each in runs.items():
        first = each[0]
        found.append(
            OpTime(
                node=name,
                op=op,
                time_us=math.fsum(r.duration_us for r in each) / inferences,
                bound=_commonest(utilisation.bound(r, cores) for r in each),
                flops=flops(first),
                bytes=moved(first),
                core=first.task_type,
            )
        )
    return tuple(found)


def share(records: Sequence[OpRecord], wall_us: float, cores: Chip | None = None) -> float:
    """AI cores' share of an inference's time without a profiler, `wall_us` microseconds; NaN where nothing is known."""
    counts = Counter((record.name, record.op) for record in records)
    return utilisation.window(records, wall_us * _inferences(counts.values()), cores)


def counted(records: Iterable[OpRecord], warmup: int, loops: int) -> tuple[OpRecord, ...]:
    """The runs after the warm-up: of each operator the last `loops` in `warmup + loops` of its executions."""
    runs: dict[tuple[str, str], list[OpRecord]] = defaultdict(list)
    for record in records:
        runs[record.name, record.op].append(record)
    kept: list[OpRecord] = []
    for each in runs.values():
        ordered = each if any(math.isnan(r.start_us) for r in each) else sorted(each, key=lambda r: r.start_us)
        kept += ordered[len(ordered) * warmup // (warmup + loops) :]
    return tuple(kept)


def whole(ops: Sequence[OpTime]) -> Bound:
    """What holds the model back: the bound that most of the operators' time is under."""
    times: dict[Bound, float] = defaultdict(float)
    for op in ops:
        times[op.bound] += op.time_us
    return max(times, key=lambda bound: times[bound], default="overhead")


def flops(record: OpRecord) -> int:
    """Operations of one run; 0 where they cannot be told for certain.

    Counted by the cores where the profile has that, else 2 m n k for a product of two plain matrices, for which
    k is sqrt(|A| |B| / |C|) whichever is transposed.
    """
    if record.fops > 0:
        return int(record.fops)
    shapes, made = record.input_shapes, record.output_shapes
    if "MatMul" not in record.op or len(shapes) < _PLAIN or not made:
        return 0
    left, right, out = shapes[0], shapes[1], made[0]
    if any(len(shape) != _PLAIN or min(shape) <= 0 for shape in (left, right, out)):
        return 0
    inner = math.isqrt(math.prod(left) * math.prod(right) // math.prod(out))
    return 2 * math.prod(out) * inner


def moved(record: OpRecord) -> int:
    """Bytes of inputs and outputs; 0 where a shape or a type is not told."""
    total = 0
    for shapes, types in (
        (record.input_shapes, record.input_dtypes),
        (record.output_shapes, record.output_dtypes),
    ):
        if len(shapes) != len(types) or any(kind not in _BYTES for kind in types):
            return 0
        total += sum(max(math.prod(shape), 0) * _BYTES[kind] for shape, kind in zip(shapes, types, strict=True))
    return total


def _profiled(
    site: Site, device: Device, om: OmFile, options: CompileOptions
) -> tuple[tuple[OpRecord, ...], tuple[str, ...], tuple[str, ...]]:
    """Tasks, advice and notes. A profiler that fails costs the operators, not the times."""
    tool = find_tools(site).require_command()

    def failed(what: str, log: str) -> Exception:
        return failure(what, log, om=om, options=options, inputs=[port.name for port in om.inputs])

    with tempfile.TemporaryDirectory(prefix="ascend-profile-") as name:
        folder = Path(name).resolve()
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
        try:
            found = msprof.collect(site, ais_bench.arguments(tool, request), folder, failed=failed)
            records = counted(op_summary.parse(msprof.rows(found, "op_summary")), WARMUP, LOOPS)
            steps = prof_tables.steps(msprof.rows(found, "step_trace"))
        except (ToolFailed, BadOutput) as error:
            return (), (), (f"operators are not known: {str(error).splitlines()[0]}",)
        advice, note = advisor.advice(site, found)
    under = f"under the profiler a run took {median(s.time_us for s in steps) / 1000:.3g} ms" if steps else ""
    return records, advice, tuple(filter(None, (under, note)))


def _inferences(counts: Iterable[int]) -> int:
    """How often the model ran: operators run once an inference, those in a loop more often, so the commonest count."""
    found = Counter(counts)
    return max(found, key=lambda count: (found[count], -count), default=1)


def _commonest(bounds: Iterable[Bound]) -> Bound:
    found = Counter(bounds)
    return max(found, key=lambda bound: found[bound])


def _tools(site: Site, timing: Timing) -> tuple[str, ...]:
    found = site.installation
    told = {"msprof of CANN": found.version, "driver": found.driver, "firmware": found.firmware}
    return (timing.tool, *(f"{name} {version}" for name, version in told.items() if version))


def _remarks(records: Sequence[OpRecord], cores: Chip, needed: int, device: Device) -> tuple[str, ...]:
    """What a reader must know before believing a figure."""
    found = []
    if cores.scales:
        found.append("this card changes its clock: core times, and the utilisation from them, are a reference only")
    clocks = [mhz for r in records if not math.isnan(mhz := utilisation.clock_mhz(r, cores.cores))]
    if clocks and abs(median(clocks) / cores.clock_mhz - 1) > CLOCK_DIFFERS:
        found.append(
            f"the cores ran at {median(clocks):.0f} MHz, not at {cores.clock_mhz:.0f}: was the card throttled?"
        )
    if records and not any(r.cube or r.vector for r in records):
        found.append("the profile has no core columns: msprof was run at another level")
    if needed <= 0:
        found.append("the file does not tell how much memory it needs")
    if device.processes:
        found.append(f"other processes used the card: {len(device.processes)}")
    return tuple(found)
