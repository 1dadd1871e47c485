"""The sensor, with a real log, a real outbox, real child processes and a real server: people are told."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from operators import Desk, desk
from sandbox import Sandbox
from tiny import write_tiny
from webhook_server import Webhook, serving

from ascend_assets.notices import telling
from ascend_assets.triggers import Channel, Notices, Triggers
from resources.configurable import AscendToolchain, Project
from resources.notify import channels, outbox
from sensors import notices as module
from sensors.deployed import deployed

__all__ = ["desk"]

WITHIN = 60.0
NOTHING = "everybody has been told everything"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with serving() as server:
        yield server


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hook: Webhook) -> Path:
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TEAM_HOOK", hook.address)
    monkeypatch.setattr(telling, "_WELL_FORMED", set())
    return tmp_path / "state" / "notices"


def settings(*names: str, group_seconds: int = 0) -> Triggers:
    made = tuple(Channel(name=name, url_env=f"{name.upper()}_HOOK", language="en") for name in names)
    return Triggers(notices=Notices(channels=made, group_seconds=group_seconds))


def tiny() -> dg.Definitions:
    """A code location with one asset and one check."""

    @dg.asset_check(asset=["tiny", "om"], name="current")
    def current() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return dg.Definitions(assets=[dg.AssetSpec(["tiny", "om"])], asset_checks=[current])


class Ticking:
    """The sensor with its cursor."""

    def __init__(self, instance: dg.DagsterInstance, *names: str, there: dg.Definitions | None = None) -> None:
        self.instance = instance
        self.cursor: str | None = None
        self.sensor = module.build(settings(*names))
        self.repository = (there or tiny()).get_repository_def()

    def tick(self, *, keeps: bool = True) -> str:
        """The reason that the tick gives. Without `keeps` the daemon dies before it has kept the cursor."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor, repository_def=self.repository)
        result = self.sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        if keeps:
            self.cursor = result.cursor
        return result.skip_reason.skip_message or "" if result.skip_reason else ""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def evaluated(instance: dg.DagsterInstance, check: str = "current", *, passed: bool = False) -> None:
    key = dg.AssetKey(["tiny", "om"])
    evaluation = dg.AssetCheckEvaluation(asset_key=key, check_name=check, passed=passed, description="old")
    instance.report_runless_asset_event(evaluation)


def test_the_sensor_is_on() -> None:
    sensor = module.build(Triggers())
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30


def test_a_failed_check_and_its_recovery_arrive(instance: dg.DagsterInstance, state: Path, hook: Webhook) -> None:
    ticking = Ticking(instance, "team")
    assert ticking.tick() == NOTHING
    evaluated(instance)
    assert "gathered 1 notice. sent 1 message" in ticking.tick()
    evaluated(instance, passed=True)
    ticking.tick()
    assert ticking.tick() == NOTHING
    assert hook.titles == [
        "[error] tiny/om: check current failed",
        "[over] tiny/om: check current passes again",
    ]
    assert outbox.peek(state).notices[0].kind == "check_failed"


def test_without_channels_what_happened_is_kept(instance: dg.DagsterInstance, state: Path, hook: Webhook) -> None:
    ticking = Ticking(instance)
    evaluated(instance)
    assert ticking.tick() == "gathered 1 notice. no channel is set up in triggers.yaml"
    assert len(outbox.peek(state).notices) == 1
    assert hook.got == []


@pytest.mark.usefixtures("state")
def test_a_daemon_that_dies_before_it_keeps_the_cursor_tells_nothing_twice(
    instance: dg.DagsterInstance, hook: Webhook
) -> None:
    ticking = Ticking(instance, "team")
    evaluated(instance)
    ticking.tick(keeps=False)
    ticking.tick(keeps=False)
    ticking.tick()
    assert len(hook.got) == 1


