"""release and deployment: a manifest that can be judged again, by whom it was written, and one entry in the ledger."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from project_fixtures import sandbox
from sandbox import Sandbox, git
from tiny import write_tiny

from ascend_assets.assets import deployment, dossier
from ascend_assets.assets.release import authors
from ascend_assets.codec import read_record
from ascend_assets.environments import Environments
from ascend_assets.operations import judging
from ascend_assets.records import ReleaseRecord, SourceRecord
from ascend_assets.stage import Order
from resources.digests import sha256_bytes
from resources.registry import audit
from resources.registry.bundles import Bundle, Bundles, Member
from resources.registry.ledger import Kind
from resources.registry.manifests import CorruptRelease
from resources.registry.releases import Release

__all__ = ["sandbox"]


def released(sandbox: Sandbox) -> Release:
    latest = sandbox.tools().registry.latest("tiny")
    assert latest is not None
    return latest


def record(made: Release) -> ReleaseRecord:
    return ReleaseRecord(
        key="k",
        made_from={},
        model="tiny",
        version=made.version,
        candidate=made.candidate,
        release_digest=made.digest,
    )


def commit_by(sandbox: Sandbox, name: str, seed: int) -> None:
    write_tiny(sandbox.model, seed=seed)
    git(sandbox.root, "add", "-A")
    git(sandbox.root, "commit", "-qm", "other weights", f"--author={name} <{name.lower()}@example.com>")


def test_a_candidate_becomes_a_release_that_can_be_judged_again(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    made, tools = released(sandbox), sandbox.tools()
    assert made.schema_version == 2
    assert set(made.evidence) == {"source", "onnx", "lint"} | {
        f"Ascend310P3__{stage}" for stage in ("om", "precision", "benchmark")
    }
    assert made.definition is not None
    assert judging.definition(tools.blobs, made.definition) == sandbox.spec
    again = judging.rejudge(tools, made)
    assert [v.model_dump(mode="json") for v in again] == list(made.verdicts)
    source = read_record(tools.blobs, made.evidence["source"])
    assert isinstance(source, SourceRecord)
    assert (source.archive.sha256, source.commit) == (made.source, made.commit)
    assert made.evaluation is not None
    assert made.evaluation.sha256 in made.blobs


def test_its_deployment_keeps_what_it_was_decided_on(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    tools = sandbox.tools()
    live = tools.ledger.live("dev", "tiny")
    assert live is not None
    assert (live.kind, live.reason) == (Kind.DEPLOY, f"candidate {released(sandbox).candidate}")
    kept = audit.admission(tools.registry.store, live)
    assert not kept.unmet
    assert {r.name for r in kept.requirements} >= {"verdicts", "evidence", "approvals", "present", "loads"}
    assert sha256_bytes(tools.blobs.read(live.policy_digest)) == tools.environments.first.digest
    assert audit.verify(tools.registry.store, "dev", "tiny")


def test_a_deployment_that_stands_is_found_again(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    made = record(released(sandbox))
    found = deployment.make(sandbox.tools(), "k", Order(), environment="dev", release=made)
    assert (found.sequence, found.version) == (1, "1.0.0")
    assert len(sandbox.tools().ledger.history("dev", "tiny")) == 1


def test_a_record_of_another_manifest_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    forged = record(released(sandbox)).model_copy(update={"release_digest": "0" * 64})
    with pytest.raises(CorruptRelease, match="the ledger names 0000"):
        deployment.make(sandbox.tools(), "k", Order(), environment="dev", release=forged)


def test_a_bundles_name_is_no_models(sandbox: Sandbox) -> None:
    member = Member(model="other", version="1.0.0", release_digest="0" * 64)
    bundle = Bundle(model="tiny", version="1.0.0", members=(member,), created_at=datetime.now(UTC), created_by="ada")
    Bundles(sandbox.tools().registry.store).publish(bundle)
    ended = sandbox.run()
    assert not ended.success
    (refused,) = [event for event in ended.all_events if event.is_step_failure]
    assert "a bundle has this name" in str(refused.step_failure_data.error)


def test_who_wrote_since_the_release_before_is_an_author(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    assert released(sandbox).authors == ("Ada <ada@example.com>",)
    commit_by(sandbox, "Bob", 1)
    commit_by(sandbox, "Eve", 2)
    assert sandbox.run().success
    assert released(sandbox).version == "1.1.0"
    assert released(sandbox).authors == ("Bob <bob@example.com>", "Eve <eve@example.com>")


def test_of_what_is_in_no_commit_no_author_is_known(sandbox: Sandbox, tmp_path: Path) -> None:
    assert sandbox.run().success
    source = read_record(sandbox.tools().blobs, released(sandbox).evidence["source"])
    assert isinstance(source, SourceRecord)
    nowhere = replace(sandbox.tools(), repository=tmp_path)
    assert authors(nowhere, None, source.model_copy(update={"commit": "", "author": ""})) == ()


def test_a_dossier_depends_on_the_policy(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    tools = sandbox.tools()
    records = {name: read_record(tools.blobs, digest) for name, digest in released(sandbox).evidence.items()}
    first, *rest = tools.environments
    changed = first.model_copy(update={"soak_hours": 1.0})
    other = replace(tools, environments=Environments((changed, *rest)))
    here, there = (dossier.context(sandbox.spec, t, records) for t in (tools, other))
    assert here["policy"] != there["policy"]
    assert {**here, "policy": ""} == {**there, "policy": ""}
