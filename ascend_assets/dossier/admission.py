"""Which environments a candidate may enter, and what keeps it out of the others: the page's first sentence.

Here belongs the reading of verdicts, in English and Chinese. Not here: judging (`gates/`). A verdict's own `admits` is
final; this only says why, and adds what no verdict can speak of: evidence that does not exist.
"""
# ruff: noqa: RUF001 - Chinese punctuation is meant

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from ascend_assets.dossier.content import Content
from ascend_assets.dossier.text import listing, prose
from ascend_assets.environments import Environment
from ascend_assets.gates.verdict import Verdict, holds
from ascend_assets.policy_file import in_force

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
    found = {standing(verdict, environment) for environment in in_force().all}
    order: tuple[Standing, ...] = ("fail", "unjudged", "origin", "tolerated")
    return next((s for s in order if s in found), "pass")


@dataclass(frozen=True)
class Reason:
    """One thing that keeps a candidate out. `names`: the criteria, or target and stages, that it is about."""

    kind: Literal["empty", "fail", "missing", "dirty", "unjudged", "origin"]
    names: tuple[str, ...] = ()


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
    """One sentence of the page's head. `minor`: it adds to the one before."""

    admitted: bool
    en: str
    zh: str
    minor: bool = False


def admissions(content: Content) -> tuple[Admission, ...]:
    """The answer of every environment, in their order."""
    return tuple(Admission(e.name, tuple(_reasons(content, e))) for e in in_force().all)


def statements(answers: Sequence[Admission]) -> tuple[Statement, ...]:
    """The answers as sentences; neighbouring environments with the same reasons share one."""
    groups = [(reasons, [a.environment for a in group]) for reasons, group in groupby(answers, key=lambda a: a.reasons)]
    if not any(answer.admitted for answer in answers):
        return tuple(_nowhere(groups))
    said = []
    for reasons, names in groups:
        if reasons:
            en, zh = _clauses(reasons, names)
            where = "、".join(names)
            en, zh = f"Not admissible in {', '.join(names)}: {en}.", f"不可进入 {where}：{zh}。"
        else:
            en, zh = f"Admissible in {prose(names)}.", f"可进入 {'、'.join(names)}。"
        said.append(Statement(not reasons, en, zh))
    return tuple(said)


def _nowhere(groups: Sequence[tuple[tuple[Reason, ...], list[str]]]) -> Iterator[Statement]:
    """What keeps it out of the first environment keeps it out of all; later ones say only what they add."""
    first, names = groups[0]
    en, zh = _clauses(first, names if len(groups) > 1 else list(in_force().names))
    yield Statement(False, f"Not admissible anywhere: {en}.", f"不可进入任何环境：{zh}。")
    known = {(reason.kind, name) for reason in first for name in reason.names or ("",)}
    for reasons, names in groups[1:]:
        added = []
        for reason in reasons:
            new = tuple(n for n in reason.names or ("",) if (reason.kind, n) not in known)
            if new:
                added.append(Reason(reason.kind, new if reason.names else ()))
        if added:
            en, zh = _clauses(tuple(added), names)
            yield Statement(
                False, f"In {', '.join(names)} also: {en}.", f"在 {'、'.join(names)} 还有：{zh}。", minor=True
            )


def _clauses(reasons: tuple[Reason, ...], environments: Sequence[str]) -> tuple[str, str]:
    """The reasons in English and in Chinese."""
    said = [_clause(reason, environments) for reason in reasons]
    return "; ".join(en for en, _ in said), "；".join(zh for _, zh in said)


def _clause(reason: Reason, environments: Sequence[str]) -> tuple[str, str]:
    one = len(reason.names) == 1
    en, zh = listing(reason.names, _NAMED), listing(reason.names, _NAMED, joined="、", more="等 {:,} 项")
    wants = f"{', '.join(environments)} {'wants' if len(environments) == 1 else 'want'} measured"
    match reason.kind:
        case "empty":
            return "nothing was judged", "没有任何判定"
        case "fail":
            return f"{en} {'fails' if one else 'fail'}", f"{zh} 未通过"
        case "missing":
            return f"no record of {en}", f"缺少 {zh} 的记录"
        case "dirty":
            return "it was built from uncommitted changes", "由未提交的改动构建"
        case "unjudged":
            return f"{en} {'was' if one else 'were'} not judged", f"{zh} 未判定"
        case "origin":
            return f"evidence is emulated ({wants})", f"证据为模拟所得（{'、'.join(environments)} 要求实测）"


def _reasons(content: Content, environment: Environment) -> Iterator[Reason]:
    if not content.verdicts:
        yield Reason("empty")
        return
    by: dict[Standing, dict[str, list[str]]] = {}
    for verdict in content.verdicts:
        by.setdefault(standing(verdict, environment), {}).setdefault(verdict.criterion, []).append(verdict.target)
    dirty = content.source.dirty and not environment.allows_dirty
    failed = _named({c: t for c, t in by.get("fail", {}).items() if not (dirty and c == "clean_tree")}, content)
    # What fails is why later stages did not run; naming those as well would hide it.
    missing = () if failed else _missing(content)
    if failed:
        yield Reason("fail", failed)
    if missing:
        yield Reason("missing", missing)
    if dirty:
        yield Reason("dirty")
    if "unjudged" in by:
        yield Reason("unjudged", _named(by["unjudged"], content))
    if "origin" in by:
        yield Reason("origin")


def _named(criteria: Mapping[str, Sequence[str]], content: Content) -> tuple[str, ...]:
    """Criteria, each with its targets where it is about some of them and not all."""
    every = len(content.spec.targets)
    return tuple(
        f"{name} ({prose(targets)})" if any(targets) and len(targets) < every else name
        for name, targets in criteria.items()
    )


def _missing(content: Content) -> tuple[str, ...]:
    if content.onnx is None:
        return ("onnx",)
    return tuple(f"{target.key} {stage}" for target in content.evidence for stage in target.missing)
