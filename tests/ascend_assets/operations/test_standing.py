"""How a model stands in an environment, in three answers: who signed, what may enter, whether what is live is whole."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from moving import World, make_world

from ascend_assets.operations import standing
from ascend_assets.operations.standing import ANSWERS, Answer
from resources.registry.approvals import Decision
from resources.registry.ledger import LedgerBroken, entry_key
from resources.registry.releases import release_key
from resources.store.objects import blob_key

POLICY = """\
environments:
  - name: dev
    evidence: [measured, emulated]
    may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]
  - name: prod
    evidence: [measured]
    may_stay_unjudged: [latency_regression]
    approvals: {required: 1, signers: signers}
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(tmp_path / "world", monkeypatch, POLICY)


def ask(world: World, environment: str = "prod") -> dict[str, Answer]:
    found = standing.answers(standing.look(world.tools, "digits", environment))
    assert [answer.name for answer in found] == list(ANSWERS)
    return {answer.name: answer for answer in found}


def in_prod(world: World, number: int) -> None:
    world.live(number)
    world.approve(number)
    world.promote(number, "prod")


def test_where_nothing_is_live_and_nothing_waits_no_answer_is_met(world: World) -> None:
    asked = ask(world)
    assert not any(answer.met or answer.broken for answer in asked.values())
    assert asked["health"].why == "Nothing of digits is live in prod, so there is nothing to look at."
    assert asked["approvals"].why == "Nothing of digits is live in prod. Nothing waits in dev."


def test_an_environment_without_signatures_asks_for_none(world: World) -> None:
    assert ask(world, "dev")["approvals"].met
    world.live(0)
    asked = ask(world, "dev")
    assert all(answer.met for answer in asked.values()), asked
    assert asked["approvals"].why == "1.0.0 is live in dev (entry 1): dev needs no signature."


def test_of_a_release_that_waits_it_is_said_who_must_sign_and_how(world: World) -> None:
    world.live(0)
    asked = ask(world)
    assert not asked["approvals"].met
    assert not asked["approvals"].broken
    assert "1.0.0 waits in dev: 0 of 1 signatures: 1 of grace@example.org must sign: ascend approve digits" in (
        asked["approvals"].why
    )
    assert "may not enter yet: approvals" in asked["admissibility"].why
    assert [r.name for r in asked["admissibility"].waiting if not r] == ["approvals"]


def test_a_signed_release_may_enter_and_it_is_said_how(world: World) -> None:
    world.live(0)
    signed = world.approve(0)
    asked = ask(world)
    assert asked["approvals"].met
    assert f"grace@example.org (entry {signed.sequence})" in asked["approvals"].why
    assert asked["admissibility"].met
    assert "may enter: job promote, or: ascend promote digits --to prod" in asked["admissibility"].why


def test_a_rejection_is_told_with_its_reason(world: World) -> None:
    world.live(0)
    world.approve(0, decision=Decision.REJECT)
    asked = ask(world)
    assert not asked["approvals"].met
    assert "looked at it" in asked["approvals"].why


def test_what_is_live_is_told_beside_what_waits(world: World) -> None:
    in_prod(world, 0)
    asked = ask(world)
    assert all(answer.met for answer in asked.values()), asked
    assert "let in under the policy in force. Nothing waits in dev" in asked["admissibility"].why
    world.live(1)
    asked = ask(world)
    assert "1.0.0 is live in prod (entry 2): 1 of 1 signatures" in asked["approvals"].why
    assert "1.1.0 waits in dev: 0 of 1 signatures" in asked["approvals"].why
    assert not asked["approvals"].broken, "what is live is rightly signed"
    assert asked["health"].met


def test_a_release_that_was_left_by_a_rollback_is_not_offered_without_a_word(world: World) -> None:
    in_prod(world, 0)
    in_prod(world, 1)
    world.roll_back("prod", reason="it forgets the sevens")
    world.approve(1)
    said = ask(world)["admissibility"].why
    assert "1.1.0 waits in dev and may enter (it was live here before and left by a rollback: it forgets" in said


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_what_is_live_and_not_whole_is_broken(world: World, harm: str) -> None:
    in_prod(world, 0)
    release = world.tools.registry.get("digits", "1.0.0")
    (target,) = release.targets.values()
    path = world.store.local(blob_key(target.om.sha256))
    world.rewrite(blob_key(target.om.sha256), b"other") if harm == "damaged" else path.unlink()
    asked = ask(world)["health"]
    assert asked.broken
    assert not asked.met
    assert target.om.sha256 in asked.why


def test_a_manifest_that_was_exchanged_is_broken(world: World) -> None:
    in_prod(world, 0)
    world.live(1)
    world.rewrite(release_key("digits", "1.0.0"), world.tools.registry.get("digits", "1.1.0").encoded())
    assert ask(world)["health"].broken


def test_a_release_that_cannot_be_read_does_not_wait_in_silence(world: World) -> None:
    world.live(0)
    world.rewrite(release_key("digits", "1.0.0"), b"{}")
    asked = ask(world)
    assert not asked["admissibility"].met
    assert "1.0.0 waits in dev, but cannot be judged" in asked["admissibility"].why
    assert not asked["approvals"].met


def test_an_admission_that_is_gone_is_broken(world: World) -> None:
    in_prod(world, 0)
    live = world.tools.ledger.live("prod", "digits")
    assert live is not None
    assert live.admission is not None
    world.store.local(blob_key(live.admission)).unlink()
    asked = ask(world)["admissibility"]
    assert asked.broken
    assert "was let in on what cannot be read" in asked.why


def test_a_changed_policy_is_told(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_prod(world, 0)
    changed = make_world(tmp_path / "changed", monkeypatch, POLICY + "    soak_hours: 1\n")
    world.tools = replace(world.tools, environments=changed.tools.environments)
    assert "let in under an earlier policy" in ask(world)["admissibility"].why


def test_a_mark_changes_with_all_that_an_answer_depends_on(world: World) -> None:
    marks = [standing.glance(world.tools, "digits", "prod").mark]
    assert standing.glance(world.tools, "digits", "prod").empty
    acts: list[Callable[[], object]] = [
        lambda: world.live(0),
        lambda: world.approve(0),
        lambda: world.promote(0, "prod"),
    ]
    for act in acts:
        act()
        marks.append(standing.glance(world.tools, "digits", "prod").mark)
    assert len(set(marks)) == len(marks)
    assert standing.look(world.tools, "digits", "prod").mark == marks[-1]
    assert not standing.glance(world.tools, "digits", "prod").empty


def test_a_ledger_that_cannot_be_believed_is_not_looked_at(world: World) -> None:
    in_prod(world, 0)
    world.rewrite(entry_key("prod", "digits", 2), b"{}")
    with pytest.raises(LedgerBroken):
        standing.look(world.tools, "digits", "prod")
    assert all(answer.broken for answer in standing.unreadable("edited"))
