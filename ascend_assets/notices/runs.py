"""From a run that begins or ends to a notice.

Here belongs what a run is told as: failed, refused by gates, a retraining, or a repair. Not here: reading the event log
(`gathering.py`).
"""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster import DagsterEventType

from ascend_assets import history
from ascend_assets.notices.kinds import KINDS
from ascend_assets.notices.said import first_line, said
from resources.notify.notice import Notice, notice

RETRAIN = "_retrain"
"""How the name of a job ends that trains a model again."""
REPAIR = "_repair"
"""How the name of a job ends that repairs a refused candidate."""
_CLICKED = "__ASSET_JOB"
WILL_RETRY = "dagster/will_retry"
MAX_EVENTS = 500
_SHOWN = 8

Failure = tuple[str, str]
"""The step, and what it said."""


@dataclass(frozen=True)
class Ended:
    """A run, and what its events say. `storage_id`, `at`: of the event by which it began or ended.

    `refused`: blocking checks that failed, with what they said. `failures`: steps that failed. `said`: what the event
    says, which is all there is of a run whose process was killed. `about`: the model of the first check that failed.
    """

    run: dg.DagsterRun
    event: DagsterEventType
    storage_id: int
    at: float
    refused: tuple[tuple[str, str], ...] = ()
    failures: tuple[Failure, ...] = ()
    said: str = ""
    about: str = ""

    @property
    def model(self) -> str:
        """Its model; empty where it has none."""
        return self.run.tags.get(history.MODEL_TAG) or self.about

    @property
    def name(self) -> str:
        """Its job; of a click on Materialize the assets that were chosen, for Dagster's own name says nothing."""
        chosen = sorted(key.to_user_string() for key in self.run.asset_selection or ())
        if not chosen or not self.run.job_name.startswith(_CLICKED):
            return self.run.job_name
        more = f" +{len(chosen) - 1}" if len(chosen) > 1 else ""
        return f"{chosen[0]}{more}"

    @property
    def retrains(self) -> bool:
        """Whether it trains a model again."""
        return bool(self.model) and self.run.job_name == f"{self.model}{RETRAIN}"

    @property
    def repairs(self) -> bool:
        """Whether it repairs a refused candidate."""
        return bool(self.model) and self.run.job_name == f"{self.model}{REPAIR}"


def look(instance: dg.DagsterInstance, run: dg.DagsterRun, storage_id: int, at: float, said: str = "") -> Ended:
    """A failed run with its failed steps and blocking checks. `said`: what the event of its failure says."""
    kinds = {DagsterEventType.STEP_FAILURE, DagsterEventType.ASSET_CHECK_EVALUATION}
    refused: list[tuple[str, str]] = []
    failures: list[Failure] = []
    about = ""
    for entry in instance.event_log_storage.get_logs_for_run(run.run_id, of_type=kinds, limit=MAX_EVENTS):
        event = entry.dagster_event
        data = event.event_specific_data if event else None
        if isinstance(data, dg.AssetCheckEvaluation):
            if data.blocking and not data.passed and data.severity == dg.AssetCheckSeverity.ERROR:
                refused.append((data.check_name, data.description or ""))
                about = about or data.asset_key.path[0]
        elif event is not None:
            failures.append((str(event.step_key), _why(event)))
    failure = DagsterEventType.PIPELINE_FAILURE
    return Ended(run, failure, storage_id, at, tuple(refused), tuple(failures), said, about)


def notices(ended: Ended, dossiers: Path) -> tuple[Notice, ...]:
    """What a run tells. One that goes on in somebody's command line tells nothing: it is being watched.

    `dossiers`: where candidates' pages are.
    """
    run = ended.run
    if run.tags.get(history.STARTED_BY_TAG) or run.tags.get(WILL_RETRY) == "true":
        return ()
    if ended.event != DagsterEventType.PIPELINE_FAILURE:
        return (*_retraining(ended), *_repaired(ended))
    if ended.refused:
        return (_refused(ended, dossiers),)
    step, why = ended.failures[0] if ended.failures else ("-", ended.said or "the run ended without saying why")
    return (_notice(ended, "run_failed", ended.name, step=said(step), why=first_line(why)),)


def _retraining(ended: Ended) -> tuple[Notice, ...]:
    if not ended.retrains:
        return ()
    if ended.event == DagsterEventType.PIPELINE_START:
        why = ended.run.tags.get(history.WHY_TAG) or ended.run.tags.get(history.TRIGGER_TAG) or "-"
        return (_notice(ended, "retraining_begun", ended.model, why=said(why)),)
    return (_notice(ended, "retraining_released", ended.model),)


def _repaired(ended: Ended) -> tuple[Notice, ...]:
    if not ended.repairs or ended.event != DagsterEventType.PIPELINE_SUCCESS:
        return ()
    candidate = ended.run.tags.get(history.CANDIDATE_TAG, "-")
    return (_notice(ended, "repair_released", ended.model, candidate=candidate),)


def _refused(ended: Ended, dossiers: Path) -> Notice:
    names = list(dict.fromkeys(name for name, _ in ended.refused))
    more = f" +{len(names) - _SHOWN}" if len(names) > _SHOWN else ""
    facts = {"criteria": ", ".join(names[:_SHOWN]) + more, "why": said(ended.refused[0][1])}
    subject = ended.model or ended.name
    if ended.retrains:
        return _notice(ended, "retraining_refused", subject, **facts)
    if ended.repairs:
        return _notice(ended, "repair_refused", subject, **facts)
    candidate = ended.run.tags.get(history.CANDIDATE_TAG, "")
    page = dossiers / ended.model / f"{candidate}.html" if candidate and ended.model else None
    if page is not None:
        facts["page"] = str(page)
    return _notice(ended, "refused", subject, candidate=candidate or "-", **facts)


def _notice(ended: Ended, kind: str, subject: str, **facts: str) -> Notice:
    own = {"model": ended.model or "-", "job": said(ended.name), "run": ended.run.run_id}
    return notice(
        kind,
        KINDS[kind].severity,
        "happened",
        subject,
        cause=f"{ended.run.run_id} {ended.storage_id}",
        at=ended.at,
        facts={**own, **facts},
    )


def _why(event: dg.DagsterEvent) -> str:
    """What a step said, without the frame that Dagster puts around it."""
    failure = event.step_failure_data
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None and (error.cls_name or "").startswith("Dagster"):
        error = error.cause
    if error is None:
        return "it failed"
    return error.message.strip()
