"""Whether a challenger is better than the champion, and not only has the larger number.

Here belong the paired counts, the test, and the decision: pure functions of counts, so that anybody can decide again
from a record. Not here: running the models (`evaluating.py`).

Both models answer the same samples. Where both are right or both wrong they cannot be told apart; what counts are the
discordant samples. If neither were better, each of them would favour the challenger with probability 1/2: McNemar's
test in its exact, one-sided form (McNemar 1947, Psychometrika 12; Dietterich 1998, Neural Computation 10, recommends it
for two classifiers on one test set).
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=0)]

RESAMPLES = 10_000
CONFIDENCE = 0.95
_SEED = 0


class Paired(BaseModel):
    """How two models did on the same samples: `both` right, one of them only, and the rest neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: Annotated[int, Field(ge=1)]
    both: Count
    only_challenger: Count
    only_champion: Count

    @model_validator(mode="after")
    def _no_more_than_there_are(self) -> Self:
        if self.both + self.only_challenger + self.only_champion > self.samples:
            raise ValueError(f"{self.samples} samples, but more than these were answered")
        return self

    @property
    def challenger(self) -> float:
        """The challenger's share of right answers."""
        return (self.both + self.only_challenger) / self.samples

    @property
    def champion(self) -> float:
        """The champion's share of right answers."""
        return (self.both + self.only_champion) / self.samples

    @property
    def difference(self) -> float:
        """By how much the challenger is ahead."""
        return (self.only_challenger - self.only_champion) / self.samples

    @property
    def p_value(self) -> float:
        """See `mcnemar`."""
        return mcnemar(self.only_challenger, self.only_champion)


@dataclass(frozen=True)
class Judgement:
    """Whether a challenger may become a candidate, and why, in a sentence."""

    better: bool
    why: str

    def __bool__(self) -> bool:
        return self.better


def mcnemar(wins: int, losses: int) -> float:
    """Probability of at least so many wins among the discordant samples if each were a fair coin's.

    P(X >= wins), X ~ Binomial(wins + losses, 1/2); 1 where nothing is discordant. Terms are summed by their logarithms,
    so that it holds for millions. Raises `ValueError` for a negative count.
    """
    if wins < 0 or losses < 0:
        raise ValueError(f"wins {wins}, losses {losses}: counts are not negative")
    trials = wins + losses
    if wins == 0:
        return 1.0
    if wins <= losses:
        # The other tail is the shorter one, and 1 - p loses nothing where p is large.
        return max(0.0, 1.0 - _upper_tail(losses + 1, trials))
    return min(1.0, _upper_tail(wins, trials))


def _upper_tail(least: int, trials: int) -> float:
    """P(X >= least) for least > trials / 2: terms fall from the first, and the sum ends where they no longer count."""
    if least > trials:
        return 0.0
    term = math.exp(
        math.lgamma(trials + 1) - math.lgamma(least + 1) - math.lgamma(trials - least + 1) - trials * math.log(2)
    )
    total = term
    for k in range(least, trials):
        term *= (trials - k) / (k + 1)
        total += term
        if term < total * 1e-17:
            break
    return total


def interval(paired: Paired) -> tuple[float, float]:
    """Paired bootstrap: the central 95 % of the difference in accuracy over 10,000 resamples.

    To draw samples anew is to draw how many of them each outcome gets, a multinomial (Efron & Tibshirani 1993, ch. 13).
    A fixed seed: the same counts give the same interval.
    """
    import numpy as np

    wins, losses = paired.only_challenger, paired.only_champion
    shares = np.array([wins, losses, paired.samples - wins - losses]) / paired.samples
    drawn = np.random.default_rng(_SEED).multinomial(paired.samples, shares, size=RESAMPLES)
    differences = (drawn[:, 0] - drawn[:, 1]) / paired.samples
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def judge(production: Paired | None, original: Paired | None, *, significance: float, tolerance: float) -> Judgement:
    """Whether the challenger beats the champion on production's held-out samples and has forgotten nothing.

    `production`: held-out production samples. `original`: the model's own evaluation data, where the challenger may lie
    at most `tolerance` below the champion. What was not compared, or is no finite number, is not better.
    """
    if production is None or original is None:
        return Judgement(better=False, why="not judged: the two were not compared on both kinds of data")
    if not (math.isfinite(significance) and math.isfinite(tolerance)):
        return Judgement(better=False, why="not judged: a limit is no number")
    p, said = production.p_value, _said(production)
    if not (production.difference > 0 and p < significance):
        return Judgement(
            better=False,
            why=f"not better on production's held-out samples: {said}, p = {p:.2g}, needed below {significance:g}",
        )
    drop = -original.difference
    if not drop <= tolerance:
        return Judgement(
            better=False,
            why=f"better on production's samples ({said}), but it has forgotten: on the model's own evaluation data "
            f"{_said(original)}, a drop of {drop:.4f} where {tolerance:g} is allowed",
        )
    return Judgement(
        better=True, why=f"better on production's held-out samples: {said}, p = {p:.2g}; else {_said(original)}"
    )


def _said(paired: Paired) -> str:
    return (
        f"{paired.challenger:.4f} against {paired.champion:.4f} on {paired.samples:,} "
        f"({paired.only_challenger} won, {paired.only_champion} lost)"
    )
