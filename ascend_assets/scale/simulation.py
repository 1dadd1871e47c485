"""One day of candidates, event by event: who waits for what, and how long it takes from a commit to a release.

Here belong arrivals by chance from a fixed seed, and tasks that wait for each other, for a place in a pool (a card, a
slot for a compilation) and for their model's turn. Not here: how large pools are (`pools.py`), or formulas
(`queueing.py`).

Places are given in the order of asking. Candidates of one model are built one at a time. A step in no pool has its pod
as soon as it is wanted: `Day.pods` says how many that are.
"""

import heapq
import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ascend_assets.scale.figures import Requests
from ascend_assets.scale.walk_costs import Task

Say = Callable[[int, int], None]
"""Told how many of how many candidates are done, once in a while."""
_SAY_EVERY = 256
_COMES, _BEGINS, _ENDS = 0, 1, 2


@dataclass(frozen=True)
class Arrival:
    """A candidate: when its cause happens, of which model, and its steps.

    `seen`: seconds until somebody notices the cause; `before`: from its model's turn to its first step.
    """

    at: float
    model: int
    tasks: tuple[Task, ...]
    seen: float = 0.0
    before: float = 0.0


@dataclass
class Day:
    """What was seen. Seconds; pool -> the wait of each step that asked for a place, and a time per candidate.

    `pods`, `cpu`, `memory`, `disk`, `runs`: the most at once. `ended`: when the last candidate was done.
    """

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    times: list[float] = field(default_factory=list)
    pods: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    disk: float = 0.0
    runs: int = 0
    ended: float = 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all do not exceed; NaN of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def poisson(chance: random.Random, rate: float, begin: float, end: float) -> list[float]:
    """Times at which something happens by chance, `rate` times a second on average."""
    found: list[float] = []
    if rate <= 0:
        return found
    now = begin + chance.expovariate(rate)
    while now < end:
        found.append(now)
        now += chance.expovariate(rate)
    return found


def simulate(
    arrivals: Sequence[Arrival],
    pools: Mapping[str, int],
    requests: Mapping[str, Requests],
    *,
    spread: float,
    seed: int,
    say: Say = lambda _done, _of: None,
) -> Day:
    """Run all candidates to their ends.

    `pools`: places in each. `spread`: coefficient of variation of varying work, which is log-normal.

    The work of a step does not depend on the size of a pool, so that two days of one seed differ by waiting alone.
    """
    world = _World(arrivals, pools, requests, _spread(spread), seed)
    world.run(say)
    return world.day


def _spread(variation: float) -> float:
    """Sigma of the log-normal distribution with that coefficient of variation."""
    return math.sqrt(math.log1p(variation * variation))


@dataclass
class _Run:
    """A candidate on its way. Per task: its `seconds`, how many it still waits for (`left`), who waits for it (`then`).

    `open`: tasks that are not done.
    """

    arrival: Arrival
    seconds: list[float]
    left: list[int]
    then: list[list[int]]
    open: int


