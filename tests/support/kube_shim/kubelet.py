"""The kubelets of all nodes: which pods run where, and what happens to a node that is lost.

Here belongs the difference between the pods that the API server knows and the workers that carry pods out. Not here:
one pod's life (`worker.py`).
"""

import time
from collections.abc import Mapping
from pathlib import Path

from kube_shim.conditions import set_condition
from kube_shim.events import Recorder
from kube_shim.images import Images
from kube_shim.kinds import NODES, PODS, Json
from kube_shim.pace import Pace
from kube_shim.store import Store, now
from kube_shim.worker import Order, Worker

_JOIN_SECONDS = 10.0


class Kubelet:
    """All kubelets. `env`: what containers find, by node. `lost`: nodes that cannot be reached, and since when."""

    def __init__(
        self, store: Store, images: Images, pace: Pace, folder: Path, env: Mapping[str, Mapping[str, str]]
    ) -> None:
        self.store = store
        self.images = images
        self.pace = pace
        self.folder = folder
        self.env = env
        self.recorder = Recorder(store, "kubelet")
        self._workers: dict[str, Worker] = {}
        self._lost: dict[str, float] = {}

    def reachable(self, node: str) -> bool:
        return node not in self._lost

    def run(self) -> None:
        """Start what was assigned, end what was deleted, report what could not be reported."""
        with self.store.changed:
            pods = {pod["metadata"]["uid"]: pod for pod in self.store.all(PODS) if pod["spec"].get("nodeName")}
            for uid, pod in pods.items():
                node = pod["spec"]["nodeName"]
                # A pod can be bound by its manifest to a node that nobody runs.
                if node in self.env and self.reachable(node):
                    self._attend(uid, pod)
            for uid, worker in list(self._workers.items()):
                if uid not in pods and self.reachable(worker.pod["spec"]["nodeName"]):
                    self._forget(uid, worker)
            self._give_up_lost(pods)

    def worker(self, uid: str) -> Worker | None:
        return self._workers.get(uid)

    def workers(self) -> list[Worker]:
        with self.store.changed:
            return list(self._workers.values())

    def lose(self, node: str, *, partitioned: bool) -> None:
        """The node is gone; its processes too, unless only the network is."""
        with self.store.changed:
            self._lost.setdefault(node, time.monotonic())
            self._mark(node, ready=False)
            mine = [worker for worker in self._workers.values() if worker.pod["spec"]["nodeName"] == node]
        if not partitioned:
            for worker in mine:
                worker.end(Order())
            for worker in mine:
                worker.join(_JOIN_SECONDS)

    def restore(self, node: str) -> None:
        """The node is back, and its kubelet tells what became of the pods."""
        with self.store.changed:
            self._lost.pop(node, None)
            self._mark(node, ready=True)
            mine = [worker for worker in self._workers.values() if worker.pod["spec"]["nodeName"] == node]
        for worker in mine:
            worker.push()

    def close(self) -> list[BaseException]:
        """End every process; what went wrong in workers."""
        workers = self.workers()
        for worker in workers:
            worker.end(Order())
        for worker in workers:
            worker.join(_JOIN_SECONDS)
        return [worker.failure for worker in workers if worker.failure is not None]

    def _forget(self, uid: str, worker: Worker) -> None:
        """End what the API server knows nothing of any more."""
        if not worker.over:
            worker.end(Order())
        elif worker.failure is None:
            del self._workers[uid]

    def _attend(self, uid: str, pod: Json) -> None:
        worker = self._workers.get(uid)
        doomed = pod["metadata"].get("deletionTimestamp")
        if worker is None:
            if doomed:
                self.store.remove(PODS, pod)
            elif pod["status"]["phase"] == "Pending":
                self._workers[uid] = worker = Worker(self, pod)
                worker.start()
        elif doomed and worker.over:
            self.store.remove(PODS, pod)
        elif doomed:
            worker.end(Order(float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)))

    def _give_up_lost(self, pods: Mapping[str, Json]) -> None:
        """What the node lifecycle controller does with the pods of a node that stays away: delete them."""
        for pod in pods.values():
            node = pod["spec"]["nodeName"]
            since = self._lost.get(node)
            if since is None or time.monotonic() - since < self.pace.node_lost:
                continue
            if not pod["metadata"].get("deletionTimestamp") and pod["status"]["phase"] in {"Pending", "Running"}:
                self.store.update(PODS, pod, _lost)
                said = f"Marking for deletion Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
                Recorder(self.store, "taint-eviction-controller").normal(PODS, pod, "TaintManagerEviction", said)

    def _mark(self, node: str, *, ready: bool) -> None:
        found = self.store.get(NODES, "", node)
        self.store.update(NODES, found, lambda fresh: _node_status(fresh, ready=ready))
        for pod in self.store.all(PODS):
            if pod["spec"].get("nodeName") == node and not ready and pod["status"]["phase"] == "Running":
                self.store.update(PODS, pod, _unready)


def _node_status(node: Json, *, ready: bool) -> None:
    if ready:
        set_condition(node["status"], "Ready", "True", "KubeletReady", "kubelet is posting ready status", at=now())
        taints = [t for t in node["spec"].get("taints") or [] if t["key"] != "node.kubernetes.io/unreachable"]
    else:
        said = "Kubelet stopped posting node status."
        set_condition(node["status"], "Ready", "Unknown", "NodeStatusUnknown", said, at=now())
        unreachable = [{"key": "node.kubernetes.io/unreachable", "effect": e} for e in ("NoSchedule", "NoExecute")]
        taints = [*(node["spec"].get("taints") or []), *unreachable]
    node["spec"]["taints"] = taints


def _unready(pod: Json) -> None:
    set_condition(pod["status"], "Ready", "False", at=now())


def _lost(pod: Json) -> None:
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    pod["metadata"] |= {"deletionTimestamp": now(grace), "deletionGracePeriodSeconds": grace}
    node = pod["spec"]["nodeName"]
    said = f"Node {node} which was running pod {pod['metadata']['name']} is unresponsive"
    pod["status"] |= {"reason": "NodeLost", "message": said}
    why = "Taint manager: deleting due to NoExecute taint"
    set_condition(pod["status"], "DisruptionTarget", "True", "DeletionByTaintManager", why, at=now())
