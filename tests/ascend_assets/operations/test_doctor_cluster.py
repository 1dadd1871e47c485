"""What `ascend doctor` says of profile k8s."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ascend_assets import models
from ascend_assets.operations import doctor_cluster, doctor_store
from ascend_assets.operations.finding import Finding
from resources.home import home
from resources.kubernetes.cluster import Cluster

SPEC = models.load(models.DEFS / "digits_cnn")
CLUSTER: dict[str, Any] = {
    "name": "west",
    "runtime": "mounts",
    "npus": {"Ascend310P3": {"resource": "huawei.com/Ascend310P", "cards": 4}},
    "images": {"cann": {"8.0.0": "registry.example/step:1"}},
}
SETTINGS: dict[str, Any] = {
    "storage": {"postgres": {}},
    "run_launcher": {"module": "ascend_assets.cluster.launcher", "class": "ClusterRunLauncher"},
    "run_monitoring": {"enabled": True, "free_slots_after_run_end_seconds": 60},
    "run_retries": {"enabled": True, "retry_on_asset_or_op_failure": False},
    "concurrency": {"pools": {"granularity": "op"}},
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cluster.yaml").write_text(yaml.safe_dump(CLUSTER))
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")
    monkeypatch.setenv("ASCEND_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("ASCEND_CLUSTER", str(tmp_path / "cluster.yaml"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv("ASCEND_STORE", raising=False)
    return tmp_path


def examined() -> dict[str, Finding]:
    return {finding.name: finding for finding in doctor_cluster.examine(home(), [SPEC])}


@pytest.mark.usefixtures("place")
def test_it_names_the_cards_the_targets_without_a_place_and_the_pools_without_a_limit() -> None:
    found = examined()
    assert "4 Ascend310P3 (huawei.com/Ascend310P); CANN 8.0.0" in found["cluster"].said
    assert "npus has no Ascend910B3, only Ascend310P3" in found["targets"].said
    assert found["pools"].said == "npu_ascend310p3_west is not limited, cluster.yaml says 4"
    assert found["pools"].remedy == "set them: ascend init"


def test_a_cluster_that_cannot_be_is_told_with_its_lines(place: Path) -> None:
    (place / "cluster.yaml").write_text("name: west\nruntime: sideways\n")
    found = examined()
    assert "cluster.yaml:2: runtime" in found["cluster"].said
    assert "targets" not in found


@pytest.mark.usefixtures("place")
def test_a_store_in_a_folder_is_wrong_here() -> None:
    store, _ = doctor_store.store(home())
    assert not store.ok
    assert "in profile k8s set ASCEND_STORE to s3://bucket/prefix" in store.said


def test_every_target_of_a_cluster_that_has_all_is_served() -> None:
    npus = {**CLUSTER["npus"], "Ascend910B3": {"resource": "huawei.com/Ascend910", "cards": 1}}
    assert doctor_cluster.served(Cluster.model_validate({**CLUSTER, "npus": npus}), [SPEC]).ok


def test_pools_are_fit_as_the_file_has_them() -> None:
    assert doctor_cluster.compared({"npu_a": 4, "of_others": 9}, {"npu_a": 4}).ok
    assert "npu_a is 3, cluster.yaml says 4" in doctor_cluster.compared({"npu_a": 3}, {"npu_a": 4}).said


def test_settings_that_serve_lack_nothing() -> None:
    assert doctor_cluster.lacking(SETTINGS) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"storage": {}}, "Postgres"),
        ({"storage": None}, "Postgres"),
        ({"run_launcher": {"class": "DefaultRunLauncher"}}, "ClusterRunLauncher"),
        ({"run_launcher": {"class": "K8sRunLauncher"}}, "ClusterRunLauncher"),
        ({"run_monitoring": {"enabled": False, "free_slots_after_run_end_seconds": 60}}, "run_monitoring is off"),
        ({"run_monitoring": {"enabled": True}}, "free_slots_after_run_end_seconds"),
        ({"concurrency": {"pools": {"granularity": "run"}}}, "granularity"),
        ({"run_retries": {"enabled": True}}, "a refused candidate would be tried again"),
        ({"run_retries": {"enabled": True, "retry_on_asset_or_op_failure": True}}, "retry_on_asset_or_op_failure"),
    ],
)
def test_each_setting_without_which_a_cluster_does_harm_is_named(change: dict[str, Any], word: str) -> None:
    (said,) = doctor_cluster.lacking({**SETTINGS, **change})
    assert word in said


def test_settings_that_are_missing_are_told(place: Path) -> None:
    (place / "dagster.yaml").unlink()
    assert not examined()["dagster settings"].ok
