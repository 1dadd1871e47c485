"""What a sensor of commits remembers between two ticks.

Here belongs the cursor's layout, bounded, and reading it. Not here: moving it (`plan.py`, `sensors/commits.py`).
"""

from pydantic import BaseModel, ConfigDict

from ascend_assets import cursors
from ascend_assets.trouble import Trouble

MAX_TRIES = 3
"""Ticks that a commit which cannot be read is tried in, before it is passed over."""
MAX_POISONED = 50
MAX_GONE = 20
MAX_UNDEPLOYED = 200
"""Commits that wait for a deployment, each with its model; where there are more, their branch waits as a whole."""
_MAX_WHY = 300


class Frozen(BaseModel):
    """What another version wrote may have fields that this one does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Stuck(Frozen):
    """A commit that could not be read, and may still be."""

    commit: str
    tries: int
    why: str


class Poisoned(Frozen):
    """A commit that was passed over. `model`: of what; empty for all of it."""

    commit: str
    model: str
    why: str
    at: str


class Begun(Frozen):
    """A commit of which some models have been dealt with, and others wait."""

    commit: str
    models: tuple[str, ...]


class Undeployed(Frozen):
    """A model's newest commit of a branch or tag that waits until the code location with its definition is deployed."""

    ref: str
    model: str
    commit: str

    def __str__(self) -> str:
        return f"{self.model} at {self.commit[:12]}"


class Cursor(Frozen):
    """What is handled.

    `refs`: branch or tag (`heads/main`, `tags/v1`) -> the last commit that is handled; None before the first look.
    `patterns`: what was followed. `gone`: last handled commits of branches that were deleted. `waiting`: candidates
    that are due and not asked for. `following`: where the next tick begins. `fetches`: how many fetch jobs were asked
    for. `undeployed`: what cannot be built before a deployment; the branch is handled beyond it.
    """

    refs: dict[str, str] | None = None
    patterns: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    begun: dict[str, Begun] = {}
    stuck: dict[str, Stuck] = {}
    poisoned: tuple[Poisoned, ...] = ()
    undeployed: tuple[Undeployed, ...] = ()
    waiting: int = 0
    following: str = ""
    fetches: int = 0
    trouble: Trouble | None = None

    def troubled(self, why: str, now: float) -> "Cursor":
        """The same with the repository's trouble noted once more. `now`: unix seconds."""
        return self.model_copy(update={"trouble": Trouble.met(self.trouble, why, now)})

    def tried(self, ref: str, commit: str, why: str) -> "Cursor":
        """The same with one more try at a commit."""
        before = self.stuck.get(ref)
        tries = before.tries + 1 if before and before.commit == commit else 1
        stuck = Stuck(commit=commit, tries=tries, why=why[:_MAX_WHY])
        return self.model_copy(update={"stuck": {**self.stuck, ref: stuck}})

    def relieved(self, ref: str) -> "Cursor":
        """The same without a branch's commit that could not be read: it can be now, or is passed over."""
        return self.model_copy(update={"stuck": {name: one for name, one in self.stuck.items() if name != ref}})

    def is_passed_over(self, commit: str) -> bool:
        """Whether a whole commit was given up."""
        return any(each.commit == commit and not each.model for each in self.poisoned)

    def passed_over(self, commit: str, model: str, why: str, now: str) -> "Cursor":
        """The same with a commit, or a model of it, given up; the oldest of too many are forgotten."""
        if any((each.commit, each.model) == (commit, model) for each in self.poisoned):
            return self
        one = Poisoned(commit=commit, model=model, why=why[:_MAX_WHY], at=now)
        return self.model_copy(update={"poisoned": (*self.poisoned, one)[-MAX_POISONED:]})


def read(text: str | None) -> Cursor:
    """The cursor; one that cannot be read counts for none, so that today's branches are the new base line."""
    return cursors.read(Cursor, text)
