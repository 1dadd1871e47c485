"""`<model>_repair`: what was refused is repaired within bounds, walks through every gate, and says what was changed."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import onnx
import pytest
from repairable import TWO_TARGETS, write_masked
from sandbox import GIT, Sandbox, git
from tiny import DEFS_YAML, write_tiny

from ascend_assets import history, models
from ascend_assets.assets.repaired_source import NotRepaired, require_repaired
from ascend_assets.codec import read_record
from ascend_assets.records import OnnxRecord, Record, SourceRecord
from ascend_assets.remedies.kinds import AnyRemedy, ClampConstants, ScaleWeights, SetInputShapes
from ascend_assets.repair.candidate_records import ProposedPatch, RepairRecord, TargetRepair
from ascend_assets.repair.records import Figures, Repair
from ascend_assets.repair.repairing import OF_TAG
from benchmarks.two_layers import labels
from resources.candidates import Candidate

JOB = "tiny_repair"


def run(sandbox: Sandbox, config: Mapping[str, Any] | None = None, **tags: str) -> dg.ExecuteInProcessResult:
    resolved = sandbox.definitions().resolve_job_def(JOB)
    wanted = {"ops": {"tiny__repair": {"config": config}}} if config else None
    return resolved.execute_in_process(
        run_config=wanted, instance=sandbox.instance, raise_on_error=False, tags={OF_TAG: tags["of"]} if tags else None
    )


def held(sandbox: Sandbox, *asset: str) -> Record:
    made = history.latest(sandbox.instance, ("tiny", *asset))
    assert made is not None, asset
    return read_record(sandbox.store.blobs(), made.record)


def repair(sandbox: Sandbox) -> RepairRecord:
    record = held(sandbox, "repair")
    assert isinstance(record, RepairRecord)
    return record


def source(sandbox: Sandbox) -> SourceRecord:
    record = held(sandbox, "source")
    assert isinstance(record, SourceRecord)
    return record


def exported(sandbox: Sandbox) -> OnnxRecord:
    record = held(sandbox, "onnx")
    assert isinstance(record, OnnxRecord)
    return record


def failure(result: dg.ExecuteInProcessResult) -> str:
    step = next(event for event in result.all_events if event.is_step_failure)
    return str(step.step_failure_data.error_display_string)


def made(result: dg.ExecuteInProcessResult) -> set[str]:
    return {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = (each for each in result.get_asset_check_evaluations() if each.check_name == "repaired")
    return found


@contextmanager
def opened(root: Path) -> Iterator[Sandbox]:
    project = root / "project"
    write_masked(project / "ascend_assets" / "defs" / "tiny", definition=TWO_TARGETS)
    (project / "requirements.lock").write_text("numpy==2.0 --hash=sha256:0\n")
    git(root, "init", "-q", "-b", "main", str(project))
    with dg.DagsterInstance.ephemeral() as instance:
        sandbox = Sandbox(project, instance)
        sandbox.commit("a mask beyond FP16")
        yield sandbox


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("state")
        patched.setenv("ASCEND_STATE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, state: Path) -> Iterator[Sandbox]:
    """Where a commit of two targets was refused for its mask, and repaired."""
    assert state.exists()
    with opened(tmp_path_factory.mktemp("mended")) as sandbox:
        assert not sandbox.run().success
        assert run(sandbox).success
        yield sandbox


class TestRepaired:
    def test_it_is_released_and_live_under_a_name_of_its_own(self, mended: Sandbox) -> None:
        named = Candidate.parse(source(mended).candidate)
        assert named.is_repaired
        release = mended.store.registry().latest("tiny")
        assert release is not None
        assert release.candidate == str(named)
        assert release.commit == mended.commit_id
        assert "repaired by clamp_constants" in release.changelog
        assert mended.store.ledger().live("dev", "tiny") is not None

    def test_its_records_say_what_was_changed_all_along(self, mended: Sandbox) -> None:
        record, first, file = repair(mended), source(mended), exported(mended)
        assert record.repaired
        assert {one.target for one in record.targets} == {"Ascend310P3", "Ascend910B3"}
        (remedy,) = record.graph
        assert isinstance(remedy, ClampConstants)
        assert remedy.tensors == ("mask",)
        assert first.repair is not None
        assert first.repair.record == record.digest
        assert first.repair.failed == record.failed == str(Candidate.parse(first.candidate)).removesuffix("-repaired")
        assert file.repair == first.repair
        assert file.remedies == record.graph
        assert file.exported is not None
        before, after = (onnx.load(mended.store.blobs().path(blob)) for blob in (file.exported, file.file))
        assert _lowest(before) == -1e9
        assert -65504 <= _lowest(after) < 0
        assert record.commit == mended.commit_id

    def test_the_chain_of_digests_holds_and_breaks_with_another_repair(self, mended: Sandbox) -> None:
        from ascend_assets.gates.release import departures

        spec, first, file = mended.spec, source(mended), exported(mended)
        assert departures(spec, first, file, {}) == tuple(f"{t.key} has no evidence" for t in spec.targets)
        alone = first.model_copy(update={"repair": None})
        assert any("another repair" in fault for fault in departures(spec, alone, file, {}))
        plain = file.model_copy(update={"remedies": ()})
        assert any("other remedies" in fault for fault in departures(spec, first, plain, {}))
        assert first.data_version != alone.data_version
        assert file.data_version != file.model_copy(update={"repair": None}).data_version

    def test_a_reader_of_dagster_sees_why_in_two_languages(self, mended: Sandbox) -> None:
        record = mended.instance.get_latest_materialization_event(dg.AssetKey(["tiny", "repair"]))
        assert record is not None
        assert record.asset_materialization is not None
        shown = record.asset_materialization.metadata
        assert "mask" in str(shown["diagnosis"].value)
        assert "原因" in str(shown["诊断"].value)
        assert "clamp_constants" in str(shown["patch of defs.yaml"].value)

    def test_its_page_says_what_was_changed_and_why(self, mended: Sandbox, state: Path) -> None:
        page = (state / "dossiers" / "tiny" / f"{source(mended).candidate}.html").read_text()
        assert "Repaired: what was changed and why" in page
        assert "已修复" in page
        assert repair(mended).failed in page
        assert "clamp_constants" in page
        assert "remedies:" in page
        assert page.index('id="repair"') < page.index('id="verdicts"')

    def test_the_merged_patch_makes_the_same_model_without_a_repair(self, mended: Sandbox, tmp_path: Path) -> None:
        clone = tmp_path / "clone"
        git(tmp_path, "clone", "-q", str(mended.root), str(clone))
        diff = repair(mended).patch.diff
        subprocess.run([GIT, "apply", "-"], cwd=clone, input=diff, check=True, text=True, capture_output=True)
        spec = models.load(clone / "ascend_assets" / "defs" / "tiny")
        assert spec.remedies == repair(mended).graph
        assert "# the edge" in (clone / "ascend_assets" / "defs" / "tiny" / "defs.yaml").read_text()
        with dg.DagsterInstance.ephemeral() as instance:
            merged = Sandbox(clone, instance)
            merged.commit("merge the patch")
            assert merged.run().success
            assert exported(merged).file.sha256 == exported(mended).file.sha256
            assert exported(merged).repair is None

    def test_it_can_be_judged_again_and_nothing_it_needs_is_swept_away(self, mended: Sandbox) -> None:
        from ascend_assets.operations import gc
        from ascend_assets.operations.judging import rejudge

        release = mended.store.registry().latest("tiny")
        assert release is not None
        assert all(rejudge(mended.tools(), release))
        record = repair(mended)
        assert record.digest in gc.referenced(mended.store.blobs().store)


def test_what_a_repair_made_is_not_repaired_again(sandbox: Sandbox) -> None:
    write_masked(sandbox.model)
    sandbox.commit()
    assert not sandbox.run().success
    assert run(sandbox).success
    ran = history.latest(sandbox.instance, ("tiny", "source"))
    assert ran is not None
    again = run(sandbox, {"run": ran.run_id})
    assert not again.success
    assert "is a repair itself" in failure(again)


def test_what_cannot_be_repaired_stops_at_its_check_and_says_what_to_do(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    assert not sandbox.run().success
    result = run(sandbox)
    assert not result.success
    found = check(result)
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert "was not repaired" in (found.description or "")
    assert "Do this:" in (found.description or "")
    assert made(result) == {"repair"}
    record = repair(sandbox)
    assert record.remedies == ()
    assert record.patch.diff == ""
    assert record.targets[0].repair.attempts
    assert sandbox.store.registry().latest("tiny") is None


def test_its_bounds_are_the_models(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model, scale=1e6)
    (sandbox.model / "defs.yaml").write_text(DEFS_YAML + "  repair: {attempts: 2, minutes: 1}\n")
    sandbox.commit()
    assert not sandbox.run().success
    assert not run(sandbox).success
    assert len(repair(sandbox).targets[0].repair.attempts) <= 2


def test_weights_wait_for_a_person_whose_name_stands_in_the_release(sandbox: Sandbox) -> None:
    """The first layer's weights are beyond FP16, their products are not: nothing but scaling them helps."""
    write_tiny(sandbox.model, scale=1e5)
    x = (np.random.default_rng(7).normal(size=(64, 8)) * 1e-3).astype(np.float32)
    np.savez(sandbox.model / "evaluation.npz", x=x, labels=labels(x, 0, 1e5))
    sandbox.commit()
    assert not sandbox.run().success
    assert not run(sandbox).success
    alone = repair(sandbox)
    assert not alone.remedies
    assert "scale_weights" in {remedy.kind for remedy in alone.for_person}
    assert run(sandbox, {"accept": True, "actor": "Bob <bob@example.com>"}).success
    record = repair(sandbox)
    assert [remedy.kind for remedy in record.graph] == ["scale_weights"]
    assert record.accepted_by == "Bob <bob@example.com>"
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    assert release.authors == ("Ada <ada@example.com>", "Bob <bob@example.com>"), "neither may approve it"


