"""A day of a demand, as arrivals by chance, and played.

Here belong who comes when, with which steps, and playing a part of a day that is too long to play. Not here: the clock
(`simulation.py`).
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ascend_assets.scale.demand import DAY_SECONDS, Demand
from ascend_assets.scale.simulation import Arrival, Day, Say, poisson, simulate
from ascend_assets.scale.typical import Typical
from ascend_assets.scale.walk_costs import Costs, Task, candidate

MOST_TASKS = 100_000
"""Tasks that are played; of a larger day a part of the candidates, in the same part of each pool."""
LEAST_CANDIDATES = 500
"""Candidates that are played, if need be on several days: of fewer, one in twenty is mere chance."""


@dataclass(frozen=True)
class Played:
    """A day, or several `days` one after the other, that were played. `part`: each is so many times as large in truth.

    A part of the places under the same part of the work lets wait longer than all of them: what is said of waits errs
    on the safe side.
    """

    day: Day
    part: int
    days: int = 1

    @property
    def last(self) -> float:
        """Seconds from the beginning of the last day to the end of its last candidate."""
        return self.day.ended - (self.days - 1) * DAY_SECONDS

    @property
    def pods(self) -> float:
        """The most pods at once."""
        return float(self.day.pods * self.part)

    @property
    def cpu(self) -> float:
        """The most cores at once."""
        return self.day.cpu * self.part

    @property
    def memory(self) -> float:
        """The most GiB at once."""
        return self.day.memory * self.part

    @property
    def disk(self) -> float:
        """The most GiB of nodes' disk at once."""
        return self.day.disk * self.part

    @property
    def runs(self) -> float:
        """The most runs at once."""
        return float(self.day.runs * self.part)


def play(
    demand: Demand, kinds: Sequence[Typical], costs: Costs, pools: Mapping[str, int], *, seed: int, say: Say
) -> Played:
    """One day with pools of these sizes, or as many as it takes for enough candidates."""
    part = _part(demand, pools)
    days = max(1, math.ceil(LEAST_CANDIDATES / demand.candidates_a_day))
    chance = random.Random(seed)  # noqa: S311 - a simulation that can be repeated
    arrivals = [one for day in range(days) for one in _arrivals(demand, kinds, costs, part, chance, day * DAY_SECONDS)]
    there = {pool: places // part for pool, places in pools.items()}
    spread = costs.overheads.times.spread.value
    return Played(simulate(arrivals, there, costs.requests, spread=spread, seed=seed, say=say), part, days)


def _part(demand: Demand, pools: Mapping[str, int]) -> int:
    """Of how many candidates one is played: few enough that a place is left in every pool."""
    tasks = demand.candidates_a_day * (13 + 6 * demand.targets_of_a_model)
    return max(1, min(math.ceil(tasks / MOST_TASKS), *pools.values()))


def _arrivals(
    demand: Demand, kinds: Sequence[Typical], costs: Costs, part: int, chance: random.Random, begin: float
) -> list[Arrival]:
    """A day's candidates: of commits within the working hours, of retrainings at any hour."""
    working = demand.hours * 3600
    times = costs.overheads.times
    made: dict[tuple[int, tuple[str, ...], bool], tuple[Task, ...]] = {}
    found = []
    for rate, end, trained in (
        (demand.by_commit / working, working, False),
        (demand.by_retraining / DAY_SECONDS, DAY_SECONDS, True),
    ):
        for at in poisson(chance, rate / part, begin, begin + end):
            model = chance.randrange(demand.models)
            key = (_kind(model, demand, kinds), _socs(model, demand), trained)
            if key not in made:
                made[key] = candidate(costs, kinds[key[0]], key[1], trained=trained)
            found.append(Arrival(at, model, made[key], times.commit_seen.value, times.dequeued.value + costs.pod))
    return found


def _kind(model: int, demand: Demand, kinds: Sequence[Typical]) -> int:
    """Which kind a model is of: models stand in a row, each kind has its share of the row."""
    place, passed = (model + 0.5) / demand.models, 0.0
    for number, kind in enumerate(kinds):
        passed += kind.share
        if place < passed:
            return number
    return len(kinds) - 1


def _socs(model: int, demand: Demand) -> tuple[str, ...]:
    """The SoC of each of a model's targets; where a SoC has 0.3 targets of a model, three models in ten have one."""
    found: list[str] = []
    for soc, count in demand.targets.items():
        # The golden ratio spreads neighbours evenly over all shares.
        extra = (model * 0.6180339887498949) % 1.0 < count % 1.0
        found += [soc] * (int(count) + extra)
    return tuple(found)
