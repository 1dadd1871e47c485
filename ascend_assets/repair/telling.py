"""A candidate's repair as a reader of Dagster's UI sees it: a sentence, numbers, and markdown in two languages.

Here belongs choosing and writing that. Not here: the page (`ascend_assets/dossier/views/repair.py`), or the words of a
remedy (`remedies/wording.py`).
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from dagster import MetadataValue

from ascend_assets.diagnosis.cause import Cause
from ascend_assets.dossier.quantities import milliseconds, number, share
from ascend_assets.dossier.summary import escaped
from ascend_assets.dossier.text import clean
from ascend_assets.remedies.kinds import AnyRemedy
from ascend_assets.remedies.wording import said
from ascend_assets.repair.candidate_records import RepairRecord, TargetRepair
from ascend_assets.repair.records import Figures

Language = Literal["en", "zh"]

_CAUSES, _ATTEMPTS, _LINE = 6, 30, 400
_NONE = {"en": "No rule knows a cause.", "zh": "没有规则给出原因。"}
_WORDS = {
    "en": ("Causes", "What was changed", "For a person to decide", "Figures", "Attempts"),
    "zh": ("原因", "修改内容", "需要人工决定", "指标", "尝试"),
}


def sentence(record: RepairRecord) -> str:
    """How it ended, and what to do."""
    if record.repaired:
        kinds = ", ".join(dict.fromkeys(remedy.kind for remedy in record.remedies))
        patch = "merge the proposed patch to keep it" if record.patch.diff else record.patch.why_not
        return f"{record.failed} is repaired by {kinds}: {clean(patch, _LINE)}"
    person = "; a person may accept what might help: start the job with `accept: true`" if record.for_person else ""
    causes = [cause for target in record.targets for cause in target.repair.causes]
    advice = f" Do this: {clean(causes[0].advice.en, _LINE)}" if causes else ""
    return f"{record.failed} was not repaired: {clean(record.ended, _LINE)}{person}.{advice}"


def entries(record: RepairRecord) -> dict[str, Any]:
    """Metadata of the asset and of its check."""
    found: dict[str, Any] = {
        "repaired": record.repaired,
        "failed candidate": record.failed,
        "refused for": ", ".join(record.refused),
        "failed run": record.run,
        "attempts": sum(len(target.repair.attempts) for target in record.targets),
        "why": sentence(record),
        "diagnosis": MetadataValue.md(markdown(record, "en")),
        "诊断": MetadataValue.md(markdown(record, "zh")),
    }
    if record.patch.diff:
        found["patch of defs.yaml"] = MetadataValue.md(fenced(record.patch.diff, "diff"))
    elif record.patch.why_not:
        found["patch of defs.yaml"] = clean(record.patch.why_not, 4 * _LINE)
    if record.accepted_by:
        found["accepted by"] = clean(record.accepted_by, _LINE)
    return found


def markdown(record: RepairRecord, language: Language) -> str:
    """Causes, changes, figures before and after, and attempts."""
    causes, changed, person, figures, attempts = _WORDS[language]
    every = [cause for target in record.targets for cause in target.repair.causes]
    unique = list({(cause.rule, cause.nodes): cause for cause in every}.values())
    lines = [f"### {causes}", *(of_causes(unique, language) or [_NONE[language]])]
    if record.remedies:
        lines += ["", f"### {changed}", *_remedies(record.graph, language, "")]
        lines += [line for target in record.targets for line in _remedies(target.options, language, target.target)]
    if record.for_person:
        lines += ["", f"### {person}", *_remedies(record.for_person, language, "")]
    lines += ["", f"### {figures}", *_figures(record.targets)]
    tried = [(target.target, one) for target in record.targets for one in target.repair.attempts]
    if tried:
        lines += ["", f"### {attempts}", "| target | | cause | why | s |", "|---|---|---|---|---:|"]
        lines += [
            f"| {escaped(target)} | {'✓' if one.passed else '✗'} | {escaped(one.cause)} "
            f"| {escaped(clean(one.why, 160))} | {one.seconds:.1f} |"
            for target, one in tried[:_ATTEMPTS]
        ]
    return "\n".join(lines) + "\n"


def causes_markdown(causes: Sequence[Cause], language: Language) -> str:
    """Why a candidate was refused, each cause once."""
    unique = list({(cause.rule, cause.nodes): cause for cause in causes}.values())
    return "\n".join(of_causes(unique, language) or [_NONE[language]]) + "\n"


def of_causes(causes: Sequence[Cause], language: Language) -> list[str]:
    """Causes as a markdown list, most confident first, each with what it rests on and what to do."""
    lines = []
    for cause in sorted(causes, key=lambda one: -one.confidence)[:_CAUSES]:
        explained, advised = getattr(cause.explanation, language), getattr(cause.advice, language)
        lines.append(f"- **{cause.confidence:.0%}** {escaped(clean(explained, _LINE))} *{escaped(cause.rule)}*")
        lines += [f"    - {escaped(clean(seen.says, _LINE))}" for seen in cause.evidence[:3]]
        lines.append(f"    - → {escaped(clean(advised, _LINE))}")
    return lines


def fenced(text: str, language: str = "") -> str:
    """A text as a block that markdown takes as it stands, whatever is in it."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    shown = "\n".join(clean(line, 2000) for line in text.splitlines())
    return f"{fence}{language}\n{shown}\n{fence}\n"


def _remedies(remedies: Iterable[AnyRemedy], language: Language, target: str) -> list[str]:
    about = f"**{escaped(target)}** " if target else ""
    return [f"- {about}{escaped(clean(said(remedy, language), _LINE))}" for remedy in remedies]


def _figures(targets: Sequence[TargetRepair]) -> list[str]:
    lines = ["| target | | error | latency | FP32 |", "|---|---|---:|---:|---:|"]
    for target in targets:
        for figures in filter(None, (target.repair.before, target.repair.after)):
            mark = "✗" if figures.refused else "✓"
            lines.append(f"| {escaped(target.target)} | {mark} | {' | '.join(cells(figures))} |")
    return lines


def cells(figures: Figures) -> tuple[str, str, str]:
    """Error, latency and the share that computes in FP32, as texts."""
    latency = "–" if figures.latency_ms is None else milliseconds(figures.latency_ms)
    kept = "–" if figures.kept_share is None else share(figures.kept_share)
    return number(figures.error), latency, kept
