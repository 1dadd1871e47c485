"""Manifests as tests send them, the real clients, plain HTTP, and waiting.

Nothing here is part of the shim: it is what the shim's tests share.
"""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from kube_shim.kinds import Json
from kube_shim.shim import Shim

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


@contextmanager
def connection(shim: Shim) -> Iterator[http.client.HTTPConnection]:
    made = http.client.HTTPConnection("127.0.0.1", int(shim.endpoint.rpartition(":")[2]), timeout=30)
    try:
        yield made
    finally:
        made.close()


def token(shim: Shim) -> str:
    return str(yaml.safe_load(shim.kubeconfig.read_text())["users"][0]["user"]["token"])


def send(shim: Shim, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Json]:
    """Status and body of an answer. A header's name has `_` for `-`."""
    own = {name.replace("_", "-"): value for name, value in headers.items()}
    with connection(shim) as to:
        to.request(method, path, body or None, {"Authorization": f"Bearer {token(shim)}", **own})
        answer = to.getresponse()
        return answer.status, json.loads(answer.read())


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
