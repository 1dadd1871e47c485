"""Assets of a model beside its walk: how it does in production, what is trained for that, what is repaired.

Here belongs what all of them share. Not here: what each is (`production/`, `drift/`, `training/`, `repair/`), or a
candidate's stages (`graph.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import dagster as dg

from ascend_assets import declared, graph, history
from ascend_assets.cluster import pods
from ascend_assets.declared import Asset, Job, Make
from ascend_assets.policy_file import in_force
from ascend_assets.records import Record
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import AssetKey, code_version
from ascend_assets.walk import stages


def asset(spec: ModelSpec, name: str, **more: Any) -> Callable[[Make], Asset]:  # noqa: ANN401 - Dagster's
    """A decorator that makes the asset `[model, name]` of a step; `more` as `dagster.asset` takes it.

    It has a group of its own beside the walk's, so that materialising all of a model's group builds a candidate.
    """
    common: dict[str, Any] = {
        "key": [spec.name, name],
        "owners": list(spec.owners),
        "group_name": f"{spec.name}_production",
        "tags": {history.MODEL_TAG: spec.name},
        "code_version": code_version()[:12],
        "required_resource_keys": set(graph.RESOURCES),
        "io_manager_key": "records",
        "op_tags": pods.op_tags_beside(name),
        **more,
    }
    return declared.asset(**common)


def job_before_the_walk(spec: ModelSpec, name: str, first: AssetKey, description: str) -> Job:
    """A job that makes the asset `first`, and then walks from the source to the first environment with what it made."""
    return Job(
        name,
        tuple(dg.AssetKey(list(key)) for key in (first, *(stage.asset for stage in stages(spec)))),
        tags={history.MODEL_TAG: spec.name, **history.WHOLE_AGAIN},
        description=description,
    )


def config_before_the_walk(
    model: str, stage: str, config: Mapping[str, Any], reason: str
) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The run config of such a job: `config` for the asset that comes first, and why, for release and deployment."""
    why = {"config": {"reason": reason}}
    return {
        "ops": {
            f"{model}__{stage}": {"config": config},
            f"{model}__release": why,
            f"{model}__{in_force().first.name}__deployment": why,
        }
    }


def materialised(
    record: Record, shown: Mapping[str, Any], checks: Iterable[dg.AssetCheckResult] = ()
) -> dg.MaterializeResult[Any]:
    """A step's result: the record, by the names that `history` reads, and what else is shown of it."""
    return dg.MaterializeResult(
        value=record,
        data_version=dg.DataVersion(record.data_version),
        metadata={history.STAGE_KEY: record.key, history.DATA_VERSION: record.data_version, **shown},
        check_results=list(checks),
    )
