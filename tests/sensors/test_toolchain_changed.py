"""After an upgrade of the toolchain every model that it did not compile says so, once, and is built again if asked."""

import dagster as dg
import pytest
from sandbox import Sandbox

from ascend_assets import freshness, history
from resources.ascend.toolchain import ToolchainIdentity
from resources.configurable import AscendToolchain, Project
from sensors import toolchain_changed as module

OM = ("tiny", "Ascend310P3", "om")
UPGRADED = "resources.ascend.emulator.toolchain._version"


def tick(sandbox: Sandbox, cursor: str | None = None) -> dg.SensorResult:
    """One tick as the daemon does it: what the sensor reports goes into the event log."""
    repository = sandbox.definitions().get_repository_def()
    (sensor,) = (s for s in repository.sensor_defs if s.name == "toolchain_changed")
    context = dg.build_sensor_context(instance=sandbox.instance, cursor=cursor, repository_def=repository)
    project = Project(folder=str(sandbox.root))
    found = sensor(context, store=sandbox.store, toolchain=AscendToolchain(), project=project)
    assert isinstance(found, dg.SensorResult)
    for event in found.asset_events or []:
        sandbox.instance.report_runless_asset_event(event)
    return found


def said(result: dg.SensorResult) -> str:
    return result.skip_reason.skip_message or "" if result.skip_reason else ""


def check(sandbox: Sandbox) -> history.Checked:
    found = history.check(sandbox.instance, OM, freshness.NAME)
    assert found is not None
    return found


def upgrade(monkeypatch: pytest.MonkeyPatch, version: str = "upgraded") -> None:
    monkeypatch.setattr(UPGRADED, lambda: version)


@pytest.fixture
def built(sandbox: Sandbox) -> Sandbox:
    made = ("source", "onnx", "lint", "Ascend310P3/om")
    assert sandbox.materialise(*(f"tiny/{name}" for name in made)).success
    return sandbox


def test_the_sensor_is_on_and_asks_seldom(sandbox: Sandbox) -> None:
    sensors = {sensor.name: sensor for sensor in sandbox.definitions().get_repository_def().sensor_defs}
    sensor = sensors["toolchain_changed"]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 300
    assert module.SWITCH in (sensor.description or "")


def test_where_nothing_is_compiled_nothing_is_said(sandbox: Sandbox) -> None:
    assert said(tick(sandbox)).startswith("every compiled model is of emulator")
    assert history.check(sandbox.instance, OM, freshness.NAME) is None


def test_the_run_that_compiles_answers_itself(built: Sandbox) -> None:
    assert check(built).passed
    result = tick(built)
    assert result.asset_events == []
    assert said(result).startswith("every compiled model is of emulator")


def test_an_upgrade_is_said_once_and_blocks_nothing(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(monkeypatch)
    first = tick(built)
    assert said(first) == "tiny/Ascend310P3: stale"
    answer = check(built)
    newest = history.newest(built.instance, OM)
    assert newest is not None
    assert not answer.passed
    assert not answer.blocks
    assert answer.about == newest.storage_id
    assert "in force is emulator upgraded" in answer.why
    again = tick(built, first.cursor)
    assert again.asset_events == []
    assert said(again) == "tiny/Ascend310P3: stale", "it is still so"


def test_a_return_to_the_old_toolchain_is_said(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as upgraded:
        upgrade(upgraded)
        tick(built)
    assert len(tick(built).asset_events) == 1
    assert check(built).passed


def test_another_toolchain_is_not_called_stale(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    now = ToolchainIdentity(name="cann", version="7.7.0.1.238", cann="8.1.RC1", origin="measured")
    monkeypatch.setattr("resources.ascend.emulator.toolchain.Emulator.describe", lambda _: now)
    monkeypatch.setenv(module.SWITCH, "1")
    result = tick(built)
    assert said(result) == "tiny/Ascend310P3: foreign"
    assert "here is cann" in check(built).why
    assert not result.run_requests


def test_nothing_is_built_unless_somebody_switched_it_on(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(monkeypatch)
    for value in ("", "0", "no"):
        monkeypatch.setenv(module.SWITCH, value)
        assert not tick(built).run_requests


def test_what_is_stale_is_built_again_once_per_toolchain(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.SWITCH, "1")
    assert not tick(built).run_requests
    upgrade(monkeypatch)
    (first,) = tick(built).run_requests or []
    (again,) = tick(built).run_requests or []
    assert first.job_name == "tiny_candidate"
    assert first.run_key == again.run_key, "Dagster starts no second run of one key"
    upgrade(monkeypatch, "upgraded twice")
    (other,) = tick(built).run_requests or []
    assert other.run_key != first.run_key
    assert built.materialise("tiny/Ascend310P3/om").success
    assert not tick(built).run_requests
    assert check(built).passed


def test_a_record_that_cannot_be_read_is_said(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(monkeypatch)
    made = freshness.newest(built.instance, OM)
    assert made is not None
    store = built.root.parent / "store"
    for path in store.rglob(f"*{made.record[2:]}*"):
        path.unlink()
    tick(built)
    assert "nobody can say what compiled it" in check(built).why


def test_a_tick_goes_on_where_the_last_one_ended(built: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    upgrade(monkeypatch)
    monkeypatch.setattr(module, "SECONDS", -1.0)
    result = tick(built)
    assert result.cursor == "tiny/Ascend310P3/om"
    assert not result.asset_events
    monkeypatch.undo()
    upgrade(monkeypatch)
    assert len(tick(built, result.cursor).asset_events) == 1


def test_without_a_toolchain_nobody_can_say(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.ascend.cann.errors import NoInstallation

    def nothing(*_: object) -> None:
        raise NoInstallation("no CANN here: install it")

    monkeypatch.setattr(AscendToolchain, "choose", nothing)
    assert said(tick(sandbox)) == "nobody can say what is stale: no CANN here: install it"


def test_in_a_cluster_the_place_that_asks_has_no_toolchain_in_force(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(module.SWITCH, "1")
    before = sandbox.definitions().get_repository_def()
    (sensor,) = (one for one in before.sensor_defs if one.name == "toolchain_changed")
    context = dg.build_sensor_context(instance=sandbox.instance, cursor="here", repository_def=before)
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    found = sensor(context, store=sandbox.store, toolchain=AscendToolchain(), project=Project())
    assert isinstance(found, dg.SensorResult)
    assert "the toolchain in force is that of each step's image" in said(found)
    assert not found.run_requests
    assert found.cursor == "here"
