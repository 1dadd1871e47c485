"""From one failure's evidence to its causes: every observer asked, every rule applied, what says the same merged.

Pure: the same case gives the same causes, and nothing is changed. Here belongs the order of that work. Not here: facts
(`observers/`), their meaning (`rules/`), how much they count (`confidence.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Protocol

from ascend_assets.diagnosis import confidence, offers, rules, telling
from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.diagnosis.cause import Cause, Evidence, Text
from ascend_assets.diagnosis.evidence import Shown, shown
from ascend_assets.diagnosis.observers import (
    Kind,
    constants,
    domains,
    dtypes,
    dynamic,
    einsum,
    environment,
    epsilon,
    fusion,
    inputs,
    integers,
    layers,
    memory,
    model_file,
    not_finite,
    operators,
    opset,
    options,
    overflow,
    patterns,
    resize,
    resize_rounding,
    soc,
    speed,
    unexplained,
)
from ascend_assets.diagnosis.rules import BadRules, Rule

MAX_OBSERVATIONS = 2000
"""Observations that one observer may hand on: what it sees after that adds nothing that a person would read."""
MAX_EVIDENCE = 20
"""Facts that a cause lists; the nodes of all of them are united."""
MAX_NODES = 10_000


class Observer(Protocol):
    """A module of `observers/`."""

    @property
    def MAKES(self) -> Mapping[str, Kind]:  # noqa: N802 - a module's constant
        """Each kind of observation that it makes."""
        ...

    def observe(self, case: Case) -> Iterator[Observation]:
        """The facts that it sees."""
        ...


OBSERVERS: tuple[Observer, ...] = (
    environment,
    soc,
    model_file,
    not_finite,
    options,
    inputs,
    domains,
    opset,
    operators,
    dynamic,
    dtypes,
    einsum,
    resize,
    constants,
    epsilon,
    patterns,
    overflow,
    layers,
    fusion,
    resize_rounding,
    integers,
    speed,
    memory,
    unexplained,
)
"""Every observer; a new one is added here."""


def diagnose(case: Case) -> tuple[Cause, ...]:
    """The causes of a failure, the most confident first; without a failure, risks of at most 0.3.

    Raises `rules.BadRules` where rules and observers do not fit, which a test forbids.
    """
    return concluded(case, checked(rules.load(), OBSERVERS), observed(case))


def observed(case: Case) -> tuple[Observation, ...]:
    """What every observer sees."""
    return tuple(fact for observer in OBSERVERS for fact in islice(observer.observe(case), MAX_OBSERVATIONS))


def makes(observers: Iterable[Observer]) -> dict[str, Kind]:
    """Kind of observation -> what it states. Raises `BadRules` where two observers make the same kind."""
    found: dict[str, Kind] = {}
    for observer in observers:
        for name, kind in observer.MAKES.items():
            if name in found:
                raise BadRules(f"two observers make {name}: give one of them another name")
            found[name] = kind
    return found


def checked(known: tuple[Rule, ...], observers: Iterable[Observer]) -> tuple[Rule, ...]:
    """The rules, if each asks for what an observer makes. Raises `BadRules`, naming the rule."""
    kinds = makes(observers)
    for rule in known:
        kind = kinds.get(rule.observation)
        if kind is None:
            raise BadRules(f"rule {rule.id}: no observer makes {rule.observation}")
        missing = sorted(rule.names - set(kind.values))
        if missing:
            raise BadRules(f"rule {rule.id}: {rule.observation} does not always state {missing[0]}")
        never = sorted(set(rule.remedies) - set(kind.remedies))
        if never:
            raise BadRules(f"rule {rule.id}: {rule.observation} does not offer {never[0]}")
    return known


def concluded(case: Case, known: tuple[Rule, ...], facts: tuple[Observation, ...]) -> tuple[Cause, ...]:
    """What rules make of facts: one cause a rule, the most confident first, rules' own order among equals."""
    seen = shown(case)
    by_kind: dict[str, list[Observation]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)
    found = {
        rule: [fact for fact in by_kind.get(rule.observation, ()) if rule.matches(fact.kind, fact.values)]
        for rule in known
    }
    explained = {said for rule, own in found.items() if not rule.fallback for said in map(_message, own) if said}
    causes = []
    for rule, own in found.items():
        left = [fact for fact in own if not (rule.fallback and _message(fact) in explained)]
        if left:
            causes.append(_cause(rule, left, seen, case.options.soc_version))
    return tuple(sorted(causes, key=lambda cause: -cause.confidence))


def _message(fact: Observation) -> tuple[str, str] | None:
    """Which of the compiler's messages an observation was read from: its code, and its words whatever the operator."""
    code, said = fact.values.get("code"), fact.values.get("about")
    return (str(code), str(said)) if code is not None and said is not None else None


def _cause(rule: Rule, facts: list[Observation], seen: Shown, soc: str) -> Cause:
    nodes = tuple(dict.fromkeys(node for fact in facts for node in fact.nodes))[:MAX_NODES]
    said = telling.values(facts, nodes, soc)
    # What the failure names is worth a try before what merely exists.
    first = sorted(facts, key=lambda fact: -confidence.of_one(rule, fact, seen))
    offered = [
        remedy
        for kind in rule.remedies
        for remedy in offers.united(remedy for fact in first for remedy in offers.of_kind(fact.remedies, kind))
    ]
    return Cause.model_validate(
        {
            "rule": rule.id,
            "family": rule.family,
            "confidence": confidence.of_all(rule, facts, seen),
            "nodes": nodes,
            "evidence": tuple(_evidence(fact) for fact in first[:MAX_EVIDENCE]),
            "explanation": Text(en=rule.explanation.en.format(**said), zh=rule.explanation.zh.format(**said)),
            "advice": Text(en=rule.advice.en.format(**said), zh=rule.advice.zh.format(**said)),
            "remedies": tuple(offered),
            "source": rule.source,
        }
    )


def _evidence(fact: Observation) -> Evidence:
    return Evidence.model_validate({"seen": fact.from_, "says": telling.plain(fact.says), "nodes": fact.nodes})
