"""The copilot as the repair loop calls it: after the rules, a few times at most, and never in its way.

Here belongs when it is asked and how its failures are told. Not here: what it is asked (`asking.py`), or the loop.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ascend_assets.copilot import asking
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause
from resources.copilot import client
from resources.copilot.errors import CopilotError, CopilotMisconfigured

if TYPE_CHECKING:
    from resources.copilot.client import Copilot

Proposer = Callable[[Case, tuple[Cause, ...]], tuple[Cause, ...]]
Say = Callable[[str], None]
MAX_QUESTIONS = 3
"""Questions of one repair."""
MAX_SECONDS = 180.0
"""Seconds that all questions of one repair may take, whatever the settings allow for each."""


def proposer(say: Say | None = None, environ: Mapping[str, str] | None = None) -> Proposer | None:
    """Asks a configured language model for causes; None where none is configured, or it cannot be used.

    `say` is told what could not be had and what was dropped; the log, where there is no `say`. Whatever an
    endpoint or the state folder does, what is returned proposes nothing then, and a repair goes on without it.
    """
    told = say or logging.getLogger(__name__).warning
    try:
        copilot = client.opened(environ)
    except CopilotMisconfigured as error:
        told(f"the copilot is not asked: {error}")
        return None
    return _Proposing(copilot, told) if copilot else None


class _Proposing:
    """Counts its questions and their time, so that a loop cannot ask without end."""

    def __init__(self, copilot: "Copilot", say: Say) -> None:
        self._copilot = copilot
        self._say = say
        self._asked = 0
        self._proposed = 0
        self._seconds = MAX_SECONDS

    def __call__(self, case: Case, causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
        if self._asked >= MAX_QUESTIONS or self._seconds <= 0:
            return ()
        self._asked += 1
        begin = time.monotonic()
        settings = replace(self._copilot.settings, seconds=min(self._copilot.settings.seconds, self._seconds))
        try:
            kept = asking.about(replace(self._copilot, settings=settings), case, causes, self._proposed + 1)
        except (CopilotError, OSError) as error:
            self._say(f"the copilot proposes nothing: {error}")
            return ()
        finally:
            self._seconds -= time.monotonic() - begin
        self._proposed += len(kept.causes)
        for why, count in kept.dropped.items():
            self._say(f"the copilot's answer: {count} dropped: {why}")
        return kept.causes
