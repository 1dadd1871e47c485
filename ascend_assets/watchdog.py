"""Which sensors should run and have stopped: the one failure that no sensor reports of itself.

Here belongs the judgement, which is pure. Not here: what Dagster's records say (`sensor_records.py`), telling anybody
(`sensors/`), or what a sensor does when it runs (`trigger_states.py` shows that).

A sensor cannot tell of its own daemon's death. `ascend doctor` and `ascend triggers --check` can, from outside.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import dagster as dg

from ascend_assets import sensor_records
from ascend_assets.sensor_records import Failing, Seen

DAEMON = "daemon"
"""Name under which the daemon itself is reported."""
EVERY = "every sensor"
"""Name under which it is reported that the daemon lives and asks none of its sensors."""

INTERVALS = 5
"""A sensor of which no tick ended for so many of its intervals has stopped ..."""
LEAST_SECONDS = 600.0
"""... but not before so long: a reload of the code takes its time."""
HEARTBEAT_SECONDS = 300.0
"""A daemon that gave no sign of life for so long is dead: it gives one every 30 s, and a tick may hold it up for 60."""
FAILURES = 3
"""So many failed ticks in a row are a sensor that does not work ..."""
FAILING_SECONDS = 120.0
"""... if the first of them is at least so old."""

_LOADED = time.time()


@dataclass(frozen=True)
class Stopped:
    """A sensor that should run and does not. `since`: unix seconds of the last that was seen of it."""

    name: str
    since: float
    why: str


@dataclass(frozen=True)
class Silent:
    """A sensor of which no tick has ended for too long. `asked`: whether the daemon ever knew of it."""

    since: float
    asked: bool


def stopped(
    instance: dg.DagsterInstance, names_and_intervals: Mapping[str, float], now: float, *, outside: bool = False
) -> tuple[Stopped, ...]:
    """Which of these sensors should run and do not; none where no daemon ever ran.

    `now`: unix seconds. `outside`: asked outside of the daemon. Then a daemon that asks none of its sensors is told of,
    and one that it never saw has stopped at once; within a sensor it may be about to be asked, for the first time or
    after a night, and counts from when this process loaded its code.
    """
    beat = sensor_records.heartbeat(instance)
    if beat is None or not names_and_intervals:
        return ()
    if now - beat > HEARTBEAT_SECONDS:
        return (dead(beat),)
    seen = sensor_records.read(instance)
    on = {n: interval for n, interval in names_and_intervals.items() if not (n in seen and seen[n].off)}
    silent = quiet(on, seen, now, 0.0 if outside else _LOADED)
    failing = {n: found for n in {*seen} & {*on} if (found := sensor_records.failures(instance, seen[n]))}
    pulse = _pulse(instance, on, seen, silent, now) if silent else None
    if outside and pulse is None and silent and len(silent) == len(on):
        return (_every(silent),)
    return judge(on, silent, failing, pulse, now)


def judge(
    intervals: Mapping[str, float],
    silent: Mapping[str, Silent],
    failing: Mapping[str, Failing],
    pulse: "Pulse | None",
    now: float,
) -> tuple[Stopped, ...]:
    """The judgement, by name.

    A daemon that was down for the night has sensors that are silent and did not stop: only time in which another sensor
    ticked counts. `intervals`: of every sensor that is on. `pulse`: that other sensor's ticks, None if there is none.
    """
    found = [
        Stopped(n, f.since, f"its last {f.times} ticks failed: {f.why}") for n, f in failing.items() if _lasts(f, now)
    ]
    failed = {one.name for one in found}
    for name, one in silent.items():
        if name in failed or pulse is None or pulse.alive(one.since, now) < limit(intervals[name]):
            continue
        found.append(Stopped(name, one.since, _why(one, intervals[name])))
    return tuple(sorted(found, key=lambda one: one.name))


def _every(silent: Mapping[str, Silent]) -> Stopped:
    since = max(one.since for one in silent.values())
    ended = f"no tick of any sensor has {'ended since ' + moment(since) if since else 'ever ended'}"
    return Stopped(EVERY, since, f"the daemon lives, but {ended}: does the code location load?")


def limit(interval: float) -> float:
    """Seconds after which a sensor of that interval counts as stopped."""
    return max(INTERVALS * interval, LEAST_SECONDS)


@dataclass(frozen=True)
class Pulse:
    """When a sensor that works ticked, newest first: the proof that the daemon was alive then."""

    interval: float
    ticks: tuple[float, ...]

    def alive(self, since: float, now: float) -> float:
        """Seconds after `since` in which the daemon asked its sensors. A gap between two ticks counts for little."""
        longest = 2 * self.interval + 60.0
        times = sorted(t for t in self.ticks if since < t <= now)
        return sum(min(after - before, longest) for before, after in pairwise([*times, now]))


def dead(beat: float) -> Stopped:
    """What is said of a daemon that gives no sign of life."""
    return Stopped(
        DAEMON,
        beat,
        f"no sign of life since {moment(beat)}, so nothing starts by itself: start it (dagster-daemon run)",
    )


def moment(at: float) -> str:
    """A time as a person reads it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def quiet(intervals: Mapping[str, float], seen: Mapping[str, Seen], now: float, loaded: float) -> dict[str, Silent]:
    """The sensors of which no tick has ended for too long."""
    found = {}
    for name, interval in intervals.items():
        one = seen.get(name)
        since = max(one.begun, one.ended) if one else loaded
        if now - since > limit(interval):
            found[name] = Silent(since, asked=one is not None)
    return found


def _pulse(
    instance: dg.DagsterInstance,
    intervals: Mapping[str, float],
    seen: Mapping[str, Seen],
    silent: Iterable[str],
    now: float,
) -> Pulse | None:
    """The ticks of the most frequent sensor that works, as many as the longest silence to be proved needs."""
    working = [s for s in seen.values() if s.ended and not s.off and now - s.ended <= limit(s.interval)]
    if not working:
        return None
    one = min(working, key=lambda s: (s.interval, s.name))
    wanted = int(max(limit(intervals[n]) for n in silent) / one.interval) + 3
    found = instance.get_tick_summaries(one.origin, one.selector, limit=wanted)
    return Pulse(one.interval, tuple(tick.timestamp for tick in found))


def _lasts(failing: Failing, now: float) -> bool:
    return failing.times >= FAILURES and now - failing.since >= FAILING_SECONDS


def _why(silent: Silent, interval: float) -> str:
    if not silent.asked:
        return "the daemon never asked it: does the daemon run this version of the code?"
    return f"no tick of it has ended since {moment(silent.since)}; one is due every {interval:g} s"
