"""Steps in pods: how they are started and watched. Imported when a run begins, since dagster_k8s is slow to import.

Here belongs what the executor of profile k8s does beyond dagster_k8s's own. Not here: what a pod asks for (`pods.py`).
"""

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_k8s import k8s_job_executor

if TYPE_CHECKING:
    from dagster._core.executor.base import Executor


def build(context: dg.InitExecutorContext) -> "Executor":
    """The executor of one run."""
    config: dict[str, Any] = {**context.executor_config, "retries": {"enabled": {}}}
    create = k8s_job_executor.executor_creation_fn
    if create is None:
        raise TypeError("dagster_k8s.k8s_job_executor cannot be created")
    return create(context._replace(executor_config=config))
