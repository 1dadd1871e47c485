"""What a need comes to in a cluster."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.kubernetes.cluster import Cluster
from resources.kubernetes.pod import TAG, Need, op_tags
from resources.kubernetes.sizes import DEFAULTS

ENTRY: dict[str, Any] = {"resource": "huawei.com/Ascend310P", "cards": 2}
LEAST: dict[str, Any] = {
    "name": "west",
    "runtime": "ascend-docker-runtime",
    "images": {"cann": {"8.0.0": "registry.example/step:1"}},
}
MEASURES = Need("precision", "8.0.0", "Ascend310P3")


def config(need: Need, entry: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    cluster = Cluster.model_validate({**LEAST, "npus": {"Ascend310P3": {**ENTRY, **(entry or {})}}, **fields})
    found: dict[str, Any] = op_tags(cluster, need)[TAG]
    return found


@given(stage=st.sampled_from(sorted(DEFAULTS)), cann=st.booleans(), npu=st.booleans())
def test_requests_are_limits(*, stage: str, cann: bool, npu: bool) -> None:
    need = Need(stage, "8.0.0" if cann or npu else "", "Ascend310P3" if npu else "")
    found = config(need)["container_config"]
    assert found["resources"]["requests"] == found["resources"]["limits"]
    assert ("huawei.com/Ascend310P" in found["resources"]["limits"]) == npu
    assert ("image" in found) == (cann or npu)


def test_a_part_of_a_chip_is_asked_for_as_a_whole_one_is() -> None:
    limits = config(MEASURES, {"resource": "huawei.com/Ascend310P-2c"})["container_config"]["resources"]["limits"]
    assert limits["huawei.com/Ascend310P-2c"] == "1"


def test_volcano_tells_the_pod_its_device() -> None:
    found = config(MEASURES, scheduler="volcano", queue="models")
    assert found["pod_spec_config"]["scheduler_name"] == "volcano"
    assert found["container_config"]["env"][-1]["name"] == "ASCEND_VISIBLE_DEVICES"
    assert found["pod_template_spec_metadata"]["annotations"] == {"scheduling.volcano.sh/queue-name": "models"}


@pytest.mark.parametrize(
    ("entry", "fields"), [({}, {}), ({"resource": "huawei.com/Ascend310P-1c"}, {"scheduler": "volcano"})]
)
def test_elsewhere_the_device_plugin_does(entry: dict[str, Any], fields: dict[str, Any]) -> None:
    found = config(MEASURES, entry, **fields)
    assert [one["name"] for one in found["container_config"]["env"]] == ["ASCEND_TOOLCHAIN"]


def test_the_driver_is_mounted_where_no_runtime_does() -> None:
    assert "volumes" not in config(MEASURES)["pod_spec_config"]
    found = config(MEASURES, runtime="mounts")
    volumes = {volume["name"]: volume["host_path"]["path"] for volume in found["pod_spec_config"]["volumes"]}
    mounts = {mount["name"]: mount["mount_path"] for mount in found["container_config"]["volume_mounts"]}
    assert volumes == mounts
    assert all(mount["read_only"] for mount in found["container_config"]["volume_mounts"])
    assert "volumes" not in config(Need("om", "8.0.0"), runtime="mounts")["pod_spec_config"]


GENERAL: dict[str, Any] = {
    "node_selector": {"kubernetes.io/arch": "arm64", "pool": "models"},
    "tolerations": [{"key": "models"}, {"key": "huawei.com/npu"}],
}
OWN: dict[str, Any] = {
    "node_selector": {"accelerator": "huawei-Ascend310P", "pool": "npus"},
    "tolerations": [{"key": "huawei.com/npu"}, {"key": "cards", "operator": "Equal", "value": "310P"}],
}


@pytest.mark.parametrize("need", [Need("source"), Need("operation"), Need("om", "8.0.0"), MEASURES])
def test_every_pod_goes_to_the_clusters_own_nodes(need: Need) -> None:
    pod = config(need, **GENERAL)["pod_spec_config"]
    assert pod["node_selector"] == GENERAL["node_selector"]
    assert pod["tolerations"] == [
        {"key": "models", "operator": "Exists"},
        {"key": "huawei.com/npu", "operator": "Exists"},
    ]


def test_an_npus_labels_go_before_the_clusters_and_its_tolerations_are_added() -> None:
    pod = config(MEASURES, OWN, **GENERAL)["pod_spec_config"]
    expected = {"kubernetes.io/arch": "arm64", "pool": "npus", "accelerator": "huawei-Ascend310P"}
    assert pod["node_selector"] == expected
    assert [one["key"] for one in pod["tolerations"]] == ["models", "huawei.com/npu", "cards"]
    assert config(Need("source"), OWN, **GENERAL)["pod_spec_config"]["node_selector"] == GENERAL["node_selector"]


def test_without_nodes_named_a_pod_goes_anywhere() -> None:
    assert {"node_selector", "tolerations"}.isdisjoint(config(Need("om", "8.0.0"))["pod_spec_config"])


@given(stage=st.sampled_from(sorted(DEFAULTS)))
def test_only_operations_have_the_key_that_reaches_git(stage: str) -> None:
    found = config(Need(stage), git_secret="ours")  # noqa: S106 - a Secret's name
    volumes = found["pod_spec_config"].get("volumes", [])
    mounts = found["container_config"].get("volume_mounts", [])
    assert (len(volumes), len(mounts)) == ((1, 1) if stage == "operation" else (0, 0))
    if volumes:
        secret = {"secret_name": "ours", "optional": True, "default_mode": 0o440}
        assert volumes == [{"name": "git", "secret": secret}]
        assert mounts == [{"name": "git", "mount_path": "/home/ascend/.ssh", "read_only": True}]
    assert "volumes" not in config(Need(stage))["pod_spec_config"]


def test_a_pods_time_is_its_work_and_its_wait() -> None:
    found = config(MEASURES, waiting_minutes=10)["job_spec_config"]
    assert found["active_deadline_seconds"] == 60 * (10 + DEFAULTS["precision"].minutes)


def test_kubernetes_never_starts_a_step_again_by_itself() -> None:
    assert config(Need("judging"))["job_spec_config"]["backoff_limit"] == 0


def test_what_the_cluster_does_not_have_is_an_error() -> None:
    for need in (Need("precision", "9.0.0"), Need("precision", "8.0.0", "Ascend910B3"), Need("compile")):
        with pytest.raises(KeyError):
            config(need)
