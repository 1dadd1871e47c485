"""A running shim: the server, the controllers, and the faults that tests call for.

Here belongs putting the parts together, starting and ending them. Not here: what any part does.
"""

import json
import secrets
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from kube_shim import defaults, scheduler, validation
from kube_shim.access import Rule
from kube_shim.api import Api
from kube_shim.conditions import set_condition
from kube_shim.containers import Ending
from kube_shim.deletion import collect
from kube_shim.faults import Fault, Faults
from kube_shim.images import Images
from kube_shim.jobs import JobController
from kube_shim.kinds import EVENTS, JOBS, NAMESPACES, NODES, PODS, Json, kind_named
from kube_shim.kubelet import Kubelet
from kube_shim.pace import Pace
from kube_shim.server import Asked, Front, Identity, Server
from kube_shim.store import Store, now
from kube_shim.worker import Order, Worker

VERSION = "1.35"
_ROOMY = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
_USER = "system:serviceaccount:{namespace}:shim"


class ShimBroken(RuntimeError):
    """The shim itself failed: what tests saw of it proves nothing."""


class NoSuchPod(LookupError):
    """A pod that is not there, or whose containers do not run."""


@dataclass(frozen=True)
class Node:
    """A machine. `capacity`: resources in Kubernetes' quantities; what is not named of CPU, memory and pods is ample.

    `images`: those that it has without asking a registry. `taints` as in a node's spec.
    """

    name: str
    capacity: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    images: Collection[str] = ()
    taints: Sequence[Mapping[str, str]] = ()


class Shim:
    """A cluster as tests see it. Pods are named by name, or by `namespace/name`."""

    def __init__(self, parts: "_Parts", kubeconfig: Path, admin_kubeconfig: Path) -> None:
        self._parts = parts
        self.kubeconfig = kubeconfig
        self.admin_kubeconfig = admin_kubeconfig

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._parts.server.port}"

    def pods(self, job: str = "") -> list[Json]:
        """Pods as the API gives them; of one job if it is named."""
        found = self._parts.store.all(PODS)
        return [pod for pod in found if not job or (pod["metadata"].get("labels") or {}).get("job-name") == job]

    def jobs(self) -> list[Json]:
        return self._parts.store.all(JOBS)

    def events(self, about: str = "") -> list[Json]:
        """Events, of one object if its name is given."""
        found = self._parts.store.all(EVENTS)
        return [event for event in found if about in {"", event["involvedObject"]["name"]}]

    def asked(self) -> list[Asked]:
        """Every request so far, in the order in which they were answered."""
        return list(self._parts.front.asked)

    def create(self, manifest: Json, namespace: str = "default") -> Json:
        """Store an object of any kind that the shim knows, as the administrator does with kubectl."""
        kind = kind_named(str(manifest["apiVersion"]), str(manifest["kind"]))
        if kind is None:
            raise ValueError(f"the shim does not know {manifest['apiVersion']} {manifest['kind']}")
        own = str((manifest.get("metadata") or {}).get("namespace") or namespace)
        made = defaults.manifest_of(kind, manifest, own)
        validation.check(kind, made, self._parts.version)
        return self._parts.store.create(kind, defaults.completed(kind, made))

    def log(self, pod: str, container: str = "") -> str:
        """All that a container has written so far, without times."""
        worker = self._worker(pod)
        path = worker.log(container or str(worker.pod["spec"]["containers"][0]["name"]))
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        texts = ((line.split(b" ", 3)[2:]) for line in lines)
        return b"".join(text if mark == b"F" else text[:-1] for mark, text in texts).decode(errors="replace")

    def folder(self, pod: str) -> Path:
        """Where a pod's processes run: one folder per container below it."""
        return self._worker(pod).folder

    def pids(self, pod: str) -> list[int]:
        """The processes of a pod that live, whether the API server knows it or not."""
        return self._worker(pod).pids()

    def running(self) -> list[str]:
        """Names of the pods of which a process lives, even one that the API server knows nothing of any more."""
        return sorted(w.pod["metadata"]["name"] for w in self._parts.kubelet.workers() if w.pids())

    def evict(self, pod: str) -> None:
        """The node is low on memory: the kubelet ends the pod, which has then failed with the reason Evicted."""
        worker = self._worker(pod)
        name = worker.pod["spec"]["containers"][0]["name"]
        said = (
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 63Mi. "
            f"Container {name} was using 1Gi, request is 0, has larger consumption of memory. "
        )
        self._parts.kubelet.recorder.warning(PODS, worker.pod, "Evicted", said)
        self._parts.store.update(PODS, worker.pod, _disrupted)
        worker.end(Order(0.0, Ending("Evicted", said)))

    def oom(self, pod: str) -> None:
        """The kernel kills the pod's containers for the memory they took: exit code 137, reason OOMKilled."""
        self._worker(pod).out_of_memory()

    def lose_node(self, name: str, *, partitioned: bool = False) -> None:
        """The node is gone, with its processes unless only the network is: then they go on unseen."""
        self._parts.kubelet.lose(name, partitioned=partitioned)

    def restore_node(self, name: str) -> None:
        """The node is back; pods that were given up meanwhile end."""
        self._parts.kubelet.restore(name)

    def refuse_image(self, image: str) -> None:
        """Nobody gets the image any more."""
        self._parts.images.refuse(image)

    def allow_image(self, image: str) -> None:
        """The image can be had; pods that wait for it begin."""
        self._parts.images.allow(image)

    def away(self) -> None:
        """The API server refuses connections and breaks those that are open; pods go on."""
        self._parts.server.refuse()

    def back(self) -> None:
        self._parts.server.listen()

    def respond(self, status: int | None, times: int = 1, verb: str = "", path: str = "", **how: float | bool) -> None:
        """Answer the next requests badly; see `faults.Fault`, whose other fields are `how`."""
        self._parts.front.faults.add(Fault(status, times, verb, path, **how))  # type: ignore[arg-type]

    def behave(self) -> None:
        """Forget answers that were asked for and not yet given."""
        self._parts.front.faults.clear()

    def forget_history(self) -> None:
        """A watch from any version before now is answered with 410."""
        self._parts.store.compact()

    def _worker(self, name: str) -> Worker:
        namespace, _, alone = name.rpartition("/")
        for worker in reversed(self._parts.kubelet.workers()):
            meta = worker.pod["metadata"]
            if meta["name"] == alone and namespace in {"", meta["namespace"]}:
                return worker
        raise NoSuchPod(f"no node has taken the pod {name}; there are {[p['metadata']['name'] for p in self.pods()]}")


