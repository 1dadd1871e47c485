"""Cron expressions: whether one can be meant, and its last moment.

Here belongs the one place that asks Dagster's own reading of cron, which is not public. Not here: whether anything is
due (`due.py`).
"""

from datetime import UTC, datetime

from dagster._utils.schedules import is_valid_cron_string, reverse_cron_string_iterator

FIELDS = 5
_NAMED = frozenset({"@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually", "@midnight"})


class BadSchedule(ValueError):
    """A text that is no cron expression, or one that no moment fits."""


def require(cron: str) -> str:
    """The expression, if it has five fields (or is `@daily` and the like) and a moment. Raises `BadSchedule`."""
    plain = len(cron.split()) == FIELDS or cron in _NAMED
    if not plain or not is_valid_cron_string(cron):
        raise BadSchedule(f"{cron!r} is no cron expression of five fields: write `0 3 * * 1` for Mondays at 3:00 UTC")
    return cron


def last_moment(cron: str, now: datetime) -> datetime:
    """The last moment of a schedule, in UTC, not after `now`. Raises `BadSchedule`."""
    return next(reverse_cron_string_iterator(now.timestamp(), require(cron), "UTC")).astimezone(UTC)
