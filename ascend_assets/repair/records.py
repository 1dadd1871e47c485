"""What a repair leaves behind: every attempt, what was changed, and whether it holds.

Here belong the frozen reports, stored as part of a candidate and printed by `ascend repair --json`. Not here: making
them (`loop.py`), or showing them (`dossier/`, `cli/`).
"""

from typing import Literal

from ascend_assets.diagnosis.cause import Cause, Frozen
from ascend_assets.remedies.kinds import AnyRemedy


class Figures(Frozen):
    """A model before or after: what the gates said, in figures. None where it did not come that far.

    `kept_share`: share of the nodes with float arithmetic that compute in FP32. `latency_ms`: the P50 of one batch.
    `refused`: criteria that keep it out of the first environment. `error`: the largest relative Euclidean distance of
    an output from FP32.
    """

    refused: tuple[str, ...]
    error: float | None = None
    latency_ms: float | None = None
    kept_share: float | None = None


class Attempt(Frozen):
    """One try. `remedies` are all that were in force; `why` says what came of it.

    `equivalent`: whether the edited graph computes the same as the original in FP32, None where no graph was edited.
    """

    number: int
    remedies: tuple[AnyRemedy, ...]
    cause: str
    passed: bool
    equivalent: bool | None
    figures: Figures
    why: str
    seconds: float


class OptionChange(Frozen):
    """One of ATC's options before and after, as ATC takes it; empty where it was or is not given."""

    option: str
    before: str
    after: str


class GraphChange(Frozen):
    """Nodes of one operator before and after."""

    op: str
    before: int
    after: int


class Repair(Frozen):
    """The result. `healthy`: nothing was wrong, and nothing was changed. `remedies`: the smallest set that passes.

    `for_person`: remedies that would change trained weights, or rest on what nobody stated: a person has to decide.
    `ended`: why the search ended, in words.
    """

    status: Literal["healthy", "repaired", "not_repaired"]
    causes: tuple[Cause, ...]
    attempts: tuple[Attempt, ...]
    remedies: tuple[AnyRemedy, ...]
    for_person: tuple[AnyRemedy, ...] = ()
    options: tuple[OptionChange, ...] = ()
    graph: tuple[GraphChange, ...] = ()
    before: Figures
    after: Figures | None
    origin: Literal["measured", "emulated"]
    ended: str
    seconds: float
