"""The table of verdicts by environment, what needs attention first; and what nobody knows.

Here belong the rows. Not here: judging, or the sentence on top of the page (`admission.py`).
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

from collections.abc import Iterator
from dataclasses import dataclass

from ascend_assets.dossier.admission import Standing, standing, worst
from ascend_assets.dossier.content import Content, TargetEvidence
from ascend_assets.dossier.quantities import NOTHING, beside, number, with_unit
from ascend_assets.dossier.text import prose
from ascend_assets.environments import Environment
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict
from ascend_assets.policy_file import in_force
from resources.ascend.toolchain import ErrorBand

SAID: dict[Standing, str] = {
    "pass": "pass",
    "fail": "fails",
    "origin": "emulated",
    "unjudged": "not judged",
    "tolerated": "tolerated",
}
"""A mark in a word."""

LEGEND: dict[Standing, str] = {
    "pass": "pass",
    "fail": "fails",
    "origin": "within the limit, but emulated: measured evidence is wanted",
    "unjudged": "not judged: keeps it out",
    "tolerated": "not judged, and tolerated",
}
"""A mark in a few words."""

_SINGULAR = {"mismatches": "mismatch"}
_NO_PLURAL = frozenset({"ms", "nats", "samples/s"})

_GROUPS: tuple[tuple[str, str, str, frozenset[Standing]], ...] = (
    ("fail", "Fails", "未通过", frozenset({"fail"})),
    ("unjudged", "Not judged", "未判定", frozenset({"unjudged"})),
    ("origin", "Within the limit, wants measured evidence", "达标，但要求实测证据", frozenset({"origin"})),
    ("tolerated", "Not judged, and tolerated", "未判定，可容忍", frozenset({"tolerated"})),
    ("pass", "Passes everywhere", "全部通过", frozenset({"pass"})),
)


@dataclass(frozen=True)
class Cell:
    """One environment's limit and what the verdict means there."""

    environment: str
    standing: Standing
    said: str
    limit: str


@dataclass(frozen=True)
class Row:
    """One verdict."""

    criterion: str
    meaning: str
    target: str
    value: str
    cells: tuple[Cell, ...]
    why: str
    origin: str


@dataclass(frozen=True)
class Group:
    """Verdicts of one standing."""

    kind: str
    en: str
    zh: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Unknown:
    """One thing that the page cannot say."""

    what: str
    why: str


def groups(content: Content) -> tuple[Group, ...]:
    """Every verdict once, grouped by its most serious standing; empty groups are left out."""
    ordered = sorted(content.verdicts, key=lambda v: (len(v.admits), _place(v.criterion), v.target))
    found = []
    for kind, en, zh, standings in _GROUPS:
        rows = tuple(_row(verdict) for verdict in ordered if worst(verdict) in standings)
        if rows:
            found.append(Group(kind, en, zh, rows))
    return tuple(found)


def value(verdict_value: float | None, unit: str, limit: float | None = None) -> str:
    """A verdict's value with its unit; with enough digits to be told from the limit."""
    if verdict_value is None:
        return NOTHING
    if unit == "share":
        # Percent, unless rounding to two decimals would put it on its limit.
        text = with_unit(number(round(100 * verdict_value, 2)), "%")
        alike = limit is not None and text == value(limit, unit) and verdict_value != limit
        return number(verdict_value) if alike else text
    text = number(verdict_value) if limit is None else beside(verdict_value, limit)
    if verdict_value == 1 and unit.endswith("s") and unit not in _NO_PLURAL:
        unit = _SINGULAR.get(unit, unit.removesuffix("s"))
    return text if unit in {"opset", "ratio"} else with_unit(text, unit)


def unknowns(content: Content) -> tuple[Unknown, ...]:
    """What was not judged, not measured, or judged on little."""
    return tuple(_unknowns(content))


def _place(criterion: str) -> int:
    names = list(CRITERIA)
    return names.index(criterion) if criterion in CRITERIA else len(names)


def _row(verdict: Verdict) -> Row:
    nearest = next((verdict.limits[e] for e in in_force().names if e in verdict.limits), None)
    return Row(
        criterion=verdict.criterion,
        meaning=CRITERIA[verdict.criterion].meaning if verdict.criterion in CRITERIA else "",
        target=verdict.target,
        value=value(verdict.value, verdict.unit, nearest),
        cells=tuple(_cell(verdict, environment) for environment in in_force().all),
        why=verdict.why.removeprefix("not judged: "),
        origin=verdict.origin,
    )


def _cell(verdict: Verdict, environment: Environment) -> Cell:
    stands = standing(verdict, environment)
    limit = verdict.limits.get(environment.name)
    sign = {"<=": "≤", ">=": "≥"}[verdict.sense]
    bound = "no limit" if limit is None else f"{sign}\u00a0{value(limit, 'share' if verdict.unit == 'share' else '')}"
    return Cell(environment.name, stands, SAID[stands], bound)


def _unknowns(content: Content) -> Iterator[Unknown]:
    for verdict in content.verdicts:
        if not verdict.judged:
            about = f"{verdict.criterion} ({verdict.target})" if verdict.target else verdict.criterion
            yield Unknown(about, verdict.why.removeprefix("not judged: "))
    bands: list[ErrorBand] = []
    if any(t.precision and t.precision.origin == "emulated" for t in content.evidence):
        yield Unknown(
            "How precise it is on a device", "its kernels may round and add in another order than the emulator"
        )
    for target in content.evidence:
        yield from _unknown_of(target)
        band = target.benchmark.profile.error_band if target.benchmark else None
        if band is not None and band not in bands:
            bands.append(band)
    yield from (Unknown("How fast it is on a device", _estimated(band)) for band in bands)


def _unknown_of(target: TargetEvidence) -> Iterator[Unknown]:
    if target.missing:
        yield Unknown(f"{target.key}: {prose(target.missing)}", "the stage did not run, or left no record")
    record = target.precision
    if record and record.inputs == "random":
        yield Unknown(f"{target.key}: precision on real data", "layers were compared on random tensors")


def _estimated(band: ErrorBand) -> str:
    return (
        f"latency is an estimate. Against {band.points:,} published figures of {band.models:,} models left out of its "
        f"calibration its median error is {value(band.median_error, 'share')}; 90 % of the figures lie within "
        f"{number(band.low)} to {number(band.high)} times the estimate"
    )
