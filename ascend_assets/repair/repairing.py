"""The run `<model>_repair` as Dagster knows it: its repair, and which repair a run's candidate is made of.

Here belong the asset's key and what a run made. Not here: the asset (`assets.py`), or when such a run starts
(`sensors/repairs.py`).
"""

import dagster as dg

from ascend_assets import history
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, Stage

STAGE = "repair"
CHECK = "repaired"
OF_TAG = "ascend/repair_of"
"""Tag of a run that the sensor started: the run that failed."""


class NoRepairMade(Exception):
    """A run of `<model>_repair` that came to `source` without a repair of its own."""


def key_of(model: str) -> AssetKey:
    """The repair's asset."""
    return (model, STAGE)


def job_name(model: str) -> str:
    """The job that repairs a model's refused candidate and carries what holds to the first environment."""
    return f"{model}_repair"


def parents(spec: ModelSpec, stage: Stage) -> list[dg.AssetKey]:
    """What a stage waits for beside its inputs: in a run that repairs, the repair comes before the source."""
    return [dg.AssetKey(list(key_of(spec.name)))] if stage.name == "source" else []


def repair_of(instance: dg.DagsterInstance, run: dg.DagsterRun, spec: ModelSpec) -> str:
    """Digest of the repair's record that this run made, or the run that it goes on with; empty where none did.

    Raises `NoRepairMade` for a run of `<model>_repair` without one: it must not become a candidate of a commit.
    """
    made = history.made_in(instance, run, key_of(spec.name))
    if made is None and run.job_name == job_name(spec.name):
        raise NoRepairMade(f"this run made no repair: start the job {job_name(spec.name)} from its beginning")
    return made.record if made else ""
