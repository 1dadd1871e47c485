"""What a criterion is, and its limit in an environment.

Here belongs the type. Not here: which there are (`criteria.py`), or judging by one (`verdict.py`).
"""

from dataclasses import dataclass
from typing import Literal

from ascend_assets.environments import Environment


@dataclass(frozen=True)
class Criterion:
    """One thing that is judged. `default` is the limit where neither an environment nor a model gives one."""

    name: str
    sense: Literal["<=", ">="]
    unit: str
    meaning: str
    source: str
    """Where the default limits come from."""
    default: float
    negotiable: bool = True
    """Whether a model's `defs.yaml` may set limits of its own."""


def limit(criterion: str, default: float, environment: Environment) -> float:
    """A criterion's limit in an environment, whatever the model. Uncommitted files are what `allows_dirty` says."""
    if criterion == "clean_tree":
        return float(environment.allows_dirty)
    return environment.limits.get(criterion, default)
