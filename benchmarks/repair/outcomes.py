"""What is known of one case after it was run: frozen, and written as JSON.

Here belongs the form alone. Not here: running (`running.py`), or adding up (`report.py`).
"""

from dataclasses import dataclass
from typing import Literal

Status = Literal["healthy", "repaired", "not_repaired", "unusable", "crashed"]


@dataclass(frozen=True)
class Named:
    """One cause, as far as accuracy goes."""

    rule: str
    family: str
    confidence: float


@dataclass(frozen=True)
class Check:
    """An answer of `repaired` held against the file and the options that it gave.

    `admitted`: preflight's gates pass on the same inputs; `others`: on other random ones too. `equal`: it computes
    what the original did in FP32, by ONNX Runtime. `worst`: the largest relative Euclidean distance of an output.
    """

    admitted: bool
    others: bool
    equal: bool
    worst: float
    why: str = ""

    def __bool__(self) -> bool:
        """Whether the answer holds."""
        return self.admitted and self.equal


@dataclass(frozen=True)
class Outcome:
    """One case. `families`: of the planted faults, empty for a healthy model. `changed`: whether anything was changed.

    `seconds`: of the whole command, with the start of its process where it had one of its own; `cpu`: processor
    seconds, which other work on the machine sways less. `kept_share`: after the repair; `latency_before` and
    `latency_after`: milliseconds. None where it did not come so far.
    """

    name: str
    half: str
    families: tuple[str, ...]
    unattended: bool
    nodes: int
    status: Status
    changed: bool
    causes: tuple[Named, ...]
    top: bool
    any: bool
    every: bool
    check: Check | None
    remedies: tuple[str, ...]
    attempts: int
    seconds: float
    cpu: float = 0.0
    kept_share: float | None = None
    latency_before: float | None = None
    latency_after: float | None = None
    ended: str = ""
    error: str = ""

    @property
    def healthy(self) -> bool:
        """Whether nothing was planted."""
        return not self.families

    @property
    def repaired(self) -> bool:
        """Whether it says so, and that holds."""
        return self.status == "repaired" and bool(self.check)

    @property
    def false_claim(self) -> bool:
        """Whether it says that a broken model is repaired, or sound, and that does not hold."""
        if self.healthy:
            return False
        return self.status == "healthy" or (self.status == "repaired" and not self.check)

    @property
    def false_repair(self) -> bool:
        """Whether a healthy model was changed, or called broken."""
        return self.healthy and (self.changed or self.status != "healthy")
