"""Every trigger of this installation, from its models and `triggers.yaml`.

Here belongs the list alone. Not here: what a trigger does (its own module).
"""

from collections.abc import Mapping, Sequence

import dagster as dg

from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Triggers
from sensors import (
    commit_status,
    commits,
    deployed,
    hub_releases,
    notices,
    production,
    refused,
    repairs,
    retraining,
    retried_commits,
    toolchain_changed,
)
from sensors.jobs import Job


def sensors(specs: Sequence[ModelSpec], jobs: Mapping[str, Job], settings: Triggers) -> list[dg.SensorDefinition]:
    """All sensors. `jobs`: every model's jobs by name, such as `<model>_candidate`."""
    candidates = [job for name, job in jobs.items() if name.endswith("_candidate")]
    return [
        deployed.deployed,
        refused.refused_candidates,
        production.build(specs, jobs, has_prometheus=settings.prometheus is not None),
        toolchain_changed.build(candidates),
        hub_releases.build(candidates, specs, settings.hub),
        *repairs.build(specs, jobs),
        *retraining.build(specs, jobs),
        *commit_status.build(settings),
        *(commits.build(repository, specs, candidates) for repository in settings.repositories),
        retried_commits.build(specs, candidates),
        notices.build(settings),
    ]
