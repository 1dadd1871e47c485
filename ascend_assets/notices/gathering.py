"""From Dagster's event log to notices: what has come since the last look, in bounded steps.

Here belong the cursor and reading. Not here: what an event is told as (`evaluations.py`, `runs.py`, `moves.py`), or
what is not an event (`states.py`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType, EventRecordsFilter
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from pydantic import BaseModel, ConfigDict

from ascend_assets.notices import evaluations, moves, runs
from ascend_assets.trouble import Trouble
from resources.notify.notice import Notice

AT_MOST = 300
"""Events of one kind that are read in one step."""
RUNS_AT_MOST = 20
"""Failed runs that are read in one step: each has a log of its own."""
SECONDS = 1.0
"""A look begins no further step after so long; what is left waits for the next one."""
LOOK_BACK = 3600.0
"""The first look goes back so many seconds: what is older is history and not news."""


class Cursor(BaseModel):
    """Where the next look begins: per kind of event the place in the log up to which it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: dict[str, int] = {}
    trouble: Trouble | None = None


@dataclass
class Gathered:
    """What one look found. `unreadable`: events that could not be told, each said in a few words."""

    notices: list[Notice] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


Read = Callable[[dg.EventLogRecord], Sequence[Notice]]


@dataclass(frozen=True)
class _Stream:
    event: DagsterEventType
    limit: int
    read: Read


def gather(instance: dg.DagsterInstance, cursor: Cursor, dossiers: Path, now: float) -> tuple[Gathered, Cursor]:
    """The notices of what has come since, and the cursor after it. `dossiers`: where candidates' pages are."""
    found = Gathered()
    after = dict(cursor.after)
    end = time.monotonic() + SECONDS
    for stream in _streams(instance, dossiers):
        name = stream.event.value.lower()
        while True:
            records = _records(instance, stream, after.get(name), now)
            for record in records:
                found.notices.extend(_told(stream, record, found))
                after[name] = record.storage_id
            if len(records) < stream.limit or time.monotonic() > end:
                break
        if name not in after:
            after[name] = _newest(instance, stream.event)
    found.notices.sort(key=lambda notice: notice.at)
    return found, cursor.model_copy(update={"after": after})


def _streams(instance: dg.DagsterInstance, dossiers: Path) -> tuple[_Stream, ...]:
    def failed(record: dg.EventLogRecord) -> Sequence[Notice]:
        run = instance.get_run_by_id(record.run_id)
        if run is None:
            return ()
        event = record.event_log_entry.dagster_event
        said = (event.message if event else None) or ""
        return runs.notices(runs.look(instance, run, record.storage_id, record.timestamp, said), dossiers)

    def retrained(record: dg.EventLogRecord) -> Sequence[Notice]:
        event = record.event_log_entry.dagster_event
        if event is None or not (record.event_log_entry.job_name or "").endswith((runs.RETRAIN, runs.REPAIR)):
            return ()
        run = instance.get_run_by_id(record.run_id)
        if run is None:
            return ()
        return runs.notices(runs.Ended(run, event.event_type, record.storage_id, record.timestamp), dossiers)

    return (
        _Stream(DagsterEventType.ASSET_CHECK_EVALUATION, AT_MOST, _evaluated),
        _Stream(DagsterEventType.ASSET_MATERIALIZATION, AT_MOST, _moved),
        _Stream(DagsterEventType.PIPELINE_FAILURE, RUNS_AT_MOST, failed),
        _Stream(DagsterEventType.PIPELINE_START, AT_MOST, retrained),
        _Stream(DagsterEventType.PIPELINE_SUCCESS, AT_MOST, retrained),
    )


def _evaluated(record: dg.EventLogRecord) -> Sequence[Notice]:
    event = record.event_log_entry.dagster_event
    data = event.event_specific_data if event else None
    if not isinstance(data, dg.AssetCheckEvaluation):
        return ()
    return evaluations.notices(evaluations.Seen(data, record.storage_id, record.timestamp, record.run_id))


def _moved(record: dg.EventLogRecord) -> Sequence[Notice]:
    made = record.asset_materialization
    return moves.notices(made, record.storage_id, record.timestamp) if made is not None else ()


def _told(stream: _Stream, record: dg.EventLogRecord, found: Gathered) -> Iterator[Notice]:
    """An event that cannot be told is said, and stops no other: anybody can report events to Dagster."""
    try:
        yield from stream.read(record)
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        found.unreadable.append(f"event {record.storage_id} of {stream.event.value}: {type(error).__name__}")


def _records(
    instance: dg.DagsterInstance, stream: _Stream, after: int | None, now: float
) -> Sequence[dg.EventLogRecord]:
    wanted = EventRecordsFilter(stream.event, after_cursor=after)
    if after is None:
        newest = _fetch(instance, EventRecordsFilter(stream.event), 1, ascending=False)
        if not newest or newest[0].timestamp < now - LOOK_BACK:
            return ()
        wanted = EventRecordsFilter(stream.event, after_timestamp=now - LOOK_BACK)
    return _fetch(instance, wanted, stream.limit, ascending=True)


def _newest(instance: dg.DagsterInstance, event: DagsterEventType) -> int:
    newest = _fetch(instance, EventRecordsFilter(event), 1, ascending=False)
    return newest[0].storage_id if newest else 0


def _fetch(
    instance: dg.DagsterInstance, wanted: EventRecordsFilter, limit: int, *, ascending: bool
) -> Sequence[dg.EventLogRecord]:
    """Records from the index of all runs.

    Dagster's storage in SQLite opens the file of every run for this question, though all of these events stand in its
    index as well; the class above it asks the index. For another storage that is the method itself.
    """
    storage = instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        return SqlEventLogStorage.get_event_records(storage, wanted, limit=limit, ascending=ascending)
    return storage.get_event_records(wanted, limit=limit, ascending=ascending)
