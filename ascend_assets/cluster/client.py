"""What is asked of Kubernetes' API about a step, in bounded time.

Here belongs a client as dagster-k8s's, that bears an API server which is away for minutes. Not here: what the answers
mean (`resources/kubernetes/pod_state.py`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from dagster_k8s.client import (
    DagsterK8sAPIRetryLimitExceeded,
    DagsterK8sUnrecoverableAPIError,
    DagsterKubernetesClient,
)
from urllib3.exceptions import HTTPError

from resources.kubernetes import pod_state
from resources.kubernetes.pod_state import Pod

if TYPE_CHECKING:
    from kubernetes.client import V1Job

REQUEST_SECONDS = 15.0
AWAY_SECONDS = 300.0
"""How long the API may be away while a step is to be started: longer than a control plane takes to restart."""
ENDING_SECONDS = 120.0
"""How long pods that are told to end may take: longer than the 30 s that Kubernetes grants."""
_STEPS_OF = "dagster/run-id={},app.kubernetes.io/component=step_worker"
"""dagster-k8s's labels of a run's Jobs and of their pods."""
AGAIN_SECONDS = 20.0
"""How long what ends a step is asked for again: a pod that is told to end has 30 s."""
_BETWEEN_SECONDS = 5.0
_THERE = 409
_TOO_MANY = 429
_GONE = 404
_OWN_FAULT = 500

Answer = TypeVar("Answer")


class StillWorking(Exception):
    """Pods of an earlier run that may still work. No step runs twice at once."""


@dataclass(frozen=True)
class JobState:
    """How a Job is. `told`: reason and message of its condition Failed."""

    failed: bool
    succeeded: bool
    told: tuple[str, str] = ("", "")


class Client(DagsterKubernetesClient):
    """`DagsterKubernetesClient`, with patience and time limits."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)

    @classmethod
    def like(cls, other: DagsterKubernetesClient) -> "Client":
        """One that speaks to the same API, of which no request waits for ever."""
        for api in (other.batch_api, other.core_api):
            _bound(api.api_client.rest_client)
        return cls(other.batch_api, other.core_api, other.logger, other.sleeper, other.timer)

    def create_namespaced_job_with_retries(
        self, body: "V1Job", namespace: str, wait_time_between_attempts: float = _BETWEEN_SECONDS
    ) -> None:
        """Make a Job. One of that name that is there already is this very attempt's: its request was answered late.

        A conflict where there is none of that name is another's, such as a quota's, and passes.

        Raises `DagsterK8sAPIRetryLimitExceeded` after five minutes, `DagsterK8sUnrecoverableAPIError` at once for what
        the API refuses.
        """
        begin = time.monotonic()
        while True:
            try:
                super().create_namespaced_job_with_retries(body, namespace, wait_time_between_attempts)
            except (DagsterK8sAPIRetryLimitExceeded, DagsterK8sUnrecoverableAPIError) as error:
                status = getattr(error.k8s_api_exception, "status", None)
                if status == _THERE and self._is_there(body, namespace):
                    return
                refused = isinstance(error, DagsterK8sUnrecoverableAPIError) and status not in (_TOO_MANY, _THERE)
                if refused or time.monotonic() - begin > AWAY_SECONDS:
                    raise
                self.sleep(_BETWEEN_SECONDS)
            else:
                return

    def _is_there(self, body: "V1Job", namespace: str) -> bool:
        name = str(self._plain(body)["metadata"]["name"])
        return self.answered(lambda: self.job(name, namespace)) is not None

    def job(self, name: str, namespace: str) -> JobState | None:
        """How a Job is; None where there is none. Raises `kubernetes.client.ApiException`, `urllib3` errors."""
        found = self._asked(self.batch_api.read_namespaced_job_status, name, namespace)
        if found is None:
            return None
        status = found.get("status")
        status = status if isinstance(status, Mapping) else {}
        conditions = [each for each in status.get("conditions") or () if isinstance(each, Mapping)]
        ended = {each.get("type"): each for each in conditions if each.get("status") == "True"}
        why = ended.get("Failed") or ended.get("FailureTarget") or {}
        return JobState(
            failed="Failed" in ended or bool(status.get("failed")),
            succeeded="Complete" in ended or bool(status.get("succeeded")),
            told=(str(why.get("reason") or "")[:200], str(why.get("message") or "")[:500]),
        )

    def pods(self, job: str, namespace: str) -> tuple[Pod, ...]:
        """The pods of a Job, oldest first."""
        return self._pods(f"job-name={job}", namespace)

    def _pods(self, selector: str, namespace: str) -> tuple[Pod, ...]:
        found = self.core_api.list_namespaced_pod(
            namespace=namespace, label_selector=selector, _request_timeout=REQUEST_SECONDS
        )
        documents = [self._plain(item) for item in found.items]
        documents.sort(key=lambda document: str(document.get("metadata", {}).get("creationTimestamp", "")))
        return tuple(map(pod_state.read, documents))

    def jobs_of(self, run_id: str, namespace: str) -> tuple[str, ...]:
        """Names of the Jobs of a run's steps that have not ended."""
        of_run = _STEPS_OF.format(run_id)
        found = self.answered(
            lambda: self.batch_api.list_namespaced_job(
                namespace=namespace, label_selector=of_run, _request_timeout=REQUEST_SECONDS
            )
        )
        documents = [self._plain(item) for item in found.items]
        return tuple(str(one["metadata"]["name"]) for one in documents if one.get("status", {}).get("active"))

    def end(self, run_id: str, namespace: str, *, seconds: float = ENDING_SECONDS) -> tuple[str, ...]:
        """Delete the Jobs of a run's steps, wait until none of their pods works, and return their names.

        Raises `StillWorking` where nobody can say so in time.
        """
        jobs = self.jobs_of(run_id, namespace)
        for job in jobs:
            self.delete_job(job, namespace)
        begin, of_run = time.monotonic(), _STEPS_OF.format(run_id)
        while alive := pod_state.unconfirmed(self.answered(lambda: self._pods(of_run, namespace))):
            if time.monotonic() - begin >= seconds:
                names = ", ".join(f"{pod.name} on {pod.node or 'no node'}" for pod in alive)
                raise StillWorking(
                    f"{names}: left by run {run_id}, and nobody can say that they have ended. See to the node, then "
                    "start this run anew"
                )
            self.sleep(1.0)
        return jobs

    def delete_job(self, job_name: str, namespace: str) -> bool:
        """Delete a Job and its pods; whether there was one."""
        ask = super().delete_job
        return bool(self.answered(lambda: ask(job_name, namespace)))  # type: ignore[no-untyped-call] # dagster-k8s's

    def answered(self, ask: Callable[[], Answer]) -> Answer:
        """What the API says, asked again for a while where it is busy or away.

        Raises `kubernetes.client.ApiException` for what it refuses, and that or a `urllib3` error after that while.
        """
        from kubernetes.client import ApiException

        begin = time.monotonic()
        while True:
            try:
                return ask()
            except (ApiException, HTTPError) as error:
                status = error.status if isinstance(error, ApiException) else None
                passes = not status or status == _TOO_MANY or status >= _OWN_FAULT
                if not passes or time.monotonic() - begin > AGAIN_SECONDS:
                    raise
                self.sleep(1.0)

    def _asked(self, ask: Callable[..., Any], name: str, namespace: str) -> dict[str, Any] | None:
        from kubernetes.client import ApiException

        try:
            return self._plain(ask(name, namespace=namespace, _request_timeout=REQUEST_SECONDS))
        except ApiException as error:
            if error.status == _GONE:
                return None
            raise

    def _plain(self, answer: object) -> dict[str, Any]:
        """The API's JSON again."""
        plain: dict[str, Any] = self.batch_api.api_client.sanitize_for_serialization(answer)
        return plain


def _bound(rest: Any) -> None:  # noqa: ANN401 - the kubernetes client's
    """Let no request wait for ever: dagster-k8s's have no limit, and a server that is gone does not say so."""
    request = rest.request

    @wraps(request)
    def bounded(*arguments: object, **given: object) -> object:
        return request(*arguments, **{**given, "_request_timeout": given.get("_request_timeout") or REQUEST_SECONDS})

    rest.request = bounded
