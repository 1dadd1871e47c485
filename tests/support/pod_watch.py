"""What became of every pod of a cluster, deleted ones as well: when each ran, where, and how it ended.

Here belongs looking on, by the API's own watch, and what steps and runs make of it. Not here: doing something to pods.
"""

import itertools
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

NPU = "huawei.com/"
_STEP, _RUN = "step_worker", "run_worker"
_AGAIN_SECONDS = 0.2
_WATCH_SECONDS = 5


@dataclass(frozen=True)
class SeenPod:
    """A pod as it was seen last. Times in seconds since 1970, whole ones; `ended` is None while its process may run."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    node: str
    image: str
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    phase: str
    reason: str
    created: float
    began: float | None
    ended: float | None

    @property
    def step(self) -> str:
        """The step that it works on; empty for a run's own pod."""
        return self.labels.get("dagster/op", "") if self.labels.get("app.kubernetes.io/component") == _STEP else ""

    @property
    def run_id(self) -> str:
        return self.labels.get("dagster/run-id", "")

    @property
    def npus(self) -> dict[str, str]:
        """The NPUs that it asks for, by resource."""
        return {name: amount for name, amount in self.limits.items() if name.startswith(NPU)}

    @property
    def span(self) -> tuple[float, float]:
        """When its process ran."""
        assert self.began is not None
        return self.began, float("inf") if self.ended is None else self.ended


@dataclass
class PodWatch:
    """Everything that was ever seen."""

    _seen: dict[str, SeenPod] = field(default_factory=dict)

    def all(self) -> list[SeenPod]:
        return sorted(self._seen.values(), key=lambda pod: (pod.created, pod.name))

    def of_run(self, run_id: str, step: str = "") -> list[SeenPod]:
        """The pods of a run's steps, or of one of them (`model__stage`), oldest first."""
        return [pod for pod in self.all() if pod.run_id == run_id and pod.step and step in {"", pod.step}]

    def workers(self, run_id: str) -> list[SeenPod]:
        """The run's own pods."""
        return [pod for pod in self.all() if pod.run_id == run_id and not pod.step]

    def assert_no_step_twice_at_once(self) -> None:
        """No two pods worked on the same step at the same time, of whatever runs."""
        ran = sorted((pod for pod in self.all() if pod.step and pod.began is not None), key=lambda pod: pod.span)
        for step, pods in itertools.groupby(sorted(ran, key=lambda pod: pod.step), key=lambda pod: pod.step):
            for before, after in itertools.pairwise(pods):
                assert before.span[1] <= after.span[0], (
                    f"{step} ran twice at once: {before.name} of {before.run_id} {before.span}, "
                    f"{after.name} of {after.run_id} {after.span}"
                )

    def most_at_once(self, resource: str) -> int:
        """How many of a resource were ever held at the same time."""
        held = [(pod.span, int(pod.npus[resource])) for pod in self.all() if resource in pod.npus and pod.began]
        # What ends in a second and what begins in it did not hold it together.
        steps = [(began, 1, count) for (began, _), count in held] + [(ended, 0, -count) for (_, ended), count in held]
        return max(itertools.accumulate(change for _, _, change in sorted(steps)), default=0)

    def story(self) -> str:
        """For whoever reads a failed test."""
        return "\n".join(
            f"  {pod.name} {pod.step or 'run'} {pod.run_id[:8]} on {pod.node or '-'}: {pod.phase} {pod.reason} "
            f"{pod.began or '-'}..{pod.ended or '-'}"
            for pod in self.all()
        )

    def note(self, pod: Mapping[str, Any], *, gone: bool) -> None:
        """Take a pod as the API shows it. `gone`: it was just deleted."""
        self._seen[pod["metadata"]["uid"]] = _seen(pod, time.time() if gone else None)

    def note_all(self, pods: Sequence[Mapping[str, Any]]) -> None:
        """Take what there is now: what is not there any more was deleted while nobody looked."""
        for pod in pods:
            self.note(pod, gone=False)
        there = {pod["metadata"]["uid"] for pod in pods}
        for uid in self._seen.keys() - there:
            if self._seen[uid].ended is None:
                self._seen[uid] = replace(self._seen[uid], ended=time.time())


@contextmanager
def watching(kubeconfig: Path, namespace: str) -> Iterator[PodWatch]:
    """Look on from now on, through times when the API server is away."""
    found, over = PodWatch(), threading.Event()
    thread = threading.Thread(target=_follow, args=(kubeconfig, namespace, found, over), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join(4 * _WATCH_SECONDS)


def _follow(kubeconfig: Path, namespace: str, found: PodWatch, over: threading.Event) -> None:
    from kubernetes import client, config, watch
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    core = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
    while not over.is_set():
        try:
            listed = json.loads(core.list_namespaced_pod(namespace, _preload_content=False).data)
            found.note_all(listed["items"])
            stream = watch.Watch().stream(
                core.list_namespaced_pod,
                namespace,
                resource_version=listed["metadata"]["resourceVersion"],
                timeout_seconds=_WATCH_SECONDS,
            )
            for event in stream:
                found.note(event["raw_object"], gone=event["type"] == "DELETED")
        except (ApiException, HTTPError):
            over.wait(_AGAIN_SECONDS)


def _seen(pod: Mapping[str, Any], gone_at: float | None) -> SeenPod:
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    container = spec["containers"][0]
    states = [entry["state"] for entry in status.get("containerStatuses") or []]
    state = states[0] if states else {}
    ended = state.get("terminated") or {}
    began = (ended or state.get("running") or {}).get("startedAt")
    resources = container.get("resources") or {}
    return SeenPod(
        name=meta["name"],
        labels=meta.get("labels") or {},
        annotations=meta.get("annotations") or {},
        node=spec.get("nodeName") or "",
        image=container["image"],
        requests=resources.get("requests") or {},
        limits=resources.get("limits") or {},
        phase=status["phase"],
        reason=status.get("reason") or ended.get("reason") or (state.get("waiting") or {}).get("reason") or "",
        created=_seconds(meta["creationTimestamp"]),
        began=_seconds(began) if began else None,
        ended=_seconds(ended["finishedAt"]) if ended.get("finishedAt") else gone_at,
    )


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
