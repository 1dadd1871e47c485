"""A newer version on the hub starts one run; what fails is tried again as the breaker allows; nothing starts twice."""

import json
import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from hub_project import HUB_MODEL, come_from_hub, hub_files, use_hub
from hub_server import FakeHub, Fault, serving
from sandbox import Sandbox

from ascend_assets import history, triggers
from ascend_assets.hub.watching import Memory
from ascend_assets.spec import ModelSpec
from resources.breaker import COOL
from sensors import hub_releases as module

OTHERS = ("aaa", "bbb", "ccc")


@pytest.fixture
def fake(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as hub:
        hub.publish(HUB_MODEL, "v1.0.0", hub_files())
        hub.publish(HUB_MODEL, "v1.9.0", hub_files(hidden_size=32))
        use_hub(monkeypatch, hub, sandbox.root.parent)
        yield hub


@pytest.fixture
def project(sandbox: Sandbox, fake: FakeHub) -> Sandbox:
    assert fake.port
    come_from_hub(sandbox)
    return sandbox


def tick(project: Sandbox, before: dg.SensorResult | None = None, cursor: str | None = None) -> dg.SensorResult:
    """One tick as the daemon does it."""
    repository = project.definitions().get_repository_def()
    (sensor,) = (s for s in repository.sensor_defs if s.name == module.NAME)
    given = before.cursor if before else cursor
    found = sensor(dg.build_sensor_context(instance=project.instance, cursor=given, repository_def=repository))
    assert isinstance(found, dg.SensorResult)
    return found


def requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or [])


def keys(result: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in requests(result)]


def said(result: dg.SensorResult) -> str:
    return result.skip_reason.skip_message or "" if result.skip_reason else ""


def memory(result: dg.SensorResult) -> Memory:
    return Memory.model_validate_json(result.cursor or "")


def launch(
    project: Sandbox, result: dg.SensorResult, stages: tuple[str, ...] = ("source",)
) -> dg.ExecuteInProcessResult:
    """The run that was asked for, as far as its source, with the tags that the daemon gives it."""
    (request,) = requests(result)
    selection = dg.AssetSelection.assets(*(["tiny", stage] for stage in stages))
    job = dg.define_asset_job("begun", selection, tags={history.MODEL_TAG: "tiny"})
    merged = dg.Definitions.merge(project.definitions(), dg.Definitions(jobs=[job]))
    return merged.resolve_job_def("begun").execute_in_process(
        run_config=request.run_config,
        instance=project.instance,
        tags={**request.tags, module.RUN_KEY_TAG: request.run_key or ""},
        raise_on_error=False,
    )


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(time, "time", lambda: now)


def test_the_sensor_is_on_and_asks_as_often_as_the_settings_say(project: Sandbox) -> None:
    (sensor,) = (s for s in project.definitions().get_repository_def().sensor_defs if s.name == module.NAME)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 300
    own = module.build([dg.define_asset_job("tiny_candidate")], [project.spec], triggers.Hub(every_seconds=77))
    assert own.minimum_interval_seconds == 77


def test_where_no_model_comes_from_a_hub_none_is_asked(sandbox: Sandbox, fake: FakeHub) -> None:
    assert said(tick(sandbox)) == "no model comes from a model hub"
    assert not fake.asked


def test_a_newer_version_starts_one_run_with_its_reason(project: Sandbox) -> None:
    (request,) = requests(tick(project))
    assert request.job_name == "tiny_candidate"
    assert request.run_key == "hub:tiny:v1.9.0:1"
    assert request.run_config == {"ops": {"tiny__source": {"config": {"hub": "v1.9.0"}}}}
    assert request.tags == {history.TRIGGER_TAG: "hub_releases", history.WHY_TAG: "hub-v1.9.0"}


def test_nothing_is_downloaded_in_a_tick(project: Sandbox, fake: FakeHub) -> None:
    tick(project)
    assert set(fake.count()) == {"revisions", "model"}


