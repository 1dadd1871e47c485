"""With a failed, stale or missing gate no release is possible: by a click, by `dg launch` or by the command line."""

import dagster as dg
import pytest
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from sandbox import Checkout, Sandbox, git
from tiny import write_tiny

from ascend_assets import checks, guard, history
from ascend_assets.codec import read_record
from ascend_assets.stage import AssetKey
from ascend_assets.walk import stages

OM = "tiny/Ascend310P3/om"
PRECISION = "tiny/Ascend310P3/precision"


def why(result: dg.ExecuteInProcessResult) -> str:
    assert not result.success
    return "\n".join(str(e.step_failure_data.error_display_string) for e in result.all_events if e.is_step_failure)


def released(sandbox: Sandbox) -> list[str]:
    return [release.version for release in sandbox.store.registry().releases("tiny")]


def again(sandbox: Sandbox, commit: str, first: str) -> dg.ExecuteInProcessResult:
    """What Dagster does after a crash: the run of that id begins anew."""
    job = sandbox.definitions().resolve_job_def("tiny_candidate")
    tags = {"dagster/retry_number": "1", "dagster/root_run_id": first, "dagster/parent_run_id": first}
    config = {"ops": {"tiny__source": {"config": {"commit": commit}}}}
    return job.execute_in_process(run_config=config, tags=tags, instance=sandbox.instance, raise_on_error=False)


def test_a_crashed_candidate_that_is_begun_anew_replaces_nothing_that_came_after_it(sandbox: Sandbox) -> None:
    older = sandbox.commit_id
    crashed = sandbox.run(commit=older).run_id
    write_tiny(sandbox.model, seed=1)
    newer = sandbox.commit()
    assert sandbox.run(commit=newer).success
    assert again(sandbox, older, crashed).success
    live = sandbox.store.ledger().live("dev", "tiny")
    assert live is not None
    assert live.version == "1.1.0"
    shown = history.newest(sandbox.instance, ("tiny", "dev", "deployment"))
    assert shown is not None
    assert shown.data_version == live.digest, "the asset shows what is there"
    assert sandbox.run(commit=older).success, "whoever asks for it on purpose has it"


def test_a_crashed_candidate_that_nobody_overtook_is_deployed(sandbox: Sandbox) -> None:
    first = sandbox.run(commit=sandbox.commit_id)
    assert again(sandbox, sandbox.commit_id, first.run_id).success


def test_a_failed_gate_stops_a_release_that_is_clicked_later(sandbox: Sandbox) -> None:
    sandbox.run()
    write_tiny(sandbox.model, seed=1, scale=1e6)
    sandbox.commit()
    assert not sandbox.run().success
    assert "failed" in why(sandbox.materialise("tiny/release"))
    assert released(sandbox) == ["1.0.0"]


def test_a_gate_that_was_never_evaluated_stops_a_release(sandbox: Sandbox) -> None:
    keys = ["/".join(stage.asset) for stage in stages(sandbox.spec)[:-2]]
    assert sandbox.materialise(*keys, checks=False).success
    assert "never evaluated" in why(sandbox.materialise("tiny/release"))
    assert released(sandbox) == []


def test_an_artefact_made_again_without_its_gate_stops_a_release(sandbox: Sandbox) -> None:
    keys = ["/".join(stage.asset) for stage in stages(sandbox.spec)[:-2]]
    assert sandbox.materialise(*keys).success
    assert sandbox.materialise(PRECISION, checks=False).success
    assert "stale" in why(sandbox.materialise("tiny/release"))
    assert released(sandbox) == []


def test_a_forged_evaluation_is_not_believed(sandbox: Sandbox) -> None:
    """Who writes into Dagster's database forges what runs say, and the guard believes it: the evidence is judged."""
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    keys = ["/".join(stage.asset) for stage in stages(sandbox.spec)[:-2]]
    assert sandbox.materialise(*keys, checks=False).success
    for asset, name in checks.check_keys(sandbox.spec):
        forge(sandbox, asset, name)
    made = history.latest(sandbox.instance, ("tiny", "dossier"))
    assert made is not None
    assert not guard.refusals(sandbox.instance, sandbox.spec, read_record(sandbox.store.blobs(), made.record))
    assert "overflow_layers" in why(sandbox.materialise("tiny/release"))
    assert released(sandbox) == []


