"""Which executor runs a run's steps: one process on one machine, a pod per step in profile k8s.

Here belongs the choice, and what a run's form may say of it. Not here: what a pod asks for (`pods.py`), or how the
steps in pods are started and watched (`steps.py`).
"""

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements

from resources.home import in_cluster

if TYPE_CHECKING:
    from dagster._core.executor.base import Executor

MAX_CONCURRENT = 16
"""Pods of one run at once, whatever it holds. What all runs have at once is bounded by pools."""

# A subset of dagster_k8s's own, by the same names: importing that one to show a form would cost every step a second.
# Images, namespaces and the like are the run launcher's alone: a form is filled in by whoever may launch.
_CONFIG = {
    "max_concurrent": dg.Field(int, default_value=MAX_CONCURRENT, description="Pods of this run at once."),
    "health_seconds": dg.Field(int, default_value=20, description="How often each step's pod is looked at."),
}


def executor() -> dg.ExecutorDefinition:
    """The code location's executor. Raises `BadProfile`."""
    if in_cluster():
        return k8s
    # One process: a stage's real work runs outside Python's lock or in a child process, and a step of its own process
    # would cost more than most stages.
    return dg.in_process_executor


@dg.executor(name="k8s", config_schema=_CONFIG, requirements=multiple_process_executor_requirements())
def k8s(context: dg.InitExecutorContext) -> "Executor":
    """`dagster_k8s.k8s_job_executor`: a Kubernetes Job per step. A step whose pod is lost is started anew, twice."""
    from ascend_assets.cluster.steps import build

    return build(context)
