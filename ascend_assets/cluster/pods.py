"""What each step's pod asks for in profile k8s, as `op_tags` of its asset, check or job.

Here belongs which step needs what: an NPU, CANN, or neither. Not here: what that comes to in a cluster
(`resources/kubernetes/pod.py`), or the cluster (`cluster_file.py`).

Op tags and not a job's: Dagster's executor heeds them whether a run starts from a sensor, a job or a click.
"""

from typing import Any

from ascend_assets.cluster import cluster_file
from ascend_assets.lint import cann
from ascend_assets.lint.cann import CannVersionError
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Stage
from resources.home import in_cluster
from resources.kubernetes.cluster import Cluster
from resources.kubernetes.pod import Need, op_tags

Tags = dict[str, Any]

ON_NPU = frozenset({"precision", "benchmark"})
# lint holds the model's `requirements.cann` against the CANN in force, which is that of the steps' image.
ON_CANN = ON_NPU | {"om", "lint"}


class NotInCluster(Exception):
    """The cluster has no NPU, or no CANN, for a step. The message says what `cluster.yaml` lacks."""


def op_tags_of(spec: ModelSpec, stage: Stage) -> Tags:
    """Tags of a stage's step; none outside profile k8s.

    A step that the cluster has nothing for asks for nothing, so that its pod starts at once and says so (`require`).
    """
    return op_tags_of_step(spec, stage.name, _soc(stage))


def op_tags_of_step(spec: ModelSpec, stage: str, soc: str = "") -> Tags:
    """The same by the stage's word; `soc`: its target's SoC version, where it has a target."""
    if not in_cluster():
        return {}
    cluster = cluster_file.in_force()
    if stage not in ON_CANN or objection(cluster, spec, stage, soc):
        return op_tags(cluster, Need(stage))
    return op_tags(cluster, Need(stage, cann_for(cluster, spec) or "", soc if stage in ON_NPU else ""))


def op_tags_of_judging(spec: ModelSpec | None = None) -> Tags:
    """Tags of a check that is a step of its own; none outside profile k8s.

    With `spec` of one that asks which CANN is in force: it runs beside the one that the model's steps get.
    """
    if not in_cluster():
        return {}
    cluster = cluster_file.in_force()
    if spec is None or objection(cluster, spec, "om", ""):
        return op_tags(cluster, Need("judging"))
    return op_tags(cluster, Need("judging", cann_for(cluster, spec) or ""))


def op_tags_beside(kind: str) -> Tags:
    """Tags of a step beside the walk, by its word in `resources/kubernetes/sizes.py`; none outside profile k8s."""
    return op_tags(cluster_file.in_force(), Need(kind)) if in_cluster() else {}


def require(spec: ModelSpec, stage: Stage) -> None:
    """Raise `NotInCluster` in profile k8s for a step that the cluster has nothing for."""
    if not in_cluster():
        return
    why = objection(cluster_file.in_force(), spec, stage.name, _soc(stage))
    if why:
        raise NotInCluster(why)


def objection(cluster: Cluster, spec: ModelSpec, stage: str, soc: str) -> str:
    """Why a cluster has nothing for a stage of a model; empty where it has. `soc`: its target's SoC version."""
    if stage not in ON_CANN:
        return ""
    where = cluster_file.location()
    try:
        found = cann_for(cluster, spec)
    except CannVersionError as error:
        return f"{spec.name}: {error}"
    if found is None:
        there = ", ".join(sorted(cluster.images.cann))
        asked = spec.requirements.cann
        return f"{where}: images.cann has {there}, and {spec.name} wants {asked} (requirements.cann): add an image"
    if stage in ON_NPU and soc not in cluster.npus:
        there = ", ".join(sorted(cluster.npus)) or "none"
        return f"{where}: npus has no {soc}, only {there}: {stage} of {spec.name} has nowhere to run. Add its nodes"
    return ""


def cann_for(cluster: Cluster, spec: ModelSpec) -> str | None:
    """The newest CANN version of the cluster's images that a model admits. Raises `CannVersionError`."""
    return cann.newest(cluster.images.cann, spec.requirements.cann)


def _soc(stage: Stage) -> str:
    return str(stage.options["target"]["soc_version"]) if "target" in stage.options else ""
