"""The copilot as the repair loop calls it: after the rules, a few times at most, and never in its way.

Here belongs when it is asked and how its failures are told. Not here: what it is asked (`asking.py`), or the loop.
"""

import logging
from collections.abc import Callable, Mapping
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


def proposer(say: Say | None = None, environ: Mapping[str, str] | None = None) -> Proposer | None:
    """Asks a configured language model for causes; None where none is configured, or it cannot be used.

    `say` is told what could not be had and what was dropped; the log, where there is no `say`. What is returned raises
    nothing: a repair goes on without the copilot.
    """
    told = say or logging.getLogger(__name__).warning
    try:
        copilot = client.opened(environ)
    except CopilotMisconfigured as error:
        told(f"the copilot is not asked: {error}")
        return None
    return _Proposing(copilot, told) if copilot else None


class _Proposing:
    """Counts its questions, so that a loop cannot ask without end."""

    def __init__(self, copilot: "Copilot", say: Say) -> None:
        self._copilot = copilot
        self._say = say
        self._asked = 0

    def __call__(self, case: Case, causes: tuple[Cause, ...]) -> tuple[Cause, ...]:
        if self._asked >= MAX_QUESTIONS:
            return ()
        self._asked += 1
        try:
            kept = asking.about(self._copilot, case, causes)
        except (CopilotError, OSError) as error:
            self._say(f"the copilot proposes nothing: {error}")
            return ()
        for why, count in kept.dropped.items():
            self._say(f"the copilot's answer: {count} dropped: {why}")
        return kept.causes