@dataclass
class _Parts:
    version: str
    store: Store
    images: Images
    kubelet: Kubelet
    front: Front
    server: Server


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
    pace = pace or Pace()
    failures: list[BaseException] = []
    closing = threading.Event()
    store = Store()
    own = {node.name: frozenset(node.images) for node in nodes}
    kubelet = Kubelet(store, Images(images, own), pace, folder / "pods", env or {})
    _furnish(store, nodes, namespaces)
    admin, user = secrets.token_hex(20), secrets.token_hex(20)
    name = _USER.format(namespace=namespaces[0])
    identities = {admin: Identity("kubernetes-admin"), user: Identity(name, namespaces[0], allow)}
    api = Api(store, kubelet, version, closing.is_set)
    front = Front(api, Faults(), identities, [], failures, closing)
    controllers = _Controllers(store, kubelet, pace, closing, failures)
    server = Server(front)
    try:
        controllers.start()
        written = [_kubeconfig(folder, *who, server.port, namespaces[0]) for who in (("user", user), ("admin", admin))]
        yield Shim(_Parts(version, store, kubelet.images, kubelet, front, server), *written)
    finally:
        closing.set()
        with store.changed:
            store.changed.notify_all()
        controllers.join()
        failures += kubelet.close()
        server.close()
    if failures:
        raise ShimBroken(f"{len(failures)} failures in the shim, the first: {failures[0]!r}") from failures[0]


class _Controllers(threading.Thread):
    """One thread that looks at everything whenever something changed, and now and then."""

    def __init__(
        self, store: Store, kubelet: Kubelet, pace: Pace, closing: threading.Event, failures: list[BaseException]
    ) -> None:
        super().__init__(name="kube shim controllers", daemon=True)
        self._store = store
        self._kubelet = kubelet
        self._jobs = JobController(store, pace)
        self._pace = pace
        self._closing = closing
        self._failures = failures

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
                        self._store.changed.wait(self._pace.look)
        except BaseException as error:
            self._failures.append(error)
            raise


def _furnish(store: Store, nodes: Sequence[Node], namespaces: Sequence[str]) -> None:
    for name in namespaces:
        space: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        store.create(NAMESPACES, space | {"status": {"phase": "Active"}})
    for node in nodes:
        store.create(NODES, _node(node))


def _node(node: Node) -> Json:
    capacity = {**_ROOMY, **node.capacity}
    status: Json = {"capacity": capacity, "allocatable": dict(capacity)}
    set_condition(status, "Ready", "True", "KubeletReady", "kubelet is posting ready status", at=now())
    labels = {"kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux", **node.labels}
    meta = {"name": node.name, "labels": labels}
    spec = {"taints": [dict(taint) for taint in node.taints]} if node.taints else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": status}


def _disrupted(pod: Json) -> None:
    said = "The node was low on resource: memory."
    set_condition(pod["status"], "DisruptionTarget", "True", "TerminationByKubelet", said, at=now())


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
