"""Watching the pod of a step: dagster-k8s's step handler, which also tells why a pod waits, and gives it up in time.

Here belongs what dagster-k8s leaves out: it sees that a job has failed or is gone, and neither that one waits for ever,
nor that a pod of a lost node may still work, nor that a pod has ended without a word. Not here: what a pod's state
means (`resources/kubernetes/pod_state.py`), or what becomes of the step (`steps.py`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.events import EngineEventData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepHandler, StepHandlerContext
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler
from dagster_shared.error import SerializableErrorInfo
from kubernetes.client import ApiException  # noqa: TID253 - whatever loads this loads dagster_k8s
from urllib3.exceptions import HTTPError

from ascend_assets.cluster.client import Client
from ascend_assets.cluster.resuming import ENDS
from resources.kubernetes import pod_state
from resources.kubernetes.pod_state import Lost, Pod

IMAGE_SECONDS = 600.0
"""How long an image that cannot be pulled is waited for: a registry restarts within minutes, a name does not change."""
UNCONFIRMED_SECONDS = 600.0
"""How long to wait until Kubernetes says that a lost job's pod does not run any more."""
SILENT_SECONDS = 60.0
"""How long after a job's end what its step wrote last may take to be read."""


@dataclass
class _Since:
    """What is seen of a step's job, and since when (monotonic seconds)."""

    what: str
    begin: float


@dataclass
class WatchingHandler(StepHandler):
    """`handler` does the work. `waiting_seconds`: how long a pod may wait for a node.

    `told`: jobs and reasons of which the log has a line. `given_up`: steps that are not to be started anew, since no
    other pod would do better, or since theirs may still work. `overdue`: steps that failed instead of being begun
    again, since they had taken longer than they may.
    """

    handler: K8sStepHandler
    client: Client
    waiting_seconds: float
    clock: Callable[[], float] = time.monotonic
    given_up: set[str] = field(default_factory=set)
    overdue: set[str] = field(default_factory=set)
    seen: dict[str, _Since] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """As dagster-k8s's own, in the log."""
        return str(self.handler.name)

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Make the step's Kubernetes Job, but for a step that has taken longer than it may.

        Kubernetes tells its pod to end as it tells one that is drained, so that it has asked to be begun again.
        """
        look = _Look(self, step_handler_context)
        why = look.took_too_long()
        if not why:
            yield from self.handler.launch_step(step_handler_context)
            return
        self.overdue.add(look.step)
        failed = StepFailureData(error=SerializableErrorInfo(why, [], None), user_failure_data=None)  # type: ignore[no-untyped-call] # Dagster's
        yield dg.DagsterEvent.step_failure_event(step_handler_context.get_step_context(look.step), failed)

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Delete the step's Kubernetes Job."""
        yield from self.handler.terminate_step(step_handler_context)

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """Whether the step may still come to its end. Raises what the API's client does: nobody knows then."""
        look = _Look(self, step_handler_context)
        if look.has_ended():
            return CheckStepHealthResult.healthy()
        lost = look.lost()
        # It may have ended while Kubernetes was asked.
        if lost is None or look.has_ended():
            return CheckStepHealthResult.healthy()
        if not lost.again:
            self.given_up.add(look.step)
        return CheckStepHealthResult.unhealthy(lost.why)

    def since(self, job: str, what: str) -> float:
        """For how many seconds a job has been seen so."""
        found = self.seen.get(job)
        if found is None or found.what != what:
            found = self.seen[job] = _Since(what, self.clock())
        return self.clock() - found.begin


