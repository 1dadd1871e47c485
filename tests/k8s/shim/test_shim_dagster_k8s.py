"""dagster-k8s over the shim: its own client, its own manifests, its launcher's and executor's questions."""

import threading
from typing import Any

import kubernetes_validate
import pytest
from dagster_k8s import DagsterK8sJobConfig, construct_dagster_k8s_job
from dagster_k8s.client import DagsterK8sError, DagsterK8sTimeoutError, WaitForPodState
from dagster_k8s.job import OwnerReference, UserDefinedDagsterK8sConfig
from dagster_k8s.pipes import _process_log_stream, build_pod_body
from kube_shim import Shim
from kube_shim.samples import NPU, Clients, job, pod, until
from kubernetes.client import ApiClient

QUICK = {"wait_timeout": 60, "wait_time_between_attempts": 0.05}


def step_job(name: str = "dagster-step-1", *, script: str = "echo $DAGSTER_HOME", owner: Any = None) -> Any:
    """A Job as the executor makes it for a step on an NPU."""
    settings = DagsterK8sJobConfig(
        job_image="step:1",
        dagster_home="/opt/dagster",
        image_pull_policy="IfNotPresent",
        service_account_name="dagster",
        env_vars=["FROM_CONFIG=1"],
        volumes=[{"name": "cache", "persistentVolumeClaim": {"claimName": "cache"}}],
        volume_mounts=[{"name": "cache", "mountPath": "/cache"}],
    )
    resources = {"limits": {NPU: "1", "cpu": "2"}, "requests": {NPU: "1", "cpu": "1"}}
    own = {
        "container_config": {"resources": resources, "security_context": {"run_as_non_root": True}},
        "pod_spec_config": {
            "node_selector": {"accelerator": "huawei-Ascend310P"},
            "scheduler_name": "volcano",
            "tolerations": [{"key": "npu", "operator": "Exists"}],
        },
        "pod_template_spec_metadata": {"annotations": {"a": "b"}},
    }
    return construct_dagster_k8s_job(
        job_config=settings,
        args=["sh", "-c", script],
        job_name=name,
        pod_name=name,
        component="step_worker",
        user_defined_k8s_config=UserDefinedDagsterK8sConfig.from_dict(own),  # type: ignore[no-untyped-call]
        labels={"dagster/op": "digits__Ascend310P3__om", "dagster/run-id": "1" * 36},
        env_vars=[{"name": "DAGSTER_RUN_STEP_KEY", "value": "digits__om"}],
        owner_references=[owner] if owner else [],
    )


@pytest.mark.parametrize("version", ["1.30", "1.33", "1.35", "1.37"])
def test_the_schemas_take_what_dagster_makes(version: str) -> None:
    manifest = ApiClient().sanitize_for_serialization(step_job())
    assert kubernetes_validate.validate(manifest, version, strict=True) == version


def test_a_step_runs_where_its_npu_is(api: Clients) -> None:
    api.dagster.create_namespaced_job_with_retries(step_job(), "default")
    api.dagster.wait_for_job_success("dagster-step-1", "default", **QUICK)
    [name] = api.dagster.get_pod_names_in_job("dagster-step-1", "default")
    found = api.dagster.get_pod_by_name(name, "default")
    assert found.spec.node_name == "npus"
    assert found.metadata.annotations == {"a": "b", NPU: "Ascend310P-0"}
    assert found.metadata.labels["app.kubernetes.io/component"] == "step_worker"
    assert api.dagster.retrieve_pod_logs(name, "default") == "/opt/dagster\n"
    assert "Container 'dagster' status: Terminated with exit code 0: Completed" in api.dagster.get_pod_debug_info(
        name, "default"
    )


def test_a_step_that_fails_is_unhealthy(shim: Shim, api: Clients) -> None:
    api.dagster.create_namespaced_job_with_retries(step_job(script="echo broken; exit 1"), "default")
    with pytest.raises(DagsterK8sError, match="Encountered failed job pods"):
        api.dagster.wait_for_job_success("dagster-step-1", "default", **QUICK)
    status = api.dagster.get_job_status("dagster-step-1", "default")
    assert (status.failed, status.active) == (1, None)
    assert "failed=1" in api.dagster.get_job_debug_info("dagster-step-1", "default")
    name = shim.pods()[0]["metadata"]["name"]
    with pytest.raises(DagsterK8sError, match="broken"):
        api.dagster.wait_for_pod(name, "default", WaitForPodState.Terminated, **QUICK)


def test_a_job_that_is_not_there_has_no_status(api: Clients) -> None:
    assert api.dagster.get_job_status("none", "default") is None
    assert api.dagster.get_pod_names_in_job("none", "default") == []
    assert api.dagster.delete_job("none", "default") is False


def test_waiting_has_an_end(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true", npus=3))
    until(lambda: shim.pods("a"))
    with pytest.raises(DagsterK8sTimeoutError):
        api.dagster.wait_for_job_success("a", "default", wait_timeout=0.3, wait_time_between_attempts=0.05)


def test_a_run_that_is_terminated_is_told_and_leaves_nothing(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job(
        "default", job("a", "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done")
    )
    [name] = until(shim.running)
    until(lambda: "up" in shim.log(name))
    log = shim.folder(name) / "main.0.log"
    assert api.dagster.delete_job("a", "default") is True
    assert not shim.jobs()
    until(lambda: not shim.pods())
    assert "told" in log.read_text()


def test_a_pod_is_ready_when_it_runs(shim: Shim, api: Clients) -> None:
    threading.Timer(0.3, lambda: shim.create(pod("p", "sleep 600"))).start()
    api.dagster.wait_for_pod("p", "default", WaitForPodState.Ready, **QUICK)
    assert shim.pods()[0]["status"]["phase"] == "Running"


def test_a_pod_that_is_removed_while_it_is_waited_for_is_missed(shim: Shim, api: Clients) -> None:
    shim.create(pod("p", "sleep 600"))
    until(lambda: shim.running() and shim.pods()[0]["status"].get("containerStatuses"))
    remove = threading.Timer(0.3, lambda: api.core.delete_namespaced_pod("p", "default", grace_period_seconds=0))
    remove.start()
    with pytest.raises(DagsterK8sError, match="unexpectedly killed"):
        api.dagster.wait_for_pod("p", "default", WaitForPodState.Terminated, **QUICK)
    remove.join()


def test_a_step_that_its_runs_pod_owns_ends_with_it(shim: Shim, api: Clients) -> None:
    shim.create(pod("run", "sleep 600"))
    owner = api.dagster.get_pod_by_name("run", "default")
    reference = OwnerReference(kind="Pod", name="run", uid=owner.metadata.uid)
    api.dagster.create_namespaced_job_with_retries(step_job(script="sleep 600", owner=reference), "default")
    until(lambda: len(shim.running()) == 2)
    api.core.delete_namespaced_pod("run", "default")
    until(lambda: not shim.running() and not shim.jobs())


def test_pods_of_dagster_pipes_are_accepted_and_their_lines_told_apart(api: Clients) -> None:
    body = build_pod_body("pipes", "step:1", ["seq", "50"], {"DAGSTER_PIPES_CONTEXT": "{}"}, None, None)
    api.core.create_namespaced_pod("default", body)
    api.dagster.wait_for_pod("pipes", "default", WaitForPodState.Terminated, **QUICK)
    stream = api.core.read_namespaced_pod_log("pipes", "default", follow=True, timestamps=True, _preload_content=False)
    assert [item.log for item in _process_log_stream(stream)] == [str(number) for number in range(1, 51)]
