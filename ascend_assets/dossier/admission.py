"""Which environments a candidate may enter, and what keeps it out of the others: the page's first sentence.

Here belongs the reading of verdicts, in English and Chinese. Not here: judging (`gates/`). A verdict's own `admits` is
final; this only says why, and adds what no verdict can speak of: evidence that does not exist.
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ascend_assets.dossier.content import Content
from ascend_assets.dossier.text import listing, prose
from ascend_assets.environments import ENVIRONMENTS, Environment
from ascend_assets.gates.verdict import Verdict, holds

Standing = Literal["pass", "fail", "origin", "unjudged", "tolerated"]
"""`origin`: the limit holds, but evidence of this origin is none there. `tolerated`: not judged, and admitted."""

_NAMED = 3
"""Criteria named in a sentence; the table has them all."""


def standing(verdict: Verdict, environment: Environment) -> Standing:
    """What a verdict means in one environment."""
    admitted = environment.name in verdict.admits
    if not verdict.judged or verdict.value is None:
        return "tolerated" if admitted else "unjudged"
    if admitted:
        return "pass"
    limit = verdict.limits.get(environment.name)
    kept = limit is not None and holds(verdict.value, verdict.sense, limit)
    if not kept:
        return "fail"
    # Kept, accepted and yet not admitted: the value is another environment's, and here there is none.
    return "origin" if verdict.origin not in environment.origins else "unjudged"


def worst(verdict: Verdict) -> Standing:
    """A verdict's most serious standing in any environment."""
    found = {standing(verdict, environment) for environment in ENVIRONMENTS}
    order: tuple[Standing, ...] = ("fail", "unjudged", "origin", "tolerated")
    return next((s for s in order if s in found), "pass")


@dataclass(frozen=True)
class Reason:
    """One thing that keeps a candidate out, in two languages, without the environment's name."""

    kind: Literal["missing", "empty", "fail", "dirty", "unjudged", "origin"]
    en: str
    zh: str


@dataclass(frozen=True)
class Admission:
    """One environment's answer: admitted when there is no reason against it."""

    environment: str
    reasons: tuple[Reason, ...]

    @property
    def admitted(self) -> bool:
        """Whether the candidate may enter."""
        return not self.reasons


@dataclass(frozen=True)
class Statement:
    """One sentence of the page's head."""

    admitted: bool
    en: str
    zh: str


def admissions(content: Content) -> tuple[Admission, ...]:
    """The answer of every environment, in their order."""
    return tuple(Admission(e.name, _reasons(content, e)) for e in ENVIRONMENTS)


def statements(answers: Sequence[Admission]) -> tuple[Statement, ...]:
    """The answers as sentences; neighbouring environments with the same reasons share one."""
    said = []
    for reasons, group in groupby(answers, key=lambda a: a.reasons):
        names = [a.environment for a in group]
        if not reasons:
            said.append(
                Statement(admitted=True, en=f"Admissible in {prose(names)}.", zh=f"可进入 {'、'.join(names)}。")
            )
            continue
        wants_en, wants_zh = ", ".join(names), "、".join(names)
        verb = "wants" if len(names) == 1 else "want"
        en = "; ".join(r.en + (f" ({wants_en} {verb} measured)" if r.kind == "origin" else "") for r in reasons)
        zh = "；".join(r.zh + (f"（{wants_zh} 要求实测）" if r.kind == "origin" else "") for r in reasons)
        nowhere = len(names) == len(ENVIRONMENTS)
        where_en, where_zh = ("anywhere", "任何环境") if nowhere else (f"in {wants_en}", f" {wants_zh}")
        said.append(Statement(admitted=False, en=f"Not admissible {where_en}: {en}.", zh=f"不可进入{where_zh}：{zh}。"))
    return tuple(said)


def _reasons(content: Content, environment: Environment) -> tuple[Reason, ...]:
    if not content.verdicts:
        return (Reason("empty", "nothing was judged", "没有任何判定"),)
    by: dict[Standing, list[str]] = {}
    for verdict in content.verdicts:
        by.setdefault(standing(verdict, environment), []).append(verdict.criterion)
    found = []
    dirty = content.source.dirty and not environment.allows_dirty
    failed = [c for c in dict.fromkeys(by.get("fail", [])) if not (dirty and c == "clean_tree")]
    if failed:
        verb_en = "fails" if len(failed) == 1 else "fail"
        found.append(Reason("fail", f"{listing(failed, _NAMED)} {verb_en}", f"{listing(failed, _NAMED)} 未通过"))
    else:
        # What fails is why later stages did not run; naming those as well would hide it.
        found += _missing(content)
    if dirty:
        found.append(Reason("dirty", "it was built from uncommitted changes", "由未提交的改动构建"))
    unjudged = list(dict.fromkeys(by.get("unjudged", [])))
    if unjudged:
        verb_en = "was" if len(unjudged) == 1 else "were"
        names = listing(unjudged, _NAMED)
        found.append(Reason("unjudged", f"{names} {verb_en} not judged", f"{names} 未判定"))
    if "origin" in by:
        found.append(Reason("origin", "evidence is emulated", "证据为模拟所得"))
    return tuple(found)


def _missing(content: Content) -> list[Reason]:
    if content.onnx is None:
        return [Reason("missing", "there is no ONNX file", "没有 ONNX 文件")]
    return [
        Reason("missing", f"{t.key} has no {prose(t.missing)} record", f"{t.key} 缺少 {'、'.join(t.missing)} 记录")
        for t in content.evidence
        if t.missing
    ]
