"""What becomes of a step whose pod is lost: real steps in real processes, behind a test API server."""

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pod_jobs
import pytest
import yaml
from kube_shim import Node, Pace, Shim, running_shim

from ascend_assets.cluster import cluster_file, steps
from resources.home import PROJECT

PATIENCE = 240.0
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
def begin(shim: Shim, tmp_path: Path) -> Iterator[Callable[[Any], "Future[dg.JobExecutionResult]"]]:
    """Begin a job's run in the background."""
    config = {"execution": {"config": {"health_seconds": 1}}}
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
    with (
        dg.instance_for_test(temp_dir=str(home), overrides=overrides) as instance,
        ThreadPoolExecutor(1) as background,
    ):

        def started(job: Any) -> "Future[dg.JobExecutionResult]":
            return background.submit(
                dg.execute_job, dg.reconstructable(job), instance, run_config=config, raise_on_error=False
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


def test_a_step_whose_store_is_away_is_started_anew(begin: Any) -> None:
    result = begin(pod_jobs.asks_store_job).result(PATIENCE)
    assert result.success
    assert pod_jobs.marks() == ["asks_store-1", "asks_store-2"]


def test_a_step_that_raises_has_failed(begin: Any) -> None:
    result = begin(pod_jobs.fails_job).result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["fails-1"]


def test_what_a_gate_has_refused_is_not_tried_again_though_its_pod_was_lost(shim: Shim, begin: Any) -> None:
    run = begin(pod_jobs.judged_job)
    shim.evict(running(shim, run, "judged-1"))
    result = run.result(PATIENCE)
    assert not result.success
    assert pod_jobs.marks() == ["judged-1"]


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
