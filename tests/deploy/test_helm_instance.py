"""The dagster.yaml that the chart makes of our values: Dagster takes it, and it says what this deployment needs."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_values
import pytest
import yaml
from dagster import DagsterError, DagsterInstance
from dagster._config import process_config
from dagster._core.instance.config import PoolGranularity, dagster_instance_config
from dagster._serdes import ConfigurableClassData

from ascend_assets.cluster.launcher import ClusterRunLauncher
from ascend_assets.operations.doctor_cluster import lacking

LOCAL = Path(__file__).resolve().parents[2] / "deploy" / "cann" / "dagster.yaml"
KUBECONFIG = {
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {}}],
    "current-context": "none",
}
CLASSES = (
    "scheduler", "schedule_storage", "run_storage", "event_log_storage", "run_launcher", "run_coordinator",
    "compute_logs",
)  # fmt: skip


class Refused(DagsterError):
    """A class that a section names does not take its settings."""


@pytest.fixture
def values() -> dict[str, Any]:
    return helm_values.load()


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "of-a-test")


def read(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What Dagster makes of it; raises as Dagster does at start."""
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config))
    taken, _ = dagster_instance_config(str(folder))
    for name in CLASSES:
        section = taken[name]
        data = ConfigurableClassData(section["module"], section["class"], yaml.safe_dump(section.get("config", {})))
        processed = process_config(data_class(data).config_type(), section.get("config", {}))
        if not processed.success:
            raise Refused(f"{name}: {processed.errors}")
    return dict(taken)


def data_class(data: ConfigurableClassData) -> Any:
    """The class that a section names."""
    return getattr(__import__(data.module_name, fromlist=[data.class_name]), data.class_name)


def test_dagster_takes_every_section_of_it(values: dict[str, Any], tmp_path: Path) -> None:
    read(helm_values.instance_config(values), tmp_path)


def test_an_instance_is_made_of_it(values: dict[str, Any], tmp_path: Path) -> None:
    # The storages are another test's, on a real Postgres; and no cluster vouches for this process.
    away: dict[str, Any] = {"schedule_storage": None, "run_storage": None, "event_log_storage": None}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    outside = {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}
    overrides = away | {"run_launcher": {"config": outside}}
    config = helm_values.instance_config(values, overrides)
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 2
        assert instance.run_retries_enabled
        assert instance.run_retries_max_retries == 2
        assert instance.run_retries_retry_on_asset_or_op_failure is False
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_concurrency_config().pool_config.pool_granularity is PoolGranularity.OP


@pytest.mark.parametrize("section", ["concurrency", "run_retries", "sensors", "nux", "telemetry"])
def test_the_cluster_judges_and_queues_as_one_machine_does(values: dict[str, Any], section: str) -> None:
    """What differs from one machine differs by intent: how many runs, and how the lost ones are found."""
    here = yaml.safe_load(LOCAL.read_text())[section]
    there = helm_values.instance_config(values)[section]
    if section == "concurrency":
        assert there["runs"].pop("max_concurrent_runs") > here["runs"].pop("max_concurrent_runs")
    assert there == here


def test_a_killed_run_gives_its_slots_back_within_the_time_of_one_machine(values: dict[str, Any]) -> None:
    there = helm_values.instance_config(values)["run_monitoring"]
    here = yaml.safe_load(LOCAL.read_text())["run_monitoring"]
    assert there["free_slots_after_run_end_seconds"] == here["free_slots_after_run_end_seconds"]


def test_the_doctor_finds_nothing_amiss_in_it(values: dict[str, Any]) -> None:
    config = helm_values.instance_config(values)
    assert lacking(config) == []
    assert "storage is not Postgres" in lacking(config | {"event_log_storage": {}})[0]


def test_no_password_stands_in_it(values: dict[str, Any]) -> None:
    config = helm_values.instance_config(values)
    for storage in ("schedule_storage", "run_storage", "event_log_storage"):
        assert config[storage]["config"]["postgres_db"]["password"] == {"env": "DAGSTER_PG_PASSWORD"}


