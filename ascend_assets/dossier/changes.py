"""What is different from the last release: the facts, as the page shows them.

Here belong the data types. Not here: finding the differences (`compare.py`).
"""

from dataclasses import dataclass
from typing import Literal

Direction = Literal["better", "worse", "new", "gone"]
"""`new`, `gone`: judged only now, judged only then."""


@dataclass(frozen=True)
class Changed:
    """One thing that was one way and is another. An empty text means that it was not there."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class VerdictChange:
    """One criterion's value then and now; None where it was not judged."""

    criterion: str
    target: str
    unit: str
    before: float | None
    after: float | None
    direction: Direction


@dataclass(frozen=True)
class Changes:
    """Differences from a release. `version` is None where the model has no release yet: then all else is empty.

    `commits`: one line each, newest first, as the caller found them. `onnx`: None where the file is the same.
    `unchanged`: verdicts with the same value.
    """

    version: str | None
    candidate: str = ""
    commit: Changed | None = None
    commits: tuple[str, ...] = ()
    onnx: Changed | None = None
    signature: tuple[Changed, ...] = ()
    options: tuple[Changed, ...] = ()
    toolchain: Changed | None = None
    pipeline: tuple[Changed, ...] = ()
    verdicts: tuple[VerdictChange, ...] = ()
    unchanged: int = 0

    def __bool__(self) -> bool:
        """Whether anything differs."""
        single = (self.commit, self.onnx, self.toolchain)
        many = (self.commits, self.signature, self.options, self.pipeline, self.verdicts)
        return any(change is not None for change in single) or any(many)
