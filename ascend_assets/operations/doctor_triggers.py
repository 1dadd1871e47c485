"""Examining what starts runs by itself: its settings, the daemon that asks triggers, and triggers that stopped.

Here belongs what can be seen from outside of the daemon without loading the models. Not here: what each trigger says
(`ascend triggers`), or when one counts as stopped (`ascend_assets/watchdog.py`).
"""

import os
import time
from pathlib import Path

import yaml

from ascend_assets import database, triggers_file
from ascend_assets.gates.wording import listing
from ascend_assets.operations.finding import Finding
from resources.home import Home

_SHOWN = 3
_STORAGES = frozenset({"storage", "run_storage", "schedule_storage"})


def settings() -> Finding:
    """Whether `triggers.yaml` can be in force: nothing loads in Dagster where it cannot."""
    place = triggers_file.location()
    try:
        found = triggers_file.read(place)
    except triggers_file.BadTriggers as error:
        said = listing([str(problem) for problem in error.problems], shown=_SHOWN)
        return Finding("triggers", ok=False, said=said, remedy="mend it: docs/triggers.md has every field")
    except OSError as error:
        return Finding(
            "triggers", ok=False, said=f"{place} cannot be read: {error.strerror}", remedy="give access to it"
        )
    follows = ", ".join(one.name for one in found.repositories) or "no repository"
    tells = ", ".join(one.name for one in found.notices.channels) or "nobody"
    return Finding("triggers", ok=True, said=f"{place}: follows {follows}, tells {tells}", needed=False)


def daemon(places: Home) -> Finding:
    """Whether the daemon lives, if one ever ran here, and asks its triggers; `records` where those cannot be read."""
    name, never = "daemon", "none ever ran here: nothing starts by itself, which the command line does not need"
    if not _has_records(places.dagster):
        return Finding(name, ok=True, said=never, needed=False)
    import dagster as dg

    from ascend_assets import sensor_records, watchdog

    # The shipped settings name the folder by this variable, which a shell need not have.
    os.environ.setdefault("DAGSTER_HOME", str(places.dagster))
    try:
        with dg.DagsterInstance.from_config(str(places.dagster)) as instance:
            beat = sensor_records.heartbeat(instance)
            intervals = {one.name: one.interval for one in sensor_records.read(instance).values()}
            stopped = watchdog.stopped(instance, intervals, time.time(), outside=True)
    except Exception as error:  # noqa: BLE001 - Dagster, SQLAlchemy and the database each have their own
        unread = f"Dagster's records in {places.dagster} cannot be read: {type(error).__name__}"
        said = database.trouble(error) or unread
        return Finding("records", ok=False, said=said, remedy="mend Dagster's settings, or free space")
    if beat is None:
        return Finding(name, ok=True, said=never, needed=False)
    if stopped:
        said = listing([f"{one.name}: {one.why}" for one in stopped], shown=_SHOWN)
        remedy = "look at them: ascend triggers; start the daemon anew if they do not go on"
        return Finding(name, ok=False, said=said, remedy=remedy, needed=False)
    said = f"lives, and asks {len(intervals)} triggers (last sign of life {watchdog.moment(beat)})"
    return Finding(name, ok=True, said=said, needed=False)


def _has_records(folder: Path) -> bool:
    """Whether Dagster can be asked without making anything: its databases are there, or elsewhere by its settings."""
    try:
        found = yaml.safe_load((folder / "dagster.yaml").read_bytes())
    except (OSError, yaml.YAMLError):
        return False
    if isinstance(found, dict) and not _STORAGES.isdisjoint(found):
        return True
    return all((folder / name).is_file() for name in ("history/runs.db", "schedules/schedules.db"))
