"""What every trigger of this installation is doing: when it was asked last, what it said, and what is wrong with it.

Here belongs gathering that, from Dagster's records and from what sensors keep in their cursors. Not here: deciding that
one has stopped (`watchdog.py`), or printing (`cli/triggers.py`).

A sensor's cursor is a JSON object, of which two fields are common to all: `trouble` says that its source is down, and
`breaker` how often that failed lately. Whatever else a cursor holds is its sensor's own business.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from pydantic import ValidationError

from ascend_assets import sensor_records, watchdog
from ascend_assets.gates.wording import clipped
from ascend_assets.sensor_records import Seen
from ascend_assets.watchdog import Stopped
from resources.breaker import Breaker

Word = Literal["ok", "new", "off", "trouble", "failed", "stopped"]
"""`new`: no tick of it has ended yet. `off`: somebody switched it off. `trouble`: its source is down, or a breaker is
not closed. `failed`: its last tick did. `stopped`: it should run and does not."""

WRONG: frozenset[Word] = frozenset({"trouble", "stopped"})
"""What `--check` fails for. One failed tick is tried again."""
_LONGEST = 500
_MAX_CURSOR = 4 * 1024 * 1024


@dataclass(frozen=True)
class Trouble:
    """What a sensor keeps of its source's trouble. `since`: as the sensor wrote it; `times`: ticks that met it."""

    since: str
    times: int
    why: str


@dataclass(frozen=True)
class Doing:
    """One trigger. `every`: seconds; `last`: unix seconds of its last tick that ended, 0 for never.

    `said`: what that tick said. `runs`: how many runs it asked for. `breaker`: closed, open or half_open; empty for
    none.
    """

    name: str
    word: Word
    every: float
    last: float
    said: str
    runs: int
    trouble: Trouble | None
    breaker: str

    @property
    def why(self) -> str:
        """What a person should read of it: what is wrong, else what it said."""
        if self.word == "trouble" and self.trouble:
            return f"since {self.trouble.since}, {self.trouble.times} times: {self.trouble.why}"
        return self.said


@dataclass(frozen=True)
class Installation:
    """All triggers. `heartbeat`: when the daemon last gave a sign of life, unix seconds; None where it never ran."""

    heartbeat: float | None
    stopped: tuple[Stopped, ...]
    triggers: tuple[Doing, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """What somebody should look at, in a line each; empty where all is well."""
        if self.heartbeat is None:
            return ("no daemon ever ran here, so nothing starts by itself: start one (dagster-daemon run)",)
        stopped = [f"{one.name} has stopped: {one.why}" for one in self.stopped]
        troubled = [f"{one.name} is in trouble {one.why}" for one in self.triggers if one.word == "trouble"]
        return (*stopped, *troubled)


def look(instance: dg.DagsterInstance, repository: dg.RepositoryDefinition, now: float) -> Installation:
    """Everything that starts by itself in this code location, by name. `now`: unix seconds."""
    due = sensor_records.due(repository)
    seen = sensor_records.read(instance)
    stopped = watchdog.stopped(instance, due, now, outside=True)
    names = {one.name for one in stopped}
    found = [
        _doing(instance, sensor, seen.get(sensor.name), now, stopped=sensor.name in names)
        for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
    ]
    return Installation(sensor_records.heartbeat(instance), stopped, tuple(found))


def _doing(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, seen: Seen | None, now: float, *, stopped: bool
) -> Doing:
    every = float(sensor.minimum_interval_seconds or sensor_records.DEFAULT_INTERVAL)
    runs_by_default = sensor.default_status == dg.DefaultSensorStatus.RUNNING
    if seen is None:
        word: Word = "stopped" if stopped else "new" if runs_by_default else "off"
        return Doing(sensor.name, word, every, 0.0, "", 0, None, "")
    tick = next((t for t in sensor_records.ticks(instance, seen) if t.is_completed), None)
    kept = _object(seen.cursor)
    trouble, breaker = _trouble(kept), _breaker(kept, now)
    return Doing(
        name=sensor.name,
        word=_word(seen, tick, stopped=stopped, troubled=trouble is not None or breaker in {"open", "half_open"}),
        every=every,
        last=seen.ended,
        said=_said(tick),
        runs=len(tick.run_ids) if tick else 0,
        trouble=trouble or _opened(kept, breaker),
        breaker=breaker,
    )


def _word(seen: Seen, tick: InstigatorTick | None, *, stopped: bool, troubled: bool) -> Word:
    if seen.off:
        return "off"
    if stopped:
        return "stopped"
    if troubled:
        return "trouble"
    if tick is not None and tick.status == TickStatus.FAILURE:
        return "failed"
    return "ok" if seen.ended else "new"


def _said(tick: InstigatorTick | None) -> str:
    if tick is None:
        return ""
    if tick.status == TickStatus.FAILURE:
        return clipped(sensor_records.told(tick.error), _LONGEST)
    if tick.run_ids:
        return f"asked for {len(tick.run_ids)} run{'s' if len(tick.run_ids) > 1 else ''}"
    return clipped(tick.skip_reason or "", _LONGEST)


def _object(cursor: str) -> dict[str, Any]:
    """A cursor's fields; none where it is no JSON object, as those of Dagster's own sensors need not be."""
    try:
        found = json.loads(cursor) if 0 < len(cursor) <= _MAX_CURSOR else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _trouble(kept: dict[str, Any]) -> Trouble | None:
    found = kept.get("trouble")
    if not isinstance(found, dict):
        return None
    times = found.get("times")
    return Trouble(
        since=clipped(str(found.get("since") or "?"), 40),
        times=times if isinstance(times, int) else 1,
        why=clipped(str(found.get("why") or ""), _LONGEST),
    )


def _breaker(kept: dict[str, Any], now: float) -> str:
    try:
        return Breaker.model_validate(kept["breaker"]).state(now) if kept.get("breaker") else ""
    except ValidationError:
        return ""


def _opened(kept: dict[str, Any], state: str) -> Trouble | None:
    """A breaker that is not closed, told like a trouble."""
    if state not in {"open", "half_open"}:
        return None
    breaker = Breaker.model_validate(kept["breaker"])
    since = watchdog.moment(breaker.opened_at or 0.0)
    return Trouble(
        since, len(breaker.failures), clipped(f"the breaker is {state.replace('_', ' ')}: {breaker.why}", _LONGEST)
    )
