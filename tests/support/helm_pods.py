"""The pods that come of our values: the chart's own three, and those that Dagster's launcher and executor start.

Here belongs the chart's mapping of values to pods (templates `_deployment-webserver.tpl`, `deployment-daemon.yaml`,
the subchart's `deployment-user.yaml`), of the parts that our values use. Runs and steps are rendered by dagster_k8s
itself. Not here: dagster.yaml (`helm_values.py`), or what a pod may be (`pod_policies.py`).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterRun
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job, get_user_defined_k8s_config
from helm_values import NAMESPACE, RELEASE, Values, instance_config, user_deployment
from kubernetes.client import ApiClient

KUBECONFIG = {
    "clusters": [{"name": "none", "cluster": {"server": "http://127.0.0.1:1"}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "nobody"}}],
    "users": [{"name": "nobody", "user": {}}],
    "current-context": "none",
}
"""A cluster that is not there: enough to render what would be sent to one."""

SUBCHART = "dagster-user-deployments"
"""The chart of the code server, within the chart."""

Manifest = dict[str, Any]


def image_of(section: Mapping[str, Any]) -> str:
    """The name of an image, as the chart puts it together: with a digest the tag is as good as not there."""
    if section.get("digest"):
        return f"{section['repository']}@{section['digest']}"
    return f"{section['repository']}:{section['tag']}"


def deployments(values: Values) -> list[Manifest]:
    """The webserver's, the daemon's and the code server's."""
    user = user_deployment(values)
    daemon, webserver = values["dagsterDaemon"], values["dagsterWebserver"]
    serve = f"dagster-webserver -h 0.0.0.0 -p {webserver['service']['port']} -w /dagster-workspace/workspace.yaml"
    serve += f" --db-statement-timeout {webserver['dbStatementTimeout']}"
    watch = "dagster-daemon run -w /dagster-workspace/workspace.yaml"
    load = ["dagster", "code-server", "start", "-h", "0.0.0.0", "-p", str(user["port"])]  # noqa: S104 -- the chart's
    return [
        _deployment(values, "dagster-webserver", webserver, _by_shell(serve), user["name"]),
        _deployment(values, "dagster-daemon", daemon, _by_shell(watch), user["name"]),
        _deployment(values, "user-deployments", user, {"name": SUBCHART, "args": [*load, *user["codeServerArgs"]]}),
    ]


def labels_of(component: str) -> dict[str, str]:
    """The labels by which policies know a pod: the chart's, or Dagster's for runs and steps."""
    key = "app.kubernetes.io/component" if component.endswith("_worker") else "component"
    name = SUBCHART if component == "user-deployments" else "dagster"
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": RELEASE, key: component}


def run_job(
    values: Values,
    folder: Path,
    tags: Mapping[str, str] | None = None,
    handed_on: Mapping[str, Any] | None = None,
) -> Manifest:
    """The Job of a run with these tags, as Dagster's launcher would send it. Raises what the launcher would.

    `handed_on`: the container context of a code server that has one, as ours has not.
    """
    context, launcher = _context(values, folder, tags or {}, handed_on)
    config = context.get_k8s_job_config(job_image=_user_image(values), run_launcher=launcher)
    return _manifest(
        construct_dagster_k8s_job(
            config, ["dagster", "api", "execute_run"], "dagster-run-0", context.run_k8s_config,
            component="run_worker", labels={"dagster/job": "of_a_test"},
        )
    )  # fmt: skip


def step_job(values: Values, folder: Path, op_tags: Mapping[str, Any]) -> Manifest:
    """The Job of a step whose op has these tags, as Dagster's executor would send it."""
    context, launcher = _context(values, folder)
    tags = {key: value if isinstance(value, str) else json.dumps(value) for key, value in op_tags.items()}
    context = context.merge(K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(tags)))
    config = context.get_k8s_job_config(_user_image(values), launcher)
    return _manifest(
        construct_dagster_k8s_job(
            config, ["dagster", "api", "execute_step"], "dagster-step-0", context.run_k8s_config,
            component="step_worker", labels={"dagster/op": "of_a_test"},
        )
    )  # fmt: skip


def _context(
    values: Values,
    folder: Path,
    run_tags: Mapping[str, str] | None = None,
    handed_on: Mapping[str, Any] | None = None,
) -> tuple[K8sContainerContext, K8sRunLauncher]:
    """What a run's own pod is made of; without `run_tags`, what a step's pod begins with, as the executor does."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    outside = {"run_launcher": {"config": {"load_incluster_config": False, "kubeconfig_file": str(kubeconfig)}}}
    launcher = K8sRunLauncher(**instance_config(values, outside)["run_launcher"]["config"])
    origin = RepositoryPythonOrigin(
        executable_path="python",
        code_pointer=ModuleCodePointer("ascend_assets.definitions", "defs"),
        container_image=_user_image(values),
        entry_point=None,
        container_context=handed_on,
    )
    origin_of_job = JobPythonOrigin("of_a_test", origin)
    run = DagsterRun(job_name="of_a_test", run_id="0", job_code_origin=origin_of_job, tags=run_tags or {})
    return K8sContainerContext.create_for_run(run, launcher, include_run_tags=run_tags is not None), launcher


def _user_image(values: Values) -> str:
    return image_of(user_deployment(values)["image"])


def _manifest(job: Any) -> Manifest:
    manifest: Manifest = ApiClient().sanitize_for_serialization(job)
    return manifest


def _by_shell(command: str) -> dict[str, Any]:
    return {"name": "dagster", "command": ["/bin/bash", "-c", command]}


def _wait_for(values: Values, section: Mapping[str, Any], name: str | None) -> list[dict[str, Any]]:
    """The chart's container that waits for the code server's name."""
    if name is None:
        return []
    return [
        {
            "name": f"init-user-deployment-{name}",
            "image": image_of(values["busybox"]["image"]),
            "command": ["sh", "-c", f"until nslookup {name}; do echo waiting for user service; sleep 2; done"],
            "securityContext": section["securityContext"],
            "resources": section["initContainerResources"],
        }
    ]


def _deployment(
    values: Values, component: str, section: Mapping[str, Any], does: Mapping[str, Any], waits_for: str | None = None
) -> Manifest:
    labels = labels_of(component)
    password = {"name": values["global"]["postgresqlSecretName"], "key": "postgresql-password"}
    container = {
        "image": image_of(section["image"]),
        "imagePullPolicy": section["image"]["pullPolicy"],
        "securityContext": section["securityContext"],
        "resources": section["resources"],
        "env": [{"name": "DAGSTER_PG_PASSWORD", "valueFrom": {"secretKeyRef": password}}, *section.get("env", [])],
        "envFrom": [
            *({"configMapRef": source} for source in section.get("envConfigMaps", [])),
            *({"secretRef": source} for source in section.get("envSecrets", [])),
        ],
        "volumeMounts": list(section.get("volumeMounts", [])),
        **does,
    }
    pod = {
        "serviceAccountName": values["global"]["serviceAccountName"],
        "automountServiceAccountToken": True,
        "securityContext": section["podSecurityContext"],
        "initContainers": _wait_for(values, section, waits_for),
        "containers": [container],
        "volumes": list(section.get("volumes", [])),
        **{key: section[key] for key in ("nodeSelector", "affinity", "tolerations") if key in section},
    }
    name = f"{RELEASE}-{SUBCHART}-{section['name']}" if component == "user-deployments" else component
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "strategy": section.get("deploymentStrategy", {}),
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }
