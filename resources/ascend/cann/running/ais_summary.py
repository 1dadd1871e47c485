"""What ais_bench says about a run: its summary file and its console.

Here belong the two parsers, pure functions on bytes and text. Not here: where the file lies, or what the times mean
for a model (`benchmark.py`).

The file is `<output>/<name>_summary.json` (older: `<output>/<name>/sumary.json`), all times in milliseconds:
NPU_compute_time, H2D_latency and D2H_latency as {min, max, mean, median, "percentile(99%)", count}, `throughput`, and
`npu_compute_time_list` with every run. Some versions write the percentile's key with blanks in it, the newest as `P99`.
The console has a line for each kind of time, of the newest version a row of a table with four decimals.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.text import clean

MAX_BYTES = 4 * 1024 * 1024
"""A summary of 100 000 runs has 2 MB; a larger file is none."""
MAX_RUNS = 200_000
_AGREE = 1e-3
_SHOWN = 60

_NUMBER = r"([^\s=|│]+?)"
"""Without what parts the words of a line, so that no line takes longer than its length."""
_BLOCK = re.compile(
    rf"(NPU_compute_time|H2D_latency|D2H_latency)\s*\(ms\)\s*:\s*min\s*=\s*{_NUMBER}\s*,\s*max\s*=\s*{_NUMBER}\s*,"
    rf"\s*mean\s*=\s*{_NUMBER}\s*,\s*median\s*=\s*{_NUMBER}\s*,\s*percentile\(\s*99\s*%\s*\)\s*=\s*{_NUMBER}\s*$"
)
_ROW = re.compile(
    r"[│|]\s*(NPU_compute_time|H2D_latency|D2H_latency)\s*\(ms\)" + rf"\s*[│|]\s*{_NUMBER}" * 5 + r"\s*[│|]\s*$"
)
_THROUGHPUT = re.compile(
    r"[Tt]hroughput\s+1000\*batchsize(?:\.mean)?\([^\s()]++\)/NPU_compute_time\.mean\([^\s()]++\)\s*:\s*(\S+)\s*$"
)
_ENERGY = re.compile(r"NPU ID\s*:\s*\d+\s+energy consumption\s*\(J\)\s*:\s*(\S+)\s*$")


@dataclass(frozen=True)
class Spread:
    """One kind of time in milliseconds, as the tool sums it up; `count` 0 where it does not tell."""

    min: float
    max: float
    mean: float
    median: float
    p99: float
    count: int = 0


@dataclass(frozen=True)
class Summary:
    """A summary file. `runs_ms` in order; `h2d`, `d2h` None where nothing was copied; `throughput` samples a second."""

    runs_ms: tuple[float, ...]
    compute: Spread | None = None
    h2d: Spread | None = None
    d2h: Spread | None = None
    throughput: float | None = None


@dataclass(frozen=True)
class Console:
    """What the console says: one block for each device, in order. `energy_j` joules, None where it does not tell."""

    compute: tuple[Spread, ...] = ()
    h2d: tuple[Spread, ...] = ()
    d2h: tuple[Spread, ...] = ()
    throughput: tuple[float, ...] = ()
    energy_j: float | None = None


def parse(data: bytes) -> Summary:
    """Read a summary file. Every run's time is finite and not negative, and the tool's own figures agree with them.

    Raises `BadOutput`: too large, not JSON, a key twice, a wrong type, no list of runs, a time that is none.
    """
    if len(data) > MAX_BYTES:
        raise BadOutput(f"ais_bench's summary has {len(data):,} bytes; {MAX_BYTES:,} is the limit")
    try:
        held = json.loads(data.decode(errors="replace"), object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadOutput(f"ais_bench's summary is no JSON ({error}): did the tool die while it wrote?") from error
    if not isinstance(held, dict):
        raise BadOutput("ais_bench's summary is no JSON object")
    runs = _runs(held.get("npu_compute_time_list"))
    compute = _spread(held, "NPU_compute_time")
    if compute is not None:
        agree(runs, compute, "its NPU_compute_time")
    throughput = held.get("throughput")
    return Summary(
        runs_ms=runs,
        compute=compute,
        h2d=_spread(held, "H2D_latency"),
        d2h=_spread(held, "D2H_latency"),
        throughput=_finite(throughput),
    )


def console(text: str) -> Console:
    """Read what ais_bench prints, among progress bars and other tools' lines.

    Raises `BadOutput` for a block whose times are not finite or negative.
    """
    blocks: dict[str, list[Spread]] = {"NPU_compute_time": [], "H2D_latency": [], "D2H_latency": []}
    throughput: list[float] = []
    energy: float | None = None
    for line in clean(text):
        if (block := _BLOCK.search(line) or _ROW.search(line)) is not None:
            low, high, mean, median, p99 = (_printed(word, line) for word in block.groups()[1:])
            blocks[block[1]].append(Spread(low, high, mean, median, p99))
        elif (found := _THROUGHPUT.search(line)) is not None:
            throughput.append(_printed(found[1], line))
        elif (found := _ENERGY.search(line)) is not None:
            energy = _joules(found[1])
    return Console(
        compute=tuple(blocks["NPU_compute_time"]),
        h2d=tuple(blocks["H2D_latency"]),
        d2h=tuple(blocks["D2H_latency"]),
        throughput=tuple(throughput),
        energy_j=energy,
    )


def agree(runs_ms: tuple[float, ...], stated: Spread, where: str) -> None:
    """Raise `BadOutput` where min, max, mean or count of the runs are not those stated (to 0.1 %)."""
    ours = {"min": min(runs_ms), "max": max(runs_ms), "mean": math.fsum(runs_ms) / len(runs_ms)}
    for name, value in ours.items():
        other = getattr(stated, name)
        if not math.isclose(value, other, rel_tol=_AGREE, abs_tol=_AGREE):
            raise BadOutput(f"ais_bench contradicts itself: {name} of its runs is {value:g} ms, {where} says {other:g}")
    if stated.count and stated.count != len(runs_ms):
        raise BadOutput(f"ais_bench contradicts itself: {len(runs_ms)} runs, {where} says {stated.count}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys lose their blanks; a key that is there twice leaves open which one is meant."""
    held: dict[str, Any] = {}
    for key, value in pairs:
        name = "".join(key.split())
        if name in held:
            raise BadOutput(f"ais_bench's summary has the key {name[:_SHOWN]!r} twice")
        held[name] = value
    return held


