"""How a commit does, by the newest run of a model that it started: what a forge is told, in a state and a sentence.

Here belongs reading that from Dagster's records. Not here: when it is told (`sensors/commit_status.py`), or how
(`resources/forges/`). Nothing of a run's own errors is told: who may see a repository may not see them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from ascend_assets import history
from ascend_assets.assets.deployment import NotAdmitted
from ascend_assets.assets.release import ReleaseRefused
from ascend_assets.commits.child import CandidateRefused
from ascend_assets.guard import NotReleasable
from resources.ascend.toolchain import CompileRefused
from resources.forges.told import State, Status

_STATES: dict[dg.DagsterRunStatus, State] = {
    dg.DagsterRunStatus.STARTED: "running",
    dg.DagsterRunStatus.CANCELING: "running",
    dg.DagsterRunStatus.SUCCESS: "success",
    dg.DagsterRunStatus.FAILURE: "failure",
    dg.DagsterRunStatus.CANCELED: "cancelled",
}
_REFUSALS = frozenset(
    kind.__name__ for kind in (CandidateRefused, CompileRefused, NotAdmitted, NotReleasable, ReleaseRefused)
)
"""Dagster keeps the name of an exception's class and not the class."""
_FAILURES = 20
_SHOWN = 2
_EVENTS = 500


def state(run: dg.DagsterRun) -> State:
    """A run's state as forges know it. A run that fell and is tried again by itself is waited for."""
    if run.status == dg.DagsterRunStatus.FAILURE and run.tags.get(WILL_RETRY_TAG) == "true":
        return "pending"
    return _STATES.get(run.status, "pending")


def pair(run: dg.DagsterRun) -> tuple[str, str] | None:
    """The commit and the model that a run is about; None for a run of no commit."""
    commit, model = run.tags.get(history.COMMIT_TAG, ""), run.tags.get(history.MODEL_TAG, "")
    return (commit, model) if commit and model else None


def changed(instance: dg.DagsterInstance, trigger: str, since: float, limit: int) -> Sequence[dg.RunRecord]:
    """Runs of that trigger that changed after `since` (unix seconds), in the order in which they did."""
    wanted = dg.RunsFilter(tags={history.TRIGGER_TAG: trigger}, updated_after=datetime.fromtimestamp(since, UTC))
    return instance.get_run_records(wanted, limit=limit, order_by="update_timestamp", ascending=True)


def newest(instance: dg.DagsterInstance, trigger: str, commit: str, model: str) -> dg.DagsterRun | None:
    """The newest run of a model that the trigger started for that commit: it speaks for all before it."""
    # Not by the trigger's tag, too: most runs have it, and Dagster's tables would go through all of them.
    found = instance.get_runs(dg.RunsFilter(tags={history.COMMIT_TAG: commit, history.MODEL_TAG: model}))
    return next((run for run in found if run.tags.get(history.TRIGGER_TAG) == trigger), None)


def refused(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[str]:
    """Criteria by which gates refused a run's candidate, in the order in which they were judged."""
    found = instance.get_records_for_run(
        run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION, limit=_EVENTS
    ).records
    names = []
    for record in found:
        event = record.event_log_entry.dagster_event
        evaluation = event.event_specific_data if event else None
        if not isinstance(evaluation, dg.AssetCheckEvaluation) or evaluation.passed:
            continue
        if evaluation.blocking and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            target = evaluation.asset_key.path[1:-1]
            names.append(f"{evaluation.check_name}{f' on {target[0]}' if target else ''}")
    return list(dict.fromkeys(names))


def was_refused(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether a step ended because something said no that leaves no check behind in this run.

    A guard does, and so does the child that builds a commit by its own definition: its gates speak in its own run.
    """
    found = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE, limit=_FAILURES).records
    for record in found:
        event = record.event_log_entry.dagster_event
        error = event.step_failure_data.error if event else None
        while error is not None:
            if error.cls_name in _REFUSALS:
                return True
            error = error.cause
    return False


def sentence(now: State, criteria: Sequence[str], environment: str, *, guarded: bool = False) -> str:
    """What is said beside the state. `environment`: where a candidate goes that passes; `guarded`: `was_refused`."""
    if now == "failure" and criteria:
        more = len(criteria) - _SHOWN
        return f"refused by {', '.join(criteria[:_SHOWN])}{f' and {more} more' if more > 0 else ''}"
    if now == "failure" and guarded:
        return "refused: its run says by what"
    return {
        "pending": "waits for its turn",
        "running": "is being built and judged",
        "success": f"passed every gate and is in {environment}",
        "failure": "failed, for another reason than a gate",
        "cancelled": "was cancelled",
    }[now]


def status(instance: dg.DagsterInstance, run: dg.DagsterRun, environment: str, dagster_url: str) -> Status:
    """What is told of a run. `dagster_url`: where Dagster's pages are, empty for nowhere."""
    commit, model = pair(run) or ("", "")
    now = state(run)
    criteria = refused(instance, run) if now == "failure" else []
    guarded = now == "failure" and not criteria and was_refused(instance, run)
    stats = instance.get_run_record_by_id(run.run_id)
    return Status(
        sha=commit,
        state=now,
        context=f"ascend/{model}",
        description=sentence(now, criteria, environment, guarded=guarded),
        url=f"{dagster_url.rstrip('/')}/runs/{run.run_id}" if dagster_url else "",
        at=stats.update_timestamp.timestamp() if stats else 0.0,
    )
