"""promote: a release enters an environment if it meets all that is demanded there, and then exactly once."""

import json
from typing import Any

import pytest
from moving import World, report, world
from races import dies_at_call

from ascend_assets.environments import NoSuchEnvironment
from ascend_assets.gates.verdict import Verdict
from ascend_assets.operations import promote
from ascend_assets.operations.promote import NotAdmitted
from resources.registry import audit
from resources.registry.bundles import Bundle, Bundles, Member
from resources.registry.ledger import Kind, LedgerMoved
from resources.registry.manifests import NotReleased

__all__ = ["world"]


def ready_for_prod(world: World) -> None:
    """1.0.0 lives in trial, two hours and a canary later."""
    world.live(0)
    world.promote(0, "dev")
    world.wait(2)
    world.promote(0, "staging")
    world.record(json.dumps(report(0, at=world.moment)).encode())
    world.promote(0, "trial")


def test_a_release_walks_from_environment_to_environment(world: World) -> None:
    ready_for_prod(world)
    world.approve(0)
    world.promote(0, "prod")
    for environment in ("dev", "staging", "trial", "prod"):
        live = world.tools.ledger.live(environment, "digits")
        assert live is not None
        assert (live.kind, live.version, live.actor, live.reason) == (Kind.DEPLOY, "1.0.0", "ada", "better")
        assert audit.verify(world.store, environment, "digits")


def test_an_entry_keeps_what_it_was_decided_on(world: World) -> None:
    ready_for_prod(world)
    signed = world.approve(0)
    entry = world.promote(0, "prod")
    kept = audit.admission(world.store, entry)
    assert (kept.model, kept.version, kept.release_digest) == ("digits", "1.0.0", entry.release_digest)
    assert (kept.environment, kept.kind, kept.live, kept.at) == ("prod", Kind.DEPLOY, None, world.moment)
    assert kept.approvals == (signed.digest,)
    assert all(kept.requirements)
    assert {Verdict.model_validate(v).criterion for v in kept.verdicts} >= {"chain", "latency_p99_ms", "opset"}
    policy = world.tools.environments.get("prod")
    assert entry.policy_digest == kept.policy_digest == policy.digest
    assert world.tools.blobs.read(entry.policy_digest) == policy.encoded()


def test_a_result_that_counted_is_named(world: World) -> None:
    world.live(0)
    world.wait(2)
    world.promote(0, "staging")
    recorded = world.record(json.dumps(report(0, at=world.moment)).encode())
    assert audit.admission(world.store, world.promote(0, "trial")).results == (recorded.entry.digest,)


def test_what_is_live_already_is_not_deployed_again(world: World) -> None:
    first = world.live(0)
    world.wait(1)
    assert world.promote(0) == first
    assert world.history() == ["deploy 1.0.0"]
    assert not world.plan(0, "dev")["not_live"]


def test_a_dry_run_writes_nothing(world: World) -> None:
    world.publish(0)
    before = sorted(world.store.list())
    entry = world.promote(0, dry_run=True)
    assert (entry.sequence, entry.version) == (1, "1.0.0")
    assert sorted(world.store.list()) == before
    with pytest.raises(NotAdmitted, match="was never live in dev"):
        world.promote(0, "staging", dry_run=True)


def test_without_a_version_the_one_in_the_environment_before_is_meant(world: World) -> None:
    world.publish(0)
    world.publish(1)
    assert world.promote(0, "dev", version="").version == "1.1.0"
    world.promote(0)
    world.wait(2)
    assert world.promote(0, "staging", version="").version == "1.0.0"
    with pytest.raises(NotReleased, match="no release of digits is live in trial"):
        world.promote(0, "prod", version="")


def test_every_unmet_requirement_is_told_with_its_remedy(world: World) -> None:
    world.publish(0, origin="emulated")
    with pytest.raises(NotAdmitted) as refusal:
        world.promote(0, "prod")
    unmet = {requirement.name: requirement for requirement in refusal.value.unmet}
    assert set(unmet) == {"evidence", "came_from", "approvals"}
    assert all(requirement.remedy for requirement in unmet.values())
    for requirement in unmet.values():
        assert requirement.why in str(refusal.value)
        assert requirement.remedy in str(refusal.value)
    assert world.history("prod") == []