def test_it_is_said_once_and_ten_is_newer_than_nine(project: Sandbox, fake: FakeHub) -> None:
    first = tick(project)
    second = tick(project, first)
    assert keys(second) == []
    assert said(second) == "the hub has no newer version of any model"
    for tag in ("v1.10.0", "v1.9.5", "v2.0.0-rc1", "draft"):
        fake.publish(HUB_MODEL, tag, hub_files())
    fake.publish(HUB_MODEL, "v3.0.0", hub_files(), Visibility=1)
    third = tick(project, second)
    assert keys(third) == ["hub:tiny:v1.10.0:1"]
    assert memory(third).models["tiny"].passed_over == ("v1.9.5",)


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"models": 7}', '{"from": "another version"}'])
def test_a_lost_cursor_asks_under_the_same_key(project: Sandbox, cursor: str | None) -> None:
    assert keys(tick(project, cursor=cursor)) == ["hub:tiny:v1.9.0:1"], "Dagster starts no second run of one key"


def test_a_private_model_starts_nothing_and_is_told(project: Sandbox, fake: FakeHub) -> None:
    fake.visibility[HUB_MODEL] = 1
    result = tick(project)
    assert not requests(result)
    assert "somebody/tiny is not public: v1.9.0 is not taken" in said(result)
    fake.visibility[HUB_MODEL] = 5
    assert keys(tick(project, result)) == ["hub:tiny:v1.9.0:1"]


def test_a_model_that_the_hub_does_not_know_is_told_and_opens_nothing(project: Sandbox, fake: FakeHub) -> None:
    fake.tags.clear()
    result = tick(project)
    for _ in range(3):
        result = tick(project, result)
    assert "tiny: " in said(result)
    assert "there is no such model" in said(result)
    assert memory(result).breaker.state(time.time()) == "closed"


@pytest.mark.parametrize("fault", ["status_500", "garbage", "endless_redirect", "list"])
def test_a_hub_that_is_down_opens_the_breaker_and_is_left_alone(project: Sandbox, fake: FakeHub, fault: Fault) -> None:
    fake.misbehave("revisions", fault)
    result = tick(project)
    for times in (1, 2, 3):
        found = memory(result)
        assert found.trouble is not None
        assert found.trouble.times == times
        assert "the hub is in trouble, tiny: " in said(result)
        result = tick(project, result)
    assert said(result).startswith("the breaker is open after tiny: ")
    assert memory(result).breaker.state(time.time()) == "open"
    assert len(fake.asked) - fake.count()["model"] >= 3
    asked = len(fake.asked)
    tick(project, result)
    assert len(fake.asked) == asked


