"""Who may talk to whom, by the policies as Kubernetes reads them."""

import helm_pods
import manifests
import pytest
from network_policies import Address, Peer, Pod, may

POLICIES = manifests.of_kind("NetworkPolicy")

WEBSERVER = Pod(helm_pods.labels_of("dagster-webserver"))
DAEMON = Pod(helm_pods.labels_of("dagster-daemon"))
CODE = Pod(helm_pods.labels_of("user-deployments"))
RUN = Pod(helm_pods.labels_of("run_worker"))
STEP = Pod(helm_pods.labels_of("step_worker"))
INIT = Pod(manifests.named("Job", "ascend-init")["spec"]["template"]["metadata"]["labels"])
PROXY = Pod(manifests.named("Deployment", "ascend-proxy")["spec"]["template"]["metadata"]["labels"])
STRANGER = Pod({"app": "somebody"})
INGRESS = Pod({"app": "nginx"}, namespace="ingress-nginx")
ELSEWHERE = Pod({"app": "somebody"}, namespace="default")
NAMES = Pod({"k8s-app": "kube-dns"}, namespace="kube-system")
OURS = {
    "webserver": WEBSERVER, "daemon": DAEMON, "code": CODE, "run": RUN, "step": STEP, "init": INIT, "proxy": PROXY,
    "stranger": STRANGER,
}  # fmt: skip


def address(policy: str) -> Address:
    """Where a policy of egress leads."""
    (rule,) = manifests.named("NetworkPolicy", policy)["spec"]["egress"]
    return Address(rule["to"][0]["ipBlock"]["cidr"].partition("/")[0])


TARGETS: dict[str, tuple[Peer, int, set[str]]] = {
    "the webserver": (WEBSERVER, 3000, {"proxy"}),
    "the code server": (CODE, 4000, {"webserver", "daemon"}),
    "the proxy": (PROXY, 4180, set()),
    "a run": (RUN, 8080, set()),
    "a step": (STEP, 8080, set()),
    "names": (NAMES, 53, set(OURS)),
    "postgres": (address("to-postgres"), 5432, {"webserver", "daemon", "code", "run", "step", "init"}),
    "kubernetes": (address("to-kubernetes"), 6443, {"webserver", "daemon", "run"}),
    "the store": (address("to-store"), 443, {"code", "run", "step", "init"}),
    "git": (address("to-git"), 22, {"code", "run", "step", "init"}),
    "the issuer": (address("to-issuer"), 443, {"proxy"}),
    "anywhere": (Address("198.51.100.7"), 443, set()),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_is_reached_by_these_alone(target: str) -> None:
    peer, port, admitted = TARGETS[target]
    assert {name for name, pod in OURS.items() if may(POLICIES, pod, peer, port)} == admitted


def test_from_outside_only_the_ingress_controller_gets_in_and_only_to_the_proxy() -> None:
    assert may(POLICIES, INGRESS, PROXY, 4180)
    assert not may(POLICIES, ELSEWHERE, PROXY, 4180)
    assert not any(may(POLICIES, INGRESS, pod, 3000) for pod in OURS.values())


def test_another_port_of_a_reachable_target_is_closed() -> None:
    assert not may(POLICIES, PROXY, WEBSERVER, 3001)
    assert not may(POLICIES, DAEMON, CODE, 22)
    assert not may(POLICIES, STEP, NAMES, 80)


def test_every_address_stands_in_one_place() -> None:
    blocks = [
        peer["ipBlock"]["cidr"]
        for policy in POLICIES
        for rule in policy["spec"].get("egress", [])
        for peer in rule.get("to", [])
        if "ipBlock" in peer
    ]
    assert len(blocks) == len(set(blocks)) == 5
    assert all(block.startswith("192.0.2.") for block in blocks)  # nobody's, until a site says whose


def test_without_policies_everything_would_be_open() -> None:
    """So that the tests above could fail."""
    assert may([], STRANGER, WEBSERVER, 3000)
