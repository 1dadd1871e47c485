"""Whether a model's production is to be looked at now.

Here belongs the decision, a pure function of what was seen. Not here: seeing it, or asking for a run
(`sensors/production.py`).
"""

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StringConstraints

from ascend_assets import cursors

MOST_ATTEMPTS = 3
"""Looks at the same files; one that fails so often is left alone until something is written."""

Why = Literal["again", "files", "metrics"]


class Looked(NamedTuple):
    """The last look that was asked for: when (unix seconds), at which files (a mark), for the how manieth time.

    A cursor has one for each model: it stands there as a list, without the fields' names.
    """

    at: Annotated[int, Field(ge=0, le=2**40)]
    files: Annotated[str, StringConstraints(max_length=cursors.MARK)]
    attempt: Annotated[int, Field(ge=1, le=MOST_ATTEMPTS)] = 1


@dataclass(frozen=True)
class Seen:
    """What is there now. `files`: fingerprint of samples and feedback; `any_files`, `metrics`: whether any are."""

    files: str
    any_files: bool
    metrics: bool
    failed: bool = False
    """Whether the last look's run failed."""


def is_time(looked: Looked | None, every_minutes: int, now: float) -> bool:
    """Whether the last look is long enough ago. A clock that was set back makes no model wait for ever."""
    return looked is None or not 0 <= now - looked.at < every_minutes * 60


def why(looked: Looked | None, seen: Seen) -> Why | None:
    """What makes a look due, None for nothing."""
    if looked is None:
        return "files" if seen.any_files else "metrics" if seen.metrics else None
    if cursors.mark(seen.files) != looked.files:
        return "files"
    if seen.metrics:
        return "metrics"
    return "again" if seen.failed and looked.attempt < MOST_ATTEMPTS else None


def next_look(looked: Looked | None, seen: Seen, reason: Why, now: float) -> Looked:
    """The look that is asked for."""
    again = looked is not None and reason == "again"
    return Looked(at=int(now), files=cursors.mark(seen.files), attempt=looked.attempt + 1 if again and looked else 1)
