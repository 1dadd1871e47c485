"""Examining profile k8s: the cluster's description, what its models need of it, pools, Dagster's settings.

Here belongs what can be seen from a pod without asking Kubernetes: who may list its nodes is not us. Not here: the
store (`doctor_store.py`), or what starts runs (`doctor_triggers.py`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

from ascend_assets import database, pools
from ascend_assets.cluster import cluster_file, pods
from ascend_assets.cluster.cluster_file import BadCluster
from ascend_assets.gates.wording import listing
from ascend_assets.operations.finding import Finding
from ascend_assets.spec import ModelSpec
from resources.home import Home
from resources.kubernetes.cluster import Cluster

_SHOWN = 3
_DEPLOY = "mend the chart's values (deploy/k8s/values.yaml has them), and deploy again"


def examine(places: Home, specs: Iterable[ModelSpec]) -> Iterator[Finding]:
    """What is wrong is a finding, not an error."""
    yield _settings(places)
    try:
        cluster = cluster_file.read(cluster_file.location())
    except BadCluster as error:
        said = listing([str(problem) for problem in error.problems], shown=_SHOWN)
        yield Finding("cluster", ok=False, said=said, remedy="mend it: docs/kubernetes.md has every field")
        return
    socs = ", ".join(f"{npus.cards} {soc} ({npus.resource})" for soc, npus in sorted(cluster.npus.items()))
    yield Finding("cluster", ok=True, said=f"{cluster.name}: {socs or 'no NPU'}; CANN {', '.join(cluster.images.cann)}")
    yield served(cluster, specs)
    yield _pools(places, cluster)


def served(cluster: Cluster, specs: Iterable[ModelSpec]) -> Finding:
    """Whether every model's steps have somewhere to run."""
    whys = [
        why
        for spec in specs
        for target in spec.targets
        if (why := pods.objection(cluster, spec, "precision", target.soc_version))
    ]
    if not whys:
        return Finding("targets", ok=True, said="every model's targets have an image and cards", needed=False)
    said = listing(list(dict.fromkeys(whys)), shown=_SHOWN)
    return Finding(
        "targets", ok=False, said=said, remedy="add to cluster.yaml what it names, or drop the target", needed=False
    )


def _pools(places: Home, cluster: Cluster) -> Finding:
    """Whether the pools' limits are the file's: without a limit a pool limits nothing."""
    import dagster as dg

    wanted = pools.cluster_limits(cluster)
    try:
        with dg.DagsterInstance.from_config(str(places.dagster)) as instance:
            there = {pool.name: pool.limit for pool in instance.event_log_storage.get_pool_limits()}
    except Exception as error:  # noqa: BLE001 - Dagster, SQLAlchemy and the database each have their own
        said = f"Dagster's records cannot be read: {database.trouble(error) or type(error).__name__}"
        return Finding("pools", ok=False, said=said, remedy="look at Postgres, and at the storage in dagster.yaml")
    return compared(there, wanted)


def compared(there: Mapping[str, int], wanted: Mapping[str, int]) -> Finding:
    """Limits in force against those of the file."""
    wrong = [
        f"{pool} is {there.get(pool, 'not limited')}, cluster.yaml says {limit}"
        for pool, limit in sorted(wanted.items())
        if there.get(pool) != limit
    ]
    if wrong:
        return Finding("pools", ok=False, said=listing(wrong, shown=_SHOWN), remedy="set them: ascend init")
    return Finding("pools", ok=True, said=", ".join(f"{pool} {limit}" for pool, limit in sorted(wanted.items())))


def _settings(places: Home) -> Finding:
    path = places.dagster / "dagster.yaml"
    try:
        found = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError) as error:
        said = f"{path} cannot be read: {type(error).__name__}"
        return Finding("dagster settings", ok=False, said=said, remedy=_DEPLOY)
    wrong = lacking(found if isinstance(found, dict) else {})
    if wrong:
        return Finding("dagster settings", ok=False, said=f"{path}: {'; '.join(wrong)}", remedy=_DEPLOY)
    return Finding("dagster settings", ok=True, said=f"{path}: Postgres, a pod per run, pools per step")


def lacking(settings: Mapping[str, Any]) -> list[str]:
    """What Dagster's settings lack for this profile."""
    launcher = _map(settings, "run_launcher")
    monitoring, retries = _map(settings, "run_monitoring"), _map(settings, "run_retries")
    granularity = _map(_map(settings, "concurrency"), "pools").get("granularity", "op")
    checks = (
        (_on_postgres(settings), "storage is not Postgres: each pod would keep records of its own"),
        (
            launcher.get("class") == "ClusterRunLauncher",
            "run_launcher is not ClusterRunLauncher: a run would get a second worker while the API server is away",
        ),
        (bool(monitoring.get("enabled")), "run_monitoring is off: a lost run goes on for ever"),
        (
            bool(monitoring.get("free_slots_after_run_end_seconds")),
            "run_monitoring.free_slots_after_run_end_seconds is not set: a killed run keeps its slots of a pool",
        ),
        (granularity == "op", "concurrency.pools.granularity is not op: steps of one run would overlap on a card"),
        (
            not retries.get("enabled") or retries.get("retry_on_asset_or_op_failure") is False,
            "run_retries.retry_on_asset_or_op_failure is not false: a refused candidate would be tried again",
        ),
    )
    return [said for holds, said in checks if not holds]


def _on_postgres(settings: Mapping[str, Any]) -> bool:
    """Whether all records are there: in Dagster's one section for it, or in three, as the chart writes them."""
    parts = [_map(settings, f"{part}_storage").get("module") for part in ("run", "event_log", "schedule")]
    return "postgres" in _map(settings, "storage") or all(str(part).startswith("dagster_postgres") for part in parts)


def _map(settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = settings.get(name)
    return found if isinstance(found, dict) else {}
