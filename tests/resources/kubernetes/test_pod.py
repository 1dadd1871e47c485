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


def test_a_pods_time_is_its_work_and_its_wait() -> None:
    found = config(MEASURES, waiting_minutes=10)["job_spec_config"]
    assert found["active_deadline_seconds"] == 60 * (10 + DEFAULTS["precision"].minutes)


def test_kubernetes_never_starts_a_step_again_by_itself() -> None:
    assert config(Need("judging"))["job_spec_config"]["backoff_limit"] == 0


def test_what_the_cluster_does_not_have_is_an_error() -> None:
    for need in (Need("precision", "9.0.0"), Need("precision", "8.0.0", "Ascend910B3"), Need("compile")):
        with pytest.raises(KeyError):
            config(need)
