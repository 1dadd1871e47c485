"""What becomes of a step whose pod is lost: real steps in real processes, behind a test API server."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pod_jobs
import pytest
import yaml
from dagster._core.events import EngineEventData
from dagster._core.execution.api import execute_run_iterator
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.tags import MAX_RETRIES_TAG
from dagster_shared.error import SerializableErrorInfo
from kube_shim import Node, Pace, Shim, running_shim

from ascend_assets.cluster import cluster_file, steps
from ascend_assets.cluster.client import Client, StillWorking
from ascend_assets.cluster.steps import PodExecutor
from ascend_assets.cluster.watch import WatchingHandler
from resources.home import PROJECT

PATIENCE = 240.0
CONFIG = {"execution": {"config": {"health_seconds": 1}}}
IMAGE = "registry.test/step:1"
CLUSTER = {"name": "test", "runtime": "mounts", "images": {"cann": {"8.0.0": IMAGE}}}
QUICK = Pace(look=0.05, image_retry=0.2, restart=0.1, job_retry=0.1, node_lost=0.3)


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shim]:
    """A cluster with one node, and a profile k8s that is in force."""
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(CLUSTER))
    (tmp_path / "marks").mkdir()
    support = Path(pod_jobs.__file__).parent
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{PROJECT}{os.pathsep}{support}",
        "ASCEND_PROFILE": "k8s",
        "ASCEND_CLUSTER": str(tmp_path / "cluster.yaml"),
        pod_jobs.FOLDER: str(tmp_path / "marks"),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(steps, "AGAIN_SECONDS", 1)
    with running_shim(tmp_path / "shim", [Node("one", {"cpu": "8"})], env=variables, pace=QUICK) as running:
        yield running


@pytest.fixture
def instance(shim: Shim, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "dagster"
    home.mkdir()
    launcher = {
        "service_account_name": "default",
        "instance_config_map": "dagster-instance",
        "dagster_home": str(home),
        "kubeconfig_file": str(shim.kubeconfig),
        "load_incluster_config": False,
        "image_pull_policy": "IfNotPresent",
        "job_image": IMAGE,
    }
    overrides = {
        "telemetry": {"enabled": False},
        "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher},
    }
    with dg.instance_for_test(temp_dir=str(home), overrides=overrides) as made:
        yield made


@pytest.fixture
def begin(instance: dg.DagsterInstance) -> Iterator[Callable[[Any], "Future[dg.JobExecutionResult]"]]:
    """Begin a job's run in the background."""
    with ThreadPoolExecutor(1) as background:

        def started(job: Any) -> "Future[dg.JobExecutionResult]":
            return background.submit(
                dg.execute_job, dg.reconstructable(job), instance, run_config=CONFIG, raise_on_error=False
            )

        yield started


