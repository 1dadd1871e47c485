"""The Job controller: pods for jobs, counts and conditions, deadlines and the time to live.

One pod at a time (parallelism 1, completions 1), as Dagster's jobs are. The rules are those of k8s.io/kubernetes,
pkg/controller/job: a pod that is being deleted counts as failed, a pod that vanished too; a failed Job has the
condition FailureTarget at once and Failed when no pod of it goes on. Not here: ending pods.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kube_shim.conditions import condition, holds, set_condition
from kube_shim.deletion import Options, delete
from kube_shim.events import Recorder
from kube_shim.kinds import JOBS, PODS, Json
from kube_shim.pace import Pace
from kube_shim.store import Store, now

_RETRY_AT_MOST = 360.0


@dataclass
class _Known:
    """What the controller remembers of a job: its pods by uid and how each ended ("" while it goes on)."""

    pods: dict[str, str] = field(default_factory=dict)
    failed_at: float = 0.0
    seen_at: float = field(default_factory=time.monotonic)

    def count(self, outcome: str) -> int:
        return sum(1 for found in self.pods.values() if found == outcome)


class JobController:
    """All jobs."""

    def __init__(self, store: Store, pace: Pace) -> None:
        self._store = store
        self._pace = pace
        self._recorder = Recorder(store, "job-controller")
        self._known: dict[str, _Known] = {}

    def run(self) -> None:
        """One look at every job."""
        with self._store.changed:
            jobs = self._store.all(JOBS)
            pods: dict[str, list[Json]] = {}
            for pod in self._store.all(PODS):
                pods.setdefault(_owner(pod), []).append(pod)
            for job in jobs:
                self._look(job, pods.get(job["metadata"]["uid"], []))
            living = {job["metadata"]["uid"] for job in jobs}
            self._known = {uid: known for uid, known in self._known.items() if uid in living}

    def _look(self, job: Json, pods: Sequence[Json]) -> None:
        known = self._known.setdefault(job["metadata"]["uid"], _Known())
        _learn(known, pods)
        if _finished(job):
            self._expire(job)
            return
        active = [pod for pod in pods if not known.pods[pod["metadata"]["uid"]]]
        verdict = _verdict(job, known, time.monotonic())
        doomed = job["metadata"].get("deletionTimestamp")
        if verdict.failed:
            for pod in active:
                delete(self._store, PODS, pod, Options())
            active = []
        elif not verdict.complete and not active and not doomed and self._may_retry(known):
            active = [self._make_pod(job)]
            known.pods[active[0]["metadata"]["uid"]] = ""
        self._write(job, known, active, pods, verdict)

    def _may_retry(self, known: _Known) -> bool:
        failed = known.count("Failed")
        wait = min(self._pace.job_retry * 2 ** (failed - 1), _RETRY_AT_MOST) if failed else 0.0
        return time.monotonic() >= known.failed_at + wait

    def _make_pod(self, job: Json) -> Json:
        pod = self._store.create(PODS, pod_of(job))
        self._recorder.normal(JOBS, job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}")
        return pod

    def _write(
        self, job: Json, known: _Known, active: Sequence[Json], pods: Sequence[Json], verdict: "_Verdict"
    ) -> None:
        going_on = any(pod["status"]["phase"] in {"Pending", "Running"} for pod in pods)
        counts = {"active": len(active), "succeeded": known.count("Succeeded"), "failed": known.count("Failed")}

        def write(fresh: Json) -> None:
            status = fresh["status"]
            status.setdefault("startTime", now())
            for name, count in counts.items():
                # Go leaves out what is zero.
                status.pop(name, None)
                status |= {name: count} if count else {}
            status["ready"] = sum(1 for pod in active if holds(pod["status"], "Ready"))
            status["terminating"] = sum(1 for pod in pods if pod["metadata"].get("deletionTimestamp"))
            status["uncountedTerminatedPods"] = {}
            _conclude(status, verdict, going_on=going_on)

        after = self._store.update(JOBS, job, write)
        if after is not None and _finished(after):
            if verdict.failed:
                self._recorder.warning(JOBS, job, verdict.reason, verdict.message)
            else:
                self._recorder.normal(JOBS, job, "Completed", "Job completed")

    def _expire(self, job: Json) -> None:
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None or job["metadata"].get("deletionTimestamp"):
            return
        ended = condition(job["status"], "Complete") or condition(job["status"], "Failed")
        if ended and time.time() >= datetime.fromisoformat(ended["lastTransitionTime"]).timestamp() + ttl:
            delete(self._store, JOBS, job, Options("Foreground"))


@dataclass(frozen=True)
class _Verdict:
    complete: bool = False
    failed: bool = False
    reason: str = ""
    message: str = ""


def pod_of(job: Json) -> Json:
    """The pod that a job makes from its template."""
    template, meta = job["spec"]["template"], job["metadata"]
    given = template.get("metadata") or {}
    labels = {"controller-uid": meta["uid"], "job-name": meta["name"]}
    prefixed = {f"batch.kubernetes.io/{name}": value for name, value in labels.items()}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": {**(given.get("labels") or {}), **labels, **prefixed},
            "annotations": dict(given.get("annotations") or {}),
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def _learn(known: _Known, pods: Sequence[Json]) -> None:
    """What became of the pods. A verdict on a pod is final."""
    present = {pod["metadata"]["uid"]: pod for pod in pods}
    for uid in {*known.pods, *present}:
        if not known.pods.get(uid):
            known.pods[uid] = _outcome(present.get(uid))
            if known.pods[uid] == "Failed":
                known.failed_at = time.monotonic()


def _outcome(pod: Json | None) -> str:
    if pod is None:
        return "Failed"
    phase = str(pod["status"]["phase"])
    if phase in {"Succeeded", "Failed"}:
        return phase
    return "Failed" if pod["metadata"].get("deletionTimestamp") else ""


def _verdict(job: Json, known: _Known, at: float) -> _Verdict:
    spec = job["spec"]
    if holds(job["status"], "FailureTarget"):
        said = next(c for c in job["status"]["conditions"] if c["type"] == "FailureTarget")
        return _Verdict(failed=True, reason=said["reason"], message=said["message"])
    if known.count("Succeeded"):
        return _Verdict(True, False, "CompletionsReached", "Reached expected number of succeeded pods")
    if known.count("Failed") > spec["backoffLimit"]:
        return _Verdict(False, True, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and at - known.seen_at >= deadline:
        return _Verdict(False, True, "DeadlineExceeded", "Job was active longer than specified deadline")
    return _Verdict()


def _conclude(status: Json, verdict: _Verdict, *, going_on: bool) -> None:
    if not (verdict.complete or verdict.failed):
        return
    early, final = ("SuccessCriteriaMet", "Complete") if verdict.complete else ("FailureTarget", "Failed")
    set_condition(status, early, "True", verdict.reason, verdict.message, at=now())
    if not going_on:
        set_condition(status, final, "True", verdict.reason, verdict.message, at=now())
        if verdict.complete:
            status.setdefault("completionTime", now())


def _finished(job: Json) -> bool:
    return holds(job["status"], "Complete") or holds(job["status"], "Failed")


def _owner(pod: Mapping[str, Json]) -> str:
    owners = pod["metadata"].get("ownerReferences") or []
    return next((str(owner["uid"]) for owner in owners if owner.get("controller")), "")
