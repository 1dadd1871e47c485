"""Our own policies, over every pod of the deployment: manifests', the chart's, runs', steps'. Each can refuse."""

import copy
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster_k8s.client
import helm_pods
import helm_values
import manifests
import pytest
import yaml
from pod_policies import RULES, faults

from resources.kubernetes.cluster import Cluster
from resources.kubernetes.pod import Need, op_tags

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "cluster.yaml"
STAGES = (
    Need("source"),
    Need("judging"),
    Need("om", cann="8.0.0"),
    Need("precision", cann="8.0.0", soc="Ascend310P3"),
    Need("benchmark", cann="8.0.0", soc="Ascend910B3"),
)


def cluster(**changes: Any) -> Cluster:
    return Cluster.model_validate(yaml.safe_load(CLUSTER.read_text()) | {"service_account": "ascend-step"} | changes)


def rendered(folder: Path) -> dict[str, dict[str, Any]]:
    """Every pod there is, by name."""
    values = helm_values.load()
    found = [*manifests.objects(), *helm_pods.deployments(values), helm_pods.run_job(values, folder)]
    pods = dict(manifests.pods(found))
    for runtime in ("ascend-docker-runtime", "mounts"):
        for need in STAGES:
            job = helm_pods.step_job(values, folder, op_tags(cluster(runtime=runtime), need))
            pods[f"step {need.stage} with {runtime}"] = job["spec"]["template"]["spec"]
    return pods


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    return rendered(tmp_path_factory.mktemp("pods"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_pod_keeps_every_rule(
    pods: dict[str, dict[str, Any]], rule: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    assert {name: said for name, pod in pods.items() if (said := list(rule(pod)))} == {}


def test_none_was_overlooked(pods: dict[str, dict[str, Any]]) -> None:
    chart = {"webserver", "daemon", "dagster-user-deployments-ascend"}
    assert {f"Deployment dagster-{name}" for name in chart} | {
        "Deployment ascend-proxy",
        "Job ascend-init",
        "Job dagster-run-0",
    } < set(pods)


def test_whoever_waits_for_a_name_has_an_nslookup_that_finds_it(pods: dict[str, dict[str, Any]]) -> None:
    """Since busybox 1.29 nslookup fails where one of several search domains does not know the name."""
    images = {
        str(one["image"])
        for pod in pods.values()
        for one in pod.get("initContainers", [])
        if "nslookup" in " ".join(one.get("command", []))
    }
    assert images
    for image in images:
        version = re.fullmatch(r"docker\.io/library/busybox:(\d+)\.(\d+)(?:\.\d+)?", image)
        assert version is not None, image
        assert tuple(map(int, version.groups())) < (1, 29)


def test_a_step_runs_under_the_account_that_may_do_nothing(pods: dict[str, dict[str, Any]]) -> None:
    """Models' own code is somebody else's, and a token that may make pods is the cluster's keys."""
    accounts = {pod["serviceAccountName"] for name, pod in pods.items() if name.startswith("step ")}
    assert accounts == {"ascend-step"}
    bound = [one["name"] for binding in manifests.of_kind("RoleBinding") for one in binding["subjects"]]
    assert bound == ["ascend-dagster"]


CALLS = {
    "create_namespaced_job": ("batch", "jobs", "create"),
    "delete_namespaced_job": ("batch", "jobs", "delete"),
    "list_namespaced_job": ("batch", "jobs", "list"),
    "read_namespaced_job_status": ("batch", "jobs/status", "get"),
    "list_namespaced_pod": ("", "pods", "list"),
    "read_namespaced_pod": ("", "pods", "get"),
    "delete_namespaced_pod": ("", "pods", "delete"),
    "read_namespaced_pod_log": ("", "pods/log", "get"),
    "list_namespaced_event": ("", "events", "list"),
}
"""What each call of Kubernetes' client needs: API group, resource, verb."""
ONLY_FOR_OWNERS = {"read_namespaced_pod"}
"""Asked only where steps' Jobs are to be owned by the run's pod (`enable_owner_references`), which ours are not."""


def calls(*sources: Path) -> set[str]:
    """The calls of the API that stand in these modules."""
    return {name for source in sources for name in re.findall(r"\.(\w+_namespaced_\w+)\b", source.read_text())}


def test_the_role_is_what_dagster_and_we_ask_and_no_more() -> None:
    """A newer dagster-k8s that asks for more, or for less, is found here; tests/k8s runs with exactly these rights."""
    client = Path(dagster_k8s.client.__file__)
    ours = list((ROOT / "ascend_assets" / "cluster").glob("*.py"))
    assert ours
    asked = calls(client, *ours) - {"create_namespaced_job_with_retries"}
    assert asked > ONLY_FOR_OWNERS
    assert not any("enable_owner_references" in path.read_text() for path in ours)
    (role,) = manifests.of_kind("Role")
    granted = {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert granted == {CALLS[call] for call in asked - ONLY_FOR_OWNERS}


GOOD: dict[str, Any] = {
    "serviceAccountName": "ascend-proxy",
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "one",
            "image": "registry.example/one:1.2.3",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "resources": {
                "requests": {"cpu": "1", "memory": "1Gi"},
                "limits": {"cpu": "1", "memory": "1Gi"},
            },
        }
    ],
}


def test_a_good_pod_has_no_faults() -> None:
    assert faults(GOOD) == []


Change = Callable[[dict[str, Any], dict[str, Any]], Any]
BAD: dict[str, Change] = {
    "runAsNonRoot": lambda pod, _: pod["securityContext"].pop("runAsNonRoot"),
    "runAsUser is root": lambda _, one: one["securityContext"].update(runAsUser=0),
    "runAsUser": lambda pod, _: pod["securityContext"].pop("runAsUser"),
    "privileged": lambda _, one: one["securityContext"].update(privileged=True),
    "allowPrivilegeEscalation": lambda _, one: one["securityContext"].pop("allowPrivilegeEscalation"),
    "capabilities are not": lambda _, one: one["securityContext"].update(capabilities={"drop": ["NET_RAW"]}),
    "capabilities": lambda _, one: one["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    "seccompProfile": lambda pod, _: pod["securityContext"].update(seccompProfile={"type": "Unconfined"}),
    "no limits of memory": lambda _, one: one["resources"]["limits"].pop("memory"),
    "no requests of cpu": lambda _, one: one["resources"]["requests"].pop("cpu"),
    "no limits of cpu": lambda _, one: one.pop("resources"),
    "registry.example/one:latest has": lambda _, one: one.update(image="registry.example/one:latest"),
    "registry.example:5000/one has": lambda _, one: one.update(image="registry.example:5000/one"),
    "no image has": lambda _, one: one.pop("image"),
    "has neither": lambda _, one: one.update(image="registry.example/one@sha256:1234"),
    "hostNetwork": lambda pod, _: pod.update(hostNetwork=True),
    "hostPath /var/run": lambda pod, _: pod.update(volumes=[{"name": "v", "hostPath": {"path": "/var/run"}}]),
    "hostPath /usr/local/dcmi": lambda pod, _: pod.update(
        volumes=[{"name": "v", "hostPath": {"path": "/usr/local/dcmi"}}]  # may be written to
    ),
    "S3_SECRET is not from a Secret": lambda _, one: one.update(env=[{"name": "S3_SECRET", "value": "x"}]),
    "API_TOKEN is not from a Secret": lambda _, one: one.update(
        env=[{"name": "API_TOKEN", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "b"}}}]
    ),
    "an argument holds a secret": lambda _, one: one.update(args=["--client-secret=x"]),
    "the token of account ascend-proxy": lambda pod, _: pod.pop("automountServiceAccountToken"),
    "the token of account default": lambda pod, _: (
        pod.pop("serviceAccountName"),
        pod.pop("automountServiceAccountToken"),
    ),
}


@pytest.mark.parametrize("said", BAD)
def test_a_bad_pod_is_refused(said: str) -> None:
    pod = copy.deepcopy(GOOD)
    BAD[said](pod, pod["containers"][0])
    assert any(said in fault for fault in faults(pod)), faults(pod)


def test_what_runs_before_a_container_is_judged_too() -> None:
    pod = copy.deepcopy(GOOD) | {"initContainers": [{"name": "zero", "image": "registry.example/zero"}]}
    assert {"zero"} == {fault.partition(":")[0] for fault in faults(pod)}
