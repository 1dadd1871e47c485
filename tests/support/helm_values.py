"""What the official Dagster Helm chart 1.13.27 makes of values: its dagster.yaml.

Here belongs the chart's own mapping (templates `configmap-instance.yaml`, `helpers/instance/*.tpl`), of the parts that
our values use; any other key is refused, as one that is misspelt would be. Not here: pods (`helm_pods.py`), or whether
the chart does so (`helm_compare.py`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

VALUES = Path(__file__).resolve().parents[2] / "deploy" / "k8s" / "values.yaml"

RELEASE = "dagster"
"""The release's name, which is also the chart's `fullname`: every object's name begins with it."""

NAMESPACE = "ascend"

Values = Mapping[str, Any]

_TOP = {
    "global", "serviceAccount", "rbacEnabled", "generatePostgresqlPasswordSecret", "generateCeleryConfigSecret",
    "postgresql", "dagsterWebserver", "dagster-user-deployments", "scheduler", "runLauncher", "dagsterDaemon",
    "concurrency", "computeLogManager", "retention", "additionalInstanceConfig", "telemetry", "busybox", "migrate",
    "ingress", "flower", "rabbitmq", "redis", "imagePullSecrets",
}  # fmt: skip
_GLOBAL = {"serviceAccountName", "postgresqlSecretName", "dagsterHome"}
_WEBSERVER = {
    "replicaCount", "nameOverride", "image", "service", "checkDbReadyInitContainer", "dbStatementTimeout",
    "podSecurityContext", "securityContext", "resources", "initContainerResources", "readinessProbe", "livenessProbe",
    "startupProbe", "env", "envConfigMaps", "envSecrets", "volumes", "volumeMounts", "nodeSelector", "affinity",
    "tolerations", "annotations", "labels",
}  # fmt: skip
_DAEMON = {
    "enabled", "image", "checkDbReadyInitContainer", "podSecurityContext", "securityContext", "resources",
    "initContainerResources", "runCoordinator", "runMonitoring", "runRetries", "sensors", "schedules", "env",
    "envConfigMaps", "envSecrets", "volumes", "volumeMounts", "nodeSelector", "affinity", "tolerations",
}  # fmt: skip
_POSTGRES = {
    "enabled", "postgresqlHost", "postgresqlUsername", "postgresqlDatabase", "postgresqlParams", "postgresqlScheme",
    "service",
}  # fmt: skip
_DEPLOYMENT = {
    "name", "image", "codeServerArgs", "port", "includeConfigInLaunchedRuns", "env", "envConfigMaps", "envSecrets",
    "podSecurityContext", "securityContext", "resources", "readinessProbe", "volumes", "volumeMounts", "labels",
    "deploymentStrategy", "schedulerName", "nodeSelector", "affinity", "tolerations",
}  # fmt: skip


class UnknownValue(ValueError):
    """A key that is misspelt, or of whose effect this mapping says nothing."""


class MissingValue(ValueError):
    """A key without which the chart renders nothing."""


def load(*site: Path) -> dict[str, Any]:
    """Our values, with a site's over them as `helm -f values.yaml -f site.yaml` lays them."""
    values: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    for path in site:
        values = laid_over(values, yaml.safe_load(path.read_text()))
    return values


def laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings are merged, lists replaced, and what is None above is taken away: Helm's rules."""
    merged = dict(below)
    for key, value in above.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = laid_over(merged[key], value)
        else:
            merged[key] = value
    return merged


