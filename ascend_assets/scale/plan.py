"""The plan: a demand, and what it needs.

Here belongs putting all parts together. Not here: sizing pools (`pools.py`), the day (`day.py`), what piles up
(`storage.py`), what gives way (`ceilings.py`), or how a plan is printed (`cli/scale.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ascend_assets.scale import ceilings, pools, storage
from ascend_assets.scale.ceilings import Ceiling, Use
from ascend_assets.scale.day import Played, play
from ascend_assets.scale.demand import Demand
from ascend_assets.scale.figures import Origin, Overheads, weakest
from ascend_assets.scale.in_cluster import InCluster
from ascend_assets.scale.pools import Goal, Sized
from ascend_assets.scale.simulation import Say, quantile
from ascend_assets.scale.storage import Storage
from ascend_assets.scale.typical import Typical
from ascend_assets.scale.walk_costs import KINDS, ON_CARDS, Costs, candidate


@dataclass(frozen=True)
class Pool:
    """A pool of so many `places`: cards of a SoC version, or slots. Waits in seconds, of the played day.

    `rebuild_hours`: every model once, with nothing else in the pool.
    """

    sized: Sized
    places: int
    wait_p50: float
    wait_p95: float
    rebuild_hours: float

    @property
    def name(self) -> str:
        """The SoC version, or the field of `cluster.yaml`."""
        return self.sized.held.pool

    @property
    def at_peak(self) -> float:
        """Share of the places that is taken at the peak; above 1 a queue grows until the evening."""
        return self.sized.held.load / self.places

    @property
    def over_the_day(self) -> float:
        """Share of the places that is taken over 24 hours."""
        return self.sized.held.over_the_day / self.places


@dataclass(frozen=True)
class StageUse:
    """Pods of one kind. `seconds` each; `at_once`, `cpu`, `memory`, `disk`: on average at the peak, cores and GiB."""

    kind: str
    pods_a_day: float
    seconds: float
    at_once: float
    cpu: float
    memory: float
    disk: float
    cpu_hours_a_day: float


@dataclass(frozen=True)
class Plan:
    """What a demand needs. Seconds, cores, GiB; `release_*` from a commit to its release, of the played day.

    `disk_of_card`: GiB of a node's disk that the largest step on a card asks for.
    """

    demand: Demand
    kinds: tuple[Typical, ...]
    goal: Goal
    cards: tuple[Pool, ...]
    slots: tuple[Pool, ...]
    stages: tuple[StageUse, ...]
    use: Use
    played: Played
    disk_of_card: float
    release_p50: float
    release_p95: float
    locations: int
    models_per_location: int
    locations_memory: float
    storage: Storage
    ceilings: tuple[Ceiling, ...]
    origin: Origin


def plan(
    demand: Demand,
    kinds: Sequence[Typical],
    there: InCluster,
    *,
    goal: Goal | None = None,
    cards: Mapping[str, int] | None = None,
    seed: int = 1,
    say: Say = lambda _done, _of: None,
) -> Plan:
    """What a demand needs, or how it does with the given `cards` of SoC versions.

    `kinds` have shares that add up to 1. Raises `TooFew`, `TooMany`.
    """
    goal, overheads = goal or Goal(), there.overheads
    per_location = ceilings.models_per_location(overheads)
    costs = Costs(overheads, there.requests, min(demand.models, per_location))
    held = (
        *(pools.of_cards(soc, demand, kinds, costs) for soc in demand.targets),
        *pools.of_slots(demand, kinds, costs),
    )
    wanted = [pools.sized(one, goal) for one in held]
    places = {one.held.pool: (cards or {}).get(one.held.pool, one.places) for one in wanted}
    for one in wanted:
        pools.require(one.held, places[one.held.pool])
    played = play(demand, kinds, costs, places, seed=seed, say=say)
    found = [_pool(one, places[one.held.pool], played, demand) for one in wanted]
    stages = _stages(demand, kinds, costs, quantile(played.day.times, 0.5) - costs.before + costs.pod)
    locations = math.ceil(demand.models / per_location)
    use = _use(demand, stages, played, overheads, places)
    left = storage.of(demand, kinds, overheads, locations)
    at = overheads.locations
    return Plan(
        demand=demand,
        kinds=tuple(kinds),
        goal=goal,
        cards=tuple(pool for pool in found if pool.name in demand.targets),
        slots=tuple(pool for pool in found if pool.name not in demand.targets),
        stages=stages,
        use=use,
        played=played,
        disk_of_card=max(there.requests[kind].disk for kind in ON_CARDS),
        release_p50=quantile(played.day.times, 0.5),
        release_p95=quantile(played.day.times, 0.95),
        locations=locations,
        models_per_location=per_location,
        locations_memory=locations * at.memory_fixed.value + demand.models * at.memory_per_model.value,
        storage=left,
        ceilings=ceilings.ceilings(demand, use, left, overheads),
        origin=use.origin,
    )


def _pool(one: Sized, places: int, played: Played, demand: Demand) -> Pool:
    waits = played.day.waits.get(one.held.pool, [])
    steps = demand.models * one.held.of_a_model
    return Pool(one, places, quantile(waits, 0.5), quantile(waits, 0.95), steps * one.held.mean / places / 3600)


def _use(
    demand: Demand, stages: Sequence[StageUse], played: Played, overheads: Overheads, places: Mapping[str, int]
) -> Use:
    a_day = sum(stage.pods_a_day for stage in stages)
    return Use(
        pods=played.pods,
        runs=played.runs,
        compiling=float(places.get("compiling", 0)),
        exporting=float(places.get("exporting", 0)),
        pods_a_second=a_day / demand.candidates_a_day * demand.peak,
        pods_a_day=a_day,
        origin=weakest(figure.origin for _, figure in overheads.times),
    )


def _stages(demand: Demand, kinds: Sequence[Typical], costs: Costs, run_seconds: float) -> tuple[StageUse, ...]:
    """What the steps of all candidates use, by kind; and the runs' own pods, which live as long as a candidate."""
    pods_of = dict.fromkeys(KINDS, 0.0)
    seconds = dict.fromkeys(KINDS, 0.0)
    socs = tuple(demand.targets)
    for trained, rate in ((False, demand.by_commit), (True, demand.by_retraining)):
        for kind in kinds:
            for task in candidate(costs, kind, socs, trained=trained):
                # A target's steps are as many as the SoC has targets of a model.
                each = rate * kind.share * (demand.targets[task.target] if task.target else 1.0)
                pods_of[task.kind] += each
                seconds[task.kind] += each * task.seconds
    steps = [
        _stage(demand, costs, kind, pods_of[kind], seconds[kind] / pods_of[kind]) for kind in KINDS if pods_of[kind]
    ]
    return (_stage(demand, costs, "run", demand.candidates_a_day, run_seconds), *steps)


def _stage(demand: Demand, costs: Costs, kind: str, a_day: float, seconds: float) -> StageUse:
    asks = costs.requests[kind]
    at_once = a_day / demand.candidates_a_day * demand.peak * seconds
    hours = a_day * seconds * asks.cpu / 3600
    cpu, memory, disk = (at_once * each for each in (asks.cpu, asks.memory, asks.disk))
    return StageUse(kind, a_day, seconds, at_once, cpu, memory, disk, hours)
