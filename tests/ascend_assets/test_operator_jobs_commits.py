"""What a person asks of a commit in the UI: try it again, build it by its own definition, fetch a repository."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from project_fixtures import edit, sandbox
from sandbox import Sandbox, git
from upstream import DEFS, JOB, Upstream, keep, upstream

from ascend_assets.commits import child
from ascend_assets.commits.child import CandidateRefused, Ended
from resources.configurable import Project
from sensors import retried_commits

__all__ = ["edit", "sandbox", "upstream"]


def launch(sandbox: Sandbox, name: str, **form: str) -> dg.ExecuteInProcessResult:
    job = sandbox.definitions().resolve_job_def(name)
    config = {"ops": {f"{name}_step": {"config": form}}}
    return job.execute_in_process(run_config=config, instance=sandbox.instance, raise_on_error=False)


def why(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    assert failed.user_failure_data is not None
    return failed.user_failure_data.description or ""


def tick(sandbox: Sandbox, cursor: str | None = None) -> dg.SensorResult:
    sensor = retried_commits.build([sandbox.spec], [JOB])
    context = dg.build_sensor_context(instance=sandbox.instance, cursor=cursor)
    result: Any = sensor(context, project=Project(folder=str(sandbox.root)))
    assert isinstance(result, dg.SensorResult)
    return result


def run_tags(sandbox: Sandbox, run_id: str) -> dict[str, str]:
    run = sandbox.instance.get_run_by_id(run_id)
    assert run is not None
    return dict(run.tags)


def test_a_commit_is_tried_again_as_the_next_attempt(sandbox: Sandbox) -> None:
    commit = sandbox.commit_id
    tags = {"ascend/model": "tiny", "ascend/commit": commit, "ascend/attempt": "1", "ascend/trigger": "commits_origin"}
    first = dg.RunRequest(run_key=f"commit:tiny:{commit}:1", job_name="tiny_candidate", tags=tags)
    keep(sandbox.instance, first, dg.DagsterRunStatus.FAILURE)
    assert tick(sandbox).run_requests == []
    assert launch(sandbox, "retry_commit", model="tiny", commit="main", reason="the disk was full").success
    result = tick(sandbox)
    assert result.run_requests is not None
    (request,) = result.run_requests
    assert request.run_key == f"commit:tiny:{commit}:2"
    assert request.job_name == "tiny_candidate"
    assert request.run_config == {"ops": {"tiny__source": {"config": {"commit": commit}}}}
    assert (request.tags["ascend/why"], request.tags["ascend/attempt"]) == ("retry", "2")
    assert request.tags["ascend/trigger"] == "commits_origin", "who heard of the first attempt hears of this one"
    assert tick(sandbox).run_requests == [request], "a tick that was lost is made up for"
    assert tick(sandbox, result.cursor).run_requests == []
    keep(sandbox.instance, request, dg.DagsterRunStatus.FAILURE)
    launch(sandbox, "retry_commit", model="tiny", commit=commit[:10], reason="again")
    again = tick(sandbox, result.cursor).run_requests
    assert [each.run_key for each in again or []] == [f"commit:tiny:{commit}:3"]


def test_two_who_ask_before_anybody_answers_get_two_attempts_in_their_order(sandbox: Sandbox) -> None:
    for reason in ("one", "two"):
        launch(sandbox, "retry_commit", model="tiny", commit="HEAD", reason=reason)
    found = tick(sandbox).run_requests or []
    assert [each.tags["ascend/attempt"] for each in found] == ["1", "2"]


def test_a_commit_of_another_definition_is_tried_by_its_own(
    sandbox: Sandbox, edit: Callable[[Path, str, str], None]
) -> None:
    before = sandbox.commit_id
    edit(sandbox.model / "defs.yaml", "task: classification", "task: other")
    sandbox.commit()
    launch(sandbox, "retry_commit", model="tiny", commit=before, reason="compare")
    (request,) = tick(sandbox).run_requests or []
    assert request.job_name == "candidate_of_commit"
    assert request.tags["ascend/model"] == "tiny"


def test_in_a_cluster_a_wish_waits_for_the_deployment_of_the_commit_s_definition(
    sandbox: Sandbox, edit: Callable[[Path, str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before, text = sandbox.commit_id, (sandbox.model / "defs.yaml").read_text()
    edit(sandbox.model / "defs.yaml", "task: classification", "task: other")
    now = sandbox.commit()
    launch(sandbox, "retry_commit", model="tiny", commit=before, reason="compare")
    launch(sandbox, "retry_commit", model="tiny", commit=now, reason="compare")
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    first = tick(sandbox)
    assert [each.tags["ascend/commit"] for each in first.run_requests or []] == [now], "one that waits stops no other"
    second = tick(sandbox, first.cursor)
    assert not second.run_requests
    assert second.skip_reason is not None
    said = second.skip_reason.skip_message or ""
    assert f"tiny at {before[:12]} waits until the code location with its definition is deployed" in said
    (sandbox.model / "defs.yaml").write_text(text)
    (request,) = tick(sandbox, second.cursor).run_requests or []
    assert (request.job_name, request.tags["ascend/commit"]) == ("tiny_candidate", before)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"commit": "1" * 40}, "has no commit"),
        ({"commit": "--all"}, "is no name of a commit"),
        ({"model": "other"}, "has no model 'other'"),
        ({"model": "../../etc"}, "has no model"),
    ],
)
def test_what_cannot_be_tried_is_refused_at_once(sandbox: Sandbox, form: dict[str, str], said: str) -> None:
    result = launch(sandbox, "retry_commit", **{"model": "tiny", "commit": "HEAD", "reason": "x", **form})
    assert not result.success
    assert said in why(result)
    assert tick(sandbox).run_requests == []


def test_a_broken_definition_is_refused_with_its_reason(sandbox: Sandbox) -> None:
    (sandbox.model / "defs.yaml").write_text("type: nothing\n")
    commit = sandbox.commit()
    git(sandbox.root, "reset", "-q", "--hard", "HEAD~1")
    assert "defs.yaml:1" in why(launch(sandbox, "retry_commit", model="tiny", commit=commit, reason="x"))


def test_a_candidate_by_its_own_definition_shows_what_came_of_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Ended(candidate="20261121-1200-git-1a2b3c4d5e6f", deployed=True, version="1.2.0", environment="dev")
    monkeypatch.setattr(child, "build", lambda *_: made)
    result = launch(sandbox, "candidate_of_commit", model="tiny", commit=sandbox.commit_id)
    assert result.success
    tags = run_tags(sandbox, result.run_id)
    assert (tags["ascend/candidate"], tags["ascend/model"]) == (made.candidate, "tiny")

    def refuse(*_: object) -> Ended:
        raise CandidateRefused("tiny at 123 is refused: precision")

    monkeypatch.setattr(child, "build", refuse)
    result = launch(sandbox, "candidate_of_commit", model="tiny", commit=sandbox.commit_id)
    assert why(result) == "tiny at 123 is refused: precision"
    assert "no full id" in why(launch(sandbox, "candidate_of_commit", model="tiny", commit="main"))


def test_the_fetch_job_brings_what_a_tick_could_not(
    sandbox: Sandbox, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "triggers.yaml"
    settings.write_text(f"repositories:\n  - {{name: forge, url: '{upstream.server.url}', branches: ['*']}}\n")
    monkeypatch.setenv("ASCEND_TRIGGERS", str(settings))
    commit = upstream.pushed(f"{DEFS}/tiny/x")
    assert launch(sandbox, "fetch_commits", repository="forge").success
    assert git(sandbox.root, "rev-parse", "refs/ascend/forge/heads/main") == commit
    assert git(sandbox.root, "branch", "--list").split() == ["*", "main"]
    assert not (sandbox.root / ".git" / "FETCH_HEAD").exists()
    assert "has no repository 'other'" in why(launch(sandbox, "fetch_commits", repository="other"))
    upstream.server.status = 500
    assert "returned error: 500" in why(launch(sandbox, "fetch_commits", repository="forge"))
