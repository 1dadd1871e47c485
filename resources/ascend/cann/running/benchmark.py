"""Timing a compiled model on a device, with nothing else switched on.

Here belong the run of ais_bench's command without profiler, its per-run times checked against what it sums up, and the
percentiles. Not here: operators and utilisation (`profile.py`), or running a model for its outputs (`inference.py`).

ais_bench times each execution from the host's call to its return, without the copies, which it lists apart.
"""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.running import ais_bench, ais_summary, model_inputs
from resources.ascend.cann.running.ais_run import TookTooLong, Work
from resources.ascend.cann.running.ais_tools import find_tools
from resources.ascend.cann.running.model_inputs import Setting
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Latency
from resources.regular_files import open_regular

if TYPE_CHECKING:
    from resources.ascend.cann.npus.devices import Device
    from resources.ascend.cann.om.om_file import OmFile

WARMUP = 10
"""Runs that are not counted: the first ones load kernels and wake the card's clock."""
LOOPS = 100
"""Runs that are counted, and the fewest allowed: of fewer, the 99th percentile is only another name for the slowest."""
MAX_LOOPS = 100_000
MEASURE_SECONDS = 1800.0


@dataclass(frozen=True)
class Timing:
    """What was measured. `runs_ms` in order, milliseconds for one batch each.

    `h2d_ms`, `d2h_ms`: the mean of a copy to and from the device, `energy_j`: joules of all runs; None where the tool
    does not tell. `shapes`: the inputs' of this gear. `notes`: what a reader must know.
    """

    runs_ms: tuple[float, ...]
    h2d_ms: float | None
    d2h_ms: float | None
    energy_j: float | None
    batch: int
    tool: str
    warmup: int = WARMUP
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def throughput(self) -> float:
        """Samples per second, as ais_bench defines it: 1000 * batch / mean of the runs."""
        return 1000 * self.batch * len(self.runs_ms) / math.fsum(self.runs_ms)


def measure(  # noqa: PLR0913 - what is measured, and how
    site: Site,
    device: "Device",
    om: "OmFile",
    options: CompileOptions,
    *,
    setting: Setting | None = None,
    warmup: int = WARMUP,
    loops: int = LOOPS,
    timeout: float = MEASURE_SECONDS,
) -> Timing:
    """Time `loops` runs after `warmup` others, of the largest gear unless another `setting` is given.

    The inputs are zeros: random bytes would be wrong indices to a Gather. `timeout` in seconds. Raises `ValueError` for
    loops out of bounds or shapes that are left open, `ToolFailed`, `BadOutput`, `NoDevice`, `NotLoadable`.
    """
    if not LOOPS <= loops <= MAX_LOOPS or warmup < 0:
        raise ValueError(
            f"{loops} runs after {warmup}: from {LOOPS} to {MAX_LOOPS:,} give percentiles that mean something"
        )
    chosen = setting or model_inputs.largest(om, options)
    if any(dim < 0 for shape in chosen.shapes.values() for dim in shape):
        raise ValueError(f"{om.path} has open shapes and no gears: say which setting to time")
    tool = find_tools(site).require_command()
    site.say(f"{tool.name}: {warmup} + {loops} runs on {device}")
    with tempfile.TemporaryDirectory(prefix="ascend-time-") as name:
        work = Work(site, device, om, options, Path(name).resolve())
        output = work.folder / "output"
        output.mkdir(mode=0o700)
        request = ais_bench.Request(
            model=ais_bench.staged(om.path, work.folder),
            output=output,
            name="run",
            setting=chosen,
            loops=loops,
            warmup=warmup,
            energy_of=device.npu if tool.tells_energy else None,
        )
        return _timed(work, tool, request, timeout)


def percentiles(runs_ms: Sequence[float]) -> Latency:
    """P50, P90 and P99, linear between the two nearest runs as numpy and ais_bench define it; NaN for no runs."""
    import numpy as np

    if not runs_ms:
        return Latency(p50=math.nan, p90=math.nan, p99=math.nan)
    p50, p90, p99 = (float(value) for value in np.percentile(np.asarray(runs_ms, np.float64), (50, 90, 99)))
    return Latency(p50=p50, p90=p90, p99=p99)


def _timed(work: Work, tool: ais_bench.Tool, request: ais_bench.Request, timeout: float) -> Timing:
    """Run and read. A version whose reading of the power fails is run once more without it, and the notes say so."""
    try:
        return _timing(tool, request, work.run(tool, request, timeout))
    except TookTooLong:
        raise
    except ToolFailed as error:
        if request.energy_of is None:
            raise
        first = str(error).splitlines()[0]
    again = replace(request, energy_of=None, name="again")
    timing = _timing(tool, again, work.run(tool, again, timeout))
    return replace(timing, notes=(f"energy is not known: {tool.name} failed while it read the power ({first})",))


def _timing(tool: ais_bench.Tool, request: ais_bench.Request, log: str) -> Timing:
    said = ais_summary.console(log)
    summary = ais_summary.parse(_summary_bytes(tool, request, said, log))
    if len(summary.runs_ms) != request.loops:
        raise BadOutput(f"{tool.name} lists {len(summary.runs_ms)} runs where {request.loops} were asked for")
    if math.fsum(summary.runs_ms) <= 0:
        raise BadOutput(f"{tool.name} lists {request.loops} runs that took no time at all")
    for block in said.compute:
        ais_summary.agree(summary.runs_ms, block, "its console")
    h2d = summary.h2d or next(iter(said.h2d), None)
    d2h = summary.d2h or next(iter(said.d2h), None)
    return Timing(
        runs_ms=summary.runs_ms,
        h2d_ms=h2d.mean if h2d else None,
        d2h_ms=d2h.mean if d2h else None,
        energy_j=said.energy_j,
        batch=request.setting.batch,
        tool=tool.name,
        warmup=request.warmup,
        shapes=tuple(request.setting.shapes.items()),
    )


def _summary_bytes(tool: ais_bench.Tool, request: ais_bench.Request, said: ais_summary.Console, log: str) -> bytes:
    """The summary file, beside the output folder or, of older versions, in it."""
    inside = request.output / request.name
    for path in (
        request.output / f"{request.name}_summary.json",
        inside / "sumary.json",
        inside / "summary.json",
        request.output / "sumary.json",
    ):
        data = _bounded(path)
        if data is not None:
            return data
    known = "".join(f" (it printed min {b.min:g}, max {b.max:g}, mean {b.mean:g} ms)" for b in said.compute[:1])
    raise ToolFailed(
        f"{tool.name} left no {request.name}_summary.json{known}: without the single runs there are no percentiles; "
        "update ais_bench",
        log,
    )


def _bounded(path: Path) -> bytes | None:
    """A regular file's bytes, one more than allowed at most; None where there is none."""
    try:
        file, _ = open_regular(path)
    except OSError:
        return None
    with file:
        return file.read(ais_summary.MAX_BYTES + 1)