def _runs(held: object) -> tuple[float, ...]:
    if not isinstance(held, list) or not held:
        raise BadOutput("ais_bench's summary has no npu_compute_time_list, so nothing is known of the single runs")
    if len(held) > MAX_RUNS:
        raise BadOutput(f"ais_bench's summary lists {len(held):,} runs; {MAX_RUNS:,} is the limit")
    runs = []
    for index, value in enumerate(held):
        time = _finite(value)
        if time is None or time < 0:
            raise BadOutput(f"run {index} in ais_bench's summary took {str(value)[:_SHOWN]!r} ms, which is no time")
        runs.append(time)
    return tuple(runs)


def _spread(held: dict[str, Any], key: str) -> Spread | None:
    """One kind of time; None where it is missing, empty, or not made of times."""
    block = held.get(key)
    if not isinstance(block, dict):
        return None
    p99 = block.get("percentile(99%)", block.get("P99"))
    numbers = [_finite(value) for value in (*map(block.get, ("min", "max", "mean", "median")), p99)]
    known = [number for number in numbers if number is not None and number >= 0]
    count = block.get("count", 0)
    if len(known) != len(numbers) or not _is_count(count):
        return None
    low, high, mean, median, top = known
    return Spread(low, high, mean, median, top, count)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _finite(value: object) -> float | None:
    """The number, or None for anything else: bools, text, NaN, infinity, an integer beyond every float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _printed(word: str, line: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise BadOutput(f"ais_bench printed {word[:_SHOWN]!r} where a number belongs: {line[:200]}")
    return number


def _joules(word: str) -> float | None:
    """Joules, or None: a version that subtracts one power reading from another prints what is no energy."""
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
