"""What the command line deployed is shown in Dagster: once, whole, and not while a run is about to say so itself."""

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operators import Desk, desk

from ascend_assets import cursors, deployments, history
from ascend_assets.operations import promote
from ascend_assets.stage import AssetKey
from resources.configurable import AscendToolchain, Project, Warehouse
from resources.registry.ledger import entry_key
from sensors import deployed as module
from sensors.deployed import deployed

__all__ = ["desk"]

NOTHING = "every deployment shows what its ledger says"


def tick(desk: Desk, cursor: str | None = None, store: Warehouse | None = None) -> dg.SensorResult:
    repository = desk.sandbox.definitions().get_repository_def()
    context = dg.build_sensor_context(instance=desk.instance, cursor=cursor, repository_def=repository)
    project = Project(folder=str(desk.sandbox.root))
    found = deployed(context, store=store or desk.sandbox.store, toolchain=AscendToolchain(), project=project)
    assert isinstance(found, dg.SensorResult)
    return found


def said(result: dg.SensorResult) -> str:
    return result.skip_reason.skip_message or "" if result.skip_reason else ""


def elsewhere(desk: Desk, environment: str = "staging") -> None:
    """Promote at the command line."""
    desk.sign("1.0.0")
    promote.promote(desk.sandbox.tools(), name="tiny", environment=environment, actor="grace", reason="by hand")


def shown(desk: Desk, environment: str = "staging") -> list[str]:
    key = dg.AssetKey(["tiny", environment, "deployment"])
    records = desk.instance.fetch_materializations(key, limit=10).records
    made = [record.asset_materialization for record in records]
    return [str(m.metadata["why"].value) if m and "why" in m.metadata else "?" for m in made]


def evaluated(desk: Desk, environment: str = "staging") -> int:
    """How many evaluations of health there are."""
    key = dg.AssetCheckKey(dg.AssetKey(["tiny", environment, "deployment"]), "health")
    return len(desk.instance.event_log_storage.get_asset_check_execution_history(key, limit=20))


def test_the_sensor_is_on(desk: Desk) -> None:
    sensors = {sensor.name: sensor for sensor in desk.sandbox.definitions().get_repository_def().sensor_defs}
    assert sensors["deployed"].default_status == dg.DefaultSensorStatus.RUNNING


def test_where_nothing_is_nothing_is_said(desk: Desk) -> None:
    assert said(tick(desk)) == NOTHING
    assert evaluated(desk) == 0


def test_a_release_that_waits_is_answered_for_before_anybody_deploys_it(desk: Desk) -> None:
    desk.release()
    assert "tiny in staging: approvals, admissibility, health not met" in said(tick(desk))
    found = history.check(desk.instance, deployments.key("tiny", "staging"), "approvals")
    assert found is not None
    assert "grace@example.org must sign" in found.why
    assert evaluated(desk, "dev") == 1, "the candidate's own run answered for dev"
    assert evaluated(desk, "prod") == 0, "nothing is there and nothing waits"


def test_what_was_deployed_elsewhere_is_shown_once(desk: Desk) -> None:
    desk.release()
    elsewhere(desk)
    first = tick(desk)
    assert "deploy tiny 1.0.0 in staging by grace" in said(first)
    assert shown(desk) == ["by hand"]
    health = history.check(desk.instance, deployments.key("tiny", "staging"), "health")
    newest = history.newest(desk.instance, deployments.key("tiny", "staging"))
    assert health is not None
    assert newest is not None
    assert health.passed
    assert health.about == newest.storage_id
    assert said(tick(desk, first.cursor)) == NOTHING
    assert said(tick(desk, None)) == NOTHING, "a lost cursor makes it look again, not report again"
    assert shown(desk) == ["by hand"]
    assert evaluated(desk) == 1


def test_what_a_job_reported_is_not_reported_again(desk: Desk) -> None:
    desk.release()
    desk.sign("1.0.0")
    assert desk.move("promote", "staging").success
    result = tick(desk)
    assert "in staging" not in said(result)
    assert "tiny in prod" in said(result), "and there a release waits now"
    assert shown(desk) == ["looked at it"]
    assert shown(desk, "dev") == ["candidate " + desk.sandbox.tools().registry.get("tiny", "1.0.0").candidate]


def test_a_signature_given_elsewhere_is_answered_for(desk: Desk) -> None:
    desk.release()
    first = tick(desk)
    desk.sign("1.0.0")
    assert "tiny in staging" in said(tick(desk, first.cursor))
    found = history.check(desk.instance, deployments.key("tiny", "staging"), "approvals")
    assert found is not None
    assert found.passed


def test_a_run_that_goes_on_speaks_for_itself(desk: Desk) -> None:
    desk.release()
    elsewhere(desk)
    run = desk.instance.create_run_for_job(
        desk.sandbox.definitions().resolve_job_def("tiny_candidate"),
        status=dg.DagsterRunStatus.STARTED,
        tags={history.MODEL_TAG: "tiny"},
    )
    waiting = tick(desk)
    assert shown(desk) == []
    desk.instance.report_run_failed(run)
    tick(desk, waiting.cursor)
    assert shown(desk) == ["by hand"]


def test_a_run_that_goes_on_for_ever_does_not_hide_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.release()
    elsewhere(desk)
    job = desk.sandbox.definitions().resolve_job_def("tiny_candidate")
    tags = {history.MODEL_TAG: "tiny"}
    desk.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    monkeypatch.setattr(module, "OWN_RUN", -module.OWN_RUN)
    tick(desk)
    assert shown(desk) == ["by hand"]


