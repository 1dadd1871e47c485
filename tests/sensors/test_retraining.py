"""The sensor that has models trained again: for a reason, once, one at a time, and never twice at once."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from learner import DEFS_YAML
from looks import NOW, drift, production, report
from sandbox import Sandbox

from ascend_assets import history, models
from ascend_assets.codec import read_record
from ascend_assets.component import model_definitions
from ascend_assets.definitions import default_resources
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.training.retraining import EVIDENCE_TAG
from resources.configurable import Warehouse
from resources.store.blobs import Blobs
from sensors import retraining

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Post:
    """A sensor over a few models, whose clock stands still."""

    instance: dg.DagsterInstance
    store: Warehouse
    specs: tuple[ModelSpec, ...]

    def tick(
        self, cursor: str | None = None, *, now: datetime = NOW, store: Warehouse | None = None
    ) -> dg.SensorResult:
        jobs = {f"{spec.name}_retrain": _job(f"{spec.name}_retrain") for spec in self.specs}
        (sensor,) = retraining.build(self.specs, jobs, clock=lambda: now)
        context = dg.build_sensor_context(instance=self.instance, cursor=cursor)
        found = sensor(context, store=store or self.store)
        assert isinstance(found, dg.SensorResult)
        return found

    def start(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        """The run that a daemon would make of a request."""
        return self.instance.create_run_for_job(_job(request.job_name or ""), status=status, tags=dict(request.tags))

    def sees(self, *drifted: str, look: int = 1, labelled: int = 600, model: str = "tiny") -> None:
        report(self.instance, self.store, model, production(labelled))
        report(self.instance, self.store, model, drift(*drifted, look=look))


def _job(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Stands for a retraining."""

    @dg.job(name=name)
    def _retrain() -> None:
        nothing()

    return _retrain


Made = Callable[..., Post]


@pytest.fixture
def post(sandbox: Sandbox, tmp_path: Path) -> Made:
    def _post(*names: str, more: str = "") -> Post:
        specs = []
        for name in names or ("tiny",):
            folder = tmp_path / "models" / name
            folder.mkdir(parents=True)
            text = DEFS_YAML.replace("name: tiny", f"name: {name}").replace(
                "cool_down_hours: 24", f"cool_down_hours: 24{more}"
            )
            (folder / "defs.yaml").write_text(text)
            specs.append(models.load(folder))
        return Post(sandbox.instance, sandbox.store, tuple(specs))

    return _post


def said(result: dg.SensorResult) -> str:
    return (result.skip_reason.skip_message or "") if result.skip_reason else ""


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or ())


def test_it_is_on_where_a_model_is_trained_again_and_not_there_at_all_elsewhere(sandbox: Sandbox, post: Made) -> None:
    assert "retraining" not in {s.name for s in sandbox.definitions().get_repository_def().sensor_defs}
    spec = post().specs[0]
    (sensor,) = retraining.build([spec], {"tiny_retrain": _job("tiny_retrain")})
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_a_model_that_nobody_looked_at_is_left_alone(post: Made) -> None:
    assert said(post().tick()) == "no model is to be trained again"


def test_calm_starts_nothing(post: Made) -> None:
    here = post()
    here.sees()
    assert said(here.tick()) == "no model is to be trained again"


def test_drift_starts_one_run_that_says_why(post: Made) -> None:
    here = post()
    here.sees("ks", "psi")
    (request,) = requests(here.tick())
    assert request.job_name == "tiny_retrain"
    assert request.tags[history.TRIGGER_TAG] == "retraining"
    assert request.tags[history.WHY_TAG] == "drift"
    config = request.run_config["ops"]
    assert config["tiny__challenger"]["config"] == {"why": "drift"}
    assert config["tiny__dev__deployment"]["config"] == {"reason": "continuous training: drift by ks, psi"}
    assert config["tiny__release"] == config["tiny__dev__deployment"]
    defs = dg.Definitions.merge(
        model_definitions(here.specs[0]), dg.Definitions(resources=default_resources(here.store))
    )
    assert dg.validate_run_config(defs.resolve_job_def("tiny_retrain"), request.run_config)


def test_fallen_accuracy_is_named_before_drift(post: Made) -> None:
    here = post()
    here.sees("ks", "accuracy")
    (request,) = requests(here.tick())
    assert request.tags[history.WHY_TAG] == "accuracy"