def wait_for(what: str, look: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    begin = time.monotonic()
    while not (found := look()):
        assert time.monotonic() - begin < seconds, what
        threading.Event().wait(0.2)
    return found


def running(shim: Shim, run: "Future[dg.JobExecutionResult]", mark: str) -> str:
    """The pod in which a step works, as soon as it has left its mark."""
    wait_for(mark, lambda: mark in pod_jobs.marks() or run.done())
    assert mark in pod_jobs.marks(), run.result().all_events[-3:]
    return str(wait_for("a pod", shim.running)[-1])


def step_events(result: dg.JobExecutionResult, kind: dg.DagsterEventType) -> list[str]:
    events = [event for event in result.all_events if event.event_type == kind]
    return [getattr(event.event_specific_data, "error", None).message for event in events]  # type: ignore[union-attr]


def test_a_step_whose_pod_is_evicted_is_started_anew(shim: Shim, begin: Any) -> None:
    run = begin(pod_jobs.work_job)
    shim.evict(running(shim, run, "work-1"))
    result = run.result(PATIENCE)
    assert result.success
    assert pod_jobs.marks() == ["work-1", "work-2"]
    (why,) = step_events(result, dg.DagsterEventType.STEP_UP_FOR_RETRY)
    assert "Evicted: The node was low on resource: memory" in why
    assert len(shim.jobs()) == 2


def test_a_step_whose_pod_is_told_to_end_is_started_anew(shim: Shim, begin: Any) -> None:
    from kubernetes.client import CoreV1Api
    from kubernetes.config import new_client_from_config

    run = begin(pod_jobs.drained_job)
    pod = running(shim, run, "drained-1")
    CoreV1Api(new_client_from_config(str(shim.kubeconfig))).delete_namespaced_pod(pod, "default")
    assert run.result(PATIENCE).success
    assert pod_jobs.marks() == ["drained-1", "drained-2"]


def test_a_step_that_takes_too_long_is_not_started_anew(begin: Any) -> None:
    """Kubernetes tells its pod to end as it does one that is drained."""
    result = begin(pod_jobs.slow_job).result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["slow-1"]
    (why,) = step_events(result, dg.DagsterEventType.STEP_FAILURE)
    assert "it took longer than it may" in why


def test_a_step_whose_store_is_away_is_started_anew(begin: Any) -> None:
    result = begin(pod_jobs.asks_store_job).result(PATIENCE)
    assert result.success
    assert pod_jobs.marks() == ["asks_store-1", "asks_store-2"]


def test_a_step_that_raises_has_failed(begin: Any) -> None:
    result = begin(pod_jobs.fails_job).result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["fails-1"]


def test_what_a_gate_has_refused_is_not_tried_again_though_its_pod_was_lost(
    shim: Shim, begin: Any, instance: dg.DagsterInstance
) -> None:
    began = begin(pod_jobs.judged_job)
    shim.evict(running(shim, began, "judged-1"))
    result = began.result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["judged-1"]
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[MAX_RETRIES_TAG] == "0", "nor with the whole run, whatever becomes of it"


def test_a_step_that_was_killed_for_memory_is_not_tried_again(shim: Shim, begin: Any) -> None:
    run = begin(pod_jobs.work_job)
    shim.oom(running(shim, run, "work-1"))
    result = run.result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["work-1"]
    (why,) = step_events(result, dg.DagsterEventType.STEP_FAILURE)
    assert "killed for memory: give its stage more (resources.<stage>.memory)" in why


def test_the_api_may_be_away_while_a_step_works(shim: Shim, begin: Any) -> None:
    run = begin(pod_jobs.work_job)
    pod = running(shim, run, "work-1")
    shim.away()
    time.sleep(3)
    shim.back()
    shim.evict(pod)
    assert run.result(PATIENCE).success
    assert pod_jobs.marks() == ["work-1", "work-2"]


def test_the_executor_is_only_made_where_there_is_a_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASCEND_CLUSTER", str(tmp_path / "none.yaml"))
    with pytest.raises(cluster_file.BadCluster, match=r"none\.yaml"):
        cluster_file.in_force()


def told(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType, data: Any, step: str) -> None:
    """Write into the log what a worker or a step before has written."""
    event = dg.DagsterEvent(kind.value, run.job_name, step_key=step, event_specific_data=data)
    instance.report_dagster_event(event, run.run_id)


LOST = SerializableErrorInfo("its pod is lost", [], None)
BEGIN, AGAIN = dg.DagsterEventType.STEP_WORKER_STARTING, dg.DagsterEventType.STEP_UP_FOR_RETRY
SUCCESS, FAILURE = dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE
MEANT = {BEGIN, AGAIN, SUCCESS, FAILURE}


def test_a_run_goes_on_in_another_pod_where_its_log_ends(shim: Shim, instance: dg.DagsterInstance) -> None:
    """Its first worker was lost after a step that had been tried again; the pods of a step at work go on, too."""
    job = dg.reconstructable(pod_jobs.chain_job)
    run = instance.create_run_for_job(
        job.get_definition(),
        run_config=CONFIG,
        status=dg.DagsterRunStatus.STARTED,
        job_code_origin=job.get_python_origin(),
    )
    for data in (StepRetryData(LOST, 60), None):  # type: ignore[no-untyped-call]
        told(instance, run, BEGIN, EngineEventData(), "before")
        if data:
            told(instance, run, AGAIN, data, "before")
    told(instance, run, dg.DagsterEventType.STEP_OUTPUT, StepOutputData(StepOutputHandle("before", "result")), "before")
    told(instance, run, SUCCESS, StepSuccessData(1.0), "before")  # type: ignore[no-untyped-call]
    list(execute_run_iterator(job, run, instance, resume_from_failure=True))
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.SUCCESS
    assert pod_jobs.marks() == ["after-1"], "what had ended is not begun again"
    assert len(shim.jobs()) == 1


def executor(client: Any = None) -> PodExecutor:
    """One that watches nothing yet."""
    handler: Any = None
    return PodExecutor(WatchingHandler(handler, client, 1.0), retries=RetryMode.ENABLED)


def test_an_attempt_ends_once() -> None:
    """A pod that was given up comes back with its node, and says how it ended."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(dg.reconstructable(pod_jobs.work_job).get_definition())
        told(instance, run, BEGIN, EngineEventData(), "work")
        told(instance, run, AGAIN, StepRetryData(LOST, 1), "work")  # type: ignore[no-untyped-call]
        told(instance, run, SUCCESS, StepSuccessData(1.0), "work")  # type: ignore[no-untyped-call]
        told(instance, run, BEGIN, EngineEventData(), "work")
        told(instance, run, FAILURE, StepFailureData(LOST, None), "work")  # type: ignore[no-untyped-call]
        told(instance, run, SUCCESS, StepSuccessData(1.0), "work")  # type: ignore[no-untyped-call]
        kept = executor()._pop_events(instance, run.run_id, set())
        assert [event.event_type for event in kept if event.event_type in MEANT] == [BEGIN, AGAIN, BEGIN, FAILURE]


class NodeAway(Client):
    """A cluster in which the pods of one run may still work."""

    def __init__(self, of: str) -> None:
        self.of, self.asked = of, list[str]()

    def end(self, run_id: str, namespace: str, *, seconds: float = 0.0) -> tuple[str, ...]:
        self.asked.append(run_id)
        if run_id == self.of:
            raise StillWorking(f"left by run {run_id} in {namespace}, within {seconds:g} s")
        return ()


def test_nothing_is_begun_beside_the_pods_of_any_run_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster tries a run again whose executor could not begin; that run's parent is not the one that has left pods."""
    monkeypatch.setattr(PodExecutor, "_namespace", lambda *_: "ours")
    with dg.DagsterInstance.ephemeral() as instance:
        job = dg.reconstructable(pod_jobs.work_job).get_definition()
        first = instance.create_run_for_job(job)
        second = instance.create_run_for_job(job, parent_run_id=first.run_id, root_run_id=first.run_id)
        third = instance.create_run_for_job(job, parent_run_id=second.run_id, root_run_id=first.run_id)
        client = NodeAway(first.run_id)
        context: Any = SimpleNamespace(instance=instance, dagster_run=third, run_id=third.run_id)
        plan: Any = None
        with pytest.raises(StillWorking):
            next(iter(executor(client).execute(context, plan)))
        assert client.asked == [second.run_id, first.run_id]
        found = instance.get_run_by_id(third.run_id)
        assert found is not None
        assert found.tags[MAX_RETRIES_TAG] == "0", "it would be tried again before anybody has seen to the node"
