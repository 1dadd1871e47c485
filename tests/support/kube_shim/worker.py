"""One pod on its node: a thread that starts its containers, follows them and writes its status.

Here belongs what the kubelet does for one pod. Not here: which pods there are (`kubelet.py`), what the status says
(`containers.py`), how a process is run (`processes.py`).
"""

import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kube_shim import containers, environment
from kube_shim.containers import Container, Ending
from kube_shim.events import Recorder
from kube_shim.images import Images
from kube_shim.kinds import PODS, Json, Kind
from kube_shim.pace import Pace
from kube_shim.processes import NotStarted, Process
from kube_shim.scheduler import assigned
from kube_shim.store import Store, now

_RESTARTS_AT_MOST = 300.0
_UNKNOWN = ("ContainerStatusUnknown", "The container could not be located when the pod was terminated")


class Host(Protocol):
    """What a pod's worker needs of its kubelet."""

    store: Store
    images: Images
    pace: Pace
    folder: Path
    env: Mapping[str, Mapping[str, str]]
    recorder: Recorder

    def reachable(self, node: str) -> bool: ...


@dataclass(frozen=True)
class Order:
    """To end: `grace` in seconds between SIGTERM and SIGKILL, and why, if that is to stand in the pod's status."""

    grace: float = 0.0
    ending: Ending = field(default_factory=Ending)


