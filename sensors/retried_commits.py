"""When somebody wants a commit to be tried again: what `retry_commit` accepted becomes a run.

Here belongs finding such wishes and asking for their runs, queued like all others of the model. Not here: whether a
commit can be tried (`ascend_assets/operator_jobs/commits.py`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import BaseModel, ConfigDict

from ascend_assets import cursors, history
from ascend_assets.assets.source import FOLDER
from ascend_assets.commits import requests
from ascend_assets.commits.affected import Sources
from ascend_assets.operator_jobs.commits import CANDIDATE_OF_COMMIT
from ascend_assets.spec import ModelSpec
from resources import git
from resources.configurable import Project
from resources.git_command import GitError
from resources.home import in_cluster
from sensors.jobs import Job

NAME = "retried_commits"
AT_MOST = 20
"""Wishes that one tick answers."""
LOOK_BACK = timedelta(days=2)
"""Older wishes are not answered any more: a daemon that stood still for so long must not surprise anybody."""
_REMEMBERED = 500


class NotDeployed(Exception):
    """In profile k8s the loaded definitions alone can be built, and the commit has another."""


class _Cursor(BaseModel):
    """`answered`: runs of `retry_commit` that need nothing more, the oldest first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    answered: tuple[str, ...] = ()


def build(specs: Sequence[ModelSpec], candidates: Sequence[Job]) -> dg.SensorDefinition:
    """The sensor. `specs`: the models that are loaded, `candidates` their candidate jobs."""
    loaded = {spec.name: spec for spec in specs}

    @dg.sensor(
        name=NAME,
        description=f"Starts what `{requests.RETRY}` asked for: a commit's next attempt.",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        jobs=[*candidates, CANDIDATE_OF_COMMIT],
    )
    def retried_commits(context: dg.SensorEvaluationContext, project: Project) -> dg.SensorResult:
        """One tick: the oldest wishes first."""
        # Run keys keep a wish from being answered twice.
        answered = cursors.read(_Cursor, context.cursor).answered
        repo = git.repository(project.path)
        place = (project.path.resolve() / FOLDER).relative_to(repo.resolve()).as_posix() if repo else ""
        wanted: list[dg.RunRequest] = []
        told: list[str] = []
        for run in _wishes(context.instance, answered):
            if len(wanted) == AT_MOST:
                break
            try:
                wanted.append(_request(context.instance, run, Sources(repo or project.path, place, loaded)))
            except (GitError, NotDeployed) as error:
                told.append(f"run {run.run_id[:8]} cannot be answered now: {error}")
                continue
            answered = (*answered, run.run_id)[-_REMEMBERED:]
        for text in told:
            context.log.warning(text)
        return dg.SensorResult(
            run_requests=wanted or None,
            skip_reason=None if wanted else "; ".join(told)[:1000] or "nobody asks for another try",
            cursor=_Cursor(answered=answered).model_dump_json(),
        )

    return retried_commits


def _wishes(instance: dg.DagsterInstance, answered: Sequence[str]) -> list[dg.DagsterRun]:
    """Accepted wishes that are not answered, the oldest first."""
    recent = dg.RunsFilter(
        job_name=requests.RETRY,
        statuses=[dg.DagsterRunStatus.SUCCESS],
        created_after=datetime.now(UTC) - LOOK_BACK,
    )
    found = reversed(instance.get_runs(recent, limit=_REMEMBERED))
    return [run for run in found if requests.RETRY_TAG in run.tags and run.run_id not in set(answered)]


def _request(instance: dg.DagsterInstance, wish: dg.DagsterRun, sources: Sources) -> dg.RunRequest:
    """The run that a wish is about. Raises `GitError`, `NotDeployed`.

    It counts as its repository's if that asked for the commit before: who heard of the first attempt hears of this one.
    """
    model, commit = wish.tags.get(history.MODEL_TAG, ""), wish.tags[requests.RETRY_TAG]
    found = sources.one(commit, model)
    same = found is not None and found.same
    if in_cluster() and not same:
        raise NotDeployed(f"{model} at {commit[:12]} waits until the code location with its definition is deployed")
    before = instance.get_runs(dg.RunsFilter(tags={history.MODEL_TAG: model, history.COMMIT_TAG: commit}), limit=1)
    trigger = before[0].tags.get(history.TRIGGER_TAG, "") if before else ""
    return requests.request(
        model,
        commit,
        ref="",
        same=same,
        attempt=requests.attempt_of(wish),
        trigger=trigger or NAME,
        why="retry",
    )
