"""What every pod of ours must be. One function for each rule: a pod in, what is wrong with it out.

Here belong the rules, on pods as Kubernetes' API has them (camelCase). Not here: whose pods are judged
(`tests/deploy/test_policies.py`).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Pod = Mapping[str, Any]
Rule = Callable[[Pod], Iterator[str]]

DRIVER = frozenset(
    {
        "/usr/local/Ascend/driver", "/usr/local/dcmi", "/usr/local/bin/npu-smi", "/etc/ascend_install.info",
        "/var/queue_schedule",
    }
)  # fmt: skip
"""What of a node a step with an NPU may see where ascend-docker-runtime is absent: that runtime's `base.list`."""

NEED_A_TOKEN = frozenset({"ascend-dagster", "ascend-step"})
"""Accounts whose pods read Dagster's settings, whose launcher wants a token. Only the first may do anything with it."""

_SECRET = re.compile(r"PASSWORD|TOKEN|SECRET|KEY|CREDENTIAL", re.IGNORECASE)
_SAID = re.compile(r"(?:password|secret|token)=(?!(?:true|false)$)", re.IGNORECASE)
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_TAG = re.compile(r"/[^/:@]+:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})$")


def containers(pod: Pod) -> Iterator[Mapping[str, Any]]:
    """All of a pod's containers, those that run before the others too."""
    yield from pod.get("initContainers") or []
    yield from pod["containers"]


def not_root(pod: Pod) -> Iterator[str]:
    """No container may run as root, by its own settings or the pod's."""
    whole = pod.get("securityContext") or {}
    for one in containers(pod):
        own = one.get("securityContext") or {}
        if own.get("runAsNonRoot", whole.get("runAsNonRoot")) is not True:
            yield f"{one['name']}: runAsNonRoot is not true"
        if own.get("runAsUser", whole.get("runAsUser")) in (0, None):
            yield f"{one['name']}: runAsUser is root, or whatever its image says"


def no_privileges(pod: Pod) -> Iterator[str]:
    """No container may gain privileges, or keep any, or make any system call there is."""
    whole = pod.get("securityContext") or {}
    for one in containers(pod):
        own = one.get("securityContext") or {}
        if own.get("privileged"):
            yield f"{one['name']}: privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{one['name']}: allowPrivilegeEscalation is not false"
        capabilities = own.get("capabilities") or {}
        if capabilities.get("drop") != ["ALL"] or capabilities.get("add"):
            yield f"{one['name']}: capabilities are not all dropped"
        profile = own.get("seccompProfile") or whole.get("seccompProfile") or {}
        if profile.get("type") != "RuntimeDefault":
            yield f"{one['name']}: seccompProfile is not RuntimeDefault"


def bounded(pod: Pod) -> Iterator[str]:
    """Every container says what it needs, and what it may have at most."""
    for one in containers(pod):
        resources = one.get("resources") or {}
        for kind in ("requests", "limits"):
            for name in ("cpu", "memory"):
                if not (resources.get(kind) or {}).get(name):
                    yield f"{one['name']}: no {kind} of {name}"


def fixed_images(pod: Pod) -> Iterator[str]:
    """Every image is the same tomorrow."""
    for one in containers(pod):
        image = str(one.get("image") or "")
        tag = _TAG.search(image)
        if not _DIGEST.search(image) and (tag is None or tag["tag"] == "latest"):
            yield f"{one['name']}: {image or 'no image'} has neither a digest nor a tag that somebody chose"


def away_from_the_node(pod: Pod) -> Iterator[str]:
    """No pod sees its node, but for the NPUs' driver, to read."""
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield f"{name} is set"
    read_only = {
        mount["name"] for one in containers(pod) for mount in one.get("volumeMounts") or [] if mount.get("readOnly")
    }
    for volume in pod.get("volumes") or []:
        path = (volume.get("hostPath") or {}).get("path")
        if path is not None and (path not in DRIVER or volume["name"] not in read_only):
            yield f"volume {volume['name']}: hostPath {path}"


def no_plain_secrets(pod: Pod) -> Iterator[str]:
    """What sounds like a secret comes from a Secret."""
    for one in containers(pod):
        for variable in one.get("env") or []:
            source = variable.get("valueFrom") or {}
            if _SECRET.search(variable["name"]) and "secretKeyRef" not in source:
                yield f"{one['name']}: {variable['name']} is not from a Secret"
        for argument in [*(one.get("command") or []), *(one.get("args") or [])]:
            if _SAID.search(argument):
                yield f"{one['name']}: an argument holds a secret"


def no_needless_token(pod: Pod) -> Iterator[str]:
    """Only a pod that needs it gets its account's token, and none is the default account's."""
    account = pod.get("serviceAccountName") or "default"
    if pod.get("automountServiceAccountToken") is not False and account not in NEED_A_TOKEN:
        yield f"the token of account {account} is mounted"


RULES: tuple[Rule, ...] = (
    not_root,
    no_privileges,
    bounded,
    fixed_images,
    away_from_the_node,
    no_plain_secrets,
    no_needless_token,
)


def faults(pod: Pod) -> list[str]:
    """What is wrong with a pod, by all the rules."""
    return [said for rule in RULES for said in rule(pod)]
