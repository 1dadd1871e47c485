"""A candidate walks from source to dev; work that is done is not done again; a new commit is a new version."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from sandbox import Sandbox
from tiny import write_tiny

from ascend_assets import history
from ascend_assets.codec import read_record
from ascend_assets.records import DossierRecord, PrecisionRecord, Record, SourceRecord
from ascend_assets.walk import stages
from resources.registry import audit


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, object]:
    event = next(e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey(key.split("/")))
    return {name: value.value for name, value in event.materialization.metadata.items()}


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], dg.AssetCheckEvaluation]:
    return {("/".join(e.asset_key.path), e.check_name): e for e in result.get_asset_check_evaluations()}


def test_a_candidate_walks_to_dev(sandbox: Sandbox) -> None:
    result = sandbox.run()
    assert result.success
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    assert release.version == "1.0.0"
    assert release.commit == sandbox.commit_id
    assert release.created_by
    live = sandbox.store.ledger().current("dev", "tiny")
    assert live is not None
    assert live.release_digest == release.digest
    assert audit.verify(sandbox.store.ledger().store, "dev", "tiny")


def test_every_materialisation_names_its_candidate_and_digest(sandbox: Sandbox) -> None:
    result = sandbox.run()
    made = result.get_asset_materialization_events()
    assert len(made) == len(stages(sandbox.spec))
    candidates = {e.materialization.metadata[history.CANDIDATE].value for e in made}
    assert len(candidates) == 1
    run = sandbox.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert candidates.pop() == run.tags[history.CANDIDATE_TAG]
    for event in made:
        version = (event.materialization.tags or {})["dagster/data_version"]
        assert event.materialization.metadata["sha256"].value == version


def test_nothing_is_computed_again_while_nothing_changes(sandbox: Sandbox) -> None:
    first = sandbox.run()
    again = sandbox.run()
    assert again.success
    assert all(e.materialization.metadata["reused"].value for e in again.get_asset_materialization_events())
    assert metadata(first, "tiny/dossier")["sha256"] == metadata(again, "tiny/dossier")["sha256"]
    assert len(sandbox.store.registry().releases("tiny")) == 1
    assert len(sandbox.store.ledger().history("dev", "tiny")) == 1


def test_other_weights_are_a_minor_version_and_only_what_they_touch_is_done_again(sandbox: Sandbox) -> None:
    sandbox.run()
    write_tiny(sandbox.model, seed=1)
    sandbox.commit("other weights")
    result = sandbox.run()
    assert result.success
    releases = sandbox.store.registry().releases("tiny")
    assert [r.version for r in releases] == ["1.0.0", "1.1.0"]
    assert releases[0].changelog == ""
    assert releases[1].changelog.endswith("other weights")
    assert not metadata(result, "tiny/Ascend310P3/om")["reused"]


def test_a_commit_that_changes_no_artefact_is_no_new_release(sandbox: Sandbox) -> None:
    sandbox.run()
    (sandbox.root / "README.md").write_text("words\n")
    sandbox.commit()
    result = sandbox.run()
    assert result.success
    assert metadata(result, "tiny/Ascend310P3/precision")["reused"]
    assert [r.version for r in sandbox.store.registry().releases("tiny")] == ["1.0.0"]


def test_an_older_commit_builds_from_its_own_files(sandbox: Sandbox) -> None:
    first = sandbox.run()
    old = sandbox.commit_id
    write_tiny(sandbox.model, seed=1)
    sandbox.commit()
    sandbox.run()
    result = sandbox.run(commit=old)
    assert result.success
    assert metadata(result, "tiny/onnx")["sha256"] == metadata(first, "tiny/onnx")["sha256"]
    live = sandbox.store.ledger().current("dev", "tiny")
    assert live is not None
    assert live.version == "1.0.0"


def test_a_dirty_tree_makes_a_candidate_that_stays_in_dev(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, seed=2)
    result = sandbox.run()
    assert result.success
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    assert release.dirty
    assert "-dirty-" in release.candidate
    admitted = next(v["admits"] for v in release.verdicts if v["criterion"] == "clean_tree")
    assert admitted == ["dev"]


def test_the_same_artefacts_from_a_clean_tree_are_a_patch(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, seed=2)
    sandbox.run()
    sandbox.commit()
    assert sandbox.run().success
    releases = sandbox.store.registry().releases("tiny")
    assert [(r.version, r.dirty) for r in releases] == [("1.0.0", True), ("1.0.1", False)]


def test_the_working_tree_is_not_looked_at_once_the_source_is_frozen(sandbox: Sandbox) -> None:
    assert sandbox.materialise("tiny/source").success
    (sandbox.model / "model.onnx").write_bytes(b"not what was committed")
    result = sandbox.materialise("tiny/onnx")
    assert result.success


def test_a_candidate_that_overflows_is_refused_and_its_page_says_why(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    result = sandbox.run()
    assert not result.success
    check = evaluations(result)["tiny/Ascend310P3/precision", "overflow_layers"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert "hidden" in (check.description or "")
    assert sandbox.store.registry().latest("tiny") is None


def test_an_operator_that_atc_has_not_is_refused_with_its_code_and_every_node(sandbox: Sandbox) -> None:
    import onnx

    model = onnx.load(sandbox.model / "model.onnx")
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", 20))
    onnx.save(model, sandbox.model / "model.onnx")
    sandbox.commit()
    result = sandbox.run()
    assert not result.success
    assert not evaluations(result)["tiny/lint", "operators_registered"].passed
    assert ("tiny/Ascend310P3/om", "conversion_errors") not in evaluations(result)


@pytest.mark.parametrize(
    "key", ["tiny/lint", "tiny/Ascend310P3/precision", "tiny/Ascend310P3/benchmark", "tiny/dossier"]
)
def test_a_reviewer_reads_each_check_without_a_click(sandbox: Sandbox, key: str) -> None:
    result = sandbox.run()
    found = [e for (asset, _), e in evaluations(result).items() if asset == key]
    assert found
    for check in found:
        assert check.description
        shown = {name: value.value for name, value in check.metadata.items()}
        assert {"value", "limit dev", "limit staging", "limit prod", "admits", "origin", "candidate", "digest"} <= set(
            shown
        )
        assert isinstance(shown["value"], float) or shown["value"] == "not judged"


def test_what_nobody_could_judge_is_a_warning_and_never_a_pass(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    check = evaluations(sandbox.run())["tiny/lint", "cve_high"]
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "not judged" in (check.description or "")


def test_emulated_evidence_admits_dev_alone(sandbox: Sandbox) -> None:
    sandbox.run()
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    emulated = [v for v in release.verdicts if v["origin"] == "emulated"]
    assert emulated
    assert all(v["admits"] in (["dev"], []) for v in emulated if v["judged"])


def test_records_read_back_as_they_were_written(sandbox: Sandbox) -> None:
    result = sandbox.run()
    blobs = sandbox.store.blobs()
    kinds: dict[str, type[Record]] = {
        "tiny/source": SourceRecord,
        "tiny/dossier": DossierRecord,
        "tiny/Ascend310P3/precision": PrecisionRecord,
    }
    for key, kind in kinds.items():
        digest = str(metadata(result, key)["record"])
        record = read_record(blobs, digest)
        assert type(record) is kind
        assert record.digest == digest


def test_a_corrupt_artefact_is_made_again_and_never_used(sandbox: Sandbox) -> None:
    first = sandbox.run()
    om = str(metadata(first, "tiny/Ascend310P3/om")["sha256"])
    blob = Path(sandbox.store.location) / "blobs" / "sha256" / om
    blob.chmod(0o644)
    blob.write_bytes(b"rot")
    again = sandbox.run()
    assert again.success
    assert not metadata(again, "tiny/Ascend310P3/om")["reused"]
    assert metadata(again, "tiny/Ascend310P3/om")["sha256"] == om


def test_a_changed_definition_needs_the_assets_loaded_anew(
    sandbox: Sandbox, edit: Callable[[Path, str, str], None]
) -> None:
    loaded = sandbox.definitions()
    edit(sandbox.model / "defs.yaml", "batch: 4", "batch: 2")
    sandbox.commit()
    result = loaded.resolve_job_def("tiny_candidate").execute_in_process(
        instance=sandbox.instance, raise_on_error=False
    )
    assert not result.success
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "reload" in str(failure.step_failure_data.error_display_string)