def test_a_record_that_nobody_accepted_becomes_no_candidate() -> None:
    """However it came into the store: who can write there is not who may decide."""
    weights = ScaleWeights(nodes=("hidden",), power=2)
    with pytest.raises(NotRepaired, match="was not repaired"):
        require_repaired(_record(ended="no"))
    with pytest.raises(NotRepaired, match="a person has to accept it"):
        require_repaired(_record(graph=(weights,), ended="all pass"))
    guessed = SetInputShapes(shapes={"x": (1, 8)}, assumed=("x",))
    with pytest.raises(NotRepaired, match="a person has to accept it"):
        require_repaired(_record(options=(guessed,), ended="all pass"))
    require_repaired(_record(graph=(weights,), ended="all pass", accepted_by="Bob"))


def _record(*, options: tuple[AnyRemedy, ...] = (), **fields: Any) -> RepairRecord:
    found = Repair(
        status="repaired" if fields.get("graph") or options else "not_repaired",
        causes=(),
        attempts=(),
        remedies=(),
        before=Figures(refused=("overflow_layers",)),
        after=None,
        origin="emulated",
        ended="",
        seconds=0.0,
    )
    about: dict[str, Any] = dict.fromkeys(("key", "model", "failed", "run", "commit", "source", "onnx"), "x")
    targets = (TargetRepair(target="t", repair=found, options=options),)
    own = {"made_from": {}, "refused": (), "targets": targets, "patch": ProposedPatch(diff="")}
    return RepairRecord(**{**about, **own, **fields})


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"run": "no-such-run"}, "the run has no candidate"),
        ({"accept": True}, "needs `actor`"),
    ],
)
def test_nonsense_is_refused_with_its_reason(sandbox: Sandbox, config: dict[str, Any], why: str) -> None:
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    assert not sandbox.run().success
    result = run(sandbox, config)
    assert not result.success
    assert why in failure(result)