def test_emulated_evidence_says_what_is_missing_and_how_to_get_it(world: World) -> None:
    world.publish(0, origin="emulated")
    world.promote(0)
    evidence = world.plan(0, "staging")["evidence"]
    assert "staging takes evidence that is measured" in evidence.why
    assert "this is not: conversion_errors (Ascend310P3); " in evidence.why
    assert "on a machine with the NPU, with the toolchain cann" in evidence.remedy
    assert "ascend run digits --commit aaaaaaaaaaaa" in evidence.remedy


def test_stored_verdicts_are_not_believed(world: World) -> None:
    """The samples' manifests all say that they may enter anywhere; this one is slower than prod allows."""
    world.publish(0, p99=1e6)
    with pytest.raises(NotAdmitted, match=r"verdicts: latency_p99_ms \(Ascend310P3\) is 1e\+06 ms, dev wants <="):
        world.promote(0)


def test_a_release_is_compared_with_what_is_live_now(world: World) -> None:
    world.publish(1, p99=1.3)
    assert world.plan(1, "dev")["verdicts"]
    world.publish(0, p99=1.0)
    world.promote(0)
    assert "latency_regression" in world.plan(1, "dev")["verdicts"].why
    with pytest.raises(NotAdmitted, match="latency_regression"):
        world.promote(1)


def test_what_a_rollback_left_is_no_baseline(world: World) -> None:
    world.publish(0, p99=1.2)
    world.publish(1, p99=0.5)
    world.promote(0)
    world.promote(1)
    world.publish(2, p99=1.25)
    assert not world.plan(2, "dev")["verdicts"]
    world.roll_back()
    assert world.plan(2, "dev")["verdicts"]


def test_a_release_soaks(world: World) -> None:
    world.live(0)
    world.wait(1.5)
    soak = world.plan(0, "staging")["soak"]
    assert (soak.met, soak.why) == (False, "live in dev for 1.5 h; staging wants 2 h")
    assert soak.remedy == "wait until 2026-11-20T10:00+00:00"
    world.wait(0.5)
    assert world.promote(0, "staging").version == "1.0.0"


def test_a_release_that_was_followed_by_another_counts_its_time(world: World) -> None:
    world.live(0)
    world.wait(2)
    world.live(1)
    assert world.plan(0, "staging")["soak"]
    assert world.plan(0, "staging")["came_from"]
    assert not world.plan(1, "staging")["soak"]


def test_a_release_that_was_left_by_a_rollback_goes_no_further(world: World) -> None:
    world.live(0)
    world.wait(2)
    world.live(1)
    world.wait(2)
    world.roll_back()
    came = world.plan(1, "staging")["came_from"]
    assert (came.met, came.why) == (False, "it was left by a rollback in dev: worse")
    world.promote(1)
    assert world.plan(1, "staging")["came_from"]
    assert not world.plan(1, "staging")["soak"]


def test_a_bad_result_keeps_a_release_out_until_a_good_one(world: World) -> None:
    world.live(0)
    world.wait(2)
    world.promote(0, "staging")
    assert "no canary or A/B test" in world.plan(0, "trial")["rollout_result"].why
    bad = report(0, at=world.moment)
    bad["candidate"]["errors"] = 400
    world.record(json.dumps(bad).encode())
    with pytest.raises(NotAdmitted, match="400 of 5,000 requests failed"):
        world.promote(0, "trial")
    world.record(json.dumps(report(0, at=world.moment)).encode())
    world.promote(0, "trial")


def test_a_signature_is_missing_until_it_is_there(world: World) -> None:
    ready_for_prod(world)
    with pytest.raises(NotAdmitted, match="approvals: 0 of 1 signatures"):
        world.promote(0, "prod")
    world.approve(0)
    assert world.promote(0, "prod").version == "1.0.0"


def test_who_wrote_it_cannot_be_who_signs_it(world: World) -> None:
    world.publish(0, authors=("Grace <Grace@Example.org>",))
    world.promote(0)
    assert "0 of 1" in world.plan(0, "prod")["approvals"].why


def test_a_dirty_candidate_stays_where_that_is_allowed(world: World) -> None:
    world.publish(0, dirty=True, authors=())
    world.promote(0)
    clean = world.plan(0, "staging")["clean_tree"]
    assert (clean.met, "digits" in clean.why) == (False, True)
    assert "clean_tree" not in world.plan(0, "staging")["verdicts"].why


