"""Why a candidate was refused, and what a repair changed: the page's first section where there is such a thing.

Here belongs choosing and bounding the texts. Not here: finding causes (`diagnosis/`), repairing (`repair/`), or the
words of a remedy (`remedies/wording.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.dossier import text
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.quantities import NOTHING, milliseconds, number, share
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.remedies.wording import said
from ascend_assets.repair.candidate_records import RepairRecord, TargetRepair
from ascend_assets.repair.records import Attempt, Figures

CAUSES, REMEDIES, ATTEMPTS, ROWS, EVIDENCE = 12, 40, 60, 60, 4
PATCH = 20_000
"""Characters of the proposed patch."""
_VALUE = 300

Row = tuple[str, ...]


@dataclass(frozen=True)
class CauseRow:
    """One cause in both languages. `target`: empty where it is every target's."""

    target: str
    confidence: str
    explanation: str
    explanation_zh: str
    advice: str
    advice_zh: str
    evidence: tuple[str, ...]
    rule: str
    source: str


@dataclass(frozen=True)
class Said:
    """A remedy in both languages, and what it is for: a target, or the graph of all."""

    where: str
    en: str
    zh: str


@dataclass(frozen=True)
class Repaired:
    """What a repair made of the candidate that failed. Rows are texts, in the order of their table's columns."""

    failed: str
    refused: str
    remedies: tuple[Said, ...]
    for_person: tuple[Said, ...]
    accepted_by: str
    options: tuple[Row, ...]
    graph: tuple[Row, ...]
    figures: tuple[Row, ...]
    attempts: tuple[Row, ...]
    more: int
    patch: str
    why_not: str


def cause_rows(content: Content) -> tuple[CauseRow, ...]:
    """Causes, most confident first: of the failed candidate where it is repaired, else of this one."""
    record = content.repair
    found = {one.target: one.repair.causes for one in record.targets} if record else dict(content.causes)
    return tuple(_cause(cause, targets, len(found)) for cause, targets in _merged(found.items()))


def repaired(content: Content) -> Repaired | None:
    """The repair that this candidate was made by; None for any other."""
    record = content.repair
    if record is None:
        return None
    attempts = [(one.target, attempt) for one in record.targets for attempt in one.repair.attempts]
    return Repaired(
        failed=record.failed,
        refused=text.prose(record.refused),
        remedies=_remedies(record),
        for_person=tuple(_said("", remedy) for remedy in record.for_person[:REMEDIES]),
        accepted_by=text.clean(record.accepted_by, _VALUE),
        options=tuple(_options(record))[:ROWS],
        graph=tuple((one.op, f"{one.before:,}", f"{one.after:,}") for one in record.changed[:ROWS]),
        figures=tuple(row for one in record.targets for row in _figures(one)),
        attempts=tuple(_attempt(target, attempt) for target, attempt in attempts[:ATTEMPTS]),
        more=max(0, len(attempts) - ATTEMPTS),
        patch=record.patch.diff[:PATCH],
        why_not=record.patch.why_not,
    )


def _merged(found: Iterable[tuple[str, Sequence[Cause]]]) -> list[tuple[Cause, tuple[str, ...]]]:
    """Each cause once, with the targets that it was found for."""
    targets: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    causes: dict[tuple[str, tuple[str, ...]], Cause] = {}
    for target, each in found:
        for cause in each:
            key = (cause.rule, cause.nodes)
            causes.setdefault(key, cause)
            targets.setdefault(key, []).append(target)
    ordered = sorted(causes.items(), key=lambda item: -item[1].confidence)[:CAUSES]
    return [(cause, tuple(targets[key])) for key, cause in ordered]


def _cause(cause: Cause, targets: Sequence[str], of: int) -> CauseRow:
    return CauseRow(
        target=text.prose(targets) if len(targets) < of else "",
        confidence=share(cause.confidence).replace(".0", ""),
        explanation=cause.explanation.en,
        explanation_zh=cause.explanation.zh,
        advice=cause.advice.en,
        advice_zh=cause.advice.zh,
        evidence=tuple(f"{one.seen}: {text.clean(one.says, _VALUE)}" for one in cause.evidence[:EVIDENCE]),
        rule=cause.rule,
        source=cause.source,
    )


def _remedies(record: RepairRecord) -> tuple[Said, ...]:
    graph = [_said("", remedy) for remedy in record.graph]
    options = [_said(one.target, remedy) for one in record.targets for remedy in one.options]
    return tuple((*graph, *options)[:REMEDIES])


def _said(where: str, remedy: AnyRemedy) -> Said:
    return Said(where, said(remedy, "en"), said(remedy, "zh"))


def _options(record: RepairRecord) -> Iterable[Row]:
    for one in record.targets:
        for change in one.repair.options:
            before, after = (text.clean(value, _VALUE) or NOTHING for value in (change.before, change.after))
            yield one.target, change.option, before, after


def _figures(target: TargetRepair) -> Iterable[Row]:
    for when, figures in (("before", target.repair.before), ("after", target.repair.after)):
        if figures is not None:
            yield target.target, when, *_figure(figures), text.prose(figures.refused) or "nothing"


def _figure(figures: Figures) -> Row:
    latency = NOTHING if figures.latency_ms is None else milliseconds(figures.latency_ms)
    return number(figures.error), latency, NOTHING if figures.kept_share is None else share(figures.kept_share)


def _attempt(target: str, attempt: Attempt) -> Row:
    kinds = text.prose(tuple(dict.fromkeys(remedy.kind for remedy in attempt.remedies))) or "nothing"
    same = {None: NOTHING, True: "yes", False: "no"}[attempt.equivalent]
    why = text.clean(attempt.why, _VALUE)
    passed = "passed" if attempt.passed else "refused"
    return str(attempt.number), target, kinds, attempt.cause, passed, same, why, f"{attempt.seconds:.1f}"
