"""What README.md of deploy/k8s tells an operator to type: all of it in one folder, and about things that are there."""

import re
import shlex
from pathlib import Path

import helm_pods
import helm_values
import manifests
import pytest
from network_policies import Address, Pod, may

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "deploy" / "k8s" / "README.md"
TEXT = README.read_text()
SITE, EXAMPLE = "deploy/k8s/site", "deploy/k8s/example"
CODE_SERVER = f"dagster-dagster-user-deployments-{helm_values.user_deployment(helm_values.load())['name']}"
MAKE_REGISTRY = ["kubectl", "-n", "ascend", "create", "secret", "docker-registry"]
DEPLOYMENTS = {CODE_SERVER, "dagster-daemon", "dagster-webserver", "ascend-proxy"}


def commands() -> list[list[str]]:
    """The commands of its indented blocks, each as words; a line that ends in a backslash goes on."""
    lines = [line.strip() for line in TEXT.replace("\\\n", " ").splitlines() if re.match(r" {4,}\S", line)]
    return [shlex.split(line) for line in lines]


COMMANDS = commands()


def test_there_are_commands_to_look_at() -> None:
    programs = {words[0] for words in COMMANDS if words}
    assert {"kubectl", "helm", "buildah", "cp", "deploy/k8s/build.sh", "rclone"} <= programs


def test_it_says_once_where_all_of_them_are_given() -> None:
    assert TEXT.count("**Every command on this page is given in the root of\nthat checkout.**") == 1


def test_every_path_of_a_command_is_there_once_the_example_is_copied() -> None:
    assert ["cp", "-r", EXAMPLE, SITE] in COMMANDS
    paths = {word for words in COMMANDS for word in words if word.startswith(("deploy/k8s/", "site/", "tests/"))}
    assert f"{SITE}/site.yaml" in paths
    missing = {path for path in paths if not (ROOT / path.replace(SITE, EXAMPLE)).exists()}
    assert missing == set()


@pytest.mark.parametrize("option", ["-k", "-f"])
def test_what_is_applied_is_there(option: str) -> None:
    named = {
        words[i + 1]
        for words in COMMANDS
        for i, word in enumerate(words[:-1])
        if words[:2] in (["kubectl", "apply"], ["kubectl", "kustomize"]) and word == option
    }
    assert named
    assert all((ROOT / path.replace(SITE, EXAMPLE)).exists() for path in named if path != "-")


def test_every_deployment_that_a_command_names_is_one() -> None:
    named = set(re.findall(r"\bdeploy/([a-z-]+)\b(?!/)", TEXT)) - {"k8s", "signers"}
    assert {CODE_SERVER, "dagster-daemon"} <= named <= DEPLOYMENTS


def test_tables_are_changed_from_a_pod_that_reaches_the_database() -> None:
    (migration,) = (words for words in COMMANDS if words[-3:] == ["dagster", "instance", "migrate"])
    assert migration[:5] == ["kubectl", "-n", helm_values.NAMESPACE, "exec", f"deploy/{CODE_SERVER}"]
    assert "migrate.enabled=true" not in TEXT
    policies = manifests.of_kind("NetworkPolicy")
    (rule,) = manifests.named("NetworkPolicy", "to-postgres")["spec"]["egress"]
    database = Address(rule["to"][0]["ipBlock"]["cidr"].partition("/")[0])
    assert may(policies, Pod(helm_pods.labels_of("user-deployments")), database, 5432)
    assert not may(policies, Pod(), database, 5432)  # the chart's own job, which has no labels


def test_the_registry_s_secret_is_made_under_the_name_that_accounts_have() -> None:
    made = [words for words in COMMANDS if words[:6] == MAKE_REGISTRY]
    assert [words[6] for words in made] == ["ascend-registry"]
    assert "name: ascend-registry" in (ROOT / EXAMPLE / "kustomization.yaml").read_text()


def test_groups_are_admitted_with_any_address() -> None:
    """oauth2-proxy wants an address of `email_domains` of whoever is in one of the groups, too."""
    assert re.search(r"`OAUTH2_PROXY_ALLOWED_GROUPS` and, with groups, `OAUTH2_PROXY_EMAIL_DOMAINS: '\*'`", TEXT)


def test_the_bucket_is_copied_and_has_no_versions() -> None:
    assert "A bucket *without* versioning" in TEXT
    (copy,) = (words for words in COMMANDS if words[0] == "rclone")
    assert "--ignore-existing" in copy
    assert not any("sync" in words for words in COMMANDS)
