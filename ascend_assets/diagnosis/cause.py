"""What a diagnosis says: causes, each with its confidence, its evidence, and words for a person.

Here belongs the form that reports, dossiers and `--json` show. Not here: finding causes (`diagnose.py`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ascend_assets.remedies.kinds import AnyRemedy

Seen = Literal["graph", "log", "layers", "verdicts", "profile", "options", "environment"]


class Frozen(BaseModel):
    """Frozen, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """The same in English and Chinese."""

    en: str
    zh: str


class Evidence(Frozen):
    """One fact that a cause rests on: where it was seen, and what was seen there."""

    seen: Seen
    says: str
    nodes: tuple[str, ...] = ()


class Cause(Frozen):
    """One reason for a failure.

    `rule` is the rule's id (`<family>.<name>`), `copilot.<n>` for what a language model proposed. `confidence` is the
    probability, 0 to 1, that repairing this cause is necessary. `explanation` says what happens and why; `advice` what
    a person does where no remedy is taken. `remedies` are in the order in which they are worth a try. `source` is where
    the rule is known from.
    """

    rule: str
    family: str
    confidence: Annotated[float, Field(ge=0, le=1)]
    nodes: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    explanation: Text
    advice: Text
    remedies: tuple[AnyRemedy, ...] = ()
    source: str
