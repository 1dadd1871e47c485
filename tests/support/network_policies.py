"""What network policies let through, computed as Kubernetes defines it.

Here belongs that definition (networking.k8s.io/v1): a pod that a policy of a direction selects may do in that direction
what one of them allows, and nothing else; a pod that none selects may do all. Both ends must allow. Not here: ours.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Policy = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]


@dataclass(frozen=True)
class Pod:
    """A pod of the policies' own namespace, or of another by its name."""

    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""


@dataclass(frozen=True)
class Address:
    """Somewhere outside the cluster."""

    ip: str


Peer = Pod | Address


def may(policies: Sequence[Policy], source: Peer, target: Peer, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let through by both ends."""
    out = _allowed(policies, "Egress", source, target, port, protocol)
    into = _allowed(policies, "Ingress", target, source, port, protocol)
    return out and into


def _allowed(policies: Sequence[Policy], direction: Direction, at: Peer, other: Peer, port: int, protocol: str) -> bool:
    if isinstance(at, Address) or at.namespace:
        return True  # not ours to say
    rules = list(_rules(policies, direction, at))
    if not rules and not any(True for policy in policies if _concerns(policy, direction, at)):
        return True
    return any(_admits(rule, direction, other, port, protocol) for rule in rules)


def _concerns(policy: Policy, direction: Direction, pod: Pod) -> bool:
    spec = policy["spec"]
    return direction in spec["policyTypes"] and selects(spec["podSelector"], pod.labels)


def _rules(policies: Sequence[Policy], direction: Direction, pod: Pod) -> Iterator[Mapping[str, Any]]:
    for policy in policies:
        if _concerns(policy, direction, pod):
            yield from policy["spec"].get(direction.lower()) or []


def _admits(rule: Mapping[str, Any], direction: Direction, other: Peer, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    if ports and not any(one["port"] == port and one.get("protocol", "TCP") == protocol for one in ports):
        return False
    peers = rule.get("from" if direction == "Ingress" else "to")
    return not peers or any(_is(peer, other) for peer in peers)


def _is(peer: Mapping[str, Any], other: Peer) -> bool:
    if isinstance(other, Address):
        block = peer.get("ipBlock")
        return block is not None and ipaddress.ip_address(other.ip) in ipaddress.ip_network(block["cidr"])
    if "ipBlock" in peer:
        return False
    named = {"kubernetes.io/metadata.name": other.namespace}
    here = selects(peer["namespaceSelector"], named) if "namespaceSelector" in peer else not other.namespace
    return here and selects(peer.get("podSelector", {}), other.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels. Raises `KeyError` for an operator that it does not know."""
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_matches(one, labels) for one in selector.get("matchExpressions") or [])


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", ())
    answers = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return answers[expression["operator"]]
