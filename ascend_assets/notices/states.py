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

from ascend_assets.notices.kinds import KINDS
from ascend_assets.notices.said import said
from ascend_assets.notices.wording import moment
from ascend_assets.watchdog import Stopped
from resources.notify.notice import Notice, notice

IN_CURSORS = frozenset({"source_down", "breaker", "downloads"})
"""Kinds that sensors' cursors tell of."""
OF_CHECKS = frozenset({"check_failed", "signatures", "drift", "error_rate", "slow_load"})
"""Kinds that last as long as a check does not pass."""
IN_A_ROW = 3
"""Ticks or downloads that must have failed in a row before anybody is told."""
_MAX_CURSOR = 4 * 1024 * 1024


def cursors(instance: dg.DagsterInstance) -> dict[str, str]:
    """Name of each sensor that has ticked -> its cursor."""
    found: dict[str, str] = {}
    if instance.schedule_storage is None:
        return found  # an instance that lives in memory runs no sensors
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
        _begun("sensor_stopped", one.name, now, facts={"sensor": one.name, "why": said(one.why)}) for one in stopped
    ]
    return (*wrong, *ended(standing, {"sensor_stopped"}, {each.key for each in wrong}, now))


def gone(standing: Mapping[str, Notice], checks: Collection[tuple[str, str]]) -> frozenset[str]:
    """Troubles of checks that are there no more, as after a model was removed. `checks`: asset and name of each."""
    return frozenset(
        key
        for key, known in standing.items()
        if known.kind in OF_CHECKS and (known.facts.get("asset", ""), known.facts.get("check", "")) not in checks
    )


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
        facts = {"sensor": sensor, "since": since, "times": times, "why": _text(trouble.get("why"))}
        yield _begun("source_down", sensor, now, facts=facts)
    breaker = cursor.get("breaker")
    opened = _number(breaker.get("opened_at")) if isinstance(breaker, dict) else 0.0
    if isinstance(breaker, dict) and opened:
        facts = {"sensor": sensor, "since": moment(opened), "why": _text(breaker.get("why"))}
        yield _begun("breaker", sensor, now, facts=facts)
    yield from _downloads(sensor, cursor.get("downloads_failed"), now)


def _downloads(sensor: str, found: Any, now: float) -> Iterator[Notice]:  # noqa: ANN401 - JSON
    """What failed most often in a row, as `model`, `version`, `times` and `why`; of another model it is told anew."""
    if not isinstance(found, dict) or _number(found.get("times")) < IN_A_ROW:
        return
    model, times = _text(found.get("model")), str(int(_number(found.get("times"))))
    facts = {"sensor": sensor, "name": f"{model} {_text(found.get('version'))}", "times": times}
    why = _text(found.get("why"))
    yield _begun("downloads", sensor, now, version=model, facts={**facts, "why": why})


def _begun(kind: str, subject: str, now: float, *, version: str = "", facts: dict[str, str]) -> Notice:
    """A trouble that is seen now. That it was seen before is known by its name, not by its cause."""
    severity = KINDS[kind].severity
    return notice(kind, severity, "begun", subject, cause=f"{version} {now}", at=now, version=version, facts=facts)


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return said(str(value)) if isinstance(value, str | int | float) and value != "" else "-"


def _number(value: Any) -> float:  # noqa: ANN401 - JSON
    """A number that can be compared; 0 for anything else."""
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0  # noqa: PLR2004 - a far future
