"""When a step's pod is given up, and when it is waited for: by a clock that is wound by hand."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import dagster as dg
import pytest
from dagster._core.executor.step_delegating import CheckStepHealthResult, StepHandlerContext

from ascend_assets.cluster.client import Client, JobState
from ascend_assets.cluster.watch import IMAGE_SECONDS, SILENT_SECONDS, UNCONFIRMED_SECONDS, WatchingHandler
from resources.kubernetes.pod_state import Pod

STEP, JOB = "tiny__om", "dagster-step-0"
WAITING = 1800.0
GOING_ON = JobState(failed=False, succeeded=False)
FAILED = JobState(failed=True, succeeded=False)
UNSCHEDULED = Pod("p", "Pending", waits=("Unschedulable", "0/3 nodes are available"))
RUNS = Pod("p", "Running", node="node-1")


@dataclass
class Api:
    """What Kubernetes would answer, and what it was asked to delete."""

    state: JobState | None = GOING_ON
    found: tuple[Pod, ...] = (RUNS,)
    deleted: list[str] = field(default_factory=list)

    def job(self, name: str, namespace: str) -> JobState | None:
        assert (name, namespace) == (JOB, "ours")
        return self.state

    def pods(self, job: str, namespace: str) -> tuple[Pod, ...]:
        assert (job, namespace) == (JOB, "ours")
        return self.found

    def delete_job(self, job_name: str, namespace: str) -> None:
        assert namespace == "ours"
        self.deleted.append(job_name)


@dataclass
class Desk:
    """A step that is watched. `logs`: what the step has said of its end."""

    api: Api = field(default_factory=Api)
    now: float = 0.0
    logs: list[Any] = field(default_factory=list)
    attempts: int = 0
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        handler: Any = SimpleNamespace(
            name="K8sStepHandler",
            _get_step_key=lambda _: STEP,
            _get_k8s_step_job_name=lambda _: JOB,
            _get_container_context=lambda _: SimpleNamespace(namespace="ours"),
        )
        self.watch = WatchingHandler(handler, cast("Client", self.api), WAITING, clock=lambda: self.now)

    def look(self, *, after: float = 0.0) -> CheckStepHealthResult:
        """One look, so many seconds after the one before."""
        self.now += after
        retries = SimpleNamespace(get_attempt_count=lambda _: self.attempts)
        known = SimpleNamespace(get_retry_state=lambda: retries)
        context: Any = SimpleNamespace(
            execute_step_args=SimpleNamespace(run_id="run", known_state=known),
            instance=SimpleNamespace(all_logs=lambda _run, of_type: self.logs if of_type else []),
            get_step_context=lambda _: None,
        )
        return self.watch.check_step_health(cast("StepHandlerContext", context))


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()
    monkeypatch.setattr(dg.DagsterEvent, "engine_event", lambda _step, text, _data: made.said.append(text))
    return made


def ended(step: str) -> Any:
    return SimpleNamespace(dagster_event=SimpleNamespace(step_key=step))


def test_a_pod_that_works_is_left_alone(desk: Desk) -> None:
    assert desk.look().is_healthy
    assert desk.look(after=1e6).is_healthy
    assert desk.said == []


def test_a_pod_without_a_place_is_given_up_in_time_and_deleted_first(desk: Desk) -> None:
    desk.api.found = (UNSCHEDULED,)
    assert desk.look().is_healthy
    assert desk.look(after=WAITING - 1).is_healthy
    assert desk.api.deleted == []
    found = desk.look(after=1)
    assert not found.is_healthy
    assert "0/3 nodes are available" in str(found.unhealthy_reason)
    assert desk.api.deleted == [JOB]
    assert desk.watch.given_up == {STEP}


def test_why_a_pod_waits_stands_in_the_log_once(desk: Desk) -> None:
    desk.api.found = (UNSCHEDULED,)
    for _ in range(5):
        desk.look(after=20)
    assert desk.said == ["pod p waits: Unschedulable: 0/3 nodes are available"]


def test_a_pod_that_has_begun_in_between_has_its_patience_anew(desk: Desk) -> None:
    desk.api.found = (UNSCHEDULED,)
    desk.look()
    desk.api.found = (RUNS,)
    desk.look(after=WAITING - 1)
    desk.api.found = (UNSCHEDULED,)
    assert desk.look(after=10).is_healthy
    assert desk.look(after=WAITING - 1).is_healthy


def test_an_image_is_given_up_though_the_kubelet_changes_its_words(desk: Desk) -> None:
    words = ("ErrImagePull", "ImagePullBackOff")
    for turn in range(int(IMAGE_SECONDS // 20) + 1):
        desk.api.found = (Pod("p", "Pending", waits=(words[turn % 2], "")),)
        found = desk.look(after=20)
    assert not found.is_healthy
    assert desk.api.deleted == [JOB]
    assert len(desk.said) == len(words)


def test_a_job_whose_pod_may_still_work_is_not_started_anew(desk: Desk) -> None:
    desk.api.state = FAILED
    assert desk.look().is_healthy
    assert "waiting until Kubernetes says that p on node-1 has ended" in desk.said[0]
    assert desk.look(after=UNCONFIRMED_SECONDS - 1).is_healthy
    found = desk.look(after=1)
    assert "nobody can say whether p on node-1 still works" in str(found.unhealthy_reason)
    assert desk.watch.given_up == {STEP}


@pytest.mark.parametrize("left", [(), (Pod("p", "Failed", node="node-1", told=("NodeLost", "")),)])
def test_it_is_as_soon_as_kubernetes_says_that_it_has_ended(desk: Desk, left: tuple[Pod, ...]) -> None:
    desk.api.state = FAILED
    desk.look()
    desk.api.found = left
    assert not desk.look(after=20).is_healthy
    assert desk.watch.given_up == set()


def test_a_job_that_somebody_deleted_is_lost(desk: Desk) -> None:
    desk.api.state, desk.api.found = None, ()
    assert not desk.look().is_healthy
    assert desk.watch.given_up == set()


def test_what_a_step_has_said_of_its_end_stands_whatever_its_pod_does(desk: Desk) -> None:
    desk.api.state, desk.logs = FAILED, [ended("another"), ended(STEP)]
    assert desk.look(after=1e6).is_healthy


def test_what_an_attempt_before_has_said_does_not(desk: Desk) -> None:
    desk.api.state, desk.api.found = FAILED, ()
    desk.logs, desk.attempts = [ended(STEP)], 1
    assert not desk.look().is_healthy


def test_a_pod_that_ended_well_and_said_nothing_is_lost(desk: Desk) -> None:
    desk.api.state = JobState(failed=False, succeeded=True)
    desk.api.found = (Pod("p", "Succeeded"),)
    assert desk.look().is_healthy
    found = desk.look(after=SILENT_SECONDS)
    assert "said nothing of how" in str(found.unhealthy_reason)


def test_an_api_that_is_away_says_nothing_of_the_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(desk.api, "job", away)
    with pytest.raises(ConnectionError):
        desk.look()
    assert desk.watch.given_up == set()