@pytest.mark.usefixtures("state")
def test_a_channel_that_is_down_is_in_the_cursor_and_gets_it_later(
    instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook.mode = "500"
    ticking = Ticking(instance, "team")
    evaluated(instance)
    said = ticking.tick()
    assert "team: Failed to send JSON POST notification" in said
    trouble = json.loads(ticking.cursor or "")["trouble"]
    assert trouble["times"] == 1
    assert "sEcReT" not in said + (ticking.cursor or "")
    assert "1 wait for team" in ticking.tick(), "and is not tried again at once"
    assert len(hook.got) == 1
    hook.mode = "ok"
    later = time.time() + 40
    monkeypatch.setattr(time, "time", lambda: later)
    assert "sent 1 message" in ticking.tick()
    assert json.loads(ticking.cursor or "")["trouble"] is None


def test_an_address_that_is_missing_or_wrong_is_said_by_its_variable(
    instance: dg.DagsterInstance, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_HOOK", "nonsense://very-secret-word")
    said = Ticking(instance, "team", "ops").tick()
    assert "OPS_HOOK is not set" in said
    assert "none that Apprise knows" in said
    assert "very-secret" not in said + (state / outbox.FILE).read_text()


@pytest.mark.usefixtures("state")
def test_a_channel_that_hangs_blocks_neither_the_tick_nor_another(
    instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "SECONDS", 6.0)
    with serving() as hung:
        hung.mode = "drip"
        monkeypatch.setenv("OPS_HOOK", hung.address)
        ticking = Ticking(instance, "ops", "team")
        evaluated(instance)
        begin = time.monotonic()
        said = ticking.tick()
        assert time.monotonic() - begin < WITHIN
    assert len(hook.got) == 1
    assert "ops: the service did not answer within 6 s" in said


@pytest.mark.usefixtures("state")
def test_an_outbox_that_cannot_be_written_moves_no_cursor(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, hook: Webhook
) -> None:
    ticking = Ticking(instance, "team")
    ticking.tick()
    before = json.loads(ticking.cursor or "")["after"]
    evaluated(instance)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outbox, "put_whole", full)
    assert "No space left on device" in ticking.tick()
    kept = json.loads(ticking.cursor or "")
    assert kept["after"] == before
    assert kept["trouble"]["times"] == 1
    monkeypatch.undo()
    assert hook.got == []


@pytest.mark.usefixtures("state")
def test_a_trouble_of_a_check_that_is_gone_is_forgotten(
    instance: dg.DagsterInstance, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking = Ticking(instance, "team")
    evaluated(instance)
    ticking.tick()
    ticking.repository = dg.Definitions().get_repository_def()
    later = time.time() + 1000 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert ticking.tick() == NOTHING
    assert len(hook.got) == 1


def test_two_ticks_at_once_send_once(instance: dg.DagsterInstance, state: Path) -> None:
    ticking = Ticking(instance, "team")
    with outbox.alone(state):
        assert "another process sends notices" in ticking.tick()
    assert ticking.cursor is None


@pytest.mark.usefixtures("state")
def test_a_lost_or_foreign_cursor_tells_nothing_twice(instance: dg.DagsterInstance, hook: Webhook) -> None:
    ticking = Ticking(instance, "team")
    evaluated(instance)
    ticking.tick()
    for text in (None, "{", '{"other": 1}', "[]"):
        ticking.cursor = text
        assert "sent" not in ticking.tick()
    assert len(hook.got) == 1


def test_a_refused_candidate_is_told_with_the_page_that_shows_why(sandbox: Sandbox, state: Path, hook: Webhook) -> None:
    ticking = Ticking(sandbox.instance, "team", there=sandbox.definitions())
    ticking.tick()
    write_tiny(sandbox.model, scale=1e6)
    sandbox.commit()
    assert not sandbox.run().success
    ticking.tick()
    (body,) = hook.bodies
    assert "was refused" in body["title"]
    (candidate,) = {r.tags["ascend/candidate"] for r in sandbox.instance.get_runs()}
    assert candidate in body["title"]
    assert f"{state.parent}/dossiers/tiny/{candidate}.html" in body["message"]
    assert "`ascend run tiny`" in body["message"]


def test_signatures_are_asked_for_until_they_are_there(desk: Desk, state: Path, hook: Webhook) -> None:
    ticking = Ticking(desk.instance, "team", there=desk.sandbox.definitions())
    ticking.tick()
    desk.release()
    _deployed(desk)
    ticking.tick()
    desk.sign("1.0.0")
    _deployed(desk)
    ticking.tick()
    assert hook.titles == [
        "[warning] tiny: a promotion to staging waits for signatures",
        "[over] tiny: no promotion to staging waits for signatures any more",
    ]
    assert "grace@example.org must sign" in hook.bodies[0]["message"]
    assert not outbox.peek(state).standing


def _deployed(desk: Desk) -> None:
    repository = desk.sandbox.definitions().get_repository_def()
    context = dg.build_sensor_context(instance=desk.instance, repository_def=repository)
    project = Project(folder=str(desk.sandbox.root))
    deployed(context, store=desk.sandbox.store, toolchain=AscendToolchain(), project=project)
