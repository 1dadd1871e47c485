"""What Dagster's records say of sensors: when each was asked last, how that ended, and whether the daemon lives.

Here belongs reading, and Dagster's private names for it. Not here: judging (`watchdog.py`), or showing
(`trigger_states.py`). Times are in unix seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorTick,
    InstigatorType,
    SensorInstigatorData,
    TickStatus,
)

from ascend_assets.gates.wording import clipped

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

DEFAULT_INTERVAL = 30
"""Dagster's own, in seconds."""
_LOOKED_AT = 10
_LONGEST = 300


@dataclass(frozen=True)
class Failing:
    """Ticks that failed one after the other. `since`: unix seconds of the first; `times`: how many, as far as known."""

    since: float
    times: int
    why: str


@dataclass(frozen=True)
class Seen:
    """What Dagster's records say of one sensor. Times in unix seconds; 0 for never.

    `off`: somebody switched it off. `begun`: when the daemon first saw it, or it was switched on. `ended`: start of the
    last tick that ended, well or not. `interval`: seconds.
    """

    name: str
    interval: float
    off: bool
    begun: float
    ended: float
    cursor: str
    origin: str
    selector: str
    good: bool


def due(repository: dg.RepositoryDefinition) -> dict[str, float]:
    """Every sensor of a code location that should run unless somebody switched it off: name -> interval in seconds."""
    return {
        sensor.name: float(sensor.minimum_interval_seconds or DEFAULT_INTERVAL)
        for sensor in repository.sensor_defs
        if sensor.default_status == dg.DefaultSensorStatus.RUNNING
    }


def heartbeat(instance: dg.DagsterInstance) -> float | None:
    """When the daemon that runs sensors last gave a sign of life, in unix seconds; None where it never ran."""
    beat = instance.get_daemon_heartbeats().get("SENSOR")
    return beat.timestamp if beat else None


def read(instance: dg.DagsterInstance) -> dict[str, Seen]:
    """What Dagster's records say of every sensor that a daemon ever saw, by name."""
    found: dict[str, Seen] = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        one = _seen(state)
        other = found.get(one.name)
        # A code location of another name leaves its sensors' states behind.
        if other is None or max(one.begun, one.ended) >= max(other.begun, other.ended):
            found[one.name] = one
    return found


def failures(instance: dg.DagsterInstance, seen: Seen) -> Failing | None:
    """The failed ticks with which a sensor's records end; None where the last that ended was good."""
    if seen.good or seen.off:
        return None
    ended = [t for t in ticks(instance, seen) if t.status != TickStatus.STARTED]
    streak: list[InstigatorTick] = []
    for tick in ended:
        if tick.status != TickStatus.FAILURE:
            break
        streak.append(tick)
    if not streak:
        return None
    times = max(len(streak), streak[0].consecutive_failure_count)
    return Failing(streak[-1].timestamp, times, clipped(told(streak[0].error), _LONGEST))


def ticks(instance: dg.DagsterInstance, seen: Seen, limit: int = _LOOKED_AT) -> Sequence[InstigatorTick]:
    """A sensor's newest ticks, newest first."""
    return instance.get_ticks(seen.origin, seen.selector, limit=limit)


def told(error: "SerializableErrorInfo | None") -> str:
    """What the innermost error said, in a line: Dagster wraps what a sensor raises."""
    if error is None:
        return "it says not why"
    while error.cause is not None:
        error = error.cause
    lines = error.message.strip().splitlines()
    return lines[0] if lines else error.cls_name or "it says not why"


def _seen(state: InstigatorState) -> Seen:
    data = state.instigator_data if isinstance(state.instigator_data, SensorInstigatorData) else SensorInstigatorData()
    return Seen(
        name=state.instigator_name,
        interval=float(data.min_interval or DEFAULT_INTERVAL),
        off=state.status == InstigatorStatus.STOPPED,
        begun=data.last_sensor_start_timestamp or 0.0,
        ended=data.last_tick_timestamp or 0.0,
        cursor=data.cursor or "",
        origin=state.instigator_origin_id,
        selector=state.selector_id,
        good=data.last_tick_success_timestamp is not None,
    )
