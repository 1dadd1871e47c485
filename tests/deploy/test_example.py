"""The folder that a site copies: it fits what it is laid over, and changes all that is nobody's and nothing else."""

import copy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import helm_pods
import helm_values
import kustomize
import manifests
import pytest
import yaml
from pod_policies import faults

EXAMPLE = manifests.FOLDER.parent / "example"
SITE = EXAMPLE / "site.yaml"
NODES = {"kubernetes.io/os": "linux"}


def by_kubectl(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, check=True, timeout=60)  # noqa: S607
    return [one for one in yaml.safe_load_all(done.stdout) if one]


BUILDERS = {"ours": kustomize.build, **({"kubectl": by_kubectl} if shutil.which("kubectl") else {})}
"""Kustomize's rules as the tests know them and, where there is a kubectl, its own."""


@pytest.fixture(params=BUILDERS)
def objects(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return BUILDERS[request.param](EXAMPLE)


def one_of(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = (one for one in objects if identity(one) == (kind, name))
    return found


def leaves(node: Any, path: str = "") -> dict[str, Any]:
    """Every value of a tree, by its path."""
    if isinstance(node, dict):
        return {key: value for name, each in node.items() for key, value in leaves(each, f"{path}/{name}").items()}
    if isinstance(node, list):
        return {key: value for i, each in enumerate(node) for key, value in leaves(each, f"{path}/{i}").items()}
    return {path: node}


def test_it_says_the_image_the_database_and_the_nodes_and_nothing_else() -> None:
    values, shipped = helm_values.load(SITE), helm_values.load()
    image = values["dagsterWebserver"]["image"]
    (entry,) = shipped["dagster-user-deployments"]["deployments"]
    expected = helm_values.laid_over(
        shipped,
        {
            "dagsterWebserver": {"image": image, "nodeSelector": NODES},
            "dagsterDaemon": {"image": image, "nodeSelector": NODES},
            "postgresql": {"postgresqlHost": "postgres.example"},
            "dagster-user-deployments": {"deployments": [{**entry, "image": image, "nodeSelector": NODES}]},
            "runLauncher": {
                "config": {
                    "customRunLauncher": {"config": {"run_k8s_config": {"pod_spec_config": {"nodeSelector": NODES}}}}
                }
            },
        },
    )
    assert values == expected
    assert image == {**shipped["dagsterWebserver"]["image"], "repository": image["repository"], "tag": image["tag"]}
    assert ".invalid" not in yaml.safe_dump(values)


def test_the_chart_takes_it_and_its_pods_keep_every_rule(tmp_path: Path) -> None:
    values = helm_values.load(SITE)
    assert helm_values.instance_config(values)["run_storage"]["config"]["postgres_db"]["hostname"] == "postgres.example"
    for name, pod in manifests.pods([*helm_pods.deployments(values), helm_pods.run_job(values, tmp_path)]):
        assert faults(pod) == [], name
        assert pod["nodeSelector"] == NODES, name


def test_the_chart_and_the_manifests_have_one_image() -> None:
    pod = one_of(kustomize.build(EXAMPLE), "Job", "ascend-init")["spec"]["template"]["spec"]
    image = helm_pods.image_of(helm_values.load(SITE)["dagsterWebserver"]["image"])
    assert [container["image"] for container in pod["containers"]] == [image]


def test_it_changes_what_is_nobody_s_and_leaves_none_of_it(objects: list[dict[str, Any]]) -> None:
    text = yaml.safe_dump_all(objects)
    assert ".invalid" not in text
    before = {value for one in manifests.of_kind("NetworkPolicy") for value in addresses(one)}
    after = [value for one in objects if one["kind"] == "NetworkPolicy" for value in addresses(one)]
    assert len(after) == len(before)
    assert before.isdisjoint(after)


def addresses(policy: dict[str, Any]) -> list[Any]:
    """The networks that a policy names."""
    return [value for path, value in leaves(policy["spec"]).items() if path.endswith("/cidr")]


def test_every_pod_s_account_has_the_registry_s_secret(objects: list[dict[str, Any]], tmp_path: Path) -> None:
    """Kubernetes gives a pod that names none those of its account; a pod of Dagster's names an empty list."""
    accounts = {one["metadata"]["name"]: one for one in objects if one["kind"] == "ServiceAccount"}
    assert all(account["imagePullSecrets"] == [{"name": "ascend-registry"}] for account in accounts.values())
    values = helm_values.load(SITE)
    everything = [*objects, *helm_pods.deployments(values), helm_pods.run_job(values, tmp_path)]
    for name, pod in manifests.pods(everything):
        assert pod["serviceAccountName"] in accounts, name
        assert not pod.get("imagePullSecrets"), name


def test_its_own_pods_go_where_the_site_says(objects: list[dict[str, Any]]) -> None:
    assert {name: pod.get("nodeSelector") for name, pod in manifests.pods(objects)} == {
        "Deployment ascend-proxy": NODES,
        "Job ascend-init": NODES,
    }


def test_what_kustomize_makes_of_it_is_what_the_tests_take_it_for(objects: list[dict[str, Any]]) -> None:
    """Of the tests' own making that is so in any case; where there is a kubectl, this holds it against the real one."""
    assert {identity(one): one for one in objects} == {identity(one): one for one in kustomize.build(EXAMPLE)}


def identity(one: dict[str, Any]) -> tuple[str, str]:
    return one["kind"], one["metadata"]["name"]


WRONG: dict[str, Any] = {
    "no field patchesJson6902": lambda told: told.update(patchesJson6902=[]),
    "there is no": lambda told: told.update(resources=["../elsewhere"]),
    "nothing is {'kind': 'ConfigMap', 'name': 'none'}": lambda told: told["patches"][0]["target"].update(name="none"),
    "has no /data/STORE": lambda told: told["patches"][0].update(
        patch="- {op: replace, path: /data/STORE, value: s3://a/b}"
    ),
    "block list": lambda told: told["patches"][0].update(patch="[{op: remove, path: /data}]"),
    "no operation of RFC 6902": lambda told: told["patches"][0].update(patch="- {op: set, path: /data, value: 1}"),
    "nothing has registry.invalid/other": lambda told: told["images"][0].update(name="registry.invalid/other"),
}


@pytest.mark.parametrize("said", WRONG)
def test_an_overlay_that_does_not_fit_is_refused(said: str, tmp_path: Path) -> None:
    told = copy.deepcopy(yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text()))
    WRONG[said](told)
    shutil.copytree(manifests.FOLDER, tmp_path / "manifests")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "kustomization.yaml").write_text(yaml.safe_dump(told))
    with pytest.raises(kustomize.BadOverlay) as caught:
        kustomize.build(tmp_path / "site")
    assert said in str(caught.value)
