"""A forge hears every change of a commit's candidates, in order and once, and is left alone while it is in trouble."""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import WILL_RETRY_TAG
from forge_server import ForgeServer, Reply, Sent, forge_server

from ascend_assets import history
from ascend_assets.commits.child import CandidateRefused
from ascend_assets.triggers import CommitStatus, Repository, Triggers
from sensors import commit_status

SHA = "1a2b3c4d" * 5
TOKEN = "s3cr3t-t0k3n"  # noqa: S105 - of no real forge
DONE = "the forge knows how every commit does"

STATUS = dg.DagsterRunStatus


@pytest.fixture
def forge(monkeypatch: pytest.MonkeyPatch) -> Iterator[ForgeServer]:
    monkeypatch.setenv("FORGE_TOKEN", TOKEN)
    with forge_server() as made:
        yield made


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as made:
        yield made


def sensor(address: str, url: str = "https://dagster.example/") -> dg.SensorDefinition:
    told = {"forge": "github", "project": "acme/models", "api": address, "token_env": "FORGE_TOKEN"}
    settings = Triggers.model_validate(
        {"repositories": [{"name": "origin", "status": told}], "notices": {"dagster_url": url} if url else {}}
    )
    (made,) = commit_status.build(settings)
    return made


def tick(forge: ForgeServer, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    found = sensor(forge.address)(dg.build_sensor_context(instance=instance, cursor=cursor))
    assert isinstance(found, dg.SensorResult)
    return found


def said(result: dg.SensorResult) -> str:
    return result.skip_reason.skip_message or "" if result.skip_reason else ""


@dg.op
def nothing() -> None: ...


@dg.job
def tiny_candidate() -> None:
    nothing()


def run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = STATUS.NOT_STARTED,
    *,
    sha: str = SHA,
    model: str = "tiny",
    tags: Mapping[str, str] = {},
) -> dg.DagsterRun:
    own = {history.TRIGGER_TAG: "commits_origin", history.COMMIT_TAG: sha, history.MODEL_TAG: model}
    return instance.create_run_for_job(tiny_candidate, status=status, tags={**own, **tags})


def sha_of(number: int) -> str:
    return f"{number:03}{'a' * 37}"


def moves(instance: dg.DagsterInstance, made: dg.DagsterRun, *events: dg.DagsterEventType) -> None:
    """What the daemon and the run itself report."""
    for kind in events:
        event = dg.DagsterEvent(event_type_value=kind.value, job_name=made.job_name)
        instance.report_dagster_event(event, made.run_id)


def test_it_is_off_unless_asked_for() -> None:
    assert commit_status.build(Triggers(repositories=(Repository(),))) == []
    own = CommitStatus.model_validate({"forge": "gitlab", "project": "a/b", "token_env": "T"})
    (made,) = commit_status.build(Triggers(repositories=(Repository(), Repository(name="other", status=own))))
    assert made.name == "commit_status_other"
    assert made.default_status == dg.DefaultSensorStatus.RUNNING


def test_every_change_of_a_run_is_told_once(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    made = run(instance)
    cursor = tick(forge, instance).cursor
    moves(instance, made, dg.DagsterEventType.RUN_START)
    cursor = tick(forge, instance, cursor).cursor
    cursor = tick(forge, instance, cursor).cursor
    moves(instance, made, dg.DagsterEventType.RUN_SUCCESS)
    last = tick(forge, instance, cursor)
    assert said(last) == f"told {SHA[:12]}/tiny: success"
    assert said(tick(forge, instance, last.cursor)) == DONE
    assert forge.statuses == [
        (SHA, "ascend/tiny", "pending"),
        (SHA, "ascend/tiny", "pending"),
        (SHA, "ascend/tiny", "success"),
    ]
    assert [sent.body["description"] for sent in forge.sent] == [
        "waits for its turn",
        "is being built and judged",
        "passed every gate and is in dev",
    ]
    assert {sent.body["target_url"] for sent in forge.sent} == {f"https://dagster.example/runs/{made.run_id}"}


def refuse(instance: dg.DagsterInstance, made: dg.DagsterRun, *names: str, **fields: Any) -> None:
    for name in names:
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(["tiny", "Ascend310P3", "precision"]),
            check_name=name,
            passed=fields.get("passed", False),
            metadata={},
            severity=fields.get("severity", dg.AssetCheckSeverity.ERROR),
            blocking=fields.get("blocking", True),
        )
        kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
        instance.report_dagster_event(dg.DagsterEvent(kind, made.job_name, event_specific_data=evaluation), made.run_id)


