"""How likely a compilation is to be refused: a noisy-or over what the model is made of, learnt from what was tried.

Each operator and each setting has a probability of its own of being what a compiler refuses, and a compilation goes
well if none of them is refused: P = 1 - prod(1 - p_i) (Pearl 1988, noisy-or). Compilers say what they refuse, so each
p_i is counted directly and no innocent operator is blamed for its company. p_i backs off from operator, opset and SoC
family to the operator alone, and from there to operators that nobody has seen yet; each step counts as `strength`
compilations. Here belong the counts, the estimate and how good it has been. Not here: where the past is read from
(`past.py`), or when somebody is warned (`check.py`).

How good it has been is measured on what it had not seen: every compilation is estimated from those before it. Strength
and trust are those that would have done best; where the plain rate of refusals does better, trust becomes 0. The Brier
score (mean squared distance of probability and outcome, Brier 1950) is told of the newest part of the past, with the
choice made on the part before, beside that of the plain rate.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ascend_assets.risk.facts import Conversion, Facts

STRENGTHS = (0.1, 0.5, 2.0)
TRUSTS = (1.0, 0.75, 0.5, 0.25, 0.0)
HELD_OUT = 0.3
"""Share of the past, its newest, that is held out."""
MIN_HELD_OUT = 10
"""Compilations that are held out at least, before a score is told."""
_UNSEEN = (0.02, 10.0)
"""Prior of an operator that nobody has tried: as if 0.02 of 10 had been refused."""
_REST = (0.5, 10.0)
"""Prior of a refusal that names no operator and no setting; and of refusals as such, while there is no past."""
_MOST = 5

Key = tuple[str, ...]


@dataclass(frozen=True)
class Suspect:
    """An operator or a setting. `probability` of being refused; `blamed` of `seen` compilations with it."""

    what: str
    probability: float
    blamed: int
    seen: int


@dataclass(frozen=True)
class Score:
    """Brier scores on held-out compilations: the estimate's, and that of the plain rate. 0 is perfect."""

    held_out: int
    brier: float
    plain: float


@dataclass(frozen=True)
class Risk:
    """`probability` of being refused, 0 to 1; the suspects, most likely first; how much past there is, how good it was.

    `score` is None while too little is held out.
    """

    probability: float
    suspects: tuple[Suspect, ...]
    conversions: int
    refused: int
    score: Score | None


@dataclass
class _Counts:
    """What was seen and blamed, at every level of detail."""

    seen: Counter[Key] = field(default_factory=Counter)
    blamed: Counter[Key] = field(default_factory=Counter)
    conversions: int = 0
    refused: int = 0
    unnamed: int = 0
    first: int = 0
    first_blamed: int = 0

    def add(self, made: Conversion) -> None:
        """Learn from one compilation."""
        for what, levels in _parts(made.facts):
            self.first += not self.seen[levels[-1]]
            self.first_blamed += not self.seen[levels[-1]] and what in made.blamed
            for level in levels:
                self.seen[level] += 1
                self.blamed[level] += what in made.blamed
        self.conversions += 1
        self.refused += made.failed
        self.unnamed += made.failed and not made.blamed

    def plain(self) -> float:
        """The plain rate of refusals."""
        return _rate(self.refused, self.conversions, _REST)

    def suspects(self, facts: Facts, strength: float) -> Iterator[Suspect]:
        """Every operator and setting of a model."""
        unseen = _rate(self.first_blamed, self.first, _UNSEEN)
        for what, levels in _parts(facts):
            chance = unseen
            for level in reversed(levels):
                chance = (self.blamed[level] + strength * chance) / (self.seen[level] + strength)
            yield Suspect(what, chance, self.blamed[levels[-1]], self.seen[levels[-1]])

    def probability(self, facts: Facts, strength: float) -> float:
        """The noisy-or, trusted fully."""
        fine = 1 - _rate(self.unnamed, self.conversions, _REST)
        for suspect in self.suspects(facts, strength):
            fine *= 1 - suspect.probability
        return 1 - fine


@dataclass(frozen=True)
class Learnt:
    """What a past teaches: once learnt, any number of compilations are estimated. `strength`: place in `STRENGTHS`."""

    counts: _Counts
    strength: int
    trust: float
    score: Score | None

    def risk(self, facts: Facts) -> Risk:
        """The risk of one compilation."""
        counts, strength = self.counts, STRENGTHS[self.strength]
        suspects = sorted(counts.suspects(facts, strength), key=lambda s: (-s.probability, s.what))
        return Risk(
            probability=self.trust * counts.probability(facts, strength) + (1 - self.trust) * counts.plain(),
            suspects=tuple(suspects[:_MOST]),
            conversions=counts.conversions,
            refused=counts.refused,
            score=self.score,
        )


def learn(past: Sequence[Conversion]) -> Learnt:
    """Learn from compilations, oldest first. Pure."""
    counts = _Counts()
    before = [(_chances(counts, made.facts), counts.plain(), _learnt(counts, made)) for made in past]
    cut = len(before) - max(round(len(before) * HELD_OUT), MIN_HELD_OUT)
    score = _score(before[cut:], *_chosen(before[:cut])) if cut >= MIN_HELD_OUT else None
    return Learnt(counts, *_chosen(before), score)


def estimate(past: Sequence[Conversion], facts: Facts) -> Risk:
    """The risk of one compilation, from those of the past, oldest first. Pure."""
    return learn(past).risk(facts)


Before = tuple[tuple[float, ...], float, bool]
"""What was said of a compilation before it was tried: by each strength, by the plain rate; and what came."""


def _chances(counts: _Counts, facts: Facts) -> tuple[float, ...]:
    return tuple(counts.probability(facts, strength) for strength in STRENGTHS)


def _learnt(counts: _Counts, made: Conversion) -> bool:
    counts.add(made)
    return made.failed


def _chosen(before: Sequence[Before]) -> tuple[int, float]:
    """Strength, as its place in `STRENGTHS`, and trust, with the least Brier score; the first of equals."""
    tried = [(strength, trust) for strength in (1, 0, 2) for trust in TRUSTS]
    return min(tried, key=lambda each: _brier(before, *each))


def _brier(before: Sequence[Before], strength: int, trust: float) -> float:
    if not before:
        return 0.0
    return sum((trust * said[strength] + (1 - trust) * plain - came) ** 2 for said, plain, came in before) / len(before)


def _score(held_out: Sequence[Before], strength: int, trust: float) -> Score:
    return Score(len(held_out), _brier(held_out, strength, trust), _brier(held_out, strength, 0.0))


def _parts(facts: Facts) -> Iterator[tuple[str, tuple[Key, ...]]]:
    """Each operator and setting with its levels, the most detailed first."""
    for operator in facts.operators:
        opset = str(facts.opset)
        yield operator, ((operator, opset, facts.family), (operator, opset), (operator,))
    for setting in facts.settings:
        yield setting, ((setting, facts.family), (setting,))


def _rate(hits: int, of: int, prior: tuple[float, float]) -> float:
    return (hits + prior[0]) / (of + prior[1])