def test_a_half_open_breaker_asks_once_and_a_success_closes_it(
    project: Sandbox, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.misbehave("revisions", "status_500")
    result = tick(project)
    for _ in range(2):
        result = tick(project, result)
    later(monkeypatch, COOL + 1)
    result = tick(project, result)
    assert fake.count()["revisions"] == 4
    assert memory(result).breaker.state(time.time()) == "open", "the one try failed"
    fake.behave()
    later(monkeypatch, 2 * COOL + 2)
    result = tick(project, result)
    assert keys(result) == ["hub:tiny:v1.9.0:1"]
    found = memory(result)
    assert (found.trouble, found.breaker.state(time.time())) == (None, "closed")


def test_a_slow_hub_does_not_hold_a_tick(project: Sandbox, fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUESTION_SECONDS", 0.3)
    fake.misbehave("revisions", "endless_headers")
    begin = time.monotonic()
    assert "too slowly" in said(tick(project)) or "no whole answer" in said(tick(project))
    assert time.monotonic() - begin < 15


def test_a_failed_download_is_tried_again_and_three_open_the_breaker(
    project: Sandbox, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.misbehave("file", "altered")
    result = tick(project)
    for attempt in (1, 2, 3):
        assert keys(result) == [f"hub:tiny:v1.9.0:{attempt}"]
        assert not launch(project, result).success
        result = tick(project, result)
    found = memory(result)
    assert found.breaker.state(time.time()) == "open"
    failing = found.downloads_failed
    assert failing is not None
    assert (failing.model, failing.version, failing.times) == ("tiny", "v1.9.0", 3)
    assert "model.onnx has sha256" in failing.why or "config.json has sha256" in failing.why
    assert "3 downloads failed" in said(result)
    later(monkeypatch, COOL + 1)
    result = tick(project, result)
    assert keys(result) == ["hub:tiny:v1.9.0:4"]
    waiting = tick(project, result)
    assert not requests(waiting)
    assert "the one try" in said(waiting)
    fake.behave()
    assert launch(project, result).success
    done = tick(project, waiting)
    assert memory(done).downloads_failed is None
    assert memory(done).breaker.state(time.time()) == "closed"
    assert not requests(done)


def test_a_refused_configuration_is_not_tried_again(project: Sandbox, fake: FakeHub) -> None:
    fake.publish(HUB_MODEL, "v1.9.0", hub_files(num_labels=5))
    result = tick(project)
    assert not launch(project, result).success
    for _ in range(3):
        result = tick(project, result)
        assert not requests(result)
    assert memory(result).models["tiny"].asked is None
    assert memory(result).breaker.failures == ()
    fake.publish(HUB_MODEL, "v1.9.1", hub_files())
    assert keys(tick(project, result)) == ["hub:tiny:v1.9.1:1"]


def test_a_run_that_fails_after_its_download_is_no_failed_download(project: Sandbox, fake: FakeHub) -> None:
    fake.publish(HUB_MODEL, "v1.9.0", {**hub_files(), "model.onnx": b"no model"})
    result = tick(project)
    assert not launch(project, result, ("source", "onnx")).success
    after = tick(project, result)
    assert not requests(after)
    assert memory(after).downloads_failed is None


def test_a_run_that_never_came_is_asked_for_again(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tick(project)
    later(monkeypatch, 1800)
    second = tick(project, first)
    assert not requests(second), "it may still come"
    later(monkeypatch, 3700)
    assert keys(tick(project, second)) == ["hub:tiny:v1.9.0:1"]


def test_a_wrong_address_is_said_and_does_not_raise(project: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://user:password@hub.example")
    result = tick(project)
    assert "correct hub.endpoint" in said(result)
    assert "password" not in said(result) + (result.cursor or "")


def test_a_token_shows_nowhere(project: Sandbox, fake: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_TOKEN", "s3cr3t")
    job = dg.define_asset_job("tiny_candidate")
    sensor = module.build([job], [project.spec], triggers.Hub(token_env="HUB_TOKEN"))  # noqa: S106 - a variable's name
    fake.misbehave("revisions", "status_403", times=1)
    for _ in range(2):
        result = sensor(dg.build_sensor_context(instance=project.instance))
        assert isinstance(result, dg.SensorResult)
        assert "s3cr3t" not in f"{said(result)}{result.cursor}{result.run_requests}"
    assert fake.asked[0].headers["Authorization"] == "Bearer s3cr3t"


def several(project: Sandbox, names: tuple[str, ...]) -> list[ModelSpec]:
    spec = project.spec
    return [
        spec.model_copy(
            update={"name": name, "source": spec.source.model_copy(update={"modelscope": f"somebody/{name}"})}
        )
        for name in names
    ]


def sensor_of(specs: list[ModelSpec]) -> Any:
    jobs = [dg.define_asset_job(f"{spec.name}_candidate") for spec in specs]
    return module.build(jobs, specs, triggers.Hub())


def test_models_take_turns_where_the_time_is_short(
    project: Sandbox, fake: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OTHERS:
        fake.publish(f"somebody/{name}", "v1.0.0", {})
    sensor = sensor_of(several(project, OTHERS))
    monkeypatch.setattr(module, "SECONDS", -1.0)
    cursor, following = None, []
    for _ in range(3):
        result = sensor(dg.build_sensor_context(instance=project.instance, cursor=cursor))
        cursor = result.cursor
        following.append(json.loads(cursor)["following"])
    assert following == ["bbb", "ccc", "aaa"]


def test_one_model_with_a_strange_answer_does_not_stop_the_others(project: Sandbox, fake: FakeHub) -> None:
    for name in OTHERS:
        fake.publish(f"somebody/{name}", "v2.0.0", {})
    fake.misbehave("revisions", "garbage", times=1)
    result = sensor_of(several(project, OTHERS))(dg.build_sensor_context(instance=project.instance))
    assert keys(result) == ["hub:bbb:v2.0.0:1", "hub:ccc:v2.0.0:1"]
    assert memory(result).breaker.failures == ()


def test_a_hundred_models_fit_into_a_tick(project: Sandbox, fake: FakeHub) -> None:
    names = tuple(f"m{number:03}" for number in range(100))
    for name in names:
        fake.publish(f"somebody/{name}", "v1.0.0", {})
    sensor = sensor_of(several(project, names))
    cursor, ticks = None, 0
    while fake.count()["revisions"] < len(names):
        cursor = sensor(dg.build_sensor_context(instance=project.instance, cursor=cursor)).cursor
        ticks += 1
        assert ticks <= 20, "each of them is asked about within a few ticks"