def test_a_materialisation_that_a_person_reported_by_hand_is_put_right(desk: Desk) -> None:
    desk.release()
    elsewhere(desk)
    first = tick(desk)
    fake = dg.AssetMaterialization(["tiny", "staging", "deployment"], metadata={"version": "9.9.9"})
    desk.instance.report_runless_asset_event(fake)
    tick(desk, first.cursor)
    assert shown(desk) == ["by hand", "?", "by hand"]
    health = history.check(desk.instance, deployments.key("tiny", "staging"), "health")
    newest = history.newest(desk.instance, deployments.key("tiny", "staging"))
    assert health is not None
    assert newest is not None
    assert health.about == newest.storage_id


def test_a_tick_reports_on_so_many_and_the_next_goes_on_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_MOST", 1)
    desk.release()
    elsewhere(desk)
    first = tick(desk)
    assert "tiny in prod" in said(first)
    assert shown(desk) == []
    second = tick(desk, first.cursor)
    assert shown(desk) == ["by hand"]
    assert said(tick(desk, second.cursor)) == NOTHING


def test_a_store_that_cannot_be_reached_is_one_clear_reason(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    desk.release()
    first = tick(desk)
    result = tick(desk, first.cursor, Warehouse(location="s3://nowhere/at-all"))
    assert said(result).startswith("the store cannot be used, so nobody knows what is live: ")
    assert "127.0.0.1:1" in said(result)
    assert result.cursor == first.cursor, "what was seen is not forgotten"


def test_a_store_that_has_forgotten_everything_is_told_of(desk: Desk, tmp_path: Path) -> None:
    """What a folder looks like that is not mounted."""
    desk.release()
    result = tick(desk, store=Warehouse(location=str(tmp_path / "not mounted")))
    assert said(result).startswith("tiny/dev/deployment show what this store's ledgers know nothing of")


def test_a_ledger_that_was_edited_is_an_error_on_its_asset_and_hides_no_other(desk: Desk) -> None:
    desk.release()
    elsewhere(desk)
    path = desk.sandbox.root.parent / "store" / entry_key("dev", "tiny", 1)
    path.chmod(0o644)
    path.write_text("{}")
    first = tick(desk)
    health = history.check(desk.instance, deployments.key("tiny", "dev"), "health")
    assert health is not None
    assert health.blocks
    assert "environments/dev/tiny" in health.why
    assert shown(desk) == ["by hand"]
    waiting = history.check(desk.instance, deployments.key("tiny", "staging"), "admissibility")
    assert waiting is not None
    assert "Nobody knows what waits in dev" in waiting.why
    assert said(tick(desk, first.cursor)) == NOTHING, "once"


OLDER = json.dumps({"seen": {"tiny/dev/deployment": "0" * 64}, "following": "tiny/prod/deployment"})
"""As it was with a whole digest for each deployment."""


@pytest.mark.parametrize(
    "text",
    [
        '{"old": 1}',
        OLDER,
        "[]",
        '{"seen": "' + "A" * 7 + '"}',
        '{"seen": "\\n"}',
        '{"models": "' + cursors.mark("tiny") + '", "seen": "' + "A" * 20 + '"}',
    ],
)
def test_a_cursor_that_is_not_of_this_version_or_these_models_counts_for_none(desk: Desk, text: str) -> None:
    desk.release()
    assert "tiny in staging" in said(tick(desk, text))


def test_what_was_seen_is_not_looked_for_in_the_log_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.release()
    first = tick(desk)
    asked: list[str] = []
    real = history.check

    def counting(instance: dg.DagsterInstance, asset: AssetKey, name: str) -> history.Checked | None:
        asked.append(name)
        return real(instance, asset, name)

    monkeypatch.setattr(history, "check", counting)
    assert said(tick(desk, first.cursor)) == NOTHING
    assert asked == []
    tick(desk, OLDER)
    assert asked, "nothing is known, so everything is"


def test_models_that_came_or_went_make_it_look_anew_and_report_nothing_twice(desk: Desk) -> None:
    desk.release()
    first = tick(desk)
    marks = json.loads(first.cursor or "")
    others = {**marks, "models": cursors.mark("another", "tiny"), "seen": marks["seen"] * 2}
    again = tick(desk, json.dumps(others))
    assert said(again) == NOTHING
    assert again.cursor == first.cursor, "and what is not there is not kept"
    assert evaluated(desk) == 1


def test_a_model_that_was_left_halfway_is_not_taken_for_seen(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the store is: each tick reports something."""
    desk.release()
    elsewhere(desk)
    clock = itertools.count()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    first = tick(desk)
    assert "tiny in prod" in said(first)
    assert json.loads(first.cursor or "")["following"] == "tiny"
    assert shown(desk) == []
    second = tick(desk, first.cursor)
    assert shown(desk) == ["by hand"]
    assert said(tick(desk, second.cursor)) == NOTHING


NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=8), unique=True, max_size=6).map(sorted)
MARKS = st.text("AZaz09-_", min_size=cursors.MARK, max_size=cursors.MARK)


@given(NAMES, NAMES, st.data())
def test_a_cursor_holds_the_marks_of_its_models_and_of_no_others(
    models: list[str], others: list[str], data: st.DataObject
) -> None:
    marks = {model: data.draw(MARKS) for model in models if data.draw(st.booleans())}
    written = module._Cursor.of(models, marks, "x").model_dump_json()
    read = cursors.read(module._Cursor, written)
    assert read.following == "x"
    assert read.marks(models) == marks
    assert read.marks(others) == (marks if others == models else {})


def test_a_thousand_models_stand_in_every_ticks_row_with_ten_bytes_each() -> None:
    """Dagster keeps the cursor with each tick, 2,880 of which a day has."""
    models = [f"model_with_a_long_name_{number:04}" for number in range(1000)]
    marks = {model: cursors.mark(model) for model in models}
    assert len(module._Cursor.of(models, marks, models[0]).model_dump_json()) < 10_200