def instance_config(values: Values, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The dagster.yaml, as a mapping; `overrides` are laid over it (None takes a key away). Raises `UnknownValue`."""
    only(values, "values", _TOP)
    only(values["global"], "global", _GLOBAL)
    only(values["dagsterWebserver"], "dagsterWebserver", _WEBSERVER)
    daemon = only(values["dagsterDaemon"], "dagsterDaemon", _DAEMON)
    rendered: dict[str, Any] = {
        "scheduler": {"module": "dagster.core.scheduler", "class": values["scheduler"]["type"]},
        "schedule_storage": _storage(values, "dagster_postgres.schedule_storage", "PostgresScheduleStorage"),
        "run_storage": _storage(values, "dagster_postgres.run_storage", "PostgresRunStorage"),
        "event_log_storage": _storage(values, "dagster_postgres.event_log", "PostgresEventLogStorage"),
        "run_launcher": _launcher(values),
        "run_coordinator": _coordinator(daemon["runCoordinator"]),
        "concurrency": _concurrency(values["concurrency"]),
        "compute_logs": _compute_logs(values["computeLogManager"]),
        "run_monitoring": _snake(daemon["runMonitoring"], "runMonitoring", _MONITORING),
        "run_retries": _snake(daemon["runRetries"], "runRetries", _RETRIES),
        "sensors": _snake(daemon["sensors"], "sensors", _WORKERS),
        "schedules": _snake(daemon["schedules"], "schedules", _WORKERS),
        "telemetry": {"enabled": only(values["telemetry"], "telemetry", {"enabled"})["enabled"]},
        "retention": _retention(values["retention"]),
        **values.get("additionalInstanceConfig", {}),
    }
    return laid_over(rendered, overrides or {})


def user_deployment(values: Values) -> Values:
    """The one code location's deployment. Raises `UnknownValue`, and `MissingValue` by the subchart's schema."""
    subchart = only(
        values["dagster-user-deployments"],
        "dagster-user-deployments",
        {"enabled", "enableSubchart", "serviceAccount", "rbacEnabled", "imagePullSecrets", "deployments"},
    )
    (deployment,) = subchart["deployments"]
    for where, section, needed in (
        ("deployments[0]", deployment, ("name", "image", "port")),
        ("deployments[0].image", deployment.get("image", {}), ("repository", "pullPolicy")),
    ):
        if missing := [key for key in needed if key not in section]:
            raise MissingValue(f"{where}: the chart wants {', '.join(missing)}")
    return only(deployment, "deployments[0]", _DEPLOYMENT)


def only(section: Values, where: str, known: set[str] | Mapping[str, str]) -> Values:
    """The section. Raises `UnknownValue` for a key that is not known."""
    if unknown := sorted(set(section) - set(known)):
        raise UnknownValue(f"{where}: nothing is known of {', '.join(unknown)}, but of {', '.join(sorted(known))}")
    return section


def _storage(values: Values, module: str, name: str) -> dict[str, Any]:
    postgres = only(values["postgresql"], "postgresql", _POSTGRES)
    database = {
        "username": postgres["postgresqlUsername"],
        "password": {"env": "DAGSTER_PG_PASSWORD"},
        "hostname": postgres["postgresqlHost"],
        "db_name": postgres["postgresqlDatabase"],
        "port": postgres["service"]["port"],
        "params": postgres["postgresqlParams"],
    }
    if postgres.get("postgresqlScheme"):
        database["scheme"] = postgres["postgresqlScheme"]
    return {"module": module, "class": name, "config": {"postgres_db": database}}


def _launcher(values: Values) -> dict[str, Any]:
    launchers = only(values["runLauncher"]["config"], "runLauncher.config", {"customRunLauncher"})
    return dict(only(launchers["customRunLauncher"], "customRunLauncher", {"module", "class", "config"}))


_MONITORING = {
    "enabled": "enabled",
    "startTimeoutSeconds": "start_timeout_seconds",
    "cancelTimeoutSeconds": "cancel_timeout_seconds",
    "maxRuntimeSeconds": "max_runtime_seconds",
    "pollIntervalSeconds": "poll_interval_seconds",
    "maxResumeRunAttempts": "max_resume_run_attempts",
    "freeSlotsAfterRunEndSeconds": "free_slots_after_run_end_seconds",
}
_RETRIES = {
    "enabled": "enabled",
    "maxRetries": "max_retries",
    "retryOnAssetOrOpFailure": "retry_on_asset_or_op_failure",
}
_WORKERS = {"useThreads": "use_threads", "numWorkers": "num_workers", "numSubmitWorkers": "num_submit_workers"}
_COORDINATOR = {
    "dequeueUseThreads": "dequeue_use_threads",
    "dequeueNumWorkers": "dequeue_num_workers",
    "dequeueIntervalSeconds": "dequeue_interval_seconds",
}
_POOLS = {
    "defaultLimit": "default_limit",
    "granularity": "granularity",
    "opGranularityRunBuffer": "op_granularity_run_buffer",
}
_RUNS = {"maxConcurrentRuns": "max_concurrent_runs", "tagConcurrencyLimits": "tag_concurrency_limits"}


def _snake(section: Values, where: str, names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in only(section, where, names).items()}


def _coordinator(section: Values) -> dict[str, Any]:
    config = _snake(section["config"]["queuedRunCoordinator"], "queuedRunCoordinator", _COORDINATOR)
    return {"module": "dagster.core.run_coordinator", "class": section["type"], "config": config}


def _concurrency(section: Values) -> dict[str, Any]:
    only(section, "concurrency", {"enabled", "pools", "runs"})
    return {
        "pools": _snake(section["pools"], "concurrency.pools", _POOLS),
        "runs": _snake(section["runs"], "concurrency.runs", _RUNS),
    }


def _compute_logs(section: Values) -> dict[str, Any]:
    only(section, "computeLogManager", {"type", "config"})
    custom = section["config"]["customComputeLogManager"]
    return dict(only(custom, "customComputeLogManager", {"module", "class", "config"}))


def _retention(section: Values) -> dict[str, Any]:
    names = {"schedule": "schedule", "sensor": "sensor", "autoMaterialize": "auto_materialize"}
    only(section, "retention", {"enabled", *names})
    return {
        name: {"purge_after_days": only(section[key], f"retention.{key}", {"purgeAfterDays"})["purgeAfterDays"]}
        for key, name in names.items()
    }