class _World:
    """The clock and what waits."""

    def __init__(
        self,
        arrivals: Sequence[Arrival],
        pools: Mapping[str, int],
        requests: Mapping[str, Requests],
        sigma: float,
        seed: int,
    ) -> None:
        self.day = Day()
        self._arrivals = sorted(arrivals, key=lambda arrival: arrival.at)
        self._free = dict(pools)
        self._asking: dict[str, deque[tuple[float, _Run, int]]] = {pool: deque() for pool in pools}
        self._requests = requests
        self._sigma = sigma
        # Drawn before anything happens, so that the work is the same however many cards there are.
        self._chance = random.Random(seed)  # noqa: S311 - a simulation that can be repeated
        self._events: list[tuple[float, int, int, _Run, int]] = []
        self._count = 0
        self._turn: dict[int, deque[_Run]] = {}
        self._pods, self._cpu, self._memory, self._disk, self._runs = 0, 0.0, 0.0, 0.0, 0

    def run(self, say: Say) -> None:
        """Until everything is done."""
        for arrival in self._arrivals:
            self._at(arrival.at + arrival.seen, _COMES, self._run(arrival), 0)
        while self._events:
            now, _, what, run, place = heapq.heappop(self._events)
            if what == _COMES:
                self._comes(now, run)
            elif what == _BEGINS:
                self._begins(now, run)
            else:
                self._done(now, run, place)
                if run.open == 0 and len(self.day.times) % _SAY_EVERY == 0:
                    say(len(self.day.times), len(self._arrivals))

    def _at(self, when: float, what: int, run: _Run, place: int) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what, run, place))

    def _comes(self, now: float, run: _Run) -> None:
        """A candidate waits for its model's turn, or has it."""
        waiting = self._turn.get(run.arrival.model)
        if waiting is not None:
            waiting.append(run)
            return
        self._turn[run.arrival.model] = deque()
        self._at(now + run.arrival.before, _BEGINS, run, 0)

    def _begins(self, now: float, run: _Run) -> None:
        self._runs += 1
        self.day.runs = max(self.day.runs, self._runs)
        self._pod("run", 1)
        for place, left in enumerate(run.left):
            if not left:
                self._ready(now, run, place)

    def _ready(self, now: float, run: _Run, place: int) -> None:
        """A step whose inputs are there: it asks for a place in its pool, or begins."""
        pool = run.arrival.tasks[place].pool
        if pool and not self._free[pool]:
            self._asking[pool].append((now, run, place))
            return
        if pool:
            self._free[pool] -= 1
            self.day.waits[pool].append(0.0)
        self._start(now, run, place)

    def _start(self, now: float, run: _Run, place: int) -> None:
        self._pod(run.arrival.tasks[place].kind, 1)
        self._at(now + run.seconds[place], _ENDS, run, place)

    def _run(self, arrival: Arrival) -> _Run:
        then: list[list[int]] = [[] for _ in arrival.tasks]
        for place, task in enumerate(arrival.tasks):
            for before in task.after:
                then[before].append(place)
        seconds = [task.fixed + (task.varying * self._drawn() if task.varying else 0.0) for task in arrival.tasks]
        return _Run(arrival, seconds, [len(task.after) for task in arrival.tasks], then, len(arrival.tasks))

    def _drawn(self) -> float:
        """A factor of mean 1."""
        return math.exp(self._chance.gauss(-self._sigma * self._sigma / 2, self._sigma)) if self._sigma else 1.0

    def _done(self, now: float, run: _Run, place: int) -> None:
        task = run.arrival.tasks[place]
        self._pod(task.kind, -1)
        if task.pool:
            self._hand_on(now, task.pool)
        run.open -= 1
        for following in run.then[place]:
            run.left[following] -= 1
            if not run.left[following]:
                self._ready(now, run, following)
        if not run.open:
            self._over(now, run)

    def _hand_on(self, now: float, pool: str) -> None:
        """A place goes to whoever asked first."""
        if not self._asking[pool]:
            self._free[pool] += 1
            return
        asked, run, place = self._asking[pool].popleft()
        self.day.waits[pool].append(now - asked)
        self._start(now, run, place)

    def _over(self, now: float, run: _Run) -> None:
        self.day.times.append(now - run.arrival.at)
        self.day.ended = now
        self._runs -= 1
        self._pod("run", -1)
        waiting = self._turn[run.arrival.model]
        if waiting:
            following = waiting.popleft()
            self._at(now + following.arrival.before, _BEGINS, following, 0)
        else:
            del self._turn[run.arrival.model]

    def _pod(self, kind: str, change: int) -> None:
        asks = self._requests[kind]
        self._pods += change
        self._cpu += change * asks.cpu
        self._memory += change * asks.memory
        self._disk += change * asks.disk
        if change > 0:
            self.day.pods = max(self.day.pods, self._pods)
            self.day.cpu = max(self.day.cpu, self._cpu)
            self.day.memory = max(self.day.memory, self._memory)
            self.day.disk = max(self.day.disk, self._disk)
