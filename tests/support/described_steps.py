"""Every step of the project in profile k8s, as dagster-k8s would render it: printed as JSON, one line each.

Here belongs loading the project in a process of its own, because what a step asks for is fixed when its definition is
made. Not here: what is expected (`tests/ascend_assets/test_pods.py`).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resources.home import PROJECT


def steps(cluster: Path) -> list[dict[str, Any]]:
    """`{step, pool, tags, manifest}` of every step of every job, with that cluster.yaml in force."""
    variables = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    told = subprocess.run(
        (sys.executable, __file__),
        env={**variables, "ASCEND_PROFILE": "k8s", "ASCEND_CLUSTER": str(cluster), "PYTHONPATH": str(PROJECT)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if told.returncode:
        raise RuntimeError(told.stderr[-5000:])
    return [json.loads(line) for line in told.stdout.splitlines()]


def rendered(tags: dict[str, Any]) -> dict[str, Any]:
    """The Job of a step with these tags, as the API server would get it."""
    from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config
    from kubernetes.client import ApiClient

    job = construct_dagster_k8s_job(
        DagsterK8sJobConfig(job_image="registry.example/orchestrator:1", image_pull_policy="IfNotPresent"),
        ["dagster", "api", "execute_step"],
        "dagster-step-0",
        user_defined_k8s_config=get_user_defined_k8s_config(tags),
        component="step_worker",
    )
    document: dict[str, Any] = ApiClient().sanitize_for_serialization(job)
    return document


def _all() -> Iterator[dict[str, Any]]:
    from ascend_assets.definitions import build_defs

    seen = set()
    repository = build_defs().get_repository_def()
    for job in repository.get_all_jobs():
        for node in job.nodes:
            if node.name not in seen:
                seen.add(node.name)
                pool = getattr(node.definition, "pool", None)
                yield {"step": node.name, "pool": pool, "executor": job.executor_def.name, "tags": dict(node.tags)}


if __name__ == "__main__":
    for one in _all():
        sys.stdout.write(json.dumps({**one, "manifest": rendered(one["tags"])}) + "\n")
