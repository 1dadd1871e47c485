"""What the pods of runs and steps are made of, and that no tag of a run changes it: rendered by Dagster's own code."""

import copy
import json
from pathlib import Path
from typing import Any

import helm_pods
import helm_values
import pytest
from dagster._config import process_config
from dagster_k8s import K8sRunLauncher

from resources.kubernetes.cluster import Cluster
from resources.kubernetes.pod import TAG, Need, op_tags

SETTINGS = "/opt/dagster/dagster_home/dagster.yaml"
SHARED = {SETTINGS, "/var/lib/ascend/state", "/var/lib/ascend/project", "/etc/ascend"}
CLUSTER: dict[str, Any] = {
    "name": "west",
    "runtime": "mounts",
    "service_account": "ascend-step",
    "git_secret": "ascend-git",
    "images": {"cann": {"8.0.0": "registry.example/step:1"}},
    "npus": {"Ascend310P3": {"resource": "huawei.com/Ascend310P", "cards": 1}},
}


@pytest.fixture
def values() -> dict[str, Any]:
    return helm_values.load()


def pod_of(job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A Job's pod, and its one container."""
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def step(values: dict[str, Any], folder: Path, need: Need, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return pod_of(helm_pods.step_job(values, folder, op_tags(Cluster.model_validate(CLUSTER | fields), need)))


def orchestrator(values: dict[str, Any]) -> str:
    return helm_pods.image_of(helm_values.user_deployment(values)["image"])


def mounted(container: dict[str, Any]) -> set[str]:
    return {mount["mountPath"] for mount in container["volumeMounts"]}


def test_a_run_has_the_site_s_settings_and_the_shared_volumes(values: dict[str, Any], tmp_path: Path) -> None:
    pod, container = pod_of(helm_pods.run_job(values, tmp_path))
    assert container["image"] == orchestrator(values)
    assert {"configMapRef": {"name": "ascend-settings"}} in container["envFrom"]
    assert {"secretRef": {"name": "ascend-secrets"}} in container["envFrom"]
    assert mounted(container) == SHARED
    assert pod["serviceAccountName"] == "ascend-dagster"


def test_the_code_server_has_what_runs_have_and_the_key_for_git(values: dict[str, Any], tmp_path: Path) -> None:
    """It is where the definitions of a run come from: what it sees a run has to see."""
    server, (_, run) = helm_values.user_deployment(values), pod_of(helm_pods.run_job(values, tmp_path))
    own = {mount["mountPath"]: mount["name"] for mount in server["volumeMounts"]}
    assert own == {mount["mountPath"]: mount["name"] for mount in run["volumeMounts"]} | {"/home/ascend/.ssh": "git"}
    assert [source["configMapRef"] for source in run["envFrom"] if "configMapRef" in source] == server["envConfigMaps"]
    assert [source["secretRef"] for source in run["envFrom"] if "secretRef" in source] == server["envSecrets"]


@pytest.mark.parametrize(
    ("need", "more"),
    [
        (Need("source"), set()),
        (Need("operation"), {"/home/ascend/.ssh"}),
        (Need("om", "8.0.0"), set()),
        (Need("precision", "8.0.0", "Ascend310P3"), {"/usr/local/Ascend/driver", "/usr/local/bin/npu-smi"}),
    ],
)
def test_a_step_has_what_a_run_has_and_what_its_own_tag_asks_for(
    values: dict[str, Any], tmp_path: Path, need: Need, more: set[str]
) -> None:
    pod, container = step(values, tmp_path, need)
    assert SHARED | more <= mounted(container)
    assert ("/home/ascend/.ssh" in mounted(container)) == (need.stage == "operation")
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["serviceAccountName"] == "ascend-step"
    assert container["image"] == ("registry.example/step:1" if need.cann else orchestrator(values))


ASKED: dict[str, dict[str, Any]] = {
    "container_config.image": {"container_config": {"image": "registry.example/another:1"}},
    "container_config.command": {"container_config": {"command": ["sh", "-c", "env"]}},
    "container_config.env": {"container_config": {"env": [{"name": "PATH", "value": "/tmp"}]}},  # noqa: S108
    "container_config.env_from": {"container_config": {"env_from": [{"secret_ref": {"name": "ascend-proxy"}}]}},
    "container_config.volume_mounts": {"container_config": {"volumeMounts": [{"name": "a", "mountPath": "/a"}]}},
    "container_config.security_context": {"container_config": {"security_context": {"privileged": True}}},
    "container_config.resources": {"container_config": {"resources": {"limits": {"cpu": "64"}}}},
    "pod_spec_config.volumes": {"pod_spec_config": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}},
    "pod_spec_config.service_account_name": {"pod_spec_config": {"serviceAccountName": "default"}},
    "pod_spec_config.init_containers": {"pod_spec_config": {"initContainers": [{"name": "a", "image": "b"}]}},
    "pod_spec_config.host_network": {"pod_spec_config": {"host_network": True}},
    "pod_template_spec_metadata.labels": {"pod_template_spec_metadata": {"labels": {"component": "dagster-webserver"}}},
    "job_metadata.namespace": {"job_metadata": {"namespace": "kube-system"}},
    "job_spec_config.parallelism": {"job_spec_config": {"parallelism": 9}},
}


@pytest.mark.parametrize("field", ASKED)
def test_a_run_whose_tag_asks_for_anything_is_refused(values: dict[str, Any], tmp_path: Path, field: str) -> None:
    with pytest.raises(Exception, match=rf"violated the allowed list: {field}$"):
        helm_pods.run_job(values, tmp_path, {TAG: json.dumps(ASKED[field])})


@pytest.mark.parametrize("field", ASKED)
def test_without_the_list_the_launcher_would_take_it(values: dict[str, Any], tmp_path: Path, field: str) -> None:
    """So that the test above could fail for another reason than the list."""
    open_ = copy.deepcopy(values)
    del open_["runLauncher"]["config"]["customRunLauncher"]["config"]["only_allow_user_defined_k8s_config_fields"]
    changed = helm_pods.run_job(open_, tmp_path, {TAG: json.dumps(ASKED[field])})
    assert changed != helm_pods.run_job(open_, tmp_path)


def test_a_run_with_other_tags_is_none_the_worse(values: dict[str, Any], tmp_path: Path) -> None:
    tags = {"ascend/model": "detector", "dagster/priority": "3", TAG: "{}"}
    assert helm_pods.run_job(values, tmp_path, tags) == helm_pods.run_job(values, tmp_path)


def test_what_the_code_server_would_hand_on_is_refused_as_well(values: dict[str, Any], tmp_path: Path) -> None:
    """A site whose entry leaves out `includeConfigInLaunchedRuns` hears of it at its first run.

    The chart then hands on this at the least.
    """
    handed_on = {"k8s": {"run_k8s_config": {"pod_spec_config": {"automount_service_account_token": True}}}}
    with pytest.raises(Exception, match=r"violated the allowed list: .*automount_service_account_token"):
        helm_pods.run_job(values, tmp_path, handed_on=handed_on)


def test_the_empty_list_reaches_the_launcher(values: dict[str, Any]) -> None:
    """Dagster's own reading of the settings keeps it: None would allow everything."""
    config = helm_values.instance_config(values)["run_launcher"]["config"]
    launcher: Any = K8sRunLauncher
    read = process_config(launcher.config_type(), config)
    assert read.success, read.errors
    assert read.value is not None
    assert read.value["only_allow_user_defined_k8s_config_fields"] == {}


def test_nodes_that_a_site_names_for_runs_reach_steps_and_a_step_s_own_go_before(
    values: dict[str, Any], tmp_path: Path
) -> None:
    site = {"nodeSelector": {"kubernetes.io/arch": "arm64", "pool": "runs"}, "tolerations": [{"key": "models"}]}
    launcher = {"run_k8s_config": {"pod_spec_config": site}}
    over = {"runLauncher": {"config": {"customRunLauncher": {"config": launcher}}}}
    run, _ = pod_of(helm_pods.run_job(helm_values.laid_over(values, over), tmp_path))
    assert (run["nodeSelector"], run["tolerations"]) == (site["nodeSelector"], site["tolerations"])
    own = {"node_selector": {"pool": "steps"}, "tolerations": [{"key": "busy"}]}
    pod, _ = step(helm_values.laid_over(values, over), tmp_path, Need("source"), **own)
    assert pod["nodeSelector"] == {"kubernetes.io/arch": "arm64", "pool": "steps"}
    assert [one["key"] for one in pod["tolerations"]] == ["models", "busy"]