def test_two_ticks_at_once_ask_for_the_same_run(post: Made) -> None:
    """Dagster starts no two runs of one key."""
    here = post()
    here.sees("ks")
    first, second = requests(here.tick()), requests(here.tick())
    assert [r.run_key for r in first] == [r.run_key for r in second]


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_one_in_flight_is_enough(post: Made, status: dg.DagsterRunStatus) -> None:
    here = post()
    here.sees("ks")
    first = here.tick()
    run = here.start(requests(first)[0], status)
    here.sees("ks", look=2)
    later = here.tick(first.cursor, now=NOW + 100 * HOUR)
    assert not requests(later)
    assert f"a retraining is on its way: run {run.run_id[:8]}" in said(later)


@pytest.mark.parametrize(
    "ended", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED]
)
def test_however_it_ended_the_same_look_starts_no_other_even_with_a_lost_cursor(
    post: Made, ended: dg.DagsterRunStatus
) -> None:
    here = post()
    here.sees("ks")
    here.start(requests(here.tick())[0], ended)
    assert said(here.tick(None, now=NOW + 1000 * HOUR)) == "tiny: drift by ks: answered before"


def test_a_look_without_new_samples_is_the_same_look(post: Made) -> None:
    here = post()
    here.sees("ks")
    here.start(requests(here.tick())[0], dg.DagsterRunStatus.FAILURE)
    here.sees("ks", "psi", look=1)
    assert "answered before" in said(here.tick(now=NOW + 1000 * HOUR))


def test_new_evidence_waits_for_the_cool_down(post: Made) -> None:
    here = post()
    here.sees("ks")
    first = here.tick()
    run = here.start(requests(first)[0], dg.DagsterRunStatus.FAILURE)
    here.sees("ks", look=2)
    begun = _created(here, run)
    early = here.tick(first.cursor, now=begun + 23 * HOUR)
    assert "the last retraining began" in said(early)
    (request,) = requests(here.tick(early.cursor, now=begun + 25 * HOUR))
    assert request.tags[EVIDENCE_TAG] != run.tags[EVIDENCE_TAG]


def test_a_retraining_that_a_person_started_counts_too(post: Made) -> None:
    here = post()
    here.instance.create_run_for_job(_job("tiny_retrain"), status=dg.DagsterRunStatus.STARTED)
    here.sees("ks")
    assert "on its way" in said(here.tick())


def test_without_enough_labels_it_waits_and_then_starts(post: Made) -> None:
    here = post()
    here.sees("ks", labelled=10)
    first = here.tick()
    assert said(first) == "tiny: drift by ks, but 10 labelled samples of 200 that it takes"
    here.sees("ks", labelled=300)
    assert requests(here.tick(first.cursor))


def test_new_labels_start_one_where_the_model_asks_for_it(post: Made) -> None:
    here = post(more=", started_by: [data]")
    here.sees("ks", labelled=300)
    (request,) = requests(here.tick())
    assert request.tags[history.WHY_TAG] == "data"
    assert request.run_config["ops"]["tiny__release"]["config"]["reason"].endswith("300 new labelled samples")


class TestSchedule:
    CRON = ', schedule: "0 12 * * *"'

    def test_what_was_due_before_it_was_known_is_not_made_up_for(self, post: Made) -> None:
        here = post(more=self.CRON)
        here.sees()
        assert not requests(here.tick(now=NOW + HOUR))

    def test_its_moment_starts_one_run(self, post: Made) -> None:
        here = post(more=self.CRON)
        here.sees()
        before = here.tick(now=NOW - HOUR)
        due = here.tick(before.cursor, now=NOW + HOUR / 60)
        (request,) = requests(due)
        assert request.tags[history.WHY_TAG] == "schedule"
        here.start(request, dg.DagsterRunStatus.SUCCESS)
        assert not requests(here.tick(due.cursor, now=NOW + 2 * HOUR))

    def test_a_moment_waits_for_labels_and_is_not_lost(self, post: Made) -> None:
        here = post(more=self.CRON)
        here.sees(labelled=10)
        before = here.tick(now=NOW - HOUR)
        waiting = here.tick(before.cursor, now=NOW + HOUR)
        assert "10 labelled samples of 200" in said(waiting)
        here.sees(labelled=300)
        assert requests(here.tick(waiting.cursor, now=NOW + 2 * HOUR))

    def test_moments_that_were_missed_together_start_one_run(self, post: Made) -> None:
        here = post(more=self.CRON)
        here.sees()
        before = here.tick(now=NOW - HOUR)
        late = here.tick(before.cursor, now=NOW + 10 * 24 * HOUR)
        assert len(requests(late)) == 1
        here.start(requests(late)[0], dg.DagsterRunStatus.SUCCESS)
        assert not requests(here.tick(late.cursor, now=NOW + 10 * 24 * HOUR + HOUR))

    def test_a_cursor_of_another_version_begins_anew(self, post: Made) -> None:
        here = post(more=self.CRON)
        here.sees()
        assert not requests(here.tick('{"models": 7}', now=NOW + HOUR))


