"""Manifests as tests send them, the real clients, and waiting.

Nothing here is part of the shim: it is what the shim's tests share.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kube_shim.kinds import Json

PATIENCE = 60.0
"""Seconds until a wait counts as a hang."""
NPU = "huawei.com/Ascend310P"

Found = TypeVar("Found")


@dataclass(frozen=True)
class Clients:
    """The real clients of one kubeconfig. `dagster`: Dagster's own over the same two."""

    batch: Any
    core: Any
    dagster: Any


def clients(kubeconfig: Path) -> Clients:
    from dagster_k8s.client import DagsterKubernetesClient
    from kubernetes import client, config

    api = config.new_client_from_config(str(kubeconfig))
    batch, core = client.BatchV1Api(api), client.CoreV1Api(api)
    dagster_client: Any = DagsterKubernetesClient
    return Clients(batch, core, dagster_client(batch, core, lambda _: None, time.sleep, time.time))


def pod_spec(script: str, *, npus: int = 0, **spec: Any) -> Json:
    """One container that runs a shell script; it is not started anew."""
    resources = {"limits": {NPU: str(npus)}, "requests": {NPU: str(npus)}} if npus else {}
    container = {"name": "main", "image": "step:1", "args": ["sh", "-c", script], "resources": resources}
    return {"restartPolicy": "Never", "containers": [container], **spec}


def pod(name: str, script: str, *, npus: int = 0, meta: Mapping[str, Any] | None = None, **spec: Any) -> Json:
    metadata = {"name": name, **(meta or {})}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod_spec(script, npus=npus, **spec)}


def job(name: str, script: str, *, npus: int = 0, meta: Mapping[str, Any] | None = None, **spec: Any) -> Json:
    """A Job as Dagster's are: one pod, no second attempt."""
    template = {"spec": pod_spec(script, npus=npus)}
    metadata = {"name": name, **(meta or {})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": template, **spec},
    }


def until(look: Callable[[], Found | None], seconds: float = PATIENCE) -> Found:
    """What `look` gives, as soon as it gives something. Raises `TimeoutError`."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s")
        time.sleep(0.02)
    return found
