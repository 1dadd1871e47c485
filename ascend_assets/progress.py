"""Telling whoever watches a run what happens, without the stages knowing who watches.

Here belong the event and the listener. The command line listens; under Dagster's daemon nobody does, and the event log
has it all anyway.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from ascend_assets.gates.verdict import Verdict


@dataclass(frozen=True)
class StageEvent:
    """A stage started, says something, is done, was reused, was judged, or failed."""

    asset: tuple[str, ...]
    kind: Literal["started", "says", "made", "reused", "judged", "failed"]
    text: str = ""
    seconds: float = 0.0
    verdict: Verdict | None = None


Listener = Callable[[StageEvent], None]
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


def tell(event: StageEvent) -> None:
    """Pass an event on to the listener, if there is one."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(event)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hear every event that happens inside."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
