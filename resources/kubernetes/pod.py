"""A step's pod, as the tag `dagster-k8s/config` of its op, by dagster-k8s's names.

Here belongs what a need comes to in a cluster, as pure functions. Not here: which step needs what
(`ascend_assets/cluster/pods.py`), or what every pod has alike (the Helm chart's values: secrets, the instance's
settings).

Sources: the device plugin wants requests and limits of an NPU alike. With volcano its number comes as an annotation of
the pod and goes into `ASCEND_VISIBLE_DEVICES` (MindCluster's samples of inference); without, the device plugin sets
it. Where ascend-docker-runtime is absent, a pod mounts what that would (its `base.list`); the device plugin adds the
device nodes. OpenSSH reads keys and known hosts in `~/.ssh`, and takes a key that its group may read where somebody
else owns the file (its `authfile.c`), as root does those of a Secret.
"""

from dataclasses import dataclass
from typing import Any

from resources.kubernetes.cluster import Cluster, Npus

TAG = "dagster-k8s/config"
KEPT_SECONDS = 3600
"""How long a finished Job stays to be looked at."""

_DRIVER = {
    "ascend-driver": ("/usr/local/Ascend/driver", "Directory"),
    "ascend-dcmi": ("/usr/local/dcmi", "Directory"),
    "ascend-npu-smi": ("/usr/local/bin/npu-smi", "File"),
    "ascend-install-info": ("/etc/ascend_install.info", "File"),
    "ascend-queue-schedule": ("/var/queue_schedule", "DirectoryOrCreate"),
}
_GIT, _SSH_HOME = "git", "/home/ascend/.ssh"
"""A volume's name, and where the images' account has its keys."""
_REACHES_GIT = "operation"
"""The one stage whose steps ask a remote: the job `fetch_commits` is of it."""


@dataclass(frozen=True)
class Need:
    """What a step needs. `stage`: its word in `sizes.DEFAULTS`. `cann`: the CANN version; empty for none.

    `soc`: the SoC version of the NPU; empty for none, and with one there is a `cann`.
    """

    stage: str
    cann: str = ""
    soc: str = ""


def op_tags(cluster: Cluster, need: Need) -> dict[str, Any]:
    """Tags of the op. Raises `KeyError` for a stage, a CANN version or a SoC that the cluster does not have."""
    npus = cluster.npus[need.soc] if need.soc else None
    size = cluster.size(need.stage)
    return {
        TAG: {
            "container_config": _container(cluster, need, npus),
            "pod_spec_config": _pod(cluster, need, npus),
            "pod_template_spec_metadata": _metadata(cluster, need, npus),
            "job_spec_config": {
                # Kubernetes would start the command again, and Dagster would not know: a lost step is started anew by
                # its executor, which does.
                "backoff_limit": 0,
                "ttl_seconds_after_finished": KEPT_SECONDS,
                "active_deadline_seconds": 60 * (cluster.waiting_minutes + size.minutes),
            },
        }
    }


def _container(cluster: Cluster, need: Need, npus: Npus | None) -> dict[str, Any]:
    size = cluster.size(need.stage)
    amounts = {"cpu": size.cpu, "memory": size.memory, "ephemeral-storage": size.disk}
    if npus is not None:
        amounts[npus.resource] = "1"
    container: dict[str, Any] = {
        "resources": {"requests": amounts, "limits": dict(amounts)},
        "security_context": {"allow_privilege_escalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    if need.cann:
        container["image"] = cluster.images.cann[need.cann]
        # Where CANN was expected and is not, nothing is to be emulated silently.
        container["env"] = [{"name": "ASCEND_TOOLCHAIN", "value": "cann"}, *_visible(cluster, npus)]
    mounts = _mounts(cluster, need, npus)
    if mounts:
        container["volume_mounts"] = mounts
    return container


def _visible(cluster: Cluster, npus: Npus | None) -> list[dict[str, Any]]:
    """The devices as volcano has chosen them. A vNPU's number is the device plugin's alone to tell."""
    if npus is None or npus.is_part or cluster.scheduler != "volcano":
        return []
    path = f"metadata.annotations['{npus.resource}']"
    return [{"name": "ASCEND_VISIBLE_DEVICES", "value_from": {"field_ref": {"field_path": path}}}]


def _mounts(cluster: Cluster, need: Need, npus: Npus | None) -> list[dict[str, Any]]:
    paths = {volume["name"]: _SSH_HOME for volume in _of_git(cluster, need)}
    paths |= {volume["name"]: volume["host_path"]["path"] for volume in _of_driver(cluster, npus)}
    return [{"name": name, "mount_path": path, "read_only": True} for name, path in paths.items()]


def _of_git(cluster: Cluster, need: Need) -> list[dict[str, Any]]:
    if cluster.git_secret is None or need.stage != _REACHES_GIT:
        return []
    # For the pod's group: steps are not root, whose the files are.
    return [{"name": _GIT, "secret": {"secret_name": cluster.git_secret, "optional": True, "default_mode": 0o440}}]


def _of_driver(cluster: Cluster, npus: Npus | None) -> list[dict[str, Any]]:
    if npus is None or cluster.runtime != "mounts":
        return []
    return [{"name": name, "host_path": {"path": path, "type": kind}} for name, (path, kind) in _DRIVER.items()]


def _pod(cluster: Cluster, need: Need, npus: Npus | None) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "service_account_name": cluster.service_account,
        "scheduler_name": "volcano" if npus and cluster.scheduler == "volcano" else None,
        "node_selector": {**cluster.node_selector, **(npus.node_selector if npus else {})},
        "tolerations": _tolerations(cluster, npus),
        "volumes": [*_of_git(cluster, need), *_of_driver(cluster, npus)],
    }
    given = {key: value for key, value in optional.items() if value}
    return {"security_context": _security(cluster, npus), **given}


def _tolerations(cluster: Cluster, npus: Npus | None) -> list[dict[str, Any]]:
    """The cluster's and the NPU's, each once."""
    both = dict.fromkeys((*cluster.tolerations, *(npus.tolerations if npus else ())))
    return [one.model_dump(exclude_none=True) for one in both]


def _security(cluster: Cluster, npus: Npus | None) -> dict[str, Any]:
    context: dict[str, Any] = {"run_as_non_root": True, "seccomp_profile": {"type": "RuntimeDefault"}}
    if npus is not None and cluster.driver_group is not None:
        context["supplemental_groups"] = [cluster.driver_group]
    return context


def _metadata(cluster: Cluster, need: Need, npus: Npus | None) -> dict[str, Any]:
    labels = {"ascend/stage": need.stage, **(npus.labels if npus else {})}
    annotations = dict(npus.annotations) if npus else {}
    if npus is not None and cluster.queue:
        annotations["scheduling.volcano.sh/queue-name"] = cluster.queue
    return {"labels": labels, **({"annotations": annotations} if annotations else {})}
