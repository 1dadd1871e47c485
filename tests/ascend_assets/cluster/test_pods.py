"""What every step of the project asks of a cluster, from the definition to the manifest that the API server gets."""

from pathlib import Path
from typing import Any

import described_steps
import kubernetes_validate
import pytest
import yaml

from ascend_assets import models
from ascend_assets.cluster import cluster_file, pods
from ascend_assets.definitions import build_defs
from ascend_assets.walk import stages
from resources.kubernetes.cluster import Cluster
from resources.kubernetes.sizes import DEFAULTS

SPEC = models.load(models.DEFS / "digits_cnn")
KUBERNETES = ("1.33", kubernetes_validate.latest_version())
"""The oldest version that is still patched, and the newest that there is a schema of."""
OLD, NEW = "registry.example/step:1-cann7", "registry.example/step:1-cann8.1"
NPUS = {"Ascend310P3": "huawei.com/Ascend310P", "Ascend910B3": "huawei.com/npu"}
CLUSTER: dict[str, Any] = {
    "name": "west",
    "runtime": "mounts",
    "scheduler": "volcano",
    "driver_group": 1000,
    "images": {"cann": {"7.0.0": OLD, "8.1.RC1": NEW}},
    "npus": {
        "Ascend310P3": {
            "resource": NPUS["Ascend310P3"],
            "cards": 4,
            "node_selector": {"accelerator": "huawei-Ascend310P"},
            "tolerations": [{"key": "npu", "effect": "NoSchedule"}],
            "labels": {"npu-310-strategy": "chip"},
        },
        "Ascend910B3": {"resource": NPUS["Ascend910B3"], "cards": 8},
    },
    "resources": {"precision": {"cpu": 8, "memory": "64Gi"}},
    "compiling": 2,
}


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    file = tmp_path_factory.mktemp("cluster") / "cluster.yaml"
    file.write_text(yaml.safe_dump(CLUSTER))
    return {one["step"]: one for one in described_steps.steps(file)}


