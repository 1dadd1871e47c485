"""An audit names the first wrong entry of each ledger, and says what is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import registry_samples
from governed import MODEL, POLICY, World, copy_of, make_world
from keys import make_key

from ascend_assets import policy_file
from ascend_assets.operations import audit, checkpoint
from ascend_assets.operations.audit import NothingToAudit
from ascend_assets.operations.checkpoint import BadCheckpoint
from resources import ssh_signatures
from resources.registry.admissions import Admission, Requirement
from resources.registry.approvals import NAMESPACE, Approval, Decision, Statement
from resources.registry.audit import Audit
from resources.registry.ledger import Entry, Kind, entry_key
from resources.registry.releases import release_key
from resources.store.objects import blob_key


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return make_world(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two releases in dev; in staging both were signed for, and the second was left by a rollback: 5 entries."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        made = make_world(tmp_path_factory.mktemp("original"), monkeypatch)
        made.to_staging(0)
        made.to_staging(1)
        made.roll_back()
        yield made


@pytest.fixture
def history(original: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return copy_of(original, tmp_path, monkeypatch)


def key(sequence: int, environment: str = "staging") -> str:
    return entry_key(environment, MODEL, sequence)


def entries(world: World, environment: str = "staging") -> tuple[Entry, ...]:
    return world.tools.ledger.history(environment, MODEL)


def verified(world: World, environment: str = "staging", **fields: Any) -> Audit:
    (found,) = audit.verify(world.tools, environment=environment, **fields)
    return found


def fault_of(world: World, environment: str = "staging", **fields: Any) -> tuple[str, str]:
    """Key of the first wrong entry, and what is wrong with it."""
    found = verified(world, environment, **fields)
    assert not found
    assert found.fault is not None
    return found.fault.key, found.fault.why


def test_right_ledgers_are_verified_to_their_heads(history: World) -> None:
    told: list[tuple[str, int]] = []
    dev, staging = audit.verify(history.tools, deep=True, progress=lambda ledger, done: told.append((ledger, done)))
    assert dev
    assert staging
    assert (dev.environment, dev.entries, dev.fault, dev.notes) == ("dev", 2, None, ())
    assert (staging.environment, staging.entries) == ("staging", 5)
    assert staging.head == entries(history)[-1].digest
    assert told == [("dev/digits", 2), ("staging/digits", 5)]


def test_an_empty_store_has_nothing_wrong(world: World) -> None:
    assert audit.verify(world.tools) == ()


def test_a_ledger_that_does_not_exist_is_not_verified(history: World) -> None:
    with pytest.raises(NothingToAudit, match="no ledger of speech in any environment"):
        audit.verify(history.tools, model="speech")
    with pytest.raises(NothingToAudit, match="any model in prod"):
        audit.verify(history.tools, environment="prod")


def test_a_gap(history: World) -> None:
    history.store.local(key(3)).unlink()
    assert fault_of(history) == (key(3), "missing, though later entries exist")
    assert verified(history).entries == 2


def test_a_fork(history: World) -> None:
    """An entry that follows another one than the one before it."""
    third = entries(history)[2]
    history.rewrite(key(3), third.model_copy(update={"previous": "0" * 64}).encoded())
    where, why = fault_of(history)
    assert where == key(2)
    assert "or that one is forged" in why


@pytest.mark.parametrize("sequence", [1, 3])
def test_an_edited_entry(history: World, sequence: int) -> None:
    was = entries(history)[sequence - 1]
    history.rewrite(key(sequence), was.model_copy(update={"actor": "somebody else"}).encoded())
    where, why = fault_of(history)
    assert where == key(sequence)
    assert "was changed after" in why
    assert verified(history).entries == sequence - 1
    assert verified(history).head == was.previous


def test_an_edited_last_entry_that_was_signed(history: World) -> None:
    """Its link holds; its signature does not."""
    history.publish(2)
    history.deploy(2)
    last = history.approve(2)
    assert last.approval is not None
    said = last.approval.statement.model_copy(update={"reason": "yes, yes"})
    forged = last.model_copy(
        update={"approval": last.approval.model_copy(update={"statement": said}), "reason": said.reason}
    )
    history.rewrite(key(6), forged.encoded())
    where, why = fault_of(history)
    assert where == key(6)
    assert "its signature does not count: it is forged" in why


@pytest.mark.parametrize(
    ("digest", "why"),
    [
        (lambda e: e.admission, "its admission is not to be had"),
        (lambda e: e.policy_digest, "its policy is not to be had"),
    ],
    ids=["admission", "policy"],
)
def test_a_missing_blob(history: World, digest: Callable[[Entry], str], why: str) -> None:
    second = entries(history)[1]
    history.store.local(blob_key(digest(second))).unlink()
    where, said = fault_of(history)
    assert where in {key(1), key(2)}
    assert why in said


def test_a_missing_file_of_a_release(history: World) -> None:
    om = history.tools.registry.get(MODEL, "1.1.0").targets
    digest = next(iter(om.values())).om.sha256
    history.store.local(blob_key(digest)).unlink()
    where, why = fault_of(history)
    assert where == key(3)
    assert f"does not hold {digest}" in why


def test_a_wrong_digest_is_found_by_reading_all(history: World) -> None:
    source = history.tools.registry.get(MODEL, "1.1.0").source
    history.rewrite(blob_key(source), b"another source")
    assert verified(history)
    where, why = fault_of(history, deep=True)
    assert where == key(3)
    assert f"{blob_key(source)} holds something else" in why


def test_a_damaged_admission(history: World) -> None:
    admission = entries(history)[1].admission
    assert admission is not None
    history.rewrite(blob_key(admission), b"{}")
    assert fault_of(history)[0] == key(2)
    assert "holds something else" in fault_of(history)[1]


def test_a_changed_manifest(history: World) -> None:
    was = history.tools.registry.get(MODEL, "1.0.0")
    history.rewrite(release_key(MODEL, "1.0.0"), was.model_copy(update={"changelog": "nothing to see"}).encoded())
    where, why = fault_of(history)
    assert where == key(1)
    assert "the manifest was changed" in why


def test_a_file_that_belongs_to_no_ledger(history: World) -> None:
    history.store.put_if_absent("environments/Staging/digits/00000001.json", b"{}")
    stray = audit.verify(history.tools)[-1]
    assert stray.fault is not None
    assert stray.fault.key == "environments/Staging/digits/00000001.json"


def test_a_deployment_without_the_signatures_that_its_policy_wants(history: World) -> None:
    history.publish(2)
    history.deploy(2)
    history.forge(2)
    where, why = fault_of(history)
    assert where == key(6)
    assert "the policy of its time was not met: approvals: 0 of 1 signatures" in why


def test_a_deployment_that_counts_what_does_not_count(history: World) -> None:
    history.publish(2)
    history.deploy(2)
    history.approve(2)
    history.forge(2, approvals=(entries(history)[0].digest,))
    where, why = fault_of(history)
    assert where == key(7)
    assert "counts other signatures" in why


def test_a_deployment_that_was_never_live_before_it(history: World) -> None:
    history.publish(2)
    history.approve(2)
    history.forge(2)
    where, why = fault_of(history)
    assert where == key(7)
    assert "came_from" in why


@pytest.mark.parametrize(
    ("demand", "why"),
    [
        ("soak_hours: 5", r"soak: live in dev for 0.0 h; staging wants 5 h"),
        ("required_checks: [rollout_result]", "rollout_result: no canary or A/B test of 1.0.0 was recorded"),
        ("hardware: {soc_versions: [Ascend910B]}", "hardware: "),
        ("limits: {cosine_similarity: 0.9999999}", "the policy of its time was not met: verdicts"),
    ],
)
def test_a_deployment_that_does_not_meet_a_demand_of_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demand: str, why: str
) -> None:
    world = make_world(tmp_path, monkeypatch, POLICY.replace("    approvals", f"    {demand}\n    approvals"))
    world.publish()
    world.deploy(0)
    world.approve(0)
    world.forge(0)
    where, said = fault_of(world)
    assert where == key(2)
    assert why in said


def test_an_admission_that_was_refused(history: World) -> None:
    history.publish(2)
    history.forge(2, met=False)
    assert "its admission was refused" in fault_of(history)[1]


def test_an_admission_that_leaves_out_what_was_demanded(history: World) -> None:
    history.publish(2)
    history.deploy(2)
    history.approve(2)
    only = (Requirement(name="verdicts", met=True, why="all is well"),)
    history.forge(2, requirements=only)
    assert "does not say whether" in fault_of(history)[1]


def test_an_admission_given_in_another_world(history: World) -> None:
    history.publish(2)
    history.deploy(2)
    history.approve(2)
    history.forge(2, live=entries(history)[1].digest)
    assert "when something else was live" in fault_of(history)[1]


def _criterion(world: World, name: str, **changes: Any) -> tuple[dict[str, Any], ...]:
    """The verdicts of the last admission, one of them changed."""
    decided = entries(world, "dev")[-1].admission
    assert decided is not None
    verdicts = Admission.model_validate_json(world.tools.blobs.read(decided)).verdicts
    assert any(v["criterion"] == name for v in verdicts)
    return tuple({**v, **changes} if v["criterion"] == name else v for v in verdicts)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"value": "NaN"}, "admits to staging against its own figures"),
        ({"value": 0.1, "limits": {"dev": 0.0, "staging": 0.99}}, "admits to staging against its own figures"),
        ({"judged": False}, "admits to staging against its own figures"),
        ({"subject": "0" * 64}, "no part of the release"),
        ({"admits": ["dev"]}, "the policy of its time was not met: verdicts"),
        ({"admits": 1}, "no verdict: admits"),
    ],
)
def test_a_deployment_on_verdicts_that_do_not_bear_it_out(history: World, changes: dict[str, Any], why: str) -> None:
    history.publish(2)
    history.deploy(2)
    history.approve(2)
    history.forge(2, verdicts=_criterion(history, "cosine_similarity", **changes))
    where, said = fault_of(history)
    assert where == key(7)
    assert why in said


def test_a_deployment_without_verdicts(history: World) -> None:
    history.publish(2)
    history.deploy(2)
    history.approve(2)
    history.forge(2, verdicts=())
    assert "the policy of its time was not met: verdicts" in fault_of(history)[1]


def _forged_rollback(world: World, number: int) -> None:
    plan = world.publish(number)
    present = world.tools.ledger.present("staging", MODEL)
    policy = world.tools.environments.get("staging")
    own = {
        "version": plan.version,
        "release_digest": plan.digest,
        "policy_digest": policy.digest,
        "at": world.tools.now(),
    }
    draft = present.follow(kind=Kind.ROLLBACK, actor="eve", reason="back", admission="0" * 64, **own)
    decided = registry_samples.admission(draft, present.live_digest)
    world.tools.blobs.put_bytes(decided.encoded(), "admission.json")
    world.tools.ledger.append(draft.model_copy(update={"admission": decided.digest}))


def test_a_rollback_to_what_was_never_live(history: World) -> None:
    _forged_rollback(history, 2)
    where, why = fault_of(history)
    assert where == key(6)
    assert "rolls back to 1.2.0, which was never live before" in why


def _signed_by(world: World, other: Path, **changes: Any) -> None:
    """An approval, appended past all checks."""
    present = world.tools.ledger.present("staging", MODEL)
    about = world.tools.registry.get(MODEL, "1.1.0")
    policy = world.tools.environments.get("staging")
    said = Statement.model_validate(
        {
            "model": MODEL,
            "version": about.version,
            "release_digest": about.digest,
            "environment": "staging",
            "decision": Decision.APPROVE,
            "live": present.live_digest,
            "policy_digest": policy.digest,
            "reason": "fine",
            "at": world.tools.now(),
        }
        | changes
    )
    signature = ssh_signatures.sign(said.encoded(), other, NAMESPACE)
    entry = present.follow(
        kind=Kind.APPROVE,
        version=about.version,
        release_digest=about.digest,
        actor="eve",
        reason=said.reason,
        at=world.tools.now(),
        policy_digest=policy.digest,
        approval=Approval(statement=said, signer="grace@example.org", signature=signature),
    )
    world.tools.ledger.append(entry)


def test_an_approval_by_another_key(history: World, tmp_path: Path) -> None:
    _signed_by(history, make_key(tmp_path, "eve").path)
    where, why = fault_of(history)
    assert where == key(6)
    assert "its signature does not count" in why


def test_an_approval_for_another_live_deployment(history: World) -> None:
    _signed_by(history, history.grace.path, live="0" * 64)
    assert "another deployment was live" in fault_of(history)[1]


def test_a_replayed_approval(history: World) -> None:
    """The same signed statement once more: recorded twice, it counts once, and the second is wrong."""
    history.publish(2)
    history.deploy(2)
    first = history.approve(2)
    present = history.tools.ledger.present("staging", MODEL)
    same = first.model_dump(include={"kind", "version", "release_digest", "reason", "policy_digest"})
    again = present.follow(**same, actor="eve", at=first.at, approval=first.approval)
    history.tools.ledger.append(again)
    where, why = fault_of(history)
    assert where == key(7)
    assert "replay" in why


def test_a_result_without_a_report(history: World) -> None:
    present = history.tools.ledger.present("staging", MODEL)
    about = history.tools.registry.get(MODEL, "1.1.0")
    report = history.tools.blobs.put_bytes(b"it went well", "result.json").sha256
    history.tools.ledger.append(
        present.follow(
            kind=Kind.RESULT,
            version=about.version,
            release_digest=about.digest,
            actor="eve",
            reason="canary",
            at=history.tools.now(),
            policy_digest=history.tools.environments.get("staging").digest,
            result=report,
        )
    )
    where, why = fault_of(history)
    assert where == key(6)
    assert "its report is none" in why


def test_a_policy_of_another_environment(history: World) -> None:
    policy = history.tools.environments.get("dev")
    history.publish(2)
    history.forge(2, policy_digest=policy.digest)
    where, why = fault_of(history)
    assert where == key(6)
    assert "its policy is that of dev" in why


def test_the_policy_of_the_time_is_what_counts(history: World) -> None:
    """Today's policy wants two signatures. What was done under yesterday's stays right, and is told of."""
    stricter = Path(policy_file.location()).parent / "stricter.yaml"
    text = policy_file.location().read_text()
    stricter.write_text(text.replace("    approvals", "    soak_hours: 5\n    approvals"))
    now = policy_file.read(stricter)
    assert now.get("staging").digest != history.tools.environments.get("staging").digest
    found = verified(replace(history, tools=replace(history.tools, environments=now)))
    assert found
    assert any("not the one in force now" in note for note in found.notes)


def _of_layout_1(world: World, environment: str) -> None:
    made = registry_samples.release(world.tools.blobs, "1.9.0", schema_version=1)
    world.tools.registry.publish(made)
    last = world.tools.ledger.current(environment, MODEL)
    registry_samples.append(
        world.tools.ledger,
        registry_samples.entry(last, made, environment=environment, schema_version=1, at=world.tools.now()),
        last,
    )


def test_entries_of_layout_1_are_checked_as_a_chain_and_that_is_said(world: World) -> None:
    _of_layout_1(world, "dev")
    _of_layout_1(world, "dev")
    found = verified(world, "dev")
    assert found
    assert found.notes == ("2 entries of layout 1 keep no admission: only their chain was checked",)


def test_an_entry_of_layout_1_does_not_evade_the_policy(history: World) -> None:
    _of_layout_1(history, "dev")
    where, why = fault_of(history, "dev")
    assert where == key(3, "dev")
    assert "layout 1 after one of layout 2" in why


def test_layout_1_is_not_believed_where_signatures_are_wanted(world: World) -> None:
    _of_layout_1(world, "staging")
    where, why = fault_of(world)
    assert where == key(1)
    assert "keeps no signatures, and staging wants 1" in why


@pytest.fixture
def auditor(history: World, tmp_path: Path) -> tuple[Path, Path]:
    """A checkpoint of the history, and the auditor's own file of signers."""
    signer = make_key(tmp_path, "signer")
    signers = tmp_path / "auditors"
    signers.write_text(signer.line("auditor@example.org"))
    checkpoint.make(history.tools, signer.path, tmp_path / "heads.json")
    return tmp_path / "heads.json", signers