def test_overrides_are_laid_over_it_and_none_takes_away(values: dict[str, Any]) -> None:
    config = helm_values.instance_config(
        values, {"run_launcher": {"config": {"load_incluster_config": False, "resources": None}}, "retention": None}
    )
    assert config["run_launcher"]["config"]["load_incluster_config"] is False
    assert "resources" not in config["run_launcher"]["config"]
    assert config["run_launcher"]["config"]["job_namespace"] == helm_values.NAMESPACE
    assert "retention" not in config


MISSPELT: list[Callable[[dict[str, Any]], Any]] = [
    lambda values: values.update(dagsterDeamon={}),
    lambda values: values["dagsterDaemon"]["runMonitoring"].update(freeSlotsAfterRunEnd=60),
    lambda values: values["dagsterDaemon"]["runRetries"].update(retryOnOpFailure=False),
    lambda values: values["runLauncher"]["config"]["customRunLauncher"].update(jobSpec={}),
    lambda values: values["concurrency"]["pools"].update(limit=1),
    lambda values: values["dagsterWebserver"].update(replicas=2),
    lambda values: values["runLauncher"]["config"].update(k8sRunLauncher={}),
    lambda values: values["retention"].update(autoMaterialise={}),
    lambda values: values["global"].update(serviceAccount="ascend-dagster"),
    lambda values: values["dagster-user-deployments"]["deployments"][0].update(args=[]),
]
INCOMPLETE: list[Callable[[dict[str, Any]], Any]] = [
    lambda entry: entry.pop("name"),
    lambda entry: entry.pop("port"),
    lambda entry: entry.pop("image"),
    lambda entry: entry["image"].pop("pullPolicy"),
    lambda entry: entry["image"].pop("repository"),
]


@pytest.mark.parametrize("misspell", MISSPELT)
def test_a_key_of_whose_effect_nothing_is_known_is_refused(
    values: dict[str, Any], misspell: Callable[[dict[str, Any]], Any]
) -> None:
    wrong = copy.deepcopy(values)
    misspell(wrong)
    with pytest.raises(helm_values.UnknownValue, match="nothing is known of"):
        (helm_values.instance_config(wrong), helm_values.user_deployment(wrong))


@pytest.mark.parametrize("take_away", INCOMPLETE)
def test_an_entry_that_the_subchart_s_schema_refuses_is_refused(
    values: dict[str, Any], take_away: Callable[[dict[str, Any]], Any]
) -> None:
    wrong = copy.deepcopy(values)
    take_away(wrong["dagster-user-deployments"]["deployments"][0])
    with pytest.raises(helm_values.MissingValue, match="wants"):
        helm_values.user_deployment(wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"run_launcher": {"config": {"job_name_space": "ascend"}}},
        {"run_launcher": {"config": {"run_k8s_config": {"pod_spec": {}}}}},
        {"run_coordinator": {"config": {"max_concurrent_runs": 3}}},
        {"run_monitoring": {"free_slots": 60}},
        {"compute_logs": {"config": {"folder": "/tmp"}}},  # noqa: S108
        {"surprise": {}},
    ],
)
def test_dagster_refuses_what_it_does_not_know_of_it(
    values: dict[str, Any], change: dict[str, Any], tmp_path: Path
) -> None:
    """So that the test above, that it takes ours, could fail."""
    with pytest.raises(DagsterError):
        read(helm_values.instance_config(values, change), tmp_path)


def test_the_launcher_is_the_one_that_bears_an_api_server_that_is_away(values: dict[str, Any]) -> None:
    launcher = helm_values.instance_config(values)["run_launcher"]
    assert (launcher["module"], launcher["class"]) == (ClusterRunLauncher.__module__, ClusterRunLauncher.__name__)


def test_what_the_chart_would_have_told_its_own_launcher_is_told(values: dict[str, Any]) -> None:
    config = helm_values.instance_config(values)["run_launcher"]["config"]
    assert config["dagster_home"] == values["global"]["dagsterHome"]
    assert config["service_account_name"] == values["global"]["serviceAccountName"]
    assert config["postgres_password_secret"] == values["global"]["postgresqlSecretName"]
    assert config["instance_config_map"] == f"{helm_values.RELEASE}-instance"
    assert config["job_namespace"] == helm_values.NAMESPACE
