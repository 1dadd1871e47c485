"""Sixteen processes that promote, sign for and roll back one model at once: what every store must come through.

Here belong the race and what must be true after it. Not here: the store that it is run on.

What each rival wants can be had in the end, whatever the others do: version 2 is promoted by those who also sign for it
where a signature is missing; version 3 is only signed for; and there is a release to roll back to until somebody has.
"""

import json
import multiprocessing
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from multiprocessing.synchronize import Barrier
from typing import cast

from governed import MODEL, World, make_tools
from races import race

from ascend_assets.operations import approve, audit, promote, rollback
from ascend_assets.operations.promote import NotAdmitted
from ascend_assets.operations.rollback import RollbackRefused
from resources.registry.approvals import Decision
from resources.registry.ledger import Entry, Kind, Ledger, LedgerMoved
from resources.store.blobs import FolderStore
from resources.store.objects import BlobStore

ENVIRONMENT = "staging"
RIVALS = 16
_TRIES = 60
_PATIENCE = 120.0


@dataclass(frozen=True)
class Try:
    """How one command ended. `entry`: digest of what was appended, or, for `lost`, of what stood in the way."""

    actor: str
    ended: str
    entry: str = ""
    said: str = ""


class _Together(Ledger):
    """A ledger on which every rival has decided before the first of them appends."""

    def __init__(self, store: BlobStore, barrier: Barrier) -> None:
        super().__init__(store)
        self._barrier: Barrier | None = barrier

    def meet(self) -> None:
        barrier, self._barrier = self._barrier, None
        if barrier is not None:
            barrier.wait(_PATIENCE)

    def append(self, entry: Entry) -> str:
        self.meet()
        return super().append(entry)


def sixteen_at_once(world: World, open_store: Callable[[], BlobStore]) -> None:
    """Run the race on an empty world, and look at the ledger afterwards. `open_store`: as another process would."""
    for number in (0, 1):
        world.to_staging(number)
    for number in (2, 3):
        world.publish(number)
        world.deploy(number)
    world.approve(2)
    before = world.tools.ledger.history(ENVIRONMENT, MODEL)
    barrier = multiprocessing.get_context("fork").Barrier(RIVALS)

    def work(me: int) -> str:
        store = open_store()
        tools = make_tools(cast("FolderStore", store), world.tools.environments)
        own = replace(world, tools=replace(tools, ledger=_Together(store, barrier)))
        return json.dumps([asdict(each) for each in _rival(own, me)])

    results = race(work, RIVALS)
    assert all(result.startswith("[") for result in results), results
    tries = [Try(**each) for result in results for each in json.loads(result)]
    assert {each.ended for each in tries} <= {"won", "lost", "unsigned", "already so", "refused"}, tries
    _everybody_was_told(world, before, tries)
    assert all(audit.verify(world.tools)), audit.verify(world.tools)


def _rival(world: World, me: int) -> list[Try]:
    """Try until it is done or refused."""
    does = (_promotes, _approves, _rolls_back)[me % 3]
    tries: list[Try] = []
    while len(tries) < _TRIES:
        tries.append(_tried(world, f"rival {me}, {len(tries)}", does))
        cast("_Together", world.tools.ledger).meet()
        if tries[-1].ended == "unsigned":
            tries.append(_tried(world, f"rival {me}, {len(tries)}", _signs_for_it))
        elif tries[-1].ended != "lost":
            break
    return tries


def _tried(world: World, actor: str, does: Callable[[World, str], Entry]) -> Try:
    try:
        entry = does(world, actor)
    except LedgerMoved as moved:
        return Try(actor, "lost", moved.winner.digest if moved.winner else "", str(moved))
    except NotAdmitted as refused:
        lacks = [requirement.name for requirement in refused.unmet]
        return Try(actor, "unsigned" if lacks == ["approvals"] else "not admitted", said=str(refused))
    except (RollbackRefused, approve.ApprovalRefused) as refused:
        return Try(actor, "refused", said=str(refused))
    return Try(actor, "won" if entry.actor == actor else "already so", entry.digest)


def _promotes(world: World, actor: str) -> Entry:
    return promote.promote(
        world.tools, name=MODEL, environment=ENVIRONMENT, version="1.2.0", actor=actor, reason="better"
    )


def _approves(world: World, actor: str, version: str = "1.3.0") -> Entry:
    return approve.approve(
        world.tools,
        name=MODEL,
        version=version,
        environment=ENVIRONMENT,
        decision=Decision.APPROVE,
        reason=f"looked at it: {actor}",
        key=world.grace.path,
        actor=actor,
    )


def _signs_for_it(world: World, actor: str) -> Entry:
    return _approves(world, actor, "1.2.0")


def _rolls_back(world: World, actor: str) -> Entry:
    return rollback.rollback(world.tools, name=MODEL, environment=ENVIRONMENT, actor=actor, reason="worse")


def _everybody_was_told(world: World, before: tuple[Entry, ...], tries: list[Try]) -> None:
    history = world.tools.ledger.history(ENVIRONMENT, MODEL)  # raises for a gap, a fork or a broken link
    assert history[: len(before)] == before
    new = history[len(before) :]
    won = [(each.actor, each.entry) for each in tries if each.ended == "won"]
    assert sorted(won) == sorted((entry.actor, entry.digest) for entry in new), "every winner is recorded once"
    assert max(Counter(entry.actor for entry in new).values()) == 1
    assert {entry.kind for entry in new} == {Kind.DEPLOY, Kind.APPROVE, Kind.ROLLBACK}
    known = {entry.digest: entry for entry in new}
    lost = [each for each in tries if each.ended == "lost"]
    assert lost, "all decided on the same present, so that all but one of them had to decide again"
    for each in lost:
        winner = known[each.entry]
        assert winner.actor != each.actor
        assert f"won: entry {winner.sequence} ({winner.kind} {MODEL} {winner.version}" in each.said
        assert f"by {winner.actor} at" in each.said
        assert each.said.endswith("Look at what is live now and decide again")