def forge(sandbox: Sandbox, asset: AssetKey, name: str) -> None:
    """A passed evaluation of what an asset holds, in the name of a run that never evaluated it."""
    made = history.latest(sandbox.instance, asset)
    assert made is not None
    forged = dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(list(asset)),
        check_name=name,
        passed=True,
        metadata={},
        target_materialization_data=AssetCheckEvaluationTargetMaterializationData(
            storage_id=made.storage_id, run_id=made.run_id, timestamp=made.timestamp
        ),
        blocking=True,
    )
    said = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
    job = sandbox.definitions().resolve_job_def("tiny_candidate")
    run = sandbox.instance.create_run_for_job(job)
    sandbox.instance.report_dagster_event(dg.DagsterEvent(said, run.job_name, event_specific_data=forged), run.run_id)


def test_candidates_that_wait_in_the_queue_hide_nothing_that_checks_said(sandbox: Sandbox) -> None:
    """Dagster notes the checks of a run as soon as it is created; a burst of commits has many that wait."""
    keys = ["/".join(stage.asset) for stage in stages(sandbox.spec)[:-2]]
    waiting = sandbox.definitions().resolve_job_def("tiny_candidate")
    for _ in range(2):
        sandbox.instance.create_run_for_job(waiting)
    assert sandbox.materialise(*keys).success
    for _ in range(2):
        sandbox.instance.create_run_for_job(waiting)
    assert sandbox.run("tiny_regate").success
    assert sandbox.materialise("tiny/release").success
    assert released(sandbox) == ["1.0.0"]


def test_the_evaluation_that_was_made_last_counts_whichever_run_was_created_first(sandbox: Sandbox) -> None:
    job = sandbox.definitions().resolve_job_def("tiny_candidate")
    early, late = (sandbox.instance.create_run_for_job(job) for _ in range(2))
    for run, passed in ((late, True), (early, False)):
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(["tiny", "lint"]), check_name="opset", passed=passed, metadata={}
        )
        event = dg.DagsterEvent(
            dg.DagsterEventType.ASSET_CHECK_EVALUATION.value, run.job_name, event_specific_data=evaluation
        )
        sandbox.instance.report_dagster_event(event, run.run_id)
    found = history.check(sandbox.instance, ("tiny", "lint"), "opset")
    assert found is not None
    assert not found.passed


def test_interleaved_candidates_are_refused_as_a_mixture(sandbox: Sandbox) -> None:
    sandbox.run()
    write_tiny(sandbox.model, seed=1)
    sandbox.commit()
    # The second candidate gets as far as its om; then somebody makes the dossier and the release of what is there.
    assert sandbox.materialise("tiny/source", "tiny/onnx", "tiny/lint", OM).success
    result = sandbox.materialise("tiny/dossier")
    chain = next(e for e in result.get_asset_check_evaluations() if e.check_name == "chain")
    assert not chain.passed
    assert "was made from" in (chain.description or "")
    assert why(sandbox.materialise("tiny/release"))
    assert released(sandbox) == ["1.0.0"]


def test_the_regate_job_judges_again_and_releases(sandbox: Sandbox) -> None:
    keys = ["/".join(stage.asset) for stage in stages(sandbox.spec)[:-2]]
    assert sandbox.materialise(*keys, checks=False).success
    assert sandbox.run("tiny_regate").success
    assert released(sandbox) == ["1.0.0"]


def test_a_deployment_of_a_release_that_does_not_admit_it_is_refused(sandbox: Sandbox) -> None:
    from ascend_assets.assets import deployment
    from ascend_assets.records import ReleaseRecord
    from ascend_assets.stage import Order

    sandbox.run()
    release = sandbox.store.registry().latest("tiny")
    assert release is not None
    record = ReleaseRecord(
        key="k",
        made_from={},
        model="tiny",
        version="1.0.0",
        candidate=release.candidate,
        release_digest=release.digest,
    )
    with pytest.raises(deployment.NotAdmitted, match="may not enter staging"):
        deployment.make(sandbox.tools(), "k", Order(actor="ada"), environment="staging", release=record)


def test_dg_launch_and_the_command_line_refuse_what_the_gates_refused(checkout: Checkout) -> None:
    write_tiny(checkout.root / "ascend_assets" / "defs" / "tiny", scale=1e6)
    git(checkout.root, "commit", "-qam", "overflows")
    ran = checkout.ascend("run", "tiny")
    assert ran.returncode == 1, ran.stderr
    assert "overflow_layers" in ran.stdout
    assert len(ran.stderr.splitlines()[-1]) < 1000
    released = checkout.ascend("release", "tiny")
    assert released.returncode == 1, released.stderr
    launched = checkout.run("dg", "launch", "--assets", "tiny/release")
    assert launched.returncode != 0
    listed = checkout.ascend("model", "list", "tiny", "--json")
    assert '"releases": []' in listed.stdout