def container(step: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = step["manifest"]["spec"]["template"]["spec"]["containers"][0]
    return found


def pod(step: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = step["manifest"]["spec"]["template"]["spec"]
    return found


def on_npu(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: one for name, one in steps.items() if name.rpartition("__")[2] in {"precision", "benchmark"}}


def test_every_step_of_every_job_is_bounded(steps: dict[str, dict[str, Any]]) -> None:
    for walked in stages(SPEC):
        assert any(name.endswith(f"__{walked.name}") for name in steps), walked.name
    for beside in ("challenger", "drift", "production", "repair", "repair_repaired", "challenger_beats_champion"):
        assert f"digits_cnn__{beside}" in steps
    assert "promote_step" in steps
    for name, step in steps.items():
        resources = container(step)["resources"]
        assert resources["requests"] == resources["limits"], name
        assert {"cpu", "memory", "ephemeral-storage"} <= resources["limits"].keys(), name
        spec = step["manifest"]["spec"]
        assert spec["backoffLimit"] == 0, name
        assert spec["activeDeadlineSeconds"] > 60 * 30, name


def test_every_job_runs_its_steps_in_pods(steps: dict[str, dict[str, Any]]) -> None:
    assert {step["executor"] for step in steps.values()} == {"k8s"}


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_every_manifest(steps: dict[str, dict[str, Any]], version: str) -> None:
    for step in steps.values():
        kubernetes_validate.validate(step["manifest"], version, strict=True)


def test_no_step_is_root_or_privileged(steps: dict[str, dict[str, Any]]) -> None:
    for name, step in steps.items():
        assert pod(step)["securityContext"]["runAsNonRoot"], name
        own = container(step)["securityContext"]
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name


def test_an_npu_is_asked_for_by_what_runs_on_one_and_by_nothing_else(steps: dict[str, dict[str, Any]]) -> None:
    asking = {
        name: asked
        for name, step in steps.items()
        if (asked := {n: v for n, v in container(step)["resources"]["limits"].items() if n.startswith("huawei.com")})
    }
    assert asking == {
        f"digits_cnn__{soc}__{stage}": {resource: "1"}
        for soc, resource in NPUS.items()
        for stage in ("precision", "benchmark")
    }


def test_what_compiles_or_measures_has_the_newest_cann_that_the_model_admits(steps: dict[str, dict[str, Any]]) -> None:
    with_cann = {name for name, step in steps.items() if container(step)["image"] == NEW}
    words = ("om", "precision", "benchmark", "om_current")
    assert with_cann == {"digits_cnn__lint", *(f"digits_cnn__{soc}__{word}" for soc in NPUS for word in words)}
    for name, step in steps.items():
        wants = {"name": "ASCEND_TOOLCHAIN", "value": "cann"} in container(step)["env"]
        assert wants == (name in with_cann), name


def test_a_step_on_an_npu_is_placed_where_one_is(steps: dict[str, dict[str, Any]]) -> None:
    for name, step in on_npu(steps).items():
        spec = pod(step)
        entry = CLUSTER["npus"][name.split("__")[1]]
        assert spec["schedulerName"] == "volcano"
        assert spec.get("nodeSelector", {}) == entry.get("node_selector", {})
        assert [one["key"] for one in spec.get("tolerations", ())] == [t["key"] for t in entry.get("tolerations", ())]
        assert spec["securityContext"]["supplementalGroups"] == [1000]
        assert {volume["hostPath"]["path"] for volume in spec["volumes"]} >= {"/usr/local/Ascend/driver"}
        assert all(mount["readOnly"] for mount in container(step)["volumeMounts"])
        path = f"metadata.annotations['{entry['resource']}']"
        chosen = {"name": "ASCEND_VISIBLE_DEVICES", "valueFrom": {"fieldRef": {"fieldPath": path}}}
        assert chosen in container(step)["env"]
    labels = steps["digits_cnn__Ascend310P3__precision"]["manifest"]["spec"]["template"]["metadata"]["labels"]
    assert labels["npu-310-strategy"] == "chip"


def test_a_step_without_an_npu_is_placed_anywhere_and_sees_no_driver(steps: dict[str, dict[str, Any]]) -> None:
    for name, step in steps.items():
        if name not in on_npu(steps):
            assert not {"schedulerName", "nodeSelector", "tolerations"} & pod(step).keys(), name
            assert not pod(step)["volumes"], name


def test_pools_are_the_clusters(steps: dict[str, dict[str, Any]]) -> None:
    pooled = {name: step["pool"] for name, step in steps.items() if step["pool"]}
    assert set(pooled.values()) == {"export_west", "atc_west", "npu_ascend310p3_west", "npu_ascend910b3_west"}
    assert pooled.keys() >= on_npu(steps).keys()


def test_the_file_gives_a_stage_its_size(steps: dict[str, dict[str, Any]]) -> None:
    limits = container(steps["digits_cnn__Ascend310P3__precision"])["resources"]["limits"]
    assert (limits["cpu"], limits["memory"]) == ("8", "64Gi")
    limits = container(steps["digits_cnn__Ascend310P3__om"])["resources"]["limits"]
    assert limits["memory"] == DEFAULTS["om"].memory


def test_outside_the_profile_no_step_has_a_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASCEND_PROFILE", raising=False)
    for job in build_defs().get_repository_def().get_all_jobs():
        assert job.executor_def.name == "in_process"
        for node in job.nodes:
            assert "dagster-k8s/config" not in node.tags


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    """A cluster without any NPU, in force."""
    file = tmp_path / "cluster.yaml"
    file.write_text(yaml.safe_dump({**CLUSTER, "npus": {}}))
    monkeypatch.setenv("ASCEND_CLUSTER", str(file))
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    return cluster_file.in_force()


@pytest.mark.usefixtures("cluster")
def test_a_step_for_which_the_cluster_has_no_npu_starts_at_once_and_says_so() -> None:
    for stage in stages(SPEC):
        tags = pods.op_tags_of(SPEC, stage)["dagster-k8s/config"]
        assert not [name for name in tags["container_config"]["resources"]["limits"] if name.startswith("huawei")]
        if stage.name in {"precision", "benchmark"}:
            with pytest.raises(pods.NotInCluster, match=r"npus has no Ascend\w+, only none"):
                pods.require(SPEC, stage)
        else:
            pods.require(SPEC, stage)


def test_a_model_for_whose_cann_there_is_no_image_is_not_compiled_by_another(cluster: Cluster) -> None:
    spec = SPEC.model_copy(update={"requirements": SPEC.requirements.model_copy(update={"cann": ">=8.5"})})
    assert pods.cann_for(cluster, spec) is None
    said = pods.objection(cluster, spec, "om", "Ascend310P3")
    assert "7.0.0, 8.1.RC1" in said
    assert ">=8.5" in said
    assert pods.objection(cluster, spec, "onnx", "") == ""


def test_a_range_of_cann_that_nobody_can_read_is_said(cluster: Cluster) -> None:
    spec = SPEC.model_copy(update={"requirements": SPEC.requirements.model_copy(update={"cann": "8 or so"})})
    assert "8 or so" in pods.objection(cluster, spec, "om", "Ascend310P3")
