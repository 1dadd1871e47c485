"""From how things stand to notices: sources that are down, open breakers, downloads that fail, sensors that stopped.

Here belong the sensors' cursors, as far as all of them say the same, and what follows from the difference to what is
known. Not here: events (`gathering.py`), or judging that a sensor stopped (`ascend_assets/watchdog.py`).
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import SensorInstigatorData

from ascend_assets.notices.said import said
from ascend_assets.notices.wording import moment
from ascend_assets.watchdog import Stopped
from resources.notify.notice import Notice, notice

IN_CURSORS = frozenset({"source_down", "breaker", "downloads"})
"""Kinds that sensors' cursors tell of."""
IN_A_ROW = 3
"""Ticks or downloads that must have failed in a row before anybody is told."""
_MAX_CURSOR = 4 * 1024 * 1024


def cursors(instance: dg.DagsterInstance) -> dict[str, str]:
    """Name of each sensor that has ticked -> its cursor."""
    found = {}
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
        data = state.instigator_data
        if isinstance(data, SensorInstigatorData) and data.cursor:
            found[state.name] = data.cursor
    return found


def of_cursors(cursors: Mapping[str, str], standing: Mapping[str, Notice], now: float) -> tuple[Notice, ...]:
    """What has begun and what is over, by the cursors. A cursor that is no JSON object tells nothing."""
    wrong = [notice for sensor, text in cursors.items() for notice in _of_cursor(sensor, text, now)]
    return (*wrong, *ended(standing, IN_CURSORS, {each.key for each in wrong}, now))


def of_stopped(stopped: Iterable[Stopped], standing: Mapping[str, Notice], now: float) -> tuple[Notice, ...]:
    """Which sensors stopped, and which tick again."""
    wrong = [
        _begun("sensor_stopped", one.name, now, sensor=one.name, since=moment(one.since), why=said(one.why))
        for one in stopped
    ]
    return (*wrong, *ended(standing, {"sensor_stopped"}, {each.key for each in wrong}, now))


def ended(
    standing: Mapping[str, Notice], kinds: Collection[str], wrong: Collection[str], now: float
) -> tuple[Notice, ...]:
    """The end of each trouble of these kinds that goes on as far as is known, and is not among those that are wrong."""
    return tuple(
        notice(known.kind, known.severity, "over", known.subject, cause=known.id, at=now)
        for key, known in standing.items()
        if known.kind in kinds and key not in wrong
    )


def _of_cursor(sensor: str, text: str, now: float) -> Iterator[Notice]:
    try:
        cursor = json.loads(text[:_MAX_CURSOR])
    except (ValueError, RecursionError):
        return
    if not isinstance(cursor, dict):
        return
    trouble = cursor.get("trouble")
    if isinstance(trouble, dict) and _number(trouble.get("times")) >= IN_A_ROW:
        times = str(int(_number(trouble.get("times"))))
        since = _text(trouble.get("since"))
        yield _begun("source_down", sensor, now, sensor=sensor, since=since, times=times, why=_text(trouble.get("why")))
    for name, breaker in _breakers(cursor.get("breaker")):
        opened = _number(breaker.get("opened_at"))
        if opened > 0:
            whole = f"{sensor}:{name}" if name else sensor
            yield _begun("breaker", whole, now, sensor=whole, since=moment(opened), why=_text(breaker.get("why")))
    yield from _downloads(sensor, cursor.get("downloads_failed"), now)


def _breakers(found: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401 - JSON
    """One breaker, or several by name."""
    if not isinstance(found, dict):
        return
    if "opened_at" in found:
        yield "", found
        return
    yield from ((str(name)[:100], one) for name, one in found.items() if isinstance(one, dict))


def _downloads(sensor: str, found: Any, now: float) -> Iterator[Notice]:  # noqa: ANN401 - JSON
    """Name of what is downloaded -> how often it failed in a row, or an object with `times` and `why`."""
    if not isinstance(found, dict):
        return
    for name, one in found.items():
        said_why = one if isinstance(one, dict) else {"times": one}
        times = _number(said_why.get("times"))
        if times >= IN_A_ROW:
            subject, why = f"{sensor}:{_text(name)}"[:200], _text(said_why.get("why"))
            yield _begun("downloads", subject, now, sensor=sensor, name=_text(name), times=str(int(times)), why=why)


def _begun(kind: str, subject: str, now: float, **facts: str) -> Notice:
    severity = "error" if kind == "sensor_stopped" else "warning"
    return notice(
        kind, "error" if severity == "error" else "warning", "begun", subject, cause=f"{now:.3f}", at=now, facts=facts
    )


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return said(str(value)) if isinstance(value, str | int | float) and value != "" else "-"


def _number(value: Any) -> float:  # noqa: ANN401 - JSON
    """A number that can be compared; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0  # noqa: PLR2004 - a far future