def test_without_a_failed_run_there_is_nothing_to_repair(sandbox: Sandbox) -> None:
    assert sandbox.run().success
    result = run(sandbox)
    assert not result.success
    assert "no run of tiny with a candidate has failed lately" in failure(result)


def test_another_definition_than_the_failed_ones_is_not_repaired(sandbox: Sandbox) -> None:
    write_masked(sandbox.model)
    sandbox.commit()
    assert not sandbox.run().success
    (sandbox.model / "defs.yaml").write_text(DEFS_YAML.replace("batch: 4", "batch: 2"))
    sandbox.commit()
    result = run(sandbox)
    assert not result.success
    assert "is not the one that the assets were loaded from" in failure(result)
    assert made(result) <= {"repair"}


def test_a_run_without_a_repair_of_its_own_does_not_become_a_commits_candidate(sandbox: Sandbox) -> None:
    from ascend_assets.walk import stages

    walk = [dg.AssetKey(list(stage.asset)) for stage in stages(sandbox.spec)]
    job = sandbox.definitions().resolve_job_def(JOB)
    result = job.execute_in_process(instance=sandbox.instance, raise_on_error=False, asset_selection=walk)
    assert not result.success
    assert "this run made no repair" in failure(result)


def test_a_repair_takes_the_place_of_nothing_that_was_deployed_after_its_candidate_failed(sandbox: Sandbox) -> None:
    write_masked(sandbox.model)
    sandbox.commit()
    failed = sandbox.run()
    assert not failed.success
    spoilt = sandbox.commit_id
    write_tiny(sandbox.model)
    sandbox.commit()
    assert sandbox.run().success
    before = sandbox.store.ledger().live("dev", "tiny")
    result = run(sandbox, {"run": failed.run_id}, of=failed.run_id)
    assert result.success
    assert source(sandbox).commit == spoilt
    now = sandbox.store.ledger().live("dev", "tiny")
    assert before is not None
    assert now is not None
    assert now.release_digest == before.release_digest, "it stays"


def test_a_dirty_tree_stays_dirty(sandbox: Sandbox) -> None:
    write_masked(sandbox.model)
    assert not sandbox.run().success
    assert run(sandbox).success
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    assert release.dirty
    assert release.candidate.endswith("-repaired")
    assert Candidate.parse(release.candidate).kind == "dirty"


def _lowest(model: onnx.ModelProto) -> float:
    (mask,) = (t for t in model.graph.initializer if t.name == "mask")
    return float(onnx.numpy_helper.to_array(mask).min())


def test_what_passes_when_it_is_tried_again_needs_no_repair(sandbox: Sandbox) -> None:
    """A limit that is looser by now: nothing is changed, and nobody is told that something was repaired."""
    strict = DEFS_YAML + "  gates: {latency_p99_ms: 0.000001}\n"
    (sandbox.model / "defs.yaml").write_text(strict)
    sandbox.commit()
    failed = sandbox.run()
    assert not failed.success
    (sandbox.model / "defs.yaml").write_text(DEFS_YAML)
    result = run(sandbox, {"run": failed.run_id})
    assert not result.success
    assert "no gate refused" in failure(result)
