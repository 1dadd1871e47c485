"""What a benchmark on a device tells beyond an estimate: how it was taken, each run, and what a reader must know.

Here belong words and figures, with an unknown one never shown as zero. Not here: drawings, or verdicts.
"""

import math
from dataclasses import dataclass

from ascend_assets.dossier import text
from ascend_assets.dossier.charts import runs
from ascend_assets.dossier.quantities import NOTHING, microseconds, number, scaled, share
from resources.ascend.toolchain import Measurement, OpTime, Profile

Rows = tuple[tuple[str, ...], ...]

LINES = 20
"""Notes that are shown, and sentences of advice."""
_SENTENCE = 400
_NAME = 80
_AI_CPU = frozenset({"AI_CPU", "AICPU"})


@dataclass(frozen=True)
class Measured:
    """One target's measurement. A row of `taken`: a label and a text. `advice` is an outside tool's."""

    taken: Rows
    wide: str
    narrow: str
    notes: tuple[str, ...]
    advice: tuple[str, ...]


def measured(profile: Profile, taken: Measurement) -> Measured:
    """What there is to show beside the figures."""
    return Measured(
        taken=(
            ("Device", text.clean(taken.device, _NAME)),
            ("Measured with", text.listing(taken.tools, 8) or NOTHING),
        ),
        wide=runs.runs_plot(taken.runs_ms, profile.latency_ms, runs.WIDE),
        narrow=runs.runs_plot(taken.runs_ms, profile.latency_ms, runs.NARROW),
        notes=sentences(taken.notes),
        advice=sentences(taken.advice),
    )


def sentences(said: tuple[str, ...]) -> tuple[str, ...]:
    """Each on one line and bounded; beyond so many, how many more there are."""
    found = tuple(text.clean(" ".join(each[: 2 * _SENTENCE].split()), _SENTENCE) for each in said[:LINES])
    return (*found, f"and {len(said) - LINES:,} more") if len(said) > LINES else found


def energy_of_a_run(taken: Measurement) -> float:
    """Joules of one run; NaN where the tools do not tell."""
    told = taken.energy_j
    return told / len(taken.runs_ms) if told is not None and told > 0 and taken.runs_ms else math.nan


def facts(profile: Profile, taken: Measurement, total_us: float) -> Rows:
    """Figures as (label, figure, note). `total_us`: of all operators."""
    joules = energy_of_a_run(taken)
    energy = ("Energy", f"{scaled(joules, 'J')}", f"for a run of batch {profile.batch}")
    bound = f"mostly {profile.bound}-bound" if profile.ops else "no operators are known"
    busy = NOTHING if math.isnan(profile.aicore_utilisation) else share(profile.aicore_utilisation)
    return (
        ("Throughput", f"{number(profile.throughput, 3)} samples/s", f"at batch {profile.batch}"),
        ("Runs", f"{len(taken.runs_ms):,}", f"after {taken.warmup:,} that warm up"),
        *((energy,) if math.isfinite(joules) else ()),
        ("AI core busy", busy, bound),
        _memory(profile),
        _work(profile),
        ("Operators", f"{len(profile.ops):,}" if profile.ops else NOTHING, f"{microseconds(total_us)} in all"),
    )


def work(op: OpTime) -> tuple[str, str, str]:
    """An operator's operations and bytes, which are unknown where the profile has none, and the core it ran on."""
    core = "AI CPU, not on AI cores" if op.core.upper() in _AI_CPU else text.clean(op.core, 40) or NOTHING
    return (
        scaled(op.flops, "FLOP") if op.flops > 0 else NOTHING,
        scaled(op.bytes, "B", 1024) if op.bytes > 0 else NOTHING,
        core,
    )


def _memory(profile: Profile) -> tuple[str, str, str]:
    needed, there = profile.memory_bytes, profile.memory_available_bytes
    whole = scaled(there, "B", 1024) if there > 0 else "a memory that is not known"
    if needed <= 0:
        return "Memory", NOTHING, f"not told by the file; of {whole}"
    return "Memory", scaled(needed, "B", 1024), f"{share(needed / there)} of {whole}" if there > 0 else f"of {whole}"


def _work(profile: Profile) -> tuple[str, str, str]:
    known = [op for op in profile.ops if op.flops > 0]
    moved = sum(max(0, op.bytes) for op in profile.ops)
    told = f"{scaled(moved, 'B', 1024)} moved, as far as told" if moved else "not told by the profile"
    if not known:
        return "Work", NOTHING, told
    return (
        "Work",
        scaled(sum(op.flops for op in known), "FLOP"),
        f"of {len(known):,} operator{'s' if len(known) != 1 else ''}; {told}",
    )
