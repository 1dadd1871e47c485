"""Production is looked at when it has written something, by each model's own clock, one look at a time."""

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from production_samples import NOW, feedback, folder, in_production, samples
from sandbox import Sandbox

from ascend_assets import history
from resources.production.metrics_files import METRICS
from resources.production.samples import SAMPLES, write_feedback, write_samples
from sensors import production as module

HOUR = 3600.0


@dataclass
class Watch:
    """The sensor over the tiny model, at a time that the test says."""

    sandbox: Sandbox
    has_prometheus: bool = False
    now: float = NOW.timestamp()
    cursor: str | None = None

    def tick(self) -> dg.SensorResult:
        jobs = {"tiny_production": self.sandbox.definitions().resolve_job_def("tiny_production")}
        sensor = module.build([self.sandbox.spec], jobs, has_prometheus=self.has_prometheus, clock=lambda: self.now)
        result = sensor(dg.build_sensor_context(instance=self.sandbox.instance, cursor=self.cursor))
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def asked(self) -> list[dg.RunRequest]:
        return list(self.tick().run_requests or [])

    def said(self) -> str:
        result = self.tick()
        assert not result.run_requests
        return result.skip_reason.skip_message or "" if result.skip_reason else ""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASCEND_PRODUCTION", str(tmp_path / "production"))
    return tmp_path / "production"


@pytest.fixture
def watch(sandbox: Sandbox, root: Path) -> Watch:
    assert not root.exists()
    in_production(sandbox)
    return Watch(sandbox)


def queue(watch: Watch, status: dg.DagsterRunStatus) -> None:
    job = watch.sandbox.definitions().resolve_job_def("tiny_production")
    watch.sandbox.instance.create_run_for_job(job, status=status)


def test_the_sensor_is_on(watch: Watch) -> None:
    sensors = {sensor.name: sensor for sensor in watch.sandbox.definitions().get_repository_def().sensor_defs}
    assert sensors["production"].default_status == dg.DefaultSensorStatus.RUNNING


def test_new_samples_are_looked_at_once(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    (request,) = watch.asked()
    assert request.job_name == "tiny_production"
    assert request.tags[history.TRIGGER_TAG] == "production"
    assert request.tags[history.WHY_TAG] == "files"
    watch.now += HOUR
    assert watch.said() == "tiny: nothing new"


def test_a_model_is_looked_at_no_more_often_than_it_says(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    (first,) = watch.asked()
    write_samples(folder(root), samples(first=100))
    watch.now += HOUR - 1
    assert watch.said() == "no model's time has come"
    watch.now += 1
    (second,) = watch.asked()
    assert first.run_key != second.run_key


def test_feedback_alone_is_a_reason(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    watch.asked()
    write_feedback(folder(root), feedback(["r000001"], [2]))
    watch.now += HOUR
    assert [request.tags[history.WHY_TAG] for request in watch.asked()] == ["files"]


def test_a_lost_cursor_asks_by_the_same_key(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    (first,) = watch.asked()
    older = {"at": NOW.timestamp(), "files": "0" * 64, "attempt": 1}
    endless = [10**400, "AZaz09-_AZ", 1]
    for lost in (None, "{}", "not JSON", *(json.dumps({"looks": {"tiny": each}}) for each in (7, older, endless, [1]))):
        watch.cursor, watch.now = lost, watch.now + 1
        assert [request.run_key for request in watch.asked()] == [first.run_key]


def test_a_model_has_a_short_line_in_the_cursor(watch: Watch, root: Path) -> None:
    """Dagster keeps the cursor with each tick, 1,440 of which a day has."""
    write_samples(folder(root), samples())
    watch.asked()
    looks = json.loads(watch.cursor or "")["looks"]
    assert [type(each) for each in looks["tiny"]] == [int, str, int]
    assert len(json.dumps(looks["tiny"], separators=(",", ":"))) <= 30


def test_with_prometheus_the_metrics_are_due_without_a_file(watch: Watch) -> None:
    watch.has_prometheus = True
    (first,) = watch.asked()
    assert first.tags[history.WHY_TAG] == "metrics"
    watch.now += HOUR - 1
    assert not watch.asked()
    watch.now += 1
    (second,) = watch.asked()
    assert first.run_key != second.run_key


def test_metrics_files_are_due_by_the_clock(watch: Watch, root: Path) -> None:
    place = folder(root) / METRICS
    place.mkdir(parents=True)
    (place / "a.json").write_text("{}")
    assert [request.tags[history.WHY_TAG] for request in watch.asked()] == ["metrics"]


def test_where_nothing_was_written_it_says_so(watch: Watch) -> None:
    assert watch.said() == "tiny: nothing was ever written"


def test_no_model_in_production_is_said(sandbox: Sandbox) -> None:
    sensor = module.build([sandbox.spec], {}, has_prometheus=True)
    result = sensor(dg.build_sensor_context(instance=sandbox.instance))
    assert isinstance(result, dg.SensorResult)
    assert "no model says anything of production" in str(result.skip_reason)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_not_while_a_look_goes_on(watch: Watch, root: Path, status: dg.DagsterRunStatus) -> None:
    write_samples(folder(root), samples())
    queue(watch, status)
    assert watch.said() == "tiny: a look goes on"


def test_a_look_that_failed_is_asked_for_three_times_and_no_more(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    keys = []
    for _ in range(5):
        for request in watch.asked():
            keys.append(request.run_key or "")
            queue(watch, dg.DagsterRunStatus.FAILURE)
        watch.now += HOUR
    assert [key.rpartition(":")[2] for key in keys] == ["1", "2", "3"]
    write_samples(folder(root), samples(first=50))
    assert watch.asked(), "what is new is tried all the same"


def test_a_folder_that_cannot_be_read_is_a_trouble_and_its_end_too(watch: Watch, root: Path) -> None:
    place = folder(root) / SAMPLES
    place.parent.mkdir(parents=True)
    place.write_text("a file where a folder should be")
    assert "its folder cannot be read" in watch.said()
    first = json.loads(watch.cursor or "")["trouble"]
    assert "tiny" in first["why"]
    watch.now += 60
    watch.tick()
    second = json.loads(watch.cursor or "")["trouble"]
    assert (second["since"], second["times"]) == (first["since"], 2)
    place.unlink()
    watch.tick()
    assert json.loads(watch.cursor or "")["trouble"] is None


def test_a_clock_that_was_set_back_stops_nothing(watch: Watch, root: Path) -> None:
    write_samples(folder(root), samples())
    watch.asked()
    write_samples(folder(root), samples(first=100))
    watch.now -= timedelta(days=400).total_seconds()
    assert len(watch.asked()) == 1


def test_a_tick_that_has_no_time_left_goes_on_with_the_next_model(
    watch: Watch, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(folder(root), samples())
    monkeypatch.setattr(module, "AT_MOST", 0)
    assert not watch.tick().run_requests
    assert json.loads(watch.cursor or "")["following"] == "tiny"
    monkeypatch.setattr(module, "AT_MOST", 1)
    assert len(watch.asked()) == 1
