"""The run `<model>_retrain` as Dagster knows it: its challenger, and which challenger a run's candidate is made of.

Here belong the asset's key and what a run made. Not here: the asset (`assets.py`), or when such a run starts
(`sensors/retraining.py`).
"""

import dagster as dg

from ascend_assets import history
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Stage

STAGE = "challenger"
CHECK = "beats_champion"
EVIDENCE_TAG = "ascend/evidence"
"""Tag of a run that the sensor started: what it is the answer to, so that the same thing is answered once."""
BY_HAND = "hand"


class NoChallengerMade(Exception):
    """A run of `<model>_retrain` that came to `source` without a challenger of its own."""


def key_of(model: str) -> AssetKey:
    """The challenger's asset."""
    return (model, STAGE)


def job_name(model: str) -> str:
    """The job that trains a model again and carries what is better to the first environment."""
    return f"{model}_retrain"


def parents(spec: ModelSpec, stage: Stage) -> list[dg.AssetKey]:
    """What a stage waits for beside its inputs: a model that is trained again has a challenger before its source."""
    return [dg.AssetKey(list(key_of(spec.name)))] if spec.retraining and stage.name == "source" else []


def challenger_of(instance: dg.DagsterInstance, run: dg.DagsterRun, spec: ModelSpec) -> str:
    """Digest of the challenger's record that this run made, or the run that it goes on with; empty where none did.

    Raises `NoChallengerMade` for a run of `<model>_retrain` without one: it must not become a candidate of a commit.
    """
    if spec.retraining is None:
        return ""
    made = history.made_in(instance, run, key_of(spec.name))
    if made is None and run.job_name == job_name(spec.name):
        raise NoChallengerMade(f"this run made no challenger: start the job {job_name(spec.name)} from its beginning")
    return made.record if made else ""