def test_a_ledger_that_grew_holds_its_checkpoint(history: World, auditor: tuple[Path, Path]) -> None:
    history.to_staging(2)
    assert all(audit.verify(history.tools, against=auditor))


def test_a_tail_that_was_cut_off_is_seen(history: World, auditor: tuple[Path, Path]) -> None:
    history.store.local(key(5)).unlink()
    history.store.local(key(4)).unlink()
    assert verified(history)
    where, why = fault_of(history, against=auditor)
    assert where == key(4)
    assert "names entry 5, so the ledger's tail was cut off" in why
    assert "by auditor@example.org" in why


def test_a_tail_that_was_written_anew_is_seen(history: World, auditor: tuple[Path, Path]) -> None:
    history.store.local(key(5)).unlink()
    history.roll_back()
    assert verified(history)
    where, why = fault_of(history, against=auditor)
    assert where == key(5)
    assert "the checkpoint of" in why


def test_a_ledger_that_is_gone_is_seen(history: World, auditor: tuple[Path, Path]) -> None:
    for sequence in (1, 2):
        history.store.local(key(sequence, "dev")).unlink()
    where, why = fault_of(history, "dev", against=auditor)
    assert where == key(1, "dev")
    assert "cut off" in why


def test_a_checkpoint_that_was_edited_is_not_believed(history: World, auditor: tuple[Path, Path]) -> None:
    path, _ = auditor
    path.write_text(path.read_text().replace('\\"sequence\\":5', '\\"sequence\\":4'))
    with pytest.raises(BadCheckpoint, match="forged"):
        audit.verify(history.tools, against=auditor)
