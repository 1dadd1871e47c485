"""The figures in force in one cluster: what its file says that a plan depends on.

Here belongs reading Kubernetes' quantities as cores and GiB, and how many steps of a kind run at once. Not here: the
sizes themselves (`resources/kubernetes/sizes.py`, `cluster.yaml`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ascend_assets.scale.figures import Overheads, Requests
from ascend_assets.scale.walk_costs import KINDS
from resources.kubernetes.cluster import Cluster
from resources.kubernetes.sizes import Size

_UNLIMITED = 100_000
"""As many steps at once as the file may name, where it names none."""


@dataclass(frozen=True)
class InCluster:
    """Figures, and what pods ask for there: a step's word, or `run` for a run's own pod -> cores and GiB."""

    overheads: Overheads
    requests: Mapping[str, Requests]


def of(cluster: Cluster, overheads: Overheads) -> InCluster:
    """The figures with that cluster's own sizes and limits."""
    limits = overheads.limits
    at_once = (("compiling", limits.compiling, cluster.compiling), ("exporting", limits.exporting, cluster.exporting))
    changed = {
        name: figure.model_copy(update={"value": float(steps or _UNLIMITED), "source": "cluster.yaml in force"})
        for name, figure, steps in at_once
    }
    limited = overheads.model_copy(update={"limits": limits.model_copy(update=changed)})
    return InCluster(limited, {"run": overheads.run_pod, **{kind: of_size(cluster.size(kind)) for kind in KINDS}})


def of_size(size: Size) -> Requests:
    """`500m` and `4` as cores, `512Mi` and `8Gi` as GiB."""
    cpu = float(size.cpu.removesuffix("m")) / (1000 if size.cpu.endswith("m") else 1)
    return Requests(cpu=cpu, memory=_gib(size.memory), disk=_gib(size.disk))


def _gib(amount: str) -> float:
    return float(amount[:-2]) / (1024 if amount.endswith("Mi") else 1)
