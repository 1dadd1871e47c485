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
from keys import Key, make_key
from races import race

from ascend_assets.environments import Environment, Environments
from ascend_assets.operations import approve, audit, promote, rollback
from ascend_assets.operations.promote import NotAdmitted
from ascend_assets.operations.rollback import RollbackRefused
from resources.registry.approvals import Decision
from resources.registry.ledger import MOVES, Entry, Kind, Ledger, LedgerMoved
from resources.store.blobs import FolderStore
from resources.store.objects import BlobStore

ENVIRONMENT = "staging"
RIVALS = 16
ENDS = {"won", "already so", "lost", "outdated", "unsigned", "nothing left"}
_TRIES = 60
_PATIENCE = 120.0


@dataclass(frozen=True)
class Try:
    """How one command ended. `entry`: digest of what was appended, or, for `lost`, of what stood in the way.

    `outdated`: a signature that another's move has overtaken, so that it is about a present that is gone.
    """

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
    world, keys = _with_signers(world)
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
        own = replace(world, tools=replace(tools, ledger=_Together(store, barrier)), grace=keys[me])
        return json.dumps([asdict(each) for each in _rival(own, me)])

    results = race(work, RIVALS)
    assert all(result.startswith("[") for result in results), results
    tries = [Try(**each) for result in results for each in json.loads(result)]
    assert {each.ended for each in tries} <= ENDS, tries
    _everybody_was_told(world, before, tries)
    assert all(audit.verify(world.tools)), audit.verify(world.tools)


def _with_signers(world: World) -> tuple[World, list[Key]]:
    """Everybody may sign: with one name for all, the second signature would be refused as the same person's."""
    keys = [make_key(world.folder, f"rival-{number}") for number in range(RIVALS)]
    lines = "".join(key.line(f"rival-{number}@example.org") for number, key in enumerate(keys))
    policy = Environments(tuple(_also_signed_by(each, lines) for each in world.tools.environments))
    return replace(world, tools=replace(world.tools, environments=policy)), keys


def _also_signed_by(environment: Environment, lines: str) -> Environment:
    if not environment.approvals.required:
        return environment
    signers = environment.approvals.model_copy(update={"signers": environment.approvals.signers + lines})
    return environment.model_copy(update={"approvals": signers})


def _rival(world: World, me: int) -> list[Try]:
    """Try until it is done or refused."""
    does = (_promotes, _approves, _rolls_back)[me % 3]
    tries: list[Try] = []
    while len(tries) < _TRIES:
        tries.append(_tried(world, f"rival {me}, {len(tries)}", does))
        cast("_Together", world.tools.ledger).meet()
        if tries[-1].ended == "unsigned":
            tries.append(_tried(world, f"rival {me}, {len(tries)}", _signs_for_it))
        elif tries[-1].ended not in {"lost", "outdated"}:
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
    except approve.ApprovalRefused as refused:
        overtaken = "it was signed when another deployment was live" in str(refused)
        return Try(actor, "outdated" if overtaken else "not signed", said=str(refused))
    except RollbackRefused as refused:
        return Try(actor, "nothing left", said=str(refused))
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
    assert {entry.kind for entry in new} == {Kind.DEPLOY, Kind.APPROVE, Kind.ROLLBACK}, tries
    known = {entry.digest: entry for entry in new}
    lost = [each for each in tries if each.ended == "lost"]
    assert lost, "all decided on the same present, so that all but one of them had to decide again"
    for each in tries:
        if each.ended == "outdated":
            assert any(f"Live is {entry} " in f"{each.said} " for entry in new if entry.kind in MOVES)
    for each in lost:
        winner = known[each.entry]
        assert winner.actor != each.actor
        assert f"won: entry {winner.sequence} ({winner.kind} {MODEL} {winner.version}" in each.said
        assert f"by {winner.actor} at" in each.said
        assert each.said.endswith("Look at what is live now and decide again")
