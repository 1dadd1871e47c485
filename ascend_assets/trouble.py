"""A trigger's trouble with its source, as it stands in the trigger's cursor.

Here belongs the one form in which it is kept: people are told of it (`notices/`) and shown it (`trigger_states.py`)
whichever trigger it is. Not here: what counts as trouble (each trigger's own business).
"""

from datetime import UTC, datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

_MAX_WHY = 500


class Trouble(BaseModel):
    """A source that cannot be used. `since`: ISO 8601, UTC; `times`: in how many ticks in a row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: str
    times: int
    why: str

    @classmethod
    def met(cls, before: Self | None, why: str, now: float) -> Self:
        """The trouble after a tick has met it (once more). `now`: unix seconds."""
        since = before.since if before else datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        return cls(since=since, times=before.times + 1 if before else 1, why=why[:_MAX_WHY])