def test_a_refused_candidate_is_told_with_what_refused_it(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    made = run(instance, STATUS.STARTED)
    refuse(instance, made, "lint", passed=True)
    refuse(instance, made, "freshness", blocking=False)
    refuse(instance, made, "style", severity=dg.AssetCheckSeverity.WARN)
    refuse(instance, made, "cosine_similarity", "overflow_layers", "top1_drop")
    moves(instance, made, dg.DagsterEventType.RUN_FAILURE)
    tick(forge, instance)
    (sent,) = forge.sent
    assert sent.body["state"] == "failure"
    assert sent.body["description"] == (
        "refused by cosine_similarity on Ascend310P3, overflow_layers on Ascend310P3 and 1 more"
    )


def test_a_run_that_fell_tells_nothing_of_its_error(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    made = run(instance, STATUS.STARTED)
    instance.report_run_failed(made, f"the password {TOKEN} was wrong")
    tick(forge, instance)
    assert forge.sent[0].body["description"] == "failed, for another reason than a gate"


def test_what_a_guard_or_a_child_refused_is_told_as_refused(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    @dg.op
    def build() -> None:
        raise CandidateRefused(f"tiny at {SHA[:12]} is refused: cosine_similarity")

    @dg.job
    def candidate_of_commit() -> None:
        build()

    tags = {history.TRIGGER_TAG: "commits_origin", history.COMMIT_TAG: SHA, history.MODEL_TAG: "tiny"}
    candidate_of_commit.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    tick(forge, instance)
    assert forge.sent[0].body["state"] == "failure"
    assert forge.sent[0].body["description"] == "refused: its run says by what"


def test_a_run_that_is_tried_again_by_itself_is_still_waited_for(
    forge: ForgeServer, instance: dg.DagsterInstance
) -> None:
    run(instance, STATUS.FAILURE, tags={WILL_RETRY_TAG: "true"})
    tick(forge, instance)
    assert forge.statuses == [(SHA, "ascend/tiny", "pending")]


def test_a_cancelled_run(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    run(instance, STATUS.CANCELED)
    tick(forge, instance)
    assert forge.statuses == [(SHA, "ascend/tiny", "error")]


def test_the_newest_attempt_speaks_whatever_an_older_one_does_later(
    forge: ForgeServer, instance: dg.DagsterInstance
) -> None:
    older = run(instance, STATUS.STARTED)
    run(instance, STATUS.SUCCESS)
    cursor = tick(forge, instance).cursor
    moves(instance, older, dg.DagsterEventType.RUN_FAILURE)
    tick(forge, instance, cursor)
    assert forge.statuses == [(SHA, "ascend/tiny", "success")]


def test_another_attempt_is_told_on_top(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    run(instance, STATUS.FAILURE)
    cursor = tick(forge, instance).cursor
    run(instance, STATUS.NOT_STARTED)
    tick(forge, instance, cursor)
    assert [state for _, _, state in forge.statuses] == ["failure", "pending"]


def test_each_model_of_a_commit_is_a_status_of_its_own(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    run(instance, STATUS.SUCCESS, model="tiny")
    run(instance, STATUS.FAILURE, model="large")
    tick(forge, instance)
    assert sorted(forge.statuses) == [(SHA, "ascend/large", "failure"), (SHA, "ascend/tiny", "success")]


def test_runs_of_other_triggers_are_none_of_its_business(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    run(instance, tags={history.TRIGGER_TAG: "commits_other"})
    instance.create_run_for_job(tiny_candidate, tags={history.TRIGGER_TAG: "commits_origin"})
    result = tick(forge, instance)
    assert forge.sent == []
    assert said(result) == DONE


def test_what_is_more_than_a_tick_tells_comes_with_the_next_and_none_twice(
    forge: ForgeServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commit_status, "AT_MOST", 4)
    monkeypatch.setattr(commit_status, "_FEW", 3)
    for number in range(10):
        run(instance, STATUS.SUCCESS, sha=sha_of(number))
    cursor: str | None = None
    for _ in range(4):
        cursor = tick(forge, instance, cursor).cursor
    assert sorted(sha for sha, _, _ in forge.statuses) == [sha_of(number) for number in range(10)]


def test_a_forge_that_is_down_is_asked_less_and_less_and_loses_nothing(
    forge: ForgeServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    run(instance, STATUS.SUCCESS)
    forge.reply = Reply(503)
    first = tick(forge, instance)
    trouble = json.loads(first.cursor or "")["trouble"]
    assert trouble["times"] == 1
    assert trouble["why"] in said(first)
    assert "status 503" in trouble["why"]
    waiting = tick(forge, instance, first.cursor)
    assert waiting.cursor == first.cursor
    assert "tried again in" in said(waiting)
    assert len(forge.sent) == 1
    clock.ahead += 31
    second = tick(forge, instance, first.cursor)
    found = json.loads(second.cursor or "")
    assert found["trouble"]["times"] == 2
    assert found["trouble"]["since"] == trouble["since"]
    clock.ahead += 31
    assert tick(forge, instance, second.cursor).cursor == second.cursor, "twice as long now"
    clock.ahead += 31
    forge.reply = Reply()
    third = tick(forge, instance, second.cursor)
    assert said(third) == f"told {SHA[:12]}/tiny: success"
    assert json.loads(third.cursor or "")["trouble"] is None


def test_what_it_heard_before_it_went_down_is_not_said_again(
    forge: ForgeServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    for number in range(3):
        run(instance, STATUS.SUCCESS, sha=sha_of(number))
    forge.reply = lambda _: Reply(201 if len(forge.sent) <= 2 else 500)
    cursor = tick(forge, instance).cursor
    forge.reply = Reply()
    clock.ahead += 31
    tick(forge, instance, cursor)
    assert [sha[2] for sha, _, _ in forge.statuses] == ["0", "1", "2", "2"]


def test_a_forge_that_has_heard_enough_is_left_alone_for_as_long_as_it_says(
    forge: ForgeServer, instance: dg.DagsterInstance
) -> None:
    run(instance)
    forge.reply = Reply(429, None, {"Retry-After": "1800"})
    cursor = json.loads(tick(forge, instance).cursor or "")
    assert cursor["not_before"] == pytest.approx(time.time() + 1800, abs=60)


@pytest.mark.parametrize("status", [401, 404])
def test_a_wrong_token_is_told_and_not_hammered(
    forge: ForgeServer, instance: dg.DagsterInstance, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    run(instance)
    forge.reply = Reply(status, {"message": "Bad credentials"})
    result = tick(forge, instance)
    assert "Bad credentials" in said(result)
    assert TOKEN not in said(result) + (result.cursor or "")
    clock.ahead += 800
    assert tick(forge, instance, result.cursor).cursor == result.cursor
    assert len(forge.sent) == 1
    clock.ahead += 200
    forge.reply = Reply()
    tick(forge, instance, result.cursor)
    assert len(forge.sent) == 2


def test_a_variable_that_is_not_set_is_named(
    forge: ForgeServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORGE_TOKEN")
    run(instance)
    assert "FORGE_TOKEN is not set" in said(tick(forge, instance))
    assert forge.sent == []


def test_a_commit_that_the_forge_does_not_know_holds_up_no_other(
    forge: ForgeServer, instance: dg.DagsterInstance
) -> None:
    """Of a branch that was force-pushed and swept up."""
    gone = "dead" * 10

    def reply(sent: Sent) -> Reply:
        return Reply(422, {"message": "No commit found for SHA"}) if gone in sent.path else Reply()

    forge.reply = reply
    run(instance, sha=gone)
    run(instance)
    result = tick(forge, instance)
    assert "No commit found for SHA" in said(result)
    assert "told 1a2b3c4d1a2b/tiny: pending" in said(result)
    assert said(tick(forge, instance, result.cursor)) == DONE


@pytest.mark.parametrize("cursor", ["no json", '{"since": "x"}', '{"old": 1}', '{"since": NaN}', "[]"])
def test_a_cursor_that_cannot_be_read_starts_anew(
    forge: ForgeServer, instance: dg.DagsterInstance, cursor: str
) -> None:
    run(instance)
    assert said(tick(forge, instance, cursor)) == f"told {SHA[:12]}/tiny: pending"


def test_without_an_address_of_dagster_there_is_no_link(forge: ForgeServer, instance: dg.DagsterInstance) -> None:
    run(instance)
    sensor(forge.address, "")(dg.build_sensor_context(instance=instance))
    assert "target_url" not in forge.sent[0].body


class Clock:
    """The sensor's clock, set ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        monkeypatch.setattr(commit_status, "_now", lambda: time.time() + self.ahead)
