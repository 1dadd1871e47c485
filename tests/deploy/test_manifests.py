"""The manifests are what Kubernetes takes, in two versions, and name each other rightly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_pods
import helm_values
import kubernetes_validate
import manifests
import pytest

VERSIONS = ("1.33", "1.37")
"""The oldest that still gets fixes when this was written, and the newest whose schemas there are."""

OBJECTS = manifests.objects()


def name(one: dict[str, Any]) -> str:
    return f"{one['kind']}-{one['metadata']['name']}"


def valid(one: dict[str, Any], version: str) -> None:
    assert kubernetes_validate.validate(one, version, strict=True) == version


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", OBJECTS, ids=name)
def test_an_object_is_one_of_kubernetes(one: dict[str, Any], version: str) -> None:
    valid(one, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_so_is_what_the_chart_makes_of_the_values(version: str, tmp_path: Path) -> None:
    values = helm_values.load()
    for one in [*helm_pods.deployments(values), helm_pods.run_job(values, tmp_path)]:
        valid(one, version)


def test_what_is_not_one_is_refused() -> None:
    job = {**manifests.named("Job", "ascend-init"), "surprise": True}
    with pytest.raises(kubernetes_validate.ValidationError):
        valid(job, VERSIONS[0])


def test_every_file_is_bound_once() -> None:
    files = sorted(path.name for path in manifests.FOLDER.glob("*.yaml"))
    assert sorted([*manifests.bound(), "kustomization.yaml"]) == files


def test_no_two_objects_have_one_name() -> None:
    names = [name(one) for one in OBJECTS]
    assert len(names) == len(set(names))


def test_no_secret_is_written_down() -> None:
    assert not manifests.of_kind("Secret")
    assert not manifests.of_kind("ExternalSecret")


MADE_BY_HAND = {"Secret": {"ascend-postgres", "ascend-secrets", "ascend-proxy", "ascend-git"}}
MADE_ELSEWHERE = {"ConfigMap": {"ascend-cluster", "dagster-instance"}, **MADE_BY_HAND}
"""By the commands of README.md, and by the chart."""


def wanted(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a pod needs to be there: kind, name."""
    yield "ServiceAccount", pod["serviceAccountName"]
    for volume in pod.get("volumes", []):
        if "persistentVolumeClaim" in volume:
            yield "PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]
        if "configMap" in volume:
            yield "ConfigMap", volume["configMap"]["name"]
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in pod["containers"]:
        for source in container.get("envFrom", []):
            kind, reference = next(iter(source.items()))
            yield {"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"]
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]


def test_what_a_pod_needs_is_there(tmp_path: Path) -> None:
    values = helm_values.load()
    there = {(one["kind"], one["metadata"]["name"]) for one in OBJECTS}
    there |= {(kind, each) for kind, names in MADE_ELSEWHERE.items() for each in names}
    all_pods = [*OBJECTS, *helm_pods.deployments(values), helm_pods.run_job(values, tmp_path)]
    missing = {need for _, pod in manifests.pods(all_pods) for need in wanted(pod)} - there
    assert not missing


def test_readme_says_how_every_secret_is_made() -> None:
    text = (manifests.FOLDER.parent / "README.md").read_text()
    for secret in MADE_BY_HAND["Secret"]:
        assert f"create secret generic {secret}" in text
    assert "create configmap ascend-cluster" in text


def test_the_proxy_leads_to_the_webserver() -> None:
    values = helm_values.load()
    webserver = values["dagsterWebserver"]
    (container,) = manifests.named("Deployment", "ascend-proxy")["spec"]["template"]["spec"]["containers"]
    address = f"http://{helm_values.RELEASE}-{webserver['nameOverride']}:{webserver['service']['port']}/"
    assert f"--upstream={address}" in container["args"]
    assert webserver["service"]["type"] == "ClusterIP"
    assert values["ingress"]["enabled"] is False


def test_the_bootstrap_job_is_of_the_same_image_and_sees_what_a_run_sees() -> None:
    values = helm_values.load()
    user = helm_values.user_deployment(values)
    pod = manifests.named("Job", "ascend-init")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == helm_pods.image_of(user["image"])
    theirs = {mount["name"]: mount["mountPath"] for mount in user["volumeMounts"]}
    own = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert theirs.items() <= own.items()
    assert f"{values['global']['dagsterHome']}/dagster.yaml" == own["instance"]
    assert {"configMapRef": {"name": "ascend-settings"}} in container["envFrom"]
