"""How far production's accuracy lies below that on the evaluation data, and whether chance could explain it.

Here belongs the arithmetic, from sums that one pass keeps. Not here: which rows are labelled, or the limit.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = Literal["class", "value"]


@dataclass(frozen=True)
class Tally:
    """Of answers that are known to be right or wrong: how many, the sum of their scores, and of the scores' squares.

    A score is 1 for the right class and 0 for a wrong one, or the absolute error of a value.
    """

    number: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Self) -> Self:
        return type(self)(self.number + other.number, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """Accuracy, or the mean absolute error."""
        return self.total / self.number


@dataclass(frozen=True)
class Drop:
    """How much worse production is. `bound`: at least so much, at the confidence asked for."""

    value: float
    bound: float


def tally(kind: Kind, answers: "NDArray[Any]", labels: "NDArray[Any]") -> Tally:
    """Scores of answers (n,) that have labels (n,)."""
    import numpy as np

    if kind == "class":
        right = int(np.count_nonzero(answers == labels))
        return Tally(len(labels), right, right)
    errors = np.abs(answers.astype(np.float64) - labels.astype(np.float64))
    return Tally(len(labels), float(errors.sum()), float((errors**2).sum()))


def drop(kind: Kind, reference: Tally, production: Tally, significance: float) -> Drop:
    """How much worse production is than the reference, and what of that is certain at 1 - `significance`.

    Of classes the difference of accuracies, with Newcombe's lower bound from both sides' Wilson intervals (Newcombe
    1998, method 10), which holds close to an accuracy of 1. Of values the rise of the mean absolute error as a share of
    the reference's, with Welch's lower bound.
    """
    from scipy.special import ndtri

    z = float(ndtri(1 - significance))
    before, now = reference.mean, production.mean
    if kind == "class":
        low, _ = wilson(reference, z)
        _, high = wilson(production, z)
        return Drop(before - now, before - now - math.hypot(before - low, high - now))
    if before == 0:
        rise = math.inf if now > 0 else 0.0
        return Drop(rise, rise)
    spread = math.sqrt(_variance(reference) / reference.number + _variance(production) / production.number)
    return Drop((now - before) / before, (now - before - z * spread) / before)


def wilson(side: Tally, z: float) -> tuple[float, float]:
    """Wilson's interval of a share (Wilson 1927)."""
    n, p = side.number, side.mean
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def _variance(side: Tally) -> float:
    return max(0.0, side.squares / side.number - side.mean**2) * side.number / max(1, side.number - 1)
