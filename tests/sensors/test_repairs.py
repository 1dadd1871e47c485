"""The sensor that has refused candidates repaired: once each, and only where a repair can help."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from repairable import write_masked
from sandbox import Sandbox
from tiny import DEFS_YAML, write_tiny

from ascend_assets import history
from ascend_assets.repair import repairing
from resources.configurable import AscendToolchain, Project, Warehouse
from sensors import repairs


@dataclass(frozen=True)
class Post:
    """The sensor over the sandbox's model."""

    sandbox: Sandbox

    def tick(
        self, cursor: str | None = None, *, now: datetime | None = None, store: Warehouse | None = None
    ) -> dg.SensorResult:
        jobs = {"tiny_repair": _job("tiny_repair")}
        (sensor,) = repairs.build([self.sandbox.spec], jobs, clock=lambda: now or datetime.now(UTC))
        found = sensor(
            dg.build_sensor_context(instance=self.sandbox.instance, cursor=cursor),
            store=store or self.sandbox.store,
            toolchain=AscendToolchain(),
            project=Project(folder=str(self.sandbox.root)),
        )
        assert isinstance(found, dg.SensorResult)
        return found

    def refused(self) -> dg.ExecuteInProcessResult:
        """A run whose candidate FP16 spoils."""
        write_masked(self.sandbox.model)
        self.sandbox.commit()
        result = self.sandbox.run()
        assert not result.success
        return result


def _job(name: str) -> dg.JobDefinition:
    @dg.op
    def nothing() -> None:
        """Stands for a repair."""

    @dg.job(name=name)
    def _repair() -> None:
        nothing()

    return _repair


@pytest.fixture
def post(sandbox: Sandbox) -> Post:
    return Post(sandbox)


def said(result: dg.SensorResult) -> str:
    return (result.skip_reason.skip_message or "") if result.skip_reason else ""


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or ())


def test_it_is_on_for_every_model(sandbox: Sandbox) -> None:
    sensors = {sensor.name: sensor for sensor in sandbox.definitions().get_repository_def().sensor_defs}
    assert sensors["repairs"].default_status == dg.DefaultSensorStatus.RUNNING
    assert {job.name for job in sensors["repairs"].jobs} == {"tiny_repair"}


def test_where_nothing_failed_nothing_is_repaired(post: Post) -> None:
    assert said(post.tick()) == "no candidate was refused since the last look"


def test_a_refused_candidate_is_repaired_once(post: Post) -> None:
    failed = post.refused()
    first = post.tick()
    (request,) = requests(first)
    assert request.job_name == "tiny_repair"
    assert request.tags[history.TRIGGER_TAG] == "repairs"
    assert request.tags[history.WHY_TAG] == "refused"
    assert request.tags[repairing.OF_TAG] == failed.run_id
    config = request.run_config["ops"]
    assert config["tiny__repair"]["config"] == {"run": failed.run_id}
    assert "refused for" in config["tiny__dev__deployment"]["config"]["reason"]
    assert dg.validate_run_config(post.sandbox.definitions().resolve_job_def("tiny_repair"), request.run_config)
    assert not requests(post.tick(first.cursor)), "the cursor has moved past it"
    (again,) = requests(post.tick(None))
    assert again.run_key == request.run_key, "Dagster starts no two runs of one key"


def test_a_lost_cursor_starts_nothing_twice(post: Post) -> None:
    failed = post.refused()
    post.sandbox.instance.create_run_for_job(_job("tiny_repair"), tags={repairing.OF_TAG: failed.run_id})
    result = post.tick(None)
    assert not requests(result)
    assert "it is repaired, or was tried to be" in said(result)


def test_a_cursor_of_another_version_begins_anew(post: Post) -> None:
    post.refused()
    assert requests(post.tick('{"after": "yesterday"}'))


def refused_for_code(sandbox: Sandbox) -> None:
    write_tiny(sandbox.model)
    (sandbox.model / "helper.py").write_text("import os\nx = 1\n" * 40)


def crashes(sandbox: Sandbox) -> None:
    (sandbox.model / "model.onnx").write_bytes(b"not a model")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [(refused_for_code, "refused for what no remedy changes: code_style"), (crashes, "for another reason")],
)
def test_what_no_remedy_changes_is_left_to_a_person(post: Post, spoil: Callable[[Sandbox], None], why: str) -> None:
    spoil(post.sandbox)
    post.sandbox.commit()
    assert not post.sandbox.run().success
    result = post.tick()
    assert not requests(result)
    assert why in said(result)
    assert said(post.tick(result.cursor)) == "no candidate was refused since the last look"


def test_a_model_can_be_repaired_by_hand_alone(post: Post) -> None:
    write_masked(post.sandbox.model, definition=DEFS_YAML + "  repair: {automatic: false}\n")
    post.sandbox.commit()
    assert not post.sandbox.run().success
    result = post.tick()
    assert not requests(result)
    assert "tiny is repaired by hand" in said(result)


@pytest.mark.parametrize(
    ("tags", "why"),
    [
        ({history.STARTED_BY_TAG: "command line"}, "a person watches it"),
        ({"dagster/will_retry": "true"}, "it crashed and is begun anew"),
        ({history.MODEL_TAG: "another"}, "no candidate of a model that is loaded"),
    ],
)
def test_runs_that_are_somebody_elses_are_left_alone(post: Post, tags: dict[str, str], why: str) -> None:
    failed = post.refused()
    post.sandbox.instance.add_run_tags(failed.run_id, tags)
    result = post.tick()
    assert not requests(result)
    assert why in said(result)


def test_a_newer_candidate_that_passed_makes_a_repair_pointless(post: Post) -> None:
    post.refused()
    write_tiny(post.sandbox.model)
    post.sandbox.commit()
    assert post.sandbox.run().success
    assert "a newer candidate of the model has passed" in said(post.tick())


def test_old_failures_surprise_nobody(post: Post) -> None:
    post.refused()
    assert not requests(post.tick(now=datetime.now(UTC) + timedelta(days=3)))


def test_a_store_that_is_down_is_waited_for(post: Post, tmp_path_factory: pytest.TempPathFactory) -> None:
    post.refused()
    elsewhere = Warehouse(location=str(tmp_path_factory.mktemp("elsewhere")))
    first = post.tick(store=elsewhere)
    for _ in range(repairs.TRIES + 1):
        first = post.tick(first.cursor, store=elsewhere)
        assert not requests(first)
        assert "cannot be read" in said(first)
    assert json.loads(first.cursor or "")["trouble"]["times"] == repairs.TRIES + 2
    well = post.tick(first.cursor)
    assert requests(well), "nothing is lost"
    assert "trouble" not in json.loads(well.cursor or "")


def test_a_tick_asks_for_a_few_and_the_next_goes_on(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repairs, "AT_MOST", 1)
    first, second = post.refused(), post.sandbox.run()
    one = post.tick()
    two = post.tick(one.cursor)
    asked = [request.tags[repairing.OF_TAG] for result in (one, two) for request in requests(result)]
    assert asked == [first.run_id, second.run_id]
