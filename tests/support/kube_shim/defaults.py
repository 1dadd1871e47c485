"""What the API server adds to a manifest before it stores it, and how it reads one that was sent.

The values are those of k8s.io/kubernetes, pkg/apis/{core,batch}/v1/defaults.go, and only those that something here
acts on or that a client could look for. Pure.
"""

import base64
import copy
from typing import Any

from kube_shim import trouble
from kube_shim.kinds import JOBS, NODES, PODS, SECRETS, Json, Kind


def manifest_of(kind: Kind, body: object, namespace: str) -> Json:
    """A manifest with what the path says: kind, version and namespace. Raises 400 where they contradict it."""
    if not isinstance(body, dict):
        raise trouble.bad_request(f"the body is not a {kind.name}")
    made: Json = _without_nulls(body)
    for field, expected in (("kind", kind.name), ("apiVersion", kind.api_version)):
        if made.setdefault(field, expected) != expected:
            raise trouble.bad_request(f"the {field} in the body ({str(made[field])[:100]}) is not {expected}")
    meta = made.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise trouble.bad_request("metadata is not an object")
    if kind.namespaced and meta.setdefault("namespace", namespace) != namespace:
        raise trouble.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    return made


def _without_nulls(value: Any) -> Any:
    """A copy. A field that is null is one that is not set; in a list it is nothing."""
    if isinstance(value, dict):
        return {name: _without_nulls(entry) for name, entry in value.items() if entry is not None}
    if isinstance(value, list):
        if None in value:
            raise trouble.bad_request("a list in the body has an entry that is null")
        return [_without_nulls(entry) for entry in value]
    return value


def completed(kind: Kind, manifest: Json) -> Json:
    """A manifest that was found valid, with the server's defaults. What a client said of its status does not count."""
    made = copy.deepcopy(manifest)
    made.pop("status", None)
    for field in ("uid", "creationTimestamp", "resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds"):
        made["metadata"].pop(field, None)
    if kind == PODS:
        _pod(made["spec"])
        made["status"] = {"phase": "Pending", "qosClass": _quality(made["spec"])}
    if kind == JOBS:
        _job(made["spec"])
        made["status"] = {}
    if kind == NODES:
        made.setdefault("spec", {})
        made["status"] = {"capacity": {}, "allocatable": {}}
    if kind == SECRETS and (plain := made.pop("stringData", None)):
        encoded = {name: base64.b64encode(value.encode()).decode() for name, value in plain.items()}
        made["data"] = (made.get("data") or {}) | encoded
    return made


def _job(spec: Json) -> None:
    for field, value in (("parallelism", 1), ("completions", 1), ("backoffLimit", 6)):
        spec.setdefault(field, value)
    spec |= {"completionMode": "NonIndexed", "suspend": False}
    _pod(spec["template"]["spec"])


def _pod(spec: Json) -> None:
    defaults = {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "enableServiceLinks": True,
    }
    for field, value in defaults.items():
        spec.setdefault(field, value)
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        _container(container)


def _container(container: Json) -> None:
    latest = container["image"].endswith(":latest") or not {":", "@"} & set(container["image"].rpartition("/")[2])
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    resources = container.setdefault("resources", {})
    if limits := resources.get("limits"):
        resources["requests"] = limits | (resources.get("requests") or {})


def _quality(spec: Json) -> str:
    resources = [container["resources"] for container in spec["containers"]]
    if not any(entry.get("requests") for entry in resources):
        return "BestEffort"
    bound = all({"cpu", "memory"} <= set(entry.get("limits") or {}) for entry in resources)
    return "Guaranteed" if bound and all(e["limits"] == e["requests"] for e in resources) else "Burstable"
