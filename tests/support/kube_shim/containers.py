"""What is known of a pod's containers, and the pod's status that follows from it.

Pure. The kubelet's rules: a pod has failed if a container failed for good, succeeded if all did. Not here: running
them (`worker.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from kube_shim.conditions import set_condition
from kube_shim.kinds import Json


@dataclass(frozen=True)
class Container:
    """One container as it stands. Times as the API writes them; `exit_code` counts where `finished` is set."""

    name: str
    image: str
    init: bool = False
    reason: str = "ContainerCreating"
    message: str = ""
    started: str = ""
    finished: str = ""
    exit_code: int = 0
    identity: str = ""
    restarts: int = 0
    before: "Container | None" = None

    @property
    def running(self) -> bool:
        return bool(self.started) and not self.finished

    @property
    def failed(self) -> bool:
        return bool(self.finished) and self.exit_code != 0

    def waiting(self, reason: str, message: str = "") -> "Container":
        return replace(self, reason=reason, message=message)

    def begun(self, at: str, identity: str) -> "Container":
        return replace(self, reason="", message="", started=at, finished="", identity=identity)

    def over(self, code: int, at: str, *, reason: str = "", message: str = "") -> "Container":
        why = reason or ("Completed" if code == 0 else "Error")
        return replace(self, exit_code=code, reason=why, message=message, started=self.started or at, finished=at)

    def again(self, why: str) -> "Container":
        """Waiting to be started anew."""
        after = Container(self.name, self.image, self.init, "CrashLoopBackOff", why)
        return replace(after, restarts=self.restarts + 1, before=replace(self, before=None))

    def status(self) -> Json:
        """As `containerStatuses` has it."""
        ready = self.finished != "" and self.exit_code == 0 if self.init else self.running
        return {
            "name": self.name,
            "image": self.image,
            "imageID": f"shim://{self.image}" if self.identity else "",
            "containerID": self.identity,
            "ready": ready,
            "started": self.running,
            "restartCount": self.restarts,
            "state": self._state(),
            "lastState": self.before._state() if self.before else {},
        }

    def _state(self) -> Json:
        told = {"message": self.message} if self.message else {}
        if self.finished:
            times = {"startedAt": self.started, "finishedAt": self.finished, "containerID": self.identity}
            return {"terminated": {"exitCode": self.exit_code, "reason": self.reason, **times, **told}}
        if self.started:
            return {"running": {"startedAt": self.started}}
        return {"waiting": {"reason": self.reason, **told}}


@dataclass(frozen=True)
class Ending:
    """Why the kubelet ended a pod: `Evicted`, `DeadlineExceeded`. Empty if it did not."""

    reason: str = ""
    message: str = ""


def phase(containers: Sequence[Container], ending: Ending) -> str:
    """Pending, Running, Succeeded or Failed."""
    init = [c for c in containers if c.init]
    main = [c for c in containers if not c.init]
    if ending.reason or any(c.failed for c in init):
        return "Running" if any(c.running for c in containers) else "Failed"
    if all(c.finished for c in main):
        return "Failed" if any(c.failed for c in main) else "Succeeded"
    return "Running" if any(c.started or c.before for c in main) else "Pending"


def write(status: Json, containers: Sequence[Container], ending: Ending, at: str) -> None:
    """Write it into a pod's status."""
    main, init = [c for c in containers if not c.init], [c for c in containers if c.init]
    status["phase"] = phase(containers, ending)
    status |= {"hostIP": "127.0.0.1", "podIP": "127.0.0.1", "containerStatuses": [c.status() for c in main]}
    status.setdefault("startTime", at)
    if init:
        status["initContainerStatuses"] = [c.status() for c in init]
    over = status["phase"] in {"Succeeded", "Failed"}
    if over and ending.reason:
        status |= {"reason": ending.reason, "message": ending.message}
    begun = all(c.finished and not c.failed for c in init)
    ready = all(c.running for c in main) and not over
    why = "PodCompleted" if status["phase"] == "Succeeded" else "PodFailed" if over else ""
    unready = " ".join(c.name for c in main if not c.running)
    told = "" if ready or over else f"containers with unready status: [{unready}]"
    why = why or ("ContainersNotReady" if told else "")
    set_condition(status, "PodReadyToStartContainers", "False" if over else "True", at=at)
    set_condition(
        status, "Initialized", "True" if begun else "False", "" if begun else "ContainersNotInitialized", at=at
    )
    for name in ("Ready", "ContainersReady"):
        set_condition(status, name, "True" if ready else "False", why, told, at=at)


def logs_of(pod: Json) -> Mapping[str, Json]:
    """The states of a pod's containers by name, init containers first."""
    status = pod["status"]
    entries = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    return {entry["name"]: entry for entry in entries}
