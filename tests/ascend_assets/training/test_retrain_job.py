"""`<model>_retrain`: a better challenger is carried to dev without a hand, and no other one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from learner import Learner, samples
from learner_fixture import opened
from sandbox import git

from ascend_assets import history
from ascend_assets.codec import read_record
from ascend_assets.operations import gc
from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.training.records import ChallengerRecord
from resources import tarball
from resources.candidates import Candidate

JOB = "tiny_retrain"
REASON = {"config": {"reason": "continuous training: drift by ks"}}
CONFIG = {
    "ops": {
        "tiny__challenger": {"config": {"why": "drift"}},
        "tiny__release": REASON,
        "tiny__dev__deployment": REASON,
    }
}


def run(learner: Learner, job: str = JOB, config: Mapping[str, Any] | None = None) -> dg.ExecuteInProcessResult:
    resolved = learner.sandbox.definitions().resolve_job_def(job)
    return resolved.execute_in_process(run_config=config, instance=learner.sandbox.instance, raise_on_error=False)


def versions(learner: Learner) -> list[str]:
    return [release.version for release in learner.sandbox.store.registry().releases("tiny")]


def challenger(learner: Learner) -> ChallengerRecord:
    made = history.latest(learner.sandbox.instance, ("tiny", "challenger"))
    assert made is not None
    record = read_record(learner.sandbox.store.blobs(), made.record)
    assert isinstance(record, ChallengerRecord)
    return record


def source(learner: Learner) -> SourceRecord:
    made = history.latest(learner.sandbox.instance, ("tiny", "source"))
    assert made is not None
    record = read_record(learner.sandbox.store.blobs(), made.record)
    assert isinstance(record, SourceRecord)
    return record


@pytest.fixture
def live(learner: Learner) -> Learner:
    """Trained in the old world and live in dev."""
    assert learner.sandbox.run().success
    return learner


def looked(learner: Learner) -> None:
    assert run(learner, "tiny_production").success


@pytest.fixture(scope="module")
def won(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    """Where a challenger has won, and is live in dev."""
    with opened(tmp_path_factory.mktemp("won")) as learner:
        assert learner.sandbox.run().success
        learner.produce("new")
        looked(learner)
        assert run(learner, config=CONFIG).success
        yield learner


def test_a_better_challenger_is_released_to_dev_without_a_hand(won: Learner, tmp_path: Path) -> None:
    record, made = challenger(won), source(won)
    assert record.production is not None
    assert record.production.challenger > 0.9
    assert record.production.champion < 0.5
    assert record.why == "drift"
    assert record.champion is not None
    assert record.champion.version == "1.0.0"
    assert record.champion.where == "dev"
    assert versions(won) == ["1.0.0", "1.1.0"]
    entry = won.sandbox.store.ledger().current("dev", "tiny")
    assert entry is not None
    assert (entry.version, entry.reason) == ("1.1.0", "continuous training: drift by ks")
    assert made.training is not None
    assert made.training.challenger == record.digest
    assert made.training.data == record.trained.sha256
    named = Candidate.parse(made.candidate)
    assert (named.kind, named.reference) == ("ct", "0001")
    assert made.commit == won.sandbox.commit_id
    folder = tarball.unpack(won.sandbox.store.blobs().path(made.archive), tmp_path / "frozen")
    assert sorted(path.name for path in (folder / "trained").iterdir()) == ["evaluation.npz", "model.onnx"]


def test_nothing_is_trained_a_second_time_for_the_candidate(won: Learner) -> None:
    made = history.latest(won.sandbox.instance, ("tiny", "onnx"))
    assert made is not None
    onnx = read_record(won.sandbox.store.blobs(), made.record)
    assert isinstance(onnx, OnnxRecord)
    assert onnx.file.sha256 == challenger(won).file.sha256
    assert onnx.evaluation == challenger(won).evaluation


def test_what_the_release_was_made_of_is_never_swept_away(won: Learner) -> None:
    kept = gc.referenced(won.sandbox.store.blobs().store)
    record = challenger(won)
    assert {record.digest, record.trained.sha256} <= kept


def test_the_same_samples_again_are_a_challenger_that_is_not_better_than_the_last(won: Learner) -> None:
    result = run(won, config=CONFIG)
    assert not result.success
    record = challenger(won)
    assert record.number == 2
    assert record.champion is not None
    assert record.champion.version == "1.1.0"
    assert versions(won) == ["1.0.0", "1.1.0"]


def test_a_commit_is_built_as_ever_after_a_retraining(won: Learner) -> None:
    result = won.sandbox.run()
    assert result.success
    assert source(won).training is None
    assert Candidate.parse(source(won).candidate).kind == "git"
    assert "challenger" not in {e.asset_key.path[-1] for e in result.get_asset_materialization_events() if e.asset_key}


def test_a_challenger_that_is_not_better_stops_at_its_check(live: Learner) -> None:
    live.produce("old")
    looked(live)
    result = run(live, config=CONFIG)
    assert not result.success
    (check,) = (e for e in result.get_asset_check_evaluations() if e.check_name == "beats_champion")
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.ERROR
    assert "not better on production's held-out samples" in (check.description or "")
    assert challenger(live).why == "drift"
    made = {event.asset_key.path[-1] for event in result.get_asset_materialization_events() if event.asset_key}
    assert made == {"challenger"}
    assert versions(live) == ["1.0.0"]


def test_shuffled_labels_do_not_pass(live: Learner) -> None:
    rng = np.random.default_rng(5)
    live.produce("new", labels=rng.integers(0, 4, 600))
    looked(live)
    assert not run(live, config=CONFIG).success
    assert versions(live) == ["1.0.0"]


def test_labels_that_are_wrong_on_purpose_are_learnt_and_refused_for_what_they_cost(live: Learner) -> None:
    """Old inputs with the classes swapped: the poisoned challenger wins on poisoned samples, and forgets its own."""
    _, right = samples("old", 3000, 11)
    live.produce("old", 3000, labels=(right + 1) % 4)
    looked(live)
    assert not run(live, config=CONFIG).success
    record = challenger(live)
    assert record.production is not None
    assert record.production.p_value < 0.05
    assert record.original is not None
    assert record.original.difference < -0.5
    assert versions(live) == ["1.0.0"]


def test_too_few_labels_are_said(live: Learner) -> None:
    live.produce("new", 50)
    looked(live)
    result = run(live, config=CONFIG)
    assert not result.success
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "50 labelled samples" in str(failure.step_failure_data.error_display_string)


def test_a_run_that_was_cut_off_goes_on_with_its_own_challenger(live: Learner) -> None:
    live.produce("new")
    looked(live)
    first = live.sandbox.definitions().resolve_job_def(JOB)
    cut = first.execute_in_process(
        instance=live.sandbox.instance,
        raise_on_error=False,
        asset_selection=[dg.AssetKey(["tiny", "challenger"])],
    )
    assert cut.success
    tags = {"dagster/root_run_id": cut.run_id, "dagster/parent_run_id": cut.run_id}
    walk = [dg.AssetKey(list(key)) for key in _walk(live)]
    result = first.execute_in_process(
        instance=live.sandbox.instance, raise_on_error=False, tags=tags, asset_selection=walk
    )
    assert result.success
    assert source(live).training is not None
    assert versions(live) == ["1.0.0", "1.1.0"]


def test_a_retraining_without_a_challenger_does_not_become_a_commits_candidate(live: Learner) -> None:
    job = live.sandbox.definitions().resolve_job_def(JOB)
    walk = [dg.AssetKey(list(key)) for key in _walk(live)]
    result = job.execute_in_process(instance=live.sandbox.instance, raise_on_error=False, asset_selection=walk)
    assert not result.success
    failure = next(e for e in result.all_events if e.is_step_failure)
    assert "made no challenger" in str(failure.step_failure_data.error_display_string)


def test_a_dirty_tree_makes_a_candidate_that_stays_in_dev(live: Learner) -> None:
    live.produce("new")
    looked(live)
    (live.sandbox.model / "notes.txt").write_text("not committed\n")
    assert run(live, config=CONFIG).success
    release = live.sandbox.store.registry().latest("tiny")
    assert release is not None
    assert release.dirty
    assert git(live.sandbox.root, "status", "--porcelain")


def _walk(learner: Learner) -> list[tuple[str, ...]]:
    from ascend_assets.walk import stages

    return [stage.asset for stage in stages(learner.spec)]
