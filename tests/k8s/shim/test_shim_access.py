"""Who may do what: tokens, and the rules of a role."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_shim import Node, Shim, running_shim
from kube_shim.samples import clients, job
from kubernetes.client.exceptions import ApiException

ROLE = [
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list"]},
    {"apiGroups": ["batch"], "resources": ["jobs/status"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["*"]},
]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Shim]:
    with running_shim(tmp_path, [Node("n")], namespaces=("dagster", "other"), allow=ROLE) as shim:
        yield shim


def test_what_a_role_allows_can_be_done_and_nothing_else(limited: Shim) -> None:
    api = clients(limited.kubeconfig)
    api.batch.create_namespaced_job("dagster", job("a", "true"))
    assert api.batch.read_namespaced_job_status("a", "dagster").metadata.name == "a"
    refused = [
        lambda: api.batch.delete_namespaced_job("a", "dagster"),
        lambda: api.core.list_namespaced_pod("dagster"),
        lambda: api.batch.list_namespaced_job("dagster", watch=True, timeout_seconds=1),
        lambda: api.batch.create_namespaced_job("other", job("a", "true")),
        api.batch.list_job_for_all_namespaces,
        api.core.list_node,
        lambda: api.core.read_namespaced_config_map("yours", "dagster"),
        lambda: api.core.list_namespaced_config_map("dagster"),
    ]
    for attempt in refused:
        with pytest.raises(ApiException) as said:
            attempt()
        assert said.value.status == 403
    with pytest.raises(ApiException) as missing:
        api.core.read_namespaced_config_map("mine", "dagster")
    assert missing.value.status == 404, "it is allowed"


def test_a_refusal_says_who_may_not_do_what(limited: Shim) -> None:
    with pytest.raises(ApiException) as refused:
        clients(limited.kubeconfig).batch.delete_namespaced_job("a", "dagster")
    assert json.loads(refused.value.body)["message"] == (
        'jobs.batch "a" is forbidden: User "system:serviceaccount:dagster:shim" cannot delete resource "jobs" '
        'in API group "batch" in the namespace "dagster"'
    )


def test_the_administrator_may_do_everything(limited: Shim) -> None:
    assert clients(limited.admin_kubeconfig).core.list_node().items[0].metadata.name == "n"
