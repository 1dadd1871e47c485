"""What is due of a repository's new commits: which candidates are asked for now, and how far each branch is handled.

Here belongs the decision alone, a pure function. Not here: reading commits (`affected.py`), or asking for runs
(`sensors/commits.py`).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ascend_assets.commits.affected import Concerned
from ascend_assets.commits.cursor import MAX_UNDEPLOYED, Begun, Undeployed
from ascend_assets.commits.deploying import Deploying

MAX_REQUESTS = 20
"""Candidates that one tick asks for."""
MAX_QUEUED = 10
"""Runs of one model that may be queued; where there are more, its commits wait."""


@dataclass(frozen=True)
class Pending:
    """A commit of a branch or tag that is not handled, with the models that it concerns and that can be built."""

    ref: str
    commit: str
    models: tuple[Concerned, ...]


@dataclass(frozen=True)
class Wish:
    """A candidate to ask for. `same`: the loaded assets can build it."""

    ref: str
    commit: str
    model: str
    same: bool


@dataclass(frozen=True)
class Room:
    """What limits a tick. `queued`: model -> runs that wait; `asked`: (commit, model) that have a run already."""

    queued: Mapping[str, int]
    asked: Collection[tuple[str, str]]
    requests: int = MAX_REQUESTS
    queue: int = MAX_QUEUED


@dataclass(frozen=True)
class Decision:
    """What to ask for, and what is handled once it has been asked for.

    `handled`: ref -> its last handled commit. `begun`: ref -> the commit after that, as far as it was dealt with.
    `superseded`: (ref, commit, model) that a newer commit replaces. `waiting`: candidates that must wait; `full`:
    models whose queue is. `undeployed`: what cannot be built before its definition is deployed.
    """

    wishes: tuple[Wish, ...] = ()
    handled: Mapping[str, str] = field(default_factory=dict)
    begun: Mapping[str, Begun] = field(default_factory=dict)
    superseded: tuple[tuple[str, str, str], ...] = ()
    waiting: int = 0
    full: tuple[str, ...] = ()
    undeployed: tuple[Undeployed, ...] = ()


def decide(
    pending: Mapping[str, Sequence[Pending]],
    begun: Mapping[str, Begun],
    room: Room,
    *,
    skip_superseded: bool,
    deploying: Deploying | None = None,
) -> Decision:
    """Decide for every branch in turn, each from its oldest commit on.

    A branch is handled up to the last commit all of whose models were asked for, were before, or are superseded; what
    follows waits, so that nothing is lost however often a tick stops half-way.

    `deploying`: given where a commit with another definition cannot be built. It is noted and its branch goes on, until
    it is ready or a newer commit of that branch takes its place.
    """
    made = _Making(room, deploying)
    for ref, commits in pending.items():
        newest = {one.model: each.commit for each in commits for one in each.models} if skip_superseded else {}
        made.walk(ref, commits, begun.get(ref), newest)
    made.take_ready()
    return Decision(
        wishes=tuple(made.wishes),
        handled=made.handled,
        begun=made.begun,
        superseded=tuple(made.superseded),
        waiting=made.waiting,
        full=tuple(sorted(made.full)),
        undeployed=tuple(made.undeployed.values()),
    )


class _Making:
    def __init__(self, room: Room, deploying: Deploying | None) -> None:
        self.room = room
        self.deploying = deploying
        waiting = deploying.waiting if deploying else ()
        self.undeployed = {(one.ref, one.model): one for one in waiting}
        self.queued = Counter(room.queued)
        self.asked = set(room.asked)
        self.wishes: list[Wish] = []
        self.handled: dict[str, str] = {}
        self.begun: dict[str, Begun] = {}
        self.superseded: list[tuple[str, str, str]] = []
        self.waiting = 0
        self.full: set[str] = set()

    def walk(self, ref: str, commits: Sequence[Pending], begun: Begun | None, newest: Mapping[str, str]) -> None:
        for place, each in enumerate(commits):
            done = list(begun.models) if begun is not None and begun.commit == each.commit else []
            left = [one for one in each.models if one.model not in done and not self._settled(each, one, newest)]
            waits = [one for one in left if not self._asks(each, one)]
            if waits:
                done = [one.model for one in each.models if one not in waits]
                self.begun[ref] = Begun(commit=each.commit, models=tuple(done))
                self.waiting += len(waits) + sum(len(later.models) for later in commits[place + 1 :])
                return
            self.handled[ref] = each.commit

    def take_ready(self) -> None:
        """What waited for a deployment and can be built now, unless something newer has taken its place."""
        for one in self.deploying.ready if self.deploying else ():
            place = (one.ref, one.model)
            if self.undeployed.get(place) != one:
                continue
            asked = (one.commit, one.model) in self.asked
            if asked or self._asks(Pending(one.ref, one.commit, ()), Concerned(one.model, same=True)):
                self.undeployed.pop(place, None)
            else:
                self.waiting += 1

    def _settled(self, each: Pending, one: Concerned, newest: Mapping[str, str]) -> bool:
        if newest.get(one.model, each.commit) != each.commit:
            self.superseded.append((each.ref, each.commit, one.model))
            return True
        return (each.commit, one.model) in self.asked

    def _asks(self, each: Pending, one: Concerned) -> bool:
        if self.deploying is not None and not one.same:
            return self._noted(Undeployed(ref=each.ref, model=one.model, commit=each.commit))
        if self.queued[one.model] >= self.room.queue:
            self.full.add(one.model)
            return False
        if len(self.wishes) >= self.room.requests:
            return False
        self.wishes.append(Wish(each.ref, each.commit, one.model, one.same))
        self.asked.add((each.commit, one.model))
        self.queued[one.model] += 1
        self.undeployed.pop((each.ref, one.model), None)
        return True

    def _noted(self, one: Undeployed) -> bool:
        place = (one.ref, one.model)
        if place not in self.undeployed and len(self.undeployed) >= MAX_UNDEPLOYED:
            return False
        self.undeployed[place] = one
        return True
