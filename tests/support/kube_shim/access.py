"""Who may do what: rules in the form of a Role's `rules`, over one namespace.

Pure. The rules are those of rbac.authorization.k8s.io/v1: a verb is allowed if one rule allows it; `*` means all;
`resourceNames` limits a rule to named objects. Not here: ClusterRoles, bindings and groups; the shim has one user.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kube_shim import trouble
from kube_shim.routes import Ask

Rule = Mapping[str, Any]


def check(rules: Sequence[Rule], ask: Ask, namespace: str, user: str) -> None:
    """Raises 403 unless a rule of the namespace's role allows what is asked."""
    here = ask.kind.namespaced and ask.namespace == namespace
    if here and any(_allows(rule, ask) for rule in rules):
        return
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    asked = f'User "{user}" cannot {ask.verb} resource "{ask.resource}" in API group "{ask.kind.group}" {where}'
    raise trouble.forbidden(ask.kind, ask.name, asked)


def _allows(rule: Rule, ask: Ask) -> bool:
    names = rule.get("resourceNames") or []
    return (
        _in(rule.get("apiGroups") or [], ask.kind.group)
        and _in(rule.get("resources") or [], ask.resource)
        and _in(rule.get("verbs") or [], ask.verb)
        # A list or a creation names no object, so a rule of named objects cannot allow it.
        and (not names or ask.name in names)
    )


def _in(allowed: Sequence[str], asked: str) -> bool:
    return "*" in allowed or asked in allowed
