"""What each step's pod asks for in profile k8s, as `op_tags` of its asset, check or job.

Here belongs which step needs what: an NPU, CANN, or neither. Not here: what that comes to in a cluster
(`resources/kubernetes/pod.py`), or the cluster (`cluster_file.py`).

Op tags and not a job's: Dagster's executor heeds them whether a run starts from a sensor, a job or a click.
"""

from typing import Any

from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage
from resources.home import profile

Tags = dict[str, Any]


def op_tags_of(spec: ModelSpec, stage: Stage) -> Tags:
    """Tags of a stage's step; none outside profile k8s."""
    if profile() != "k8s":
        return {}
    return {}


def op_tags_of_judging() -> Tags:
    """Tags of a check that is a step of its own; none outside profile k8s."""
    return op_tags_beside("judging")


def op_tags_beside(kind: str) -> Tags:
    """Tags of a step beside the walk: `challenger`, `drift`, `operation`, ...; none outside profile k8s."""
    if profile() != "k8s":
        return {}
    return {}
