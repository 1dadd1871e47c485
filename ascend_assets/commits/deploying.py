"""Commits that wait for the deployment of their definition: in profile k8s only what is deployed can be built.

Here belongs asking which of them can be built now. Not here: that they wait (`plan.py`), or remembering them
(`cursor.py`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from ascend_assets.commits.affected import Sources
from ascend_assets.commits.cursor import Undeployed
from resources import git_history
from resources.git_command import GitError

SECONDS = 0.5
"""No further commit is asked for its definition after so long; those that were not asked are the first next time."""


@dataclass(frozen=True)
class Deploying:
    """What waits, whoever is asked first in front. `ready`: those whose definition is the loaded one now.

    `told`: what a person should know.
    """

    waiting: tuple[Undeployed, ...] = ()
    ready: tuple[Undeployed, ...] = ()
    told: tuple[str, ...] = field(default=(), compare=False)


def look(sources: Sources, waiting: Sequence[Undeployed]) -> Deploying:
    """Ask each for its definition, within a tick's time. What is not in the repository any more is dropped, and told.

    Raises `GitError` where the repository cannot be read.
    """
    here = git_history.known(sources.repo, (one.commit for one in waiting)) if waiting else frozenset()
    told = [f"{one} is not in the repository any more" for one in waiting if one.commit not in here]
    left = [one for one in waiting if one.commit in here]
    asked: list[Undeployed] = []
    ready: list[Undeployed] = []
    begin = time.monotonic()
    while left and (not asked or time.monotonic() - begin <= SECONDS):
        one = left.pop(0)
        asked.append(one)
        try:
            found = sources.one(one.commit, one.model)
        except GitError as error:
            told.append(f"{one} cannot be read: {error}")
            continue
        if found is not None and found.same:
            ready.append(one)
    return Deploying((*left, *asked), tuple(ready), tuple(told))