@dataclass
class _Look:
    """One look at one step."""

    watch: WatchingHandler
    context: StepHandlerContext

    @property
    def step(self) -> str:
        """The step's key."""
        return str(self.watch.handler._get_step_key(self.context))  # noqa: SLF001 - the name is dagster-k8s's to choose

    @property
    def job(self) -> str:
        """The name of its Job."""
        return str(self.watch.handler._get_k8s_step_job_name(self.context))  # noqa: SLF001

    @property
    def namespace(self) -> str:
        """Where that is."""
        context: K8sContainerContext = self.watch.handler._get_container_context(self.context)  # noqa: SLF001
        return str(context.namespace)

    def has_ended(self) -> bool:
        """Whether the step has said itself how this attempt ended: then its pod may go."""
        logs = self.context.instance.all_logs(self.context.execute_step_args.run_id, of_type=set(ENDS))
        own = [log for log in logs if log.dagster_event and log.dagster_event.step_key == self.step]
        return len(own) > self.attempts

    @property
    def attempts(self) -> int:
        """How many of the step's attempts are over."""
        known = self.context.execute_step_args.known_state
        return known.get_retry_state().get_attempt_count(self.step) if known else 0

    def took_too_long(self) -> str:
        """That the attempt before this one took longer than it may; empty where it did not, or nobody can tell."""
        if not self.attempts:
            return ""
        first = self.job.removesuffix(f"-{self.attempts}")
        before = first if self.attempts == 1 else f"{first}-{self.attempts - 1}"
        try:
            state = self.watch.client.job(before, self.namespace)
        except (ApiException, HTTPError):
            return ""
        found = pod_state.lost((), *state.told) if state else None
        return f"Kubernetes job {before} failed: {found.why}" if found and not found.again else ""

    def lost(self) -> Lost | None:
        """Why the step is lost; None where it may still end well."""
        state = self.watch.client.job(self.job, self.namespace)
        pods = self.watch.client.pods(self.job, self.namespace)
        if state is not None and not state.failed and not state.succeeded:
            return self._waits(pods)
        alive = pod_state.unconfirmed(pods)
        if alive and (state is None or state.failed):
            return self._unconfirmed(alive)
        if state is not None and state.succeeded:
            if self.watch.since(self.job, "silent") < SILENT_SECONDS:
                return None
            return Lost(f"Kubernetes job {self.job} has ended, and its step said nothing of how", again=True)
        found = pod_state.lost(pods, *(state.told if state else ("", "")))
        return Lost(f"Kubernetes job {self.job} failed: {found.why}", found.again)

    def _waits(self, pods: tuple[Pod, ...]) -> Lost | None:
        """A job that has not ended: whether its pod waits, and for too long."""
        why = pod_state.waiting(pods)
        if not why:
            self.watch.seen.pop(self.job, None)
            return None
        waited = self.watch.since(self.job, pod_state.kind_of_wait(pods))
        reason = (self.job, pods[-1].waits[0] if pods else "")
        if reason not in self.watch.told:
            self.watch.told.add(reason)
            self._say(why)
        limit = pod_state.patience(pods, self.watch.waiting_seconds, IMAGE_SECONDS)
        if waited < limit:
            return None
        # Deleted first: a pod that began later would run beside whatever is done about it.
        self.watch.client.delete_job(self.job, self.namespace)
        return Lost(f"given up after {waited:.0f} s: {why}", again=False)

    def _unconfirmed(self, alive: tuple[Pod, ...]) -> Lost | None:
        """A job that is lost while a pod of it may still work: no step runs twice at once, so wait."""
        names = ", ".join(f"{pod.name} on {pod.node or 'no node'}" for pod in alive)
        first = self.job not in self.watch.seen or self.watch.seen[self.job].what != "unconfirmed"
        if self.watch.since(self.job, "unconfirmed") < UNCONFIRMED_SECONDS:
            if first:
                self._say(f"job {self.job} is lost; waiting until Kubernetes says that {names} has ended")
            return None
        return Lost(
            f"Kubernetes job {self.job} is lost, and nobody can say whether {names} still works: its node does not "
            "answer. See to the node, then start the run anew",
            again=False,
        )

    def _say(self, text: str) -> None:
        """A line in the run's log."""
        dg.DagsterEvent.engine_event(self.context.get_step_context(self.step), text, EngineEventData())
