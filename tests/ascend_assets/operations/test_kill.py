"""kill -9 anywhere in a command: the ledgers stay right, and the next command succeeds."""

import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from governed import MODEL, World, copy_of, make_world
from races import calls_of, dies_at_call

from ascend_assets.operations import audit
from ascend_assets.operations.policy_audit import Remembering
from resources import ssh_signatures
from resources.registry.ledger import Kind
from resources.registry.releases import release_key
from resources.store.objects import BLOBS

KILLS = 200
SEED = "ASCEND_KILL_SEED"
"""Environment variable: the seed of a run that failed, to see it again."""

verify_signature = Remembering(ssh_signatures.verify)


def _published(world: World) -> bool:
    return world.store.head(release_key(MODEL, "1.2.0")) is not None


def _head_is(environment: str, kind: Kind) -> Callable[[World], bool]:
    def done(world: World) -> bool:
        head = world.tools.ledger.current(environment, MODEL)
        return (
            head is not None and head.kind is kind and head.version == ("1.1.0" if kind is Kind.ROLLBACK else "1.2.0")
        )

    return done


COMMANDS: dict[str, tuple[Callable[[World], object], Callable[[World], bool]]] = {
    "publish": (lambda world: world.publish(2), _published),
    "promote to dev": (lambda world: world.deploy(2), _head_is("dev", Kind.DEPLOY)),
    "approve": (lambda world: world.approve(2), _head_is("staging", Kind.APPROVE)),
    "promote to staging": (lambda world: world.deploy(2, "staging"), _head_is("staging", Kind.DEPLOY)),
    "roll back": (lambda world: world.roll_back(), _head_is("staging", Kind.ROLLBACK)),
}
"""One after the other, each with how to see that it is done."""


@pytest.mark.timeout(900)
def test_two_hundred_kills_leave_the_ledgers_right_and_the_next_command_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get(SEED) or time.time_ns() % 1_000_000)
    print(f"{SEED}={seed}")  # noqa: T201 - pytest shows it when the test fails
    chance = random.Random(seed)  # noqa: S311 - which points are tried is no secret
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # what killed processes leave is swept away with the rest
    original = make_world(tmp_path / "original", monkeypatch)
    original.to_staging(0)
    original.to_staging(1)
    points = _points(copy_of(original, tmp_path / "counted", monkeypatch))
    kills, before, after = 0, 0, 0
    while kills < KILLS:
        world = copy_of(original, tmp_path / f"after {kills}", monkeypatch)
        for name, (work, done) in COMMANDS.items():
            # Every other one near the end, where what counts is written.
            point = chance.randint(chance.choice((1, points[name] * 9 // 10)), points[name])
            killed = dies_at_call(lambda work=work, world=world: work(world), point)  # type: ignore[misc]
            kills += killed
            what = f"{name}, killed at call {point} of {points[name]}, {SEED}={seed}"
            _right(world, what)
            if done(world):
                after += killed
            else:
                before += killed
                work(world)
                assert done(world), what
    _right(world, f"the end, {SEED}={seed}")
    print(f"{before} kills came before what was to be written, {after} after")  # noqa: T201 - as above
    assert min(before, after) > 0


def _points(world: World) -> dict[str, int]:
    """How many points each command has at which it can be killed."""
    return {name: calls_of(lambda work=work: work(world)) for name, (work, _) in COMMANDS.items()}  # type: ignore[misc]


def _right(world: World, what: str) -> None:
    found = audit.verify(world.tools, verify_signature=verify_signature)
    assert len(found) == 2, what
    assert all(found), (what, [one.fault for one in found])
    assert not [key for key in world.store.list(BLOBS) if not world.store.holds(key, b"")], f"half a blob: {what}"
