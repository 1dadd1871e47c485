"""The emulator's clock: how fast a compiled network would run, estimated and never measured.

Here belongs putting workload, roofline and calibration together into a `Profile`. The estimate is a point, with a
band that held 90 % of the published figures of networks that the calibration had not seen. It knows nothing of
jitter: P90 and P99 are upper quantiles of the estimate's own error, so that a limit on P99 is judged on the safe
side. Not here: any limit.
"""

from typing import TYPE_CHECKING

from resources.ascend.emulator import calibration, precision
from resources.ascend.emulator.calibration import Spread
from resources.ascend.emulator.liveness import memory_bytes
from resources.ascend.emulator.roofline import Coefficients, Times, demand, times
from resources.ascend.emulator.workload import Work, works
from resources.ascend.options import CompileOptions
from resources.ascend.soc import Soc, soc
from resources.ascend.toolchain import Bound, Latency, OpTime, Profile
from resources.onnx_files.graph import view

if TYPE_CHECKING:
    import onnx

CEILINGS: tuple[Bound, ...] = ("cube", "vector", "memory")


def profile(model: "onnx.ModelProto", options: CompileOptions, batch: int) -> Profile:
    """Estimate latency, throughput, utilisation and memory of `model`, compiled with `options`.

    `model` states every inner shape (static, with the batch already in them) and may lack weights' data. `batch` is
    the number of samples that one inference carries. Times cover the device's work between launch and completion, as
    ais_bench's `NPU_compute_time`, not the copies to and from the host.

    `latency_ms.p50` is the estimate; p90 and p99 multiply it by the upper quantiles of published over estimated
    latency. `ops` has one entry per kernel, named for the node that leads it: nodes fused behind it are in its time.

    Raises `UnknownSocError` for a SoC without hardware figures, `ShapeUnknownError` for a cube operator without
    shapes, `ValueError` for a batch below 1.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1, not {batch}")
    chip = soc(options.soc_version)
    graph = view(model)
    everything = works(graph, dict(enumerate(precision.plan(graph, options))))
    return summarise(everything, chip, batch, calibration.load().coefficients, calibration.load().spread_for(chip))


def summarise(everything: tuple[Work, ...], chip: Soc, batch: int, fitted: Coefficients, spread: Spread) -> Profile:
    """The profile of counted work on a SoC. Pure."""
    running = [work for work in everything if not work.free]
    spent = times(demand(running, chip), fitted)
    latency = float(spent.total.sum()) + fitted.fixed_s
    middle = latency * 1e3
    return Profile(
        origin="emulated",
        soc_version=chip.name,
        batch=batch,
        latency_ms=Latency(p50=middle, p90=middle * max(1.0, spread.q90), p99=middle * max(1.0, spread.q99)),
        throughput=batch / latency,
        aicore_utilisation=_utilisation(spent, latency),
        memory_bytes=memory_bytes(everything),
        memory_available_bytes=chip.memory_bytes,
        bound=_bound(spent, fitted.fixed_s),
        error_band=spread.band,
        ops=_operators(running, spent),
    )


def latency_s(everything: tuple[Work, ...], chip: Soc, fitted: Coefficients) -> float:
    """The estimate alone, in seconds."""
    spent = times(demand([work for work in everything if not work.free], chip), fitted)
    return float(spent.total.sum()) + fitted.fixed_s


def _utilisation(spent: Times, latency: float) -> float:
    import numpy as np

    return float(np.maximum(spent.cube, spent.vector).sum()) / latency


def _bound(spent: Times, fixed_s: float) -> Bound:
    """Where most of the wall time goes."""
    import numpy as np

    ceilings = np.array([spent.cube, spent.vector, spent.memory])
    if not ceilings.size:
        return "overhead"
    limiting = ceilings.argmax(axis=0)
    shares: dict[Bound, float] = {
        name: float(ceilings.max(axis=0)[limiting == index].sum()) for index, name in enumerate(CEILINGS)
    }
    shares["overhead"] = float(spent.overhead.sum()) + fixed_s
    return max(shares, key=lambda name: shares[name])


def _operators(running: list[Work], spent: Times) -> tuple[OpTime, ...]:
    rows = zip(
        running,
        spent.cube.tolist(),
        spent.vector.tolist(),
        spent.memory.tolist(),
        spent.overhead.tolist(),
        spent.total.tolist(),
        strict=True,
    )
    operators = []
    for work, cube, vector, memory, overhead, total in rows:
        parts: dict[Bound, float] = {"cube": cube, "vector": vector, "memory": memory, "overhead": overhead}
        bound = max(parts, key=lambda name: parts[name])
        operators.append(
            OpTime(node=work.node, op=work.op, time_us=total * 1e6, bound=bound, flops=work.flops, bytes=work.bytes)
        )
    return tuple(operators)
