"""How many places a pool needs: cards of a SoC version, compilations and exports at once.

Here belong how long steps hold a place, and sizing by formula. Not here: the formulas (`queueing.py`), or what a day
with these pools looks like (`simulation.py`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ascend_assets.scale.demand import DAY_SECONDS, Demand
from ascend_assets.scale.queueing import servers_for
from ascend_assets.scale.typical import Typical
from ascend_assets.scale.walk_costs import ON_CARDS, SLOTS, Costs, Kind

LATE = 0.05
"""The share of steps that may wait longer than the goal."""


class TooFew(ValueError):
    """More work comes in a day than a pool does in one: its queue would grow for ever."""


@dataclass(frozen=True)
class Goal:
    """How pools are sized: busy for at most `utilisation` at the peak, 95 of 100 steps wait at most `wait` seconds."""

    utilisation: float = 0.7
    wait: float = 600.0


@dataclass(frozen=True)
class Held:
    """How steps hold the places of a pool: how many `a_day` and at the `peak` (per second), for how long.

    `mean` seconds, `spread` the squared coefficient of variation; `together`: steps of a candidate that ask at once;
    `of_a_model`: steps when every model is built anew.
    """

    pool: str
    a_day: float
    peak: float
    mean: float
    spread: float
    together: int
    of_a_model: float

    @property
    def load(self) -> float:
        """Places that are taken on average at the peak."""
        return self.peak * self.mean

    @property
    def over_the_day(self) -> float:
        """Places that are taken on average over 24 hours."""
        return self.a_day * self.mean / DAY_SECONDS


@dataclass(frozen=True)
class Sized:
    """Places for each goal."""

    held: Held
    for_utilisation: int
    for_wait: int

    @property
    def places(self) -> int:
        """Enough for both."""
        return max(self.for_utilisation, self.for_wait)


def of_cards(soc: str, demand: Demand, kinds: Sequence[Typical], costs: Costs) -> Held:
    """How the steps of all models hold that SoC's cards."""
    works = [(kind.share / len(ON_CARDS), costs.work(step, kind, soc)) for kind in kinds for step in ON_CARDS]
    steps = demand.targets[soc] * len(ON_CARDS)
    together = len(ON_CARDS) * max(1, math.ceil(demand.targets[soc]))
    mean, spread = _moments(works, costs)
    return Held(soc, demand.candidates_a_day * steps, demand.peak * steps, mean, spread, together, steps)


def of_slots(demand: Demand, kinds: Sequence[Typical], costs: Costs) -> Iterator[Held]:
    """How all models hold the cluster's slots for compilations, one per target, and exports, one per candidate."""
    targets = demand.targets_of_a_model
    # A challenger was exported when it was trained.
    exports = demand.by_commit / (demand.hours * 3600)
    steps: dict[Kind, tuple[float, float, float]] = {
        "om": (demand.candidates_a_day * targets, demand.peak * targets, targets),
        "onnx": (demand.by_commit, exports, 1.0),
    }
    for kind, (a_day, peak, of_a_model) in steps.items():
        if a_day:
            mean, spread = _moments([(each.share, costs.work(kind, each)) for each in kinds], costs)
            yield Held(SLOTS[kind], a_day, peak, mean, spread, math.ceil(of_a_model), of_a_model)


def _moments(works: Sequence[tuple[float, float]], costs: Costs) -> tuple[float, float]:
    """Mean and squared coefficient of variation of a mixture.

    `works`: shares that add up to 1, and mean seconds of work, beside the pod's own.
    """
    variation = costs.overheads.times.spread.value
    mean = sum(share * (costs.pod + work) for share, work in works)
    square = sum(share * ((costs.pod + work) ** 2 + (variation * work) ** 2) for share, work in works)
    return mean, max(0.0, square / (mean * mean) - 1.0)


def sized(work: Held, goal: Goal) -> Sized:
    """The fewest places for each goal. Raises `TooMany`.

    Steps that ask together come as batches of a constant size at random times, whose squared coefficient of variation
    is that size.
    """
    for_wait = servers_for(
        work.load,
        work.mean,
        utilisation=1.0,
        wait=goal.wait,
        share=LATE,
        arrivals=float(work.together),
        spread=work.spread,
    )
    return Sized(work, max(1, math.ceil(work.load / goal.utilisation - 1e-9)), for_wait)


def require(work: Held, places: int) -> None:
    """Raise `TooFew` where a day's work is more than a day of the places."""
    if work.over_the_day >= places:
        least = math.floor(work.over_the_day) + 1
        raise TooFew(
            f"{work.pool}: the steps of a day take {work.over_the_day * 24:,.0f} hours, and what is there ({places:,}) "
            f"does {places * 24:,} in a day: the queue would grow for ever; give {least:,} or more"
        )
