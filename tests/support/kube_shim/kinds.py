"""The kinds of objects that the shim stores, and how the API names them.

Here belongs what is known of a kind before any object exists. Not here: what happens to objects (`jobs.py`,
`kubelet.py` and so on).
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """One kind of object. `group` is empty for the core group."""

    name: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As the API's messages name it: `pods`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def title(self) -> str:
        """As the messages of refused manifests name it: `Pod`, `Job.batch`."""
        return f"{self.name}.{self.group}" if self.group else self.name

    @property
    def root(self) -> str:
        """The path below which it is served."""
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


PODS = Kind("Pod", "pods", subresources=("status", "log"))
JOBS = Kind("Job", "jobs", "batch", subresources=("status",))
EVENTS = Kind("Event", "events")
CONFIG_MAPS = Kind("ConfigMap", "configmaps")
SECRETS = Kind("Secret", "secrets")
NODES = Kind("Node", "nodes", namespaced=False, subresources=("status",))
NAMESPACES = Kind("Namespace", "namespaces", namespaced=False)

# Those after NAMESPACES are kept and given back, and nothing else: they have no effect.
KINDS = (
    *(PODS, JOBS, EVENTS, CONFIG_MAPS, SECRETS, NODES, NAMESPACES),
    Kind("ServiceAccount", "serviceaccounts"),
    Kind("Service", "services"),
    Kind("PersistentVolumeClaim", "persistentvolumeclaims"),
    Kind("Role", "roles", "rbac.authorization.k8s.io"),
    Kind("RoleBinding", "rolebindings", "rbac.authorization.k8s.io"),
    Kind("NetworkPolicy", "networkpolicies", "networking.k8s.io"),
)


def kind_of(group: str, version: str, plural: str) -> Kind | None:
    """The kind that is served at a path, if the shim knows one."""
    return next((k for k in KINDS if (k.group, k.version, k.plural) == (group, version, plural)), None)


def kind_named(api_version: str, name: str) -> Kind | None:
    """The kind of a manifest, if the shim knows it."""
    return next((k for k in KINDS if (k.api_version, k.name) == (api_version, name)), None)