def test_a_store_that_is_down_is_said_and_kept(post: Made, tmp_path: Path) -> None:
    here = post()
    here.sees("ks")
    elsewhere = Warehouse(location=str(tmp_path / "empty"))
    first = here.tick(store=elsewhere)
    second = here.tick(first.cursor, now=NOW + HOUR, store=elsewhere)
    assert "the store cannot be read, so nothing is decided" in said(second)
    trouble = json.loads(second.cursor or "")["trouble"]
    assert trouble["times"] == 2
    assert trouble["since"].startswith("2026-11-20T12:00")
    well = here.tick(second.cursor)
    assert requests(well)
    assert "trouble" not in json.loads(well.cursor or "")


def test_a_materialisation_that_a_person_reported_by_hand_says_nothing(post: Made) -> None:
    here = post()
    here.sees("ks")
    here.instance.report_runless_asset_event(dg.AssetMaterialization(["tiny", "drift"]))
    assert requests(here.tick())


def test_a_hundred_models_are_decided_on(post: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retraining, "SECONDS", 60.0)
    names = [f"model_{number:03}" for number in range(100)]
    here = post(*names)
    for name in names:
        here.sees("ks", model=name)
    begin = time.monotonic()
    found = requests(here.tick())
    assert len({request.run_key for request in found}) == 100
    assert time.monotonic() - begin < 60, "a hang, not a busy machine"


def test_a_tick_stops_in_time_and_the_next_goes_on_there(post: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    here = post("first", "second")
    for name in ("first", "second"):
        here.sees("ks", model=name)
    monkeypatch.setattr(retraining, "SECONDS", -1.0)
    stopped = here.tick()
    assert not requests(stopped)
    assert json.loads(stopped.cursor or "")["following"] == "first"
    monkeypatch.setattr(retraining, "SECONDS", 60.0)
    assert [r.job_name for r in requests(here.tick(stopped.cursor))] == ["first_retrain", "second_retrain"]


def test_the_cursor_holds_schedules_alone_of_models_that_are_there(post: Made) -> None:
    """Dagster keeps it with each tick, 1,440 of which a day has: what records said is not in it."""
    here = post(more=TestSchedule.CRON)
    here.sees("ks")
    cursor = json.loads(here.tick().cursor or "")
    assert cursor["models"] == {"tiny": {"schedule": "0 12 * * *", "moment": "2026-11-20T12:00:00Z"}}
    cursor["models"]["gone"] = cursor["models"]["tiny"]
    assert set(json.loads(here.tick(json.dumps(cursor)).cursor or "")["models"]) == {"tiny"}


def test_of_models_without_a_schedule_the_cursor_holds_nothing(post: Made) -> None:
    here = post()
    here.sees("ks", "psi")
    assert here.tick().cursor == "{}"


def test_a_record_is_read_once_in_a_process(post: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    here = post()
    here.sees()
    reads: list[str] = []

    def counting(blobs: Blobs, digest: str) -> Record:
        reads.append(digest)
        return read_record(blobs, digest)

    monkeypatch.setattr("ascend_assets.training.facts.read_record", counting)
    (sensor,) = retraining.build(here.specs, {"tiny_retrain": _job("tiny_retrain")}, clock=lambda: NOW)
    asked = []
    for looks in range(4):
        if looks == 2:
            here.sees("ks", look=2)
        found = sensor(dg.build_sensor_context(instance=here.instance), store=here.store)
        assert isinstance(found, dg.SensorResult)
        asked.append((len(reads), len(requests(found))))
    assert asked == [(2, 0), (2, 0), (4, 1), (4, 1)]


def _created(here: Post, run: dg.DagsterRun) -> datetime:
    (record,) = here.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    return record.create_timestamp
