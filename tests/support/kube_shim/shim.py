"""A cluster as tests see it: what it has, and the faults that they call for.

Here belongs what a test asks of a running shim. Not here: starting and ending it (`starting.py`), what any part does.
"""

from dataclasses import dataclass
from pathlib import Path

from kube_shim import defaults, validation
from kube_shim.conditions import set_condition
from kube_shim.containers import Ending
from kube_shim.faults import Fault
from kube_shim.images import Images
from kube_shim.kinds import EVENTS, JOBS, PODS, Json, kind_named
from kube_shim.kubelet import Kubelet
from kube_shim.logs import Wanted, read
from kube_shim.server import Asked, Front, Server
from kube_shim.store import Store, now
from kube_shim.worker import Order, Worker


class NoSuchPod(LookupError):
    """A pod that is not there, or whose containers do not run."""


@dataclass
class Parts:
    version: str
    store: Store
    images: Images
    kubelet: Kubelet
    front: Front
    server: Server


class Shim:
    """A cluster as tests see it. Pods are named by name, or by `namespace/name`."""

    def __init__(self, parts: Parts, kubeconfig: Path, admin_kubeconfig: Path) -> None:
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
        pieces = read(path, Wanted(), lambda: True) if path.exists() else ()
        return b"".join(pieces).decode(errors="replace")

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
        if not self._worker(pod).out_of_memory():
            raise NoSuchPod(f"nothing of the pod {pod} runs")

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

    def respond(
        self,
        status: int | None,
        times: int = 1,
        verb: str = "",
        path: str = "",
        *,
        retry_after: int = 0,
        applied: bool = False,
        delay: float = 0.0,
    ) -> None:
        """Answer the next requests badly: `faults.Fault` says what each argument means."""
        self._parts.front.faults.add(Fault(status, times, verb, path, retry_after, applied, delay))

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


def _disrupted(pod: Json) -> None:
    said = "The node was low on resource: memory."
    set_condition(pod["status"], "DisruptionTarget", "True", "TerminationByKubelet", said, at=now())
