"""Gate on speed and memory: one target's profile against limits and against what is deployed now.

Here belongs turning one target's `BenchmarkRecord` into verdicts. Not here: timing anything, or finding the release
that it is compared with (`baseline.py`).
"""

import math
from collections.abc import Mapping

from ascend_assets.gates.case import Case, Policy
from ascend_assets.gates.verdict import Verdict, weakest
from ascend_assets.gates.wording import clipped, counted, listing
from ascend_assets.policy_file import in_force
from ascend_assets.records import BenchmarkRecord
from resources.ascend.toolchain import Profile

CRITERIA_NAMES: tuple[str, ...] = (
    "latency_p99_ms",
    "throughput",
    "aicore_utilisation",
    "memory_fit",
    "latency_regression",
)
"""The criteria of this gate, in the order in which they are shown."""

MIB = 1024 * 1024
_DEVICE = 80
"""Characters of a device's name."""


def judge(
    record: BenchmarkRecord, policy: Policy, baselines: Mapping[str, Profile | None] | None = None
) -> tuple[Verdict, ...]:
    """One verdict per performance criterion, about the compiled file that was timed.

    `baselines`: environment -> profile of the release now there for the same target; None or absent where none is.
    Evidence counts as emulated if any part of the record says so.
    """
    origin = weakest(record.origin, record.profile.origin, record.toolchain.origin)
    case = Case(policy, origin, record.made_from.get("om", ""), record.target)
    profile = record.profile
    return (
        _latency(case, profile),
        _throughput(case, profile),
        _utilisation(case, profile),
        _memory(case, profile),
        _regression(case, profile, baselines or {}),
    )


def _latency(case: Case, profile: Profile) -> Verdict:
    latency = profile.latency_ms
    why = f"P50 {_ms(latency.p50)}, P90 {_ms(latency.p90)}, P99 {_ms(latency.p99)} for a batch of {profile.batch}"
    why += _bound(profile)
    taken = profile.measurement
    if taken is not None:
        why += f"; {counted(len(taken.runs_ms), 'run')} after {taken.warmup} on {clipped(taken.device, _DEVICE)}"
    band = profile.error_band
    if band is not None:
        low, high = _ms(latency.p99 * band.low), _ms(latency.p99 * band.high)
        why += f"; an estimate, {low} to {high} in 90 % of {counted(band.points, 'published figure')}"
    return case.judge("latency_p99_ms", _time(latency.p99), why)


def _throughput(case: Case, profile: Profile) -> Verdict:
    value = _within(profile.throughput, 0, math.inf)
    return case.judge("throughput", value, f"{value:.5g} samples per second in batches of {profile.batch}")


def _utilisation(case: Case, profile: Profile) -> Verdict:
    if profile.measurement is not None and math.isnan(profile.aicore_utilisation):
        notes = listing(profile.measurement.notes) or "the profiler does not tell"
        return case.not_judged("aicore_utilisation", f"how much of the time AI cores compute is not known: {notes}")
    value = _within(profile.aicore_utilisation, 0, 1)
    return case.judge("aicore_utilisation", value, f"AI cores compute {value:.1%} of the time{_bound(profile, '; ')}")


def _memory(case: Case, profile: Profile) -> Verdict:
    available = profile.memory_available_bytes
    if profile.memory_bytes <= 0:
        return case.not_judged("memory_fit", "how much memory the model needs is not known")
    needed = f"{profile.memory_bytes / MIB:,.1f} MiB needed"
    if available <= 0:
        return case.not_judged("memory_fit", f"{needed}, but the memory of {profile.soc_version} is not known")
    share = _within(profile.memory_bytes / available, 0, math.inf)
    return case.judge("memory_fit", share, f"{needed} of {available / MIB:,.0f} MiB on {profile.soc_version}")


def _regression(case: Case, profile: Profile, baselines: Mapping[str, Profile | None]) -> Verdict:
    ratios: dict[str, float] = {}
    found: list[str] = []
    for environment in in_force().names:
        before = baselines.get(environment)
        obstacle = _incomparable(profile, before)
        if before is None or obstacle:
            found.append(f"{environment}: {obstacle}")
            continue
        ratios[environment] = _time(profile.latency_ms.p99) / before.latency_ms.p99
        times = f"{_ms(before.latency_ms.p99)} -> {_ms(profile.latency_ms.p99)}"
        found.append(f"{environment}: {ratios[environment]:.3g} times the release there ({times})")
    return case.judge_each("latency_regression", ratios, listing(found))


def _incomparable(now: Profile, before: Profile | None) -> str:
    """Why two profiles cannot be compared; empty if they can."""
    if before is None:
        return "no other release there"
    if before.origin != now.origin:
        return f"the release there was {before.origin}, this is {now.origin}"
    if (before.soc_version, before.batch) != (now.soc_version, now.batch):
        return f"the release there is for {before.soc_version}, batch {before.batch}"
    if math.isnan(_time(before.latency_ms.p99)):
        return "the release there has no usable latency"
    return ""


def _bound(profile: Profile, joined: str = ", ") -> str:
    """What the model is bound by; nothing where it was measured and no operator is known."""
    known = profile.ops or profile.measurement is None
    return f"{joined}bound by {profile.bound}" if known else ""


def _time(value: float) -> float:
    """A latency; NaN for what no clock says (0 or less, or not finite), so that it keeps no limit."""
    return value if math.isfinite(value) and value > 0 else math.nan


def _within(value: float, low: float, high: float) -> float:
    """The value, or NaN outside of what it can be, so that nonsense keeps no limit."""
    return value if low <= value <= high else math.nan


def _ms(value: float) -> str:
    return f"{value:.4g} ms"
