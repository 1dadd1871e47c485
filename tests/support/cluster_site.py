"""What one site says to the chart's values, to its ConfigMaps and Secrets, and to cluster.yaml: here, loopback.

Here belongs configuration, as data. Not here: starting anything of it (`cluster_world.py`).
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import helm_values
import yaml

LOCATION = "ascend"
ORCHESTRATOR = "registry.test/ascend/orchestrator"
TAG = "1.0.0"
IMAGE = f"{ORCHESTRATOR}:{TAG}"
CANN = {"7.0.0": f"registry.test/ascend/step:{TAG}-cann7.0.0", "8.1.RC1": f"registry.test/ascend/step:{TAG}-cann8.1"}
"""CANN version -> the image of steps that need CANN."""
SETTINGS = "ascend-settings"
"""The ConfigMap that manifests/settings.yaml makes."""
_SECRET = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_MANIFESTS = helm_values.VALUES.parent / "manifests"
PASSWORD = "DAGSTER_PG_PASSWORD"  # noqa: S105 - a variable's name
RESOURCES = {
    "Ascend310": "huawei.com/Ascend310",
    "Ascend310P3": "huawei.com/Ascend310P",
    "Ascend910B3": "huawei.com/Ascend910",
}
SELECTORS = {
    soc: {"accelerator": f"huawei-{resource.removeprefix('huawei.com/')}"} for soc, resource in RESOURCES.items()
}
TAINT = {"key": "huawei.com/npu", "value": "true", "effect": "NoSchedule"}
"""What keeps pods that need no NPU from nodes that have one."""


@dataclass(frozen=True)
class Site:
    """Where everything is. `database`, `store` and `remote` are addresses; `s3`: variables that reach the store."""

    folder: Path
    kubeconfig: Path
    database: str
    store: str
    s3: dict[str, str]
    remote: str

    @property
    def home(self) -> Path:
        return self.folder / "dagster"

    @property
    def settings(self) -> dict[str, str]:
        """The ConfigMap that manifests/settings.yaml makes, with what a site replaces in it."""
        shipped = dict(_document("settings.yaml", SETTINGS)["data"])
        # A container has a /tmp of its own. Here one is all containers', and each node says where its locks are.
        del shipped["ASCEND_DEVICE_LOCKS"]
        return {
            **shipped,
            **{name: value for name, value in self.s3.items() if name not in _SECRET},
            "ASCEND_STORE": self.store,
            "ASCEND_STATE": str(self.folder / "state"),
            "ASCEND_CLUSTER": str(self.folder / "cluster.yaml"),
            "ASCEND_PROJECT": str(self.folder / "project"),
            "ASCEND_PROJECT_REMOTE": self.remote,
        }

    @property
    def secrets(self) -> dict[str, str]:
        """The Secret of the store's keys."""
        return {name: self.s3[name] for name in _SECRET}

    @property
    def password(self) -> str:
        return str(urlsplit(self.database).password)

    def values(self) -> dict[str, Any]:
        """The chart's values as shipped, with this site's over them."""
        shipped = helm_values.load()
        address = urlsplit(self.database)
        image = {"repository": ORCHESTRATOR, "tag": TAG, "pullPolicy": "IfNotPresent"}
        deployment = {**helm_values.user_deployment(shipped), "image": image}
        home = str(self.home)
        launcher = {"load_incluster_config": False, "kubeconfig_file": str(self.kubeconfig), "dagster_home": home}
        # As shipped, but for a test's patience.
        monitoring = {"startTimeoutSeconds": 300, "pollIntervalSeconds": 5, "freeSlotsAfterRunEndSeconds": 5}
        site = {
            "global": {"dagsterHome": home},
            "postgresql": {
                "postgresqlHost": address.hostname,
                "postgresqlUsername": address.username,
                "postgresqlDatabase": address.path[1:],
                "postgresqlParams": {"sslmode": "disable"},
                "service": {"port": address.port},
            },
            "dagster-user-deployments": {"deployments": [deployment]},
            "runLauncher": {"config": {"customRunLauncher": {"config": launcher}}},
            "dagsterDaemon": {"runMonitoring": monitoring},
            "computeLogManager": {
                "config": {"customComputeLogManager": {"config": {"base_dir": str(self.folder / "logs")}}}
            },
        }
        return helm_values.laid_over(shipped, site)

    def of_code_server(self) -> dict[str, str]:
        """What the chart puts into the code server's environment, for the runs that it is going to describe."""
        return {"DAGSTER_CURRENT_IMAGE": IMAGE}

    def environment(self) -> dict[str, str]:
        """What every process of the platform has: its ConfigMap, its Secrets, and where Dagster's settings are."""
        return {**self.settings, **self.secrets, PASSWORD: self.password, "DAGSTER_HOME": str(self.home)}

    def write(self, cluster: dict[str, Any]) -> None:
        """Lay out the files that the chart and we mount: Dagster's settings, and cluster.yaml."""
        self.home.mkdir(parents=True)
        (self.home / "dagster.yaml").write_text(yaml.safe_dump(helm_values.instance_config(self.values())))
        (self.folder / "cluster.yaml").write_text(yaml.safe_dump(cluster))

    def objects(self) -> Iterator[dict[str, Any]]:
        """The ConfigMaps and Secrets that the values refer to, as an administrator applies them."""
        values = self.values()
        launched = helm_values.instance_config(values)["run_launcher"]["config"]
        for name in launched["env_config_maps"]:
            yield _object("ConfigMap", name, data=self.settings if name == SETTINGS else {})
        (name,) = launched["env_secrets"]
        database = values["global"]["postgresqlSecretName"]
        for secret, data in {name: self.secrets, database: {"postgresql-password": self.password}}.items():
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
            yield _object("Secret", secret, data=encoded)


def role() -> list[dict[str, Any]]:
    """What the run launcher and the executor may ask of the API, by the Role that is shipped."""
    rules: list[dict[str, Any]] = _document("role.yaml", "ascend-dagster", "Role")["rules"]
    return rules


def _document(file: str, name: str, kind: str = "ConfigMap") -> dict[str, Any]:
    documents = yaml.safe_load_all((_MANIFESTS / file).read_text())
    (found,) = (one for one in documents if (one["kind"], one["metadata"]["name"]) == (kind, name))
    return dict(found)


def _object(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}


def cluster(cards: dict[str, int], **fields: Any) -> dict[str, Any]:
    """A cluster.yaml. `cards`: SoC version -> how many; `fields`: more of the file's own."""
    npus = {
        soc: {
            "resource": RESOURCES[soc],
            "cards": count,
            "node_selector": SELECTORS[soc],
            "tolerations": [{"key": TAINT["key"], "operator": "Exists"}],
        }
        for soc, count in cards.items()
    }
    return {
        "name": "test",
        "runtime": "ascend-docker-runtime",
        "waiting_minutes": 1,
        "service_account": "ascend-step",
        "npus": npus,
        "images": {"cann": CANN},
        **fields,
    }
