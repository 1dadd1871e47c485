"""How much a repair may take: attempts and time.

Here belongs counting them. Not here: what is attempted (`search.py`), or a hard bound on a process (`cli/bounds.py`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ascend_assets.repair.minimal import Stopped

ATTEMPTS, SECONDS = 60, 120.0


@dataclass(frozen=True)
class Budget:
    """Bounds of one repair. Trying the model as given is no attempt. No attempt begins after `seconds`.

    Raises `ValueError` for bounds that are negative or not finite.
    """

    attempts: int = ATTEMPTS
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        if self.attempts < 0 or not 0 <= self.seconds < float("inf"):
            raise ValueError(f"a budget of {self.attempts} attempts and {self.seconds} s: give finite bounds from 0 on")


@dataclass
class Meter:
    """What is spent of a budget. `clock` gives seconds, from any beginning."""

    budget: Budget
    clock: Callable[[], float] = time.monotonic
    attempts: int = 0
    begin: float = field(init=False)

    def __post_init__(self) -> None:
        self.begin = self.clock()

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.begin

    def take(self) -> int:
        """The number of the attempt that begins now, from 1 on. Raises `Stopped` where nothing is left."""
        if self.over:
            raise Stopped(self.over)
        self.attempts += 1
        return self.attempts

    @property
    def over(self) -> str:
        """Which bound is reached, in words; empty while there is something left."""
        if self.attempts >= self.budget.attempts:
            return f"all {self.budget.attempts} attempts are used up"
        if self.seconds >= self.budget.seconds:
            return f"{self.budget.seconds:g} s are over"
        return ""
