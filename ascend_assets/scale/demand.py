"""What is asked of a plan: how many models, for which cards, how often they change.

Here belong the question, its bounds, and the rates that follow from it. Not here: what a candidate costs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

DAY_SECONDS = 86_400.0
MONTH_DAYS = 30.0
MAX_MODELS = 1_000_000
MAX_A_DAY = 10_000_000.0
MAX_TARGETS = 32.0


class BadDemand(ValueError):
    """A question that has no answer. The message says which value, and what is allowed."""


@dataclass(frozen=True)
class Demand:
    """The question.

    `targets`: SoC version -> targets of each model on it; 0.5 is every second model. `commits_a_day`: of all models
    together, within `hours` of the day; each builds `models_per_commit` models anew. `retrainings_a_month`: of each
    model, at any hour.

    Raises `BadDemand` for a value that is out of bounds.
    """

    models: int
    targets: Mapping[str, float]
    commits_a_day: float
    models_per_commit: float = 1.0
    retrainings_a_month: float = 0.0
    hours: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.models <= MAX_MODELS:
            raise BadDemand(f"models: {self.models:,} is not from 1 to {MAX_MODELS:,}")
        if not self.targets:
            raise BadDemand("targets: none; a model is compiled for one SoC at least")
        for soc, count in self.targets.items():
            _within(f"targets of {soc}", count, 0.0, MAX_TARGETS, above=True)
        _within("commits a day", self.commits_a_day, 0.0, MAX_A_DAY)
        _within("models per commit", self.models_per_commit, 0.0, float(self.models), above=True)
        _within("retrainings a month", self.retrainings_a_month, 0.0, 1000.0)
        _within("hours", self.hours, 0.0, 24.0, above=True)
        if not 1 / MONTH_DAYS <= self.candidates_a_day <= MAX_A_DAY:
            raise BadDemand(
                f"{self.candidates_a_day:,.4g} candidates a day: give commits or retrainings, for one a month at least "
                f"and for {MAX_A_DAY:,.0f} a day at most"
            )

    @property
    def by_commit(self) -> float:
        """Candidates a day that commits make."""
        return self.commits_a_day * self.models_per_commit

    @property
    def by_retraining(self) -> float:
        """Candidates a day that retrainings make."""
        return self.models * self.retrainings_a_month / MONTH_DAYS

    @property
    def candidates_a_day(self) -> float:
        """All candidates of a day."""
        return self.by_commit + self.by_retraining

    @property
    def peak(self) -> float:
        """Candidates a second within the working hours, the busiest part of a day."""
        return self.by_commit / (self.hours * 3600) + self.by_retraining / DAY_SECONDS

    @property
    def targets_of_a_model(self) -> float:
        """Targets of a model on average."""
        return sum(self.targets.values())


def _within(what: str, value: float, low: float, high: float, *, above: bool = False) -> None:
    """Raise `BadDemand` for what is not finite or out of bounds; `above`: the lower bound itself is out."""
    inside = math.isfinite(value) and low <= value <= high and not (above and value == low)
    if not inside:
        raise BadDemand(f"{what}: {value:g} is not {'above' if above else 'from'} {low:g} and at most {high:,.0f}")
