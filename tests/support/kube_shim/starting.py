"""Starting a shim and ending it, whatever happens meanwhile.

Here belongs putting the parts together. Not here: what tests ask of them (`shim.py`), what any part does.
"""

import json
import secrets
import threading
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kube_shim import scheduler
from kube_shim.access import Rule
from kube_shim.api import Api
from kube_shim.conditions import set_condition
from kube_shim.deletion import collect
from kube_shim.faults import Faults
from kube_shim.images import Images
from kube_shim.jobs import JobController
from kube_shim.kinds import NAMESPACES, NODES, Json
from kube_shim.kubelet import Kubelet
from kube_shim.pace import Pace
from kube_shim.server import Front, Identity, Server
from kube_shim.shim import Parts, Shim
from kube_shim.store import Store, now

VERSION = "1.35"
_ROOMY = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
_USER = "system:serviceaccount:{namespace}:shim"
_REMEMBERED = 200_000


class ShimBroken(RuntimeError):
    """The shim itself failed: what tests saw of it proves nothing."""


@dataclass(frozen=True)
class Node:
    """A machine. `capacity`: resources in Kubernetes' quantities; what is not named of CPU, memory and pods is ample.

    `images`: those that it has without asking a registry. `taints` as in a node's spec. `env`: what containers there
    find beside the shim's own environment, as a container runtime mounts a node's driver into them.
    """

    name: str
    capacity: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    images: Collection[str] = ()
    taints: Sequence[Mapping[str, str]] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running_shim(
    folder: Path,
    nodes: Sequence[Node],
    *,
    env: Mapping[str, str] | None = None,
    version: str = VERSION,
    namespaces: Sequence[str] = ("default",),
    images: Collection[str] | None = None,
    allow: Sequence[Rule] | None = None,
    pace: Pace | None = None,
) -> Iterator[Shim]:
    """A cluster of these nodes; everything it started has ended when the context ends.

    Args:
        folder: Pods' folders, logs and the kubeconfig files; made if it is not there.
        nodes: The machines.
        env: What every container's environment begins with; nothing else of this process's is handed on.
        version: Of Kubernetes, whose schemas manifests must meet.
        namespaces: Those that exist; the first is that of the kubeconfig.
        images: What the registry has; None for any name.
        allow: Rules of a Role in the first namespace, to which `Shim.kubeconfig` is held; None for everything.
        pace: How long the cluster's own doings take.

    Raises:
        ShimBroken: At the end, if a part of the shim itself failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kubelet = _kubelet(folder, nodes, env or {}, images, pace or Pace())
    _furnish(kubelet.store, nodes, namespaces)
    tokens, identities = _identities(namespaces[0], allow)
    front = _front(kubelet, version, identities)
    controllers, server = _Controllers(front, kubelet), Server(front)
    try:
        controllers.start()
        written = [_kubeconfig(folder, who, token, server.port, namespaces[0]) for who, token in tokens.items()]
        yield Shim(Parts(version, kubelet.store, kubelet.images, kubelet, front, server), *written)
    finally:
        _end(front, kubelet, controllers, server)
    if front.failures:
        first = front.failures[0]
        raise ShimBroken(f"{len(front.failures)} failures in the shim, the first: {first!r}") from first


def _kubelet(
    folder: Path, nodes: Sequence[Node], env: Mapping[str, str], images: Collection[str] | None, pace: Pace
) -> Kubelet:
    held = Images(images, {node.name: frozenset(node.images) for node in nodes})
    return Kubelet(Store(), held, pace, folder / "pods", {node.name: {**env, **node.env} for node in nodes})


def _front(kubelet: Kubelet, version: str, identities: Mapping[str, Identity]) -> Front:
    closing = threading.Event()
    api = Api(kubelet.store, kubelet, version, closing.is_set)
    return Front(api, Faults(), identities, deque(maxlen=_REMEMBERED), [], closing)


def _end(front: Front, kubelet: Kubelet, controllers: threading.Thread, server: Server) -> None:
    """End every part, and every process of every pod."""
    front.closing.set()
    with kubelet.store.changed:
        kubelet.store.changed.notify_all()
    controllers.join()
    front.failures += kubelet.close()
    server.close()


def _identities(namespace: str, allow: Sequence[Rule] | None) -> tuple[dict[str, str], dict[str, Identity]]:
    """Tokens by user, the limited one first; and whose a token is."""
    user, admin = secrets.token_hex(20), secrets.token_hex(20)
    limited = Identity(_USER.format(namespace=namespace), namespace, allow)
    return {"user": user, "admin": admin}, {user: limited, admin: Identity("kubernetes-admin")}


class _Controllers(threading.Thread):
    """One thread that looks at everything whenever something changed, and now and then."""

    def __init__(self, front: Front, kubelet: Kubelet) -> None:
        super().__init__(name="kube shim controllers", daemon=True)
        self._store = kubelet.store
        self._kubelet = kubelet
        self._jobs = JobController(kubelet.store, kubelet.pace)
        self._closing = front.closing
        self._failures = front.failures

    def run(self) -> None:
        try:
            while not self._closing.is_set():
                with self._store.changed:
                    seen = self._store.version
                    self._jobs.run()
                    collect(self._store)
                    scheduler.run(self._store)
                    self._kubelet.run()
                    if self._store.version == seen:
                        self._store.changed.wait(self._kubelet.pace.look)
        except BaseException as error:
            self._failures.append(error)
            raise


def _furnish(store: Store, nodes: Sequence[Node], namespaces: Sequence[str]) -> None:
    for name in namespaces:
        space: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        store.create(NAMESPACES, space | {"status": {"phase": "Active"}})
    for node in nodes:
        store.create(NODES, node_object(node))


def node_object(node: Node) -> Json:
    capacity = {**_ROOMY, **node.capacity}
    status: Json = {"capacity": capacity, "allocatable": dict(capacity)}
    set_condition(status, "Ready", "True", "KubeletReady", "kubelet is posting ready status", at=now())
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", **node.labels}
    meta = {"name": node.name, "labels": labels}
    spec = {"taints": [dict(taint) for taint in node.taints]} if node.taints else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": status}


def _kubeconfig(folder: Path, user: str, token: str, port: int, namespace: str) -> Path:
    path = folder / f"kubeconfig-{user}.yaml"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "shim", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "shim", "context": {"cluster": "shim", "user": user, "namespace": namespace}}],
        "current-context": "shim",
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(json.loads(json.dumps(config))))
    return path
