"""The figures: rates by family and half, speed, and what the repairs cost. Pure functions of outcomes.

Here belong adding up and the table. Not here: running, or the goals' reading in words (`docs/repair-proof.md`).
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.repair.log_accuracy import Read
from benchmarks.repair.outcomes import Outcome

REPAIRED, MEDIAN_S = 0.9, 10.0
"""Goals: the share of repairable models that are repaired unattended, and the median of seconds per repair."""


@dataclass(frozen=True)
class Figures:
    """One group's figures; a share of nothing is NaN."""

    models: int
    healthy: int
    repairable: int
    repaired: int
    false_claims: int
    false_repairs: int
    top: float
    any: float
    every: float
    repair_rate: float
    holds_on_others: float
    seconds_median: float
    seconds_p90: float
    seconds_max: float
    cpu_median: float
    cpu_p90: float
    attempts_median: float
    kept_share_median: float
    kept_share_p90: float
    latency_cost_median: float
    latency_cost_p90: float


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _median(values: Sequence[float]) -> float:
    return statistics.median(values) if values else math.nan


def _p90(values: Sequence[float]) -> float:
    """The smallest value that nine of ten do not pass."""
    return sorted(values)[math.ceil(0.9 * len(values)) - 1] if values else math.nan


def figures(outcomes: Iterable[Outcome]) -> Figures:
    """Add a group up."""
    found = list(outcomes)
    broken = [one for one in found if not one.healthy]
    repairable = [one for one in broken if one.unattended]
    repaired = [one for one in repairable if one.repaired]
    kept = [one.kept_share for one in repaired if one.kept_share is not None]
    cost = [one.latency_after / one.latency_before for one in repaired if one.latency_before and one.latency_after]
    seconds = [one.seconds for one in broken]
    return Figures(
        models=len(found),
        healthy=len(found) - len(broken),
        repairable=len(repairable),
        repaired=len(repaired),
        false_claims=sum(one.false_claim for one in found),
        false_repairs=sum(one.false_repair for one in found),
        top=_share(sum(one.top for one in broken), len(broken)),
        any=_share(sum(one.any for one in broken), len(broken)),
        every=_share(sum(one.every for one in broken), len(broken)),
        repair_rate=_share(len(repaired), len(repairable)),
        holds_on_others=_share(sum(bool(one.check and one.check.others) for one in repaired), len(repaired)),
        seconds_median=_median(seconds),
        seconds_p90=_p90(seconds),
        seconds_max=max(seconds, default=math.nan),
        cpu_median=_median([one.cpu for one in broken]),
        cpu_p90=_p90([one.cpu for one in broken]),
        attempts_median=_median([one.attempts for one in broken]),
        kept_share_median=_median(kept),
        kept_share_p90=_p90(kept),
        latency_cost_median=_median(cost),
        latency_cost_p90=_p90(cost),
    )


def missed(total: Figures) -> tuple[str, ...]:
    """The goals that are not reached, in words; a figure that nobody has reaches none."""
    found = []
    if total.repairable and not total.repair_rate >= REPAIRED:
        found.append(f"{total.repair_rate:.0%} repaired unattended, the goal is {REPAIRED:.0%}")
    if total.false_repairs:
        found.append(f"{total.false_repairs} healthy models changed or called broken, the goal is none")
    if total.false_claims:
        found.append(f"{total.false_claims} answers that do not hold, the goal is none")
    if total.repairable and not total.seconds_median <= MEDIAN_S:
        found.append(f"{total.seconds_median:.1f} s per repair in the median, the goal is {MEDIAN_S:g} s")
    return tuple(found)


def groups(outcomes: Sequence[Outcome]) -> dict[str, Figures]:
    """All, each half, and each family (a model with two faults counts in both)."""
    found = {"all": figures(outcomes)}
    for half in dict.fromkeys(one.half for one in outcomes):
        found[half] = figures(one for one in outcomes if one.half == half)
    for family in dict.fromkeys(family for one in outcomes for family in one.families):
        found[f"  {family}"] = figures(one for one in outcomes if family in one.families)
    return found


_COLUMNS = (
    "",
    "models",
    "top cause",
    "any",
    "every",
    "repaired",
    "false",
    "others",
    "s median",
    "s p90",
    "cpu s",
    "FP32",
    "latency",
)


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: one row per group."""
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS)]
    rows += [_row(name, group) for name, group in groups(outcomes).items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _row(name: str, group: Figures) -> tuple[str, ...]:
    return (
        name.replace("  ", "&nbsp;&nbsp;"),
        str(group.models),
        _percent(group.top),
        _percent(group.any),
        _percent(group.every),
        f"{group.repaired} of {group.repairable}" + (f" ({group.repair_rate:.0%})" if group.repairable else ""),
        str(group.false_claims + group.false_repairs),
        _percent(group.holds_on_others),
        _number(group.seconds_median, "{:.1f}"),
        _number(group.seconds_p90, "{:.1f}"),
        _number(group.cpu_median, "{:.1f}"),
        _number(group.kept_share_median, "{:.1%}"),
        _number(group.latency_cost_median, "x{:.2f}"),
    )


def _percent(share: float) -> str:
    return _number(share, "{:.0%}")


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else form.format(value)


def log_line(reads: Sequence[Read], half: str = "") -> str:
    """One sentence on logs."""
    found = [one for one in reads if half in {"", one.half}]
    right = sum(one.top for one in found)
    return f"logs{' ' + half if half else ''}: the most confident cause is right for {right} of {len(found)}"


def failures(outcomes: Sequence[Outcome]) -> str:
    """One paragraph per case that is not as it should be."""
    lines = []
    for one in outcomes:
        wrong = one.false_claim or one.false_repair or (one.unattended and not one.healthy and not one.repaired)
        if wrong or (not one.healthy and not one.top):
            causes = ", ".join(f"{cause.rule} {cause.confidence:.2f}" for cause in one.causes[:4]) or "none"
            why = one.check.why if one.check else ""
            word = "WRONG" if wrong else "cause"
            lines.append(
                f"- {word} {one.half} {one.name} ({', '.join(one.families) or 'healthy'}): {one.status}, "
                f"{one.attempts} attempts, {one.seconds:.1f} s; causes: {causes}; remedies: "
                f"{', '.join(one.remedies) or 'none'}; {why or one.ended or one.error}"
            )
    return "\n".join(lines)


def as_json(outcomes: Sequence[Outcome], reads: Sequence[Read]) -> dict[str, Any]:
    """Everything, for another program."""
    return {
        "figures": {name.strip(): asdict(group) for name, group in groups(outcomes).items()},
        "missed": missed(figures(outcomes)),
        "logs": [asdict(one) for one in reads],
        "cases": [asdict(one) for one in outcomes],
    }
