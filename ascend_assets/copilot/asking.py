"""Asking about one failure: facts, question, answer, and what is kept of it.

Here belongs the order of these steps. Not here: when it is asked (`proposer.py`), or the steps themselves.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ascend_assets.copilot import causes as reading
from ascend_assets.copilot import facts, prompts
from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.cause import Cause
from resources.copilot.messages import Question
from resources.copilot.redaction import Redactor

if TYPE_CHECKING:
    from resources.copilot.client import Copilot


def about(copilot: "Copilot", case: Case, causes: Sequence[Cause], first: int = 1) -> reading.Kept:
    """Causes that a language model proposes, numbered from `first` on. Raises a `CopilotError`, `OSError`."""
    found, names = facts.of(case, causes, Redactor())
    text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    question = Question("causes", prompts.causes(), text, prompts.causes_schema())
    return reading.read(copilot.ask(question).content, case, names, copilot.settings.model, first)