def test_a_damaged_or_missing_file_keeps_a_release_out(world: World) -> None:
    made = world.publish(0)
    om = made.targets["Ascend310P3"].om.sha256
    world.rewrite(f"blobs/sha256/{om}", b"something else")
    with pytest.raises(NotAdmitted, match=r"(?s)content: .* is damaged.*see content"):
        world.promote(0)
    world.store.local(f"blobs/sha256/{made.dossier}").unlink()
    assert made.dossier in world.plan(0, "dev")["present"].why


def test_what_does_not_load_stays_out(world: World) -> None:
    world.publish(0, content=b"broken ")
    with pytest.raises(NotAdmitted, match="does not load on Ascend310P3: truncated"):
        world.promote(0)


def test_a_machine_that_cannot_load_it_is_told_which_can(world: World) -> None:
    made = world.publish(0)
    cann = made.toolchain.model_copy(update={"name": "cann"})
    world.tools.registry.publish(made.model_copy(update={"version": "1.5.0", "toolchain": cann}))
    with pytest.raises(NotAdmitted, match="run the command on a machine with the toolchain cann"):
        world.promote(5)


def test_a_release_of_the_first_layout_cannot_be_judged(world: World) -> None:
    made = world.publish(0)
    unknown: dict[str, Any] = {"authors": (), "definition": None, "evidence": {}, "evaluation": None}
    old = made.model_copy(update={"version": "1.5.0", "schema_version": 1} | unknown)
    world.tools.registry.publish(old)
    with pytest.raises(NotAdmitted, match="before manifests named their evidence: release it again"):
        world.promote(5)


def test_of_two_decisions_on_one_present_one_is_told_that_it_lost(world: World) -> None:
    world.publish(0)
    world.publish(1)
    plans = [
        promote.plan(world.tools, name="digits", environment="dev", version=f"1.{n}.0", actor=f"a{n}", reason="")
        for n in range(2)
    ]
    promote.make(world.tools, plans[0])
    with pytest.raises(LedgerMoved, match="by a0"):
        promote.make(world.tools, plans[1])
    assert world.history() == ["deploy 1.0.0"]


def test_a_signature_dies_when_the_world_it_was_given_in_changes(world: World) -> None:
    ready_for_prod(world)
    world.approve(0)
    decided = promote.plan(
        world.tools, name="digits", environment="prod", version="1.0.0", actor="ada", reason="better"
    )
    world.promote(0, "prod")
    with pytest.raises(LedgerMoved):
        promote.make(world.tools, decided)


def test_killed_anywhere_it_can_be_done_again(world: World) -> None:
    world.publish(0)
    world.publish(1, p99=1.19)
    world.promote(0)
    point, left = 1, set()
    while dies_at_call(lambda: world.promote(1), point):
        left.add(tuple(world.history()))
        assert audit.verify(world.store, "dev", "digits")
        world.promote(1)
        assert world.history() == ["deploy 1.0.0", "deploy 1.1.0"]
        world.store.local("environments/dev/digits/00000002.json").unlink()
        point += 1501
    assert len(left) >= 1


def test_names_of_nothing_are_refused(world: World) -> None:
    with pytest.raises(NotReleased):
        world.promote(7)
    world.publish(0)
    with pytest.raises(NoSuchEnvironment, match="there are: dev, staging, trial, prod"):
        world.promote(0, "nowhere")


def test_a_bundle_moves_as_one(world: World) -> None:
    member = world.publish(0, origin="emulated")
    bundle = Bundle(
        model="speech",
        version="1.0.0",
        members=(Member(model="digits", version="1.0.0", release_digest=member.digest),),
        files={"tokenizer": world.tools.blobs.put_bytes(b"tokens", "tokenizer.json")},
        created_at=world.moment,
        created_by="ada",
    )
    Bundles(world.store).publish(bundle)
    entry = world.promote(0, "dev", name="speech")
    assert (entry.model, entry.release_digest) == ("speech", bundle.digest)
    assert world.history() == []
    with pytest.raises(NotAdmitted, match="not: digits: "):
        world.promote(0, "staging", name="speech")
    tokens = bundle.files["tokenizer"].sha256
    world.rewrite(f"blobs/sha256/{tokens}", b"others")
    with pytest.raises(NotAdmitted, match="content"):
        world.promote(0, "staging", name="speech")
