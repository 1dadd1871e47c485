"""Reading Dagster's event log: which record an asset holds, and what its checks said about it.

Here belong the few questions that stages, guards and the command line ask of an instance. Not here: deciding anything
from the answers (`guard.py`).
"""

from dataclasses import dataclass

import dagster as dg
from dagster import AssetCheckKey, AssetKey, DagsterInstance
from dagster._core.storage.asset_check_execution_record import (
    COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES as FINISHED,
)

from ascend_assets.stage import AssetKey as Key

RECORD = "record"
"""Materialisation metadata: digest of the stored record."""
STAGE_KEY = "stage_key"
CANDIDATE = "candidate"
DATA_VERSION = "sha256"
CANDIDATE_TAG = "ascend/candidate"
MODEL_TAG = "ascend/model"
COMMIT_TAG = "ascend/commit"
"""Tag of a run that a commit started: its full id."""
REF_TAG = "ascend/ref"
"""The branch or tag that the commit was seen on, shortened to what Dagster takes for a tag."""
TRIGGER_TAG = "ascend/trigger"
"""What started the run: the sensor's name."""
WHY_TAG = "ascend/why"
"""Why it did, in a word or two."""
STARTED_BY_TAG = "ascend/started_by"
"""Tag of runs that go on in a process of the command line."""
REFUSAL = "refusal"
"""Metadata of an evaluation of a refused compilation's check: digest of the record of what the compiler said."""
MARK = "standing"
"""Metadata of an evaluation of a deployment's check: the mark of what was looked at (`operations/standing.py`)."""
WHOLE_AGAIN = {"dagster/retry_strategy": "ALL_STEPS"}
"""Tag of jobs that Dagster begins anew after a crash. By default it goes on with the steps that are missing, and a
release is refused, for the guard believes only the checks of a whole run."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Of runs that wait or go on."""
_ROOT, _PARENT = "dagster/root_run_id", "dagster/parent_run_id"
_LOOK_BACK = 50
"""How many materialisations of an asset are searched for work that can be reused."""
_EVALUATIONS = 3
"""How many finished evaluations are looked at: they stand in the order in which their runs were created."""


@dataclass(frozen=True)
class Made:
    """One materialisation: the event, the run it belongs to, and the metadata that we wrote."""

    storage_id: int
    run_id: str
    record: str
    stage_key: str
    candidate: str
    data_version: str
    timestamp: float


@dataclass(frozen=True)
class Checked:
    """The latest evaluation of a check. `about` is the storage id of the materialisation that it judged."""

    passed: bool
    blocks: bool
    about: int | None
    why: str
    mark: str
    run_id: str = ""
    refusal: str = ""


@dataclass(frozen=True)
class Newest:
    """What an asset last said, whoever made it say so: a person can report a materialisation in the UI."""

    storage_id: int
    run_id: str
    timestamp: float
    data_version: str


def materialisations(instance: DagsterInstance, asset: Key, limit: int = _LOOK_BACK) -> list[Made]:
    """The latest materialisations that hold one of our records, newest first."""
    found = instance.fetch_materializations(dg.AssetRecordsFilter(asset_key=AssetKey(list(asset))), limit=limit)
    made = []
    for event in found.records:
        materialisation = event.asset_materialization
        texts = {
            name: str(value.value) for name, value in (materialisation.metadata if materialisation else {}).items()
        }
        if RECORD in texts:
            made.append(
                Made(
                    storage_id=event.storage_id,
                    run_id=event.run_id,
                    record=texts[RECORD],
                    stage_key=texts.get(STAGE_KEY, ""),
                    candidate=texts.get(CANDIDATE, ""),
                    data_version=texts.get(DATA_VERSION, ""),
                    timestamp=event.timestamp,
                )
            )
    return made


def latest(instance: DagsterInstance, asset: Key, run_id: str = "") -> Made | None:
    """What the asset holds: what this run made of it where it made something, else the newest."""
    made = materialisations(instance, asset)
    own = next((m for m in made if run_id and m.run_id == run_id), None)
    return own or next(iter(made), None)


def made_in(instance: DagsterInstance, run: dg.DagsterRun, asset: Key) -> Made | None:
    """What a run, or one that it goes on with, made of an asset; None where neither did."""
    runs = {run.run_id, run.tags.get(_ROOT), run.tags.get(_PARENT)}
    return next((made for made in materialisations(instance, asset) if made.run_id in runs), None)


def newest(instance: DagsterInstance, asset: Key) -> Newest | None:
    """The latest materialisation, ours or not."""
    for event in instance.fetch_materializations(AssetKey(list(asset)), limit=1).records:
        shown = event.asset_materialization
        version = shown.metadata.get(DATA_VERSION) if shown else None
        return Newest(event.storage_id, event.run_id, event.timestamp, str(version.value) if version else "")
    return None


def check(instance: DagsterInstance, asset: Key, name: str, run_id: str = "") -> Checked | None:
    """The latest finished evaluation of a check, of one run where one is named; None where it never was evaluated.

    What Dagster calls the latest is that of the run which was created last, and so of one that still waits in the
    queue: it would hide what the checks of the run before it said.
    """
    storage = instance.event_log_storage
    key = AssetCheckKey(AssetKey(list(asset)), name)
    limit = _LOOK_BACK if run_id else _EVALUATIONS
    records = storage.get_asset_check_execution_history(key, limit=limit, status=FINISHED)
    events = [record.event for record in records if record.event and run_id in {"", record.run_id}]
    event = max(events, key=lambda each: each.timestamp, default=None)
    evaluation = event.dagster_event.event_specific_data if event and event.dagster_event else None
    if event is None or not isinstance(evaluation, dg.AssetCheckEvaluation):
        return None
    target = evaluation.target_materialization_data
    mark, refusal = evaluation.metadata.get(MARK), evaluation.metadata.get(REFUSAL)
    return Checked(
        passed=evaluation.passed,
        blocks=not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR,
        about=target.storage_id if target else None,
        why=evaluation.description or "",
        mark=str(mark.value) if mark else "",
        run_id=event.run_id,
        refusal=str(refusal.value) if refusal else "",
    )


def candidate(instance: DagsterInstance, run_id: str, source: Key) -> str:
    """The candidate that a run is about: its tag, or the candidate that the model's source holds."""
    run = instance.get_run_by_id(run_id)
    if run and run.tags.get(CANDIDATE_TAG):
        return run.tags[CANDIDATE_TAG]
    made = latest(instance, source, run_id)
    return made.candidate if made else ""
