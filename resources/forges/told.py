"""What a forge is told of a commit, in our words. Here belongs nothing else."""

from dataclasses import dataclass
from typing import Literal

State = Literal["pending", "running", "success", "failure", "cancelled"]


@dataclass(frozen=True)
class Status:
    """How one commit does in one respect. `context` names the respect, and a later status of it replaces an earlier.

    `url`: where to look, empty for nowhere. `at`: unix seconds at which it became so.
    """

    sha: str
    state: State
    context: str
    description: str
    url: str = ""
    at: float = 0.0
