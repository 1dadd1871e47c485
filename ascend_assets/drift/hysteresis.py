"""When a check says that production has drifted, and when that it is over.

Here belongs the state machine of one check over looks. Not here: how a look comes to its value (`judge.py`).

Before drift is said, and before it is said to be over, `consecutive` looks in a row must agree; and it is over only
where the distance is below a share `calm` of the limit, so that one which hovers at the limit does not flap. Only looks
at enough new samples count (`counts`): windows that overlap show the same chance twice.
"""

from dataclasses import dataclass

from ascend_assets.drift.records import Held


@dataclass(frozen=True)
class Memory:
    """What a check carries from look to look."""

    held: Held = "calm"
    streak: int = 0


def counts(fresh: int, minimum_samples: int) -> bool:
    """Whether a look moves a state: `fresh` of its samples were in no look before that counted."""
    return fresh >= minimum_samples


def after(memory: Memory, value: float, limit: float, *, calm: float, consecutive: int) -> Memory:
    """The state after a look that counts and was judged. A value that is NaN is beyond every limit."""
    over = not value <= limit
    if memory.held == "drifted":
        quiet = value <= calm * limit
        streak = memory.streak + 1 if quiet else 0
        return Memory() if streak >= consecutive else Memory("drifted", streak)
    if not over:
        return Memory()
    streak = memory.streak + 1
    return Memory("drifted") if streak >= consecutive else Memory("suspect", streak)
