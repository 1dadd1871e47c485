"""A host with NPUs, simulated event by event: runs that wait for a compiler, a slot of a pool, a device.

Here belong the clock and what waits for what. Which device is taken, and who may overtake whom, is decided by
`resources/ascend/cann/npus/leases.py` itself, on locks that are kept in memory; how many steps run at once, by the
limits of `ascend_assets/pools.py`. Not here: fleets, policies and figures (`fleet.py`).
"""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from resources.ascend.cann.npus.device_locks import DeviceLocks
from resources.ascend.cann.npus.devices import Device
from resources.ascend.cann.npus.leases import DOOR_SECONDS, NEWCOMER_SECONDS, POLL_SECONDS, YIELD_SECONDS, Wish
from resources.locks import Holder

START_SECONDS = 8.0
"""From the queue to the first step: Dagster's daemon looks every few seconds and starts a process."""
SOMEBODY = Holder(pid=1, host="fleet", since="2026-01-01T00:00:00+00:00", candidate="")


@dataclass(frozen=True)
class Step:
    """One step of a run. `soc`: the NPU that it needs, if any; `whole_card` for a benchmark. `after`: their places."""

    name: str
    seconds: float
    pool: str = ""
    soc: str = ""
    whole_card: bool = False
    after: tuple[int, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """One candidate: when it comes, and its steps in order."""

    model: str
    arrival: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Policy:
    """How the host shares its devices. `runs` at once; `limits` per pool; `claim` seconds until a free slot is seen.

    `claim` is given how long a step has waited for the slot.
    """

    name: str
    runs: int
    limits: Mapping[str, int]
    claim: Callable[[float], float]


@dataclass
class Shares:
    """Device seconds of one SoC: `busy` of all `there`, while a step waits for one."""

    busy: float = 0.0
    there: float = 0.0

    @property
    def utilisation(self) -> float | None:
        """From 0 to 1; None where nothing ever waited."""
        return self.busy / self.there if self.there else None


@dataclass
class _Pool:
    limit: int
    assigned: set[tuple[int, int]] = field(default_factory=set)
    pending: deque[tuple[int, int]] = field(default_factory=deque)


@dataclass
class _Run:
    number: int
    candidate: Candidate
    done: set[int] = field(default_factory=set)
    current: int | None = None
    leased: bool = False
    asked: dict[int, float] = field(default_factory=dict)

    def ready(self) -> list[int]:
        """Steps whose inputs are made."""
        return [
            place
            for place, step in enumerate(self.candidate.steps)
            if place not in self.done and place != self.current and self.done.issuperset(step.after)
        ]


@dataclass(frozen=True)
class InMemory(DeviceLocks):
    """The machine's locks without files: of one process, and as strict."""

    alone: set[str] = field(default_factory=set)
    waiters: Counter[tuple[str, bool]] = field(default_factory=Counter)

    @contextmanager
    def devices(self, group: Sequence[Device], doing: str) -> Iterator[None]:  # noqa: ARG002 - nobody reads it
        """Hold all devices of a group."""
        keys = {device.key for device in group}
        if keys & self.alone:
            raise BlockingIOError
        self.alone.update(keys)
        try:
            yield
        finally:
            self.alone.difference_update(keys)

    @contextmanager
    def card(self, card: int, *, shared: bool) -> Iterator[None]:
        """Hold the right to begin something on a card; who shares it does so for a moment only."""
        name = f"card {card}"
        if name in self.alone:
            raise BlockingIOError
        if not shared:
            self.alone.add(name)
        try:
            yield
        finally:
            if not shared:
                self.alone.discard(name)

    def others_wait(self, soc_version: str, *, cards: bool | None = None) -> bool:
        """Whether somebody waits for a SoC."""
        kinds = (True, False) if cards is None else (cards,)
        return any(self.waiters[soc_version, kind] for kind in kinds)

    def holder(self, device: Device) -> Holder | None:
        """Somebody, where a device is held."""
        return SOMEBODY if device.key in self.alone else None


class Host:
    """One host under one policy. `simulate` runs all candidates to their ends."""

    def __init__(self, devices: Sequence[Device], policy: Policy, seed: int) -> None:
        self._devices = tuple(devices)
        self._policy = policy
        self._chance = random.Random(seed)  # noqa: S311 - a simulation that can be repeated
        self._locks = InMemory(Path("/nowhere"))
        self._pools = {name: _Pool(limit) for name, limit in policy.limits.items()}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._queue: list[Candidate] = []
        self._running: dict[int, _Run] = {}
        self._wishes: dict[int, tuple[Wish, ExitStack, float]] = {}
        self.now = 0.0
        self.done = 0
        self.waits = {soc: Shares() for soc in self._socs}
        self.ready = {soc: Shares() for soc in self._socs}
        self.all = {soc: Shares() for soc in self._socs}

    def simulate(self, candidates: Sequence[Candidate]) -> None:
        """Until every candidate is at its end."""
        for candidate in candidates:
            self._at(candidate.arrival, lambda candidate=candidate: self._arrive(candidate))  # type: ignore[misc]
        while self._events and self.done < len(candidates):
            when, _, what = heapq.heappop(self._events)
            self._pass(when - self.now)
            self.now = when
            what()

    @property
    def _socs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(device.soc_version for device in self._devices))

    def _at(self, when: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (when, self._count, what))

    def _pass(self, seconds: float) -> None:
        """Account for the time since the last event."""
        held = Counter(device.soc_version for device in self._devices if device.key in self._locks.alone)
        there = Counter(device.soc_version for device in self._devices)
        ready: set[str] = set()
        waits: set[str] = set()
        for run in self._running.values():
            socs = {run.candidate.steps[place].soc for place in run.ready()}
            if run.current is not None and not run.leased:
                socs.add(run.candidate.steps[run.current].soc)
            ready |= socs
            if run.current is None or not run.leased:
                waits |= socs
        for soc in self._socs:
            for shares, counts in ((self.all, True), (self.ready, soc in ready), (self.waits, soc in waits)):
                if counts:
                    shares[soc].busy += held[soc] * seconds
                    shares[soc].there += there[soc] * seconds

    def _arrive(self, candidate: Candidate) -> None:
        self._queue.append(candidate)
        self._dequeue()

    def _dequeue(self) -> None:
        """Start what may start: so many runs, and one per model."""
        for candidate in list(self._queue):
            if len(self._running) >= self._policy.runs:
                return
            if candidate.model in {run.candidate.model for run in self._running.values()}:
                continue
            self._queue.remove(candidate)
            self._count += 1
            run = _Run(self._count, candidate, current=-1, leased=True)
            self._running[run.number] = run
            self._at(self.now + self._chance.uniform(0, 2) * START_SECONDS, lambda run=run: self._over(run))  # type: ignore[misc]

    def _look(self, run: _Run) -> None:
        """A run that does nothing begins the first step that it may; one process, so one step at a time."""
        if run.current is not None:
            return
        for place in run.ready():
            step = run.candidate.steps[place]
            if not self._claimed(run, place, step.pool):
                continue
            run.current, run.leased = place, not step.soc
            if step.soc:
                self._wish(run, step)
            else:
                self._at(self.now + step.seconds, lambda: self._over(run))
            return

    def _claimed(self, run: _Run, place: int, name: str) -> bool:
        pool = self._pools.get(name)
        if pool is None:
            return True
        claim = (run.number, place)
        if place not in run.asked:
            run.asked[place] = self.now
            pool.pending.append(claim)
            self._assign(pool)
        return claim in pool.assigned

    def _assign(self, pool: _Pool) -> None:
        """Slots go to who asked first; he sees it when he looks next."""
        while pool.pending and len(pool.assigned) < pool.limit:
            number, place = pool.pending.popleft()
            pool.assigned.add((number, place))
            run = self._running[number]
            delay = self._chance.uniform(0, self._policy.claim(self.now - run.asked[place]))
            self._at(self.now + delay, lambda run=run: self._look(run))  # type: ignore[misc]

    def _wish(self, run: _Run, step: Step) -> None:
        wish = Wish(self._locks, step.soc, step.whole_card, "", lambda _: None, None, self._devices)
        self._wishes[run.number] = (wish, ExitStack(), self.now)
        late = NEWCOMER_SECONDS if self._locks.others_wait(step.soc) else 0.0
        self._locks.waiters[step.soc, step.whole_card] += 1
        self._at(self.now + late, lambda: self._try(run))
        # Patience ends without anything being let go of.
        self._at(self.now + DOOR_SECONDS, lambda: self._try(run))
        self._at(self.now + YIELD_SECONDS, lambda: self._try(run))

    def _try(self, run: _Run) -> None:
        if run.leased or run.number not in self._wishes:
            return
        wish, stack, since = self._wishes[run.number]
        assert run.current is not None  # noqa: S101 - a run that wishes is at a step
        step = run.candidate.steps[run.current]
        if wish.tried(stack, self._chance.randrange(1 << 30), self.now - since) is None:
            return
        run.leased = True
        self._locks.waiters[step.soc, step.whole_card] -= 1
        self._at(self.now + step.seconds, lambda: self._over(run))
        self._wake()

    def _wake(self) -> None:
        """Something was let go of: who waits finds it when he looks next, which is any time within his interval."""
        for number in self._wishes:
            run = self._running[number]
            if not run.leased:
                delay = self._chance.uniform(0, POLL_SECONDS * self._chance.uniform(0.5, 1.5))
                self._at(self.now + delay, lambda run=run: self._try(run))  # type: ignore[misc]

    def _over(self, run: _Run) -> None:
        """The current step, or the start of the run, is over."""
        place, run.current, run.leased = run.current, None, False
        if run.number in self._wishes:
            self._wishes.pop(run.number)[1].close()
            self._wake()
        if place is not None and place >= 0:
            run.done.add(place)
            pool = self._pools.get(run.candidate.steps[place].pool)
            if pool is not None:
                pool.assigned.discard((run.number, place))
                self._assign(pool)
        if len(run.done) == len(run.candidate.steps):
            del self._running[run.number]
            self.done += 1
            self._dequeue()
        else:
            self._look(run)