class Worker:
    """A pod that is carried out. `pod` is its manifest as it was when its node took it."""

    def __init__(self, host: Host, pod: Json) -> None:
        self.pod = pod
        meta = pod["metadata"]
        # A pod's name may be as long as a file's, which here has two parts more.
        self.folder = host.folder / f"{meta['namespace']}_{meta['name'][:100]}_{meta['uid']}"
        self.folder.mkdir(parents=True)
        self.failure: BaseException | None = None
        self._host = host
        self._node: str = pod["spec"]["nodeName"]
        self._specs = {c["name"]: c for c in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]}
        init = {c["name"] for c in pod["spec"].get("initContainers") or []}
        first = "PodInitializing" if init else "ContainerCreating"
        self._containers = {
            name: Container(name, spec["image"], name in init, "ContainerCreating" if name in init else first)
            for name, spec in self._specs.items()
        }
        self._processes: dict[str, Process] = {}
        self._not_before: dict[str, float] = {}
        self._oom: set[str] = set()
        self._told: set[str] = set()
        self._order: Order | None = None
        self._kill_at = float("inf")
        self._began = time.monotonic()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"pod {pod['metadata']['name']}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def end(self, order: Order) -> None:
        """Have it end. A second order can only shorten the time that is left."""
        with self._host.store.changed:
            first = self._order is None
            if first or order.ending.reason:
                self._order = order
            at = time.monotonic() + order.grace
            self._kill_at = min(self._kill_at, at)
        self._wake.set()

    def out_of_memory(self) -> bool:
        """Kill it as the kernel does where a container took more memory than its limit; False if nothing runs."""
        with self._host.store.changed:
            running = {name: process for name, process in self._processes.items() if process.exit_code is None}
            self._oom |= set(running)
        for process in running.values():
            process.kill()
        return bool(running)

    def pids(self) -> list[int]:
        return [pid for process in list(self._processes.values()) for pid in process.pids()]

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def log(self, container: str, *, previous: bool = False) -> Path:
        """Where a container's output is."""
        number = self._containers[container].restarts - (1 if previous else 0)
        return self.folder / f"{container}.{number}.log"

    def log_ended(self, container: str) -> bool:
        return not self._containers[container].running

    def push(self) -> None:
        """Tell the API server how it stands, unless the node cannot be reached."""
        if not self._host.reachable(self._node):
            return
        with self._host.store.changed:
            fresh = self._host.store.update(PODS, self.pod, self._write)
            if fresh is not None and self._done() and fresh["metadata"].get("deletionTimestamp"):
                self._host.store.remove(PODS, fresh)

    def _write(self, pod: Json) -> None:
        ending = self._order.ending if self._order else Ending()
        containers.write(pod["status"], list(self._containers.values()), ending, now())

    def _run(self) -> None:
        try:
            while not self._done():
                self._wake.clear()
                self._look()
                self.push()
                if not self._done():
                    self._wake.wait(self._host.pace.look)
            self.push()
        except BaseException as error:  # the thread's end: told where the shim ends
            self.failure = error
            raise
        finally:
            for process in self._processes.values():
                process.kill()

    def _look(self) -> None:
        for name in self._specs:
            self._collect(name)
        self._check_deadline()
        if self._order is None:
            for name in self._due():
                self._start(name)
            return
        self._stop_processes()
        if not any(c.running for c in self._containers.values()):
            lost = {name: c.over(137, now(), reason=_UNKNOWN[0], message=_UNKNOWN[1]) for name, c in self._unfinished()}
            self._containers |= lost

    def _stop_processes(self) -> None:
        """SIGTERM once, SIGKILL when the grace period is over."""
        late = time.monotonic() >= self._kill_at
        for name, process in self._processes.items():
            if late:
                process.kill()
            elif name not in self._told and process.exit_code is None and process.tell(signal.SIGTERM):
                self._told.add(name)
                self._say("Killing", f"Stopping container {name}")

    def _unfinished(self) -> list[tuple[str, Container]]:
        return [(name, c) for name, c in self._containers.items() if not c.finished]

    def _collect(self, name: str) -> None:
        """Learn that a container has ended."""
        process, container = self._processes.get(name), self._containers[name]
        if process is None or not container.running or process.exit_code is None:
            return
        reason = "OOMKilled" if name in self._oom else ""
        ended = container.over(process.exit_code, now(), reason=reason)
        self._oom.discard(name)
        if self._order is None and self._is_restarted(ended):
            wait = min(self._host.pace.restart * 2**ended.restarts, _RESTARTS_AT_MOST)
            self._not_before[name] = time.monotonic() + wait
            said = f"back-off {wait:g}s restarting failed container={name} pod={self.pod['metadata']['name']}"
            self._say("BackOff", f"Back-off restarting failed container {name}", warning=True)
            ended = ended.again(said)
        self._containers[name] = ended

    def _is_restarted(self, container: Container) -> bool:
        policy = self.pod["spec"]["restartPolicy"]
        again = container.failed and policy in {"OnFailure", "Always"}
        return again or (policy == "Always" and not container.init)

    def _check_deadline(self) -> None:
        seconds = self.pod["spec"].get("activeDeadlineSeconds")
        if seconds is not None and self._order is None and time.monotonic() - self._began > seconds:
            said = "Pod was active on the node longer than the specified deadline"
            self.end(Order(float(self.pod["spec"]["terminationGracePeriodSeconds"]), Ending("DeadlineExceeded", said)))

    def _due(self) -> list[str]:
        """Containers that are to be started now: init containers one after the other, then all others."""
        init = [c for c in self._containers.values() if c.init]
        if any(c.failed for c in init):
            return []
        unfinished = [c for c in init if not c.finished]
        candidates = unfinished[:1] if unfinished else [c for c in self._containers.values() if not c.init]
        ready = (c.name for c in candidates if not c.started)
        return [name for name in ready if time.monotonic() >= self._not_before.get(name, 0.0)]

    def _start(self, name: str) -> None:
        """Start a container, or note what keeps it from being started."""
        spec, container = self._specs[name], self._containers[name]
        policy = spec["imagePullPolicy"]
        if wrong := self._host.images.trouble(self._node, spec["image"], policy):
            self._not_pulled(name, *wrong)
            return
        try:
            env = environment.variables(self._fresh(), spec, self._given(name), self._find)
        except environment.NotConfigured as error:
            self._containers[name] = container.waiting("CreateContainerConfigError", str(error))
            self._say("Failed", f"Error: {error}", warning=True)
            self._not_before[name] = time.monotonic() + self._host.pace.image_retry
            return
        self._say("Pulled", f'Container image "{spec["image"]}" already present on machine')
        log = self.folder / f"{name}.{container.restarts}.log"
        try:
            argv = environment.command(spec, env)
            with self._host.store.changed:
                if self._order is not None:
                    return
                self._processes[name] = Process(argv, env, self.folder / name, log, self._wake.set)
        except NotStarted as error:
            log.touch()
            self._say("Failed", f"Error: {error}", warning=True)
            self._containers[name] = container.over(128, now(), reason="StartError", message=str(error))
            return
        identity = f"shim://{self.pod['metadata']['uid']}-{name}-{container.restarts}"
        self._containers[name] = container.begun(now(), identity)
        self._say("Created", f"Created container: {name}")
        self._say("Started", f"Started container {name}")

    def _not_pulled(self, name: str, reason: str, message: str) -> None:
        container, image = self._containers[name], self._specs[name]["image"]
        if container.reason in {"ErrImagePull", "ImagePullBackOff"} and reason == "ErrImagePull":
            if time.monotonic() < self._not_before.get(f"pull {name}", 0.0):
                return
            self._containers[name] = container.waiting("ImagePullBackOff", f'Back-off pulling image "{image}"')
            if container.reason != "ImagePullBackOff":
                self._say("BackOff", f'Back-off pulling image "{image}"')
            return
        self._containers[name] = container.waiting(reason, message)
        self._not_before[f"pull {name}"] = time.monotonic() + self._host.pace.image_retry
        if container.reason != reason:
            self._say("Failed", f'Failed to pull image "{image}": {message}', warning=True)
            self._say("Failed", f"Error: {reason}", warning=True)

    def _given(self, name: str) -> dict[str, str]:
        """What the node gives: its environment, and the devices that this container asked for."""
        numbers: list[int] = []
        for resource, held in assigned(self._fresh()).items():
            begin = 0
            for other in self._specs:
                count = int((self._specs[other]["resources"].get("requests") or {}).get(resource, 0))
                if other == name:
                    numbers += held[begin : begin + count]
                begin += 0 if self._containers[other].init else count
        devices = {"ASCEND_VISIBLE_DEVICES": ",".join(str(number) for number in numbers)} if numbers else {}
        return {**self._host.env[self._node], **devices}

    def _fresh(self) -> Json:
        meta = self.pod["metadata"]
        found = self._host.store.find(PODS, meta["namespace"], meta["name"])
        return found if found is not None and found["metadata"]["uid"] == meta["uid"] else self.pod

    def _find(self, kind: Kind, name: str) -> Json | None:
        return self._host.store.find(kind, self.pod["metadata"]["namespace"], name)

    def _done(self) -> bool:
        known = list(self._containers.values())
        if any(c.running for c in known):
            return False
        if any(c.init and c.failed for c in known):
            return True
        return all(c.finished for c in known)

    def _say(self, reason: str, message: str, *, warning: bool = False) -> None:
        if self._host.reachable(self._node):
            record = self._host.recorder.warning if warning else self._host.recorder.normal
            record(PODS, self.pod, reason, message)
