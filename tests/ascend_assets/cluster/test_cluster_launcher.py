"""Whether a run's own pod goes on: an API server that is away is no news, a pod that has ended or is gone is."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test
from dagster_k8s.job import get_job_name_from_run_id
from kube_shim import Node, Shim, running_shim

from ascend_assets.cluster.launcher import ClusterRunLauncher


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[Shim]:
    with running_shim(tmp_path / "shim", [Node("one")], env={"PATH": "/usr/bin:/bin"}) as running:
        yield running


@pytest.fixture
def launcher(shim: Shim, tmp_path: Path) -> Iterator[ClusterRunLauncher]:
    config = {
        "service_account_name": "default",
        "instance_config_map": "dagster-instance",
        "dagster_home": str(tmp_path),
        "kubeconfig_file": str(shim.kubeconfig),
        "load_incluster_config": False,
    }
    module = {"module": "ascend_assets.cluster.launcher", "class": "ClusterRunLauncher", "config": config}
    with dg.instance_for_test(overrides={"run_launcher": module}) as instance:
        found = instance.run_launcher
        assert isinstance(found, ClusterRunLauncher)
        yield found


@pytest.fixture
def run(launcher: ClusterRunLauncher) -> dg.DagsterRun:
    made: dg.DagsterRun = create_run_for_test(launcher._instance, status=dg.DagsterRunStatus.STARTED)
    return made


def job(run: dg.DagsterRun, command: str) -> dict[str, Any]:
    """A run's Job, as the launcher would name it."""
    container = {"name": "dagster", "image": "any:1", "command": ["/bin/sh", "-c", command]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    name = get_job_name_from_run_id(run.run_id)  # type: ignore[no-untyped-call]
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def test_an_api_server_that_is_away_is_no_death(shim: Shim, launcher: ClusterRunLauncher, run: dg.DagsterRun) -> None:
    shim.create(job(run, "sleep 60"))
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    shim.away()
    found = launcher.check_run_worker_health(run)
    shim.back()
    assert found.status == WorkerStatus.RUNNING
    assert "nobody can say how it is" in str(found.msg)


def test_one_that_refuses_to_say_is_no_death_either(
    shim: Shim, launcher: ClusterRunLauncher, run: dg.DagsterRun
) -> None:
    shim.create(job(run, "sleep 60"))
    shim.respond(403, 2, "get", "jobs")
    assert launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING


def test_a_job_that_is_gone_is_one(launcher: ClusterRunLauncher, run: dg.DagsterRun) -> None:
    found = launcher.check_run_worker_health(run)
    assert found.status == WorkerStatus.UNKNOWN
    assert "could not be found" in str(found.msg)


def test_a_pod_that_has_ended_while_the_run_has_not_is_one(
    shim: Shim, launcher: ClusterRunLauncher, run: dg.DagsterRun
) -> None:
    shim.create(job(run, "exit 1"))
    while not shim.jobs()[0].get("status", {}).get("failed"):
        time.sleep(0.05)
    assert launcher.check_run_worker_health(run).status == WorkerStatus.FAILED
