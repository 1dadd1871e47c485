"""A container's environment and command, from its manifest.

Pure: what the manifest refers to is looked up by a function that the caller gives. The rules are the kubelet's: later
names win, `$(NAME)` refers to what stands before, `$$` is a dollar sign. Not inherited: anything of the machine.
"""

import base64
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from kube_shim.kinds import CONFIG_MAPS, SECRETS, Json, Kind
from kube_shim.quantity import parse

Find = Callable[[Kind, str], Json | None]
"""The object of a kind with a name, in the pod's namespace."""

_REFERENCE = re.compile(r"\$\$|\$\((?P<name>[-._a-zA-Z][-._a-zA-Z0-9]*)\)")
_SUBSCRIPT = re.compile(r"metadata\.(?P<part>labels|annotations)\['(?P<key>[^']+)'\]")


class NotConfigured(Exception):
    """A manifest that refers to what is not there: the kubelet's CreateContainerConfigError."""


def variables(pod: Json, container: Json, given: Mapping[str, str], find: Find) -> dict[str, str]:
    """The environment. `given`: what it starts from. Raises `NotConfigured`."""
    made = {**given, "HOSTNAME": pod["metadata"]["name"]}
    for source in container.get("envFrom") or []:
        prefix = source.get("prefix", "")
        made |= {f"{prefix}{name}": value for name, value in _all_of(source, find).items()}
    for entry in container.get("env") or []:
        value = _value(entry, pod, container, find)
        if value is not None:
            made[entry["name"]] = expand(value, made) if "value" in entry else value
    return made


def command(container: Json, env: Mapping[str, str]) -> list[str]:
    """What is executed. Empty where the manifest leaves it to the image, which the shim does not have."""
    return [expand(word, env) for word in [*(container.get("command") or []), *(container.get("args") or [])]]


def expand(text: str, env: Mapping[str, str]) -> str:
    """With references replaced; one to an unknown name stays as it is."""

    def replaced(found: re.Match[str]) -> str:
        return "$" if found[0] == "$$" else env.get(found["name"], found[0])

    return _REFERENCE.sub(replaced, text)


def _all_of(source: Json, find: Find) -> dict[str, str]:
    kind = CONFIG_MAPS if "configMapRef" in source else SECRETS
    reference = source.get("configMapRef") or source.get("secretRef") or {}
    name = reference.get("name", "")
    found = find(kind, name)
    if found is None:
        return _absent(reference, f'{kind.name.lower()} "{name}" not found')
    return {name: _text(kind, value) for name, value in (found.get("data") or {}).items()}


def _value(entry: Json, pod: Json, container: Json, find: Find) -> str | None:
    source = entry.get("valueFrom")
    if not source:
        return str(entry.get("value") or "")
    if "fieldRef" in source:
        return _field(source["fieldRef"]["fieldPath"], pod)
    if "resourceFieldRef" in source:
        return _resource(source["resourceFieldRef"], container)
    kind = CONFIG_MAPS if "configMapKeyRef" in source else SECRETS
    reference = source.get("configMapKeyRef") or source.get("secretKeyRef") or {}
    found = find(kind, reference.get("name", ""))
    if found is None:
        _absent(reference, f'{kind.name.lower()} "{reference.get("name", "")}" not found')
        return None
    data = found.get("data") or {}
    if reference["key"] not in data:
        where = f"{pod['metadata']['namespace']}/{reference['name']}"
        _absent(reference, f"couldn't find key {reference['key']} in {kind.name} {where}")
        return None
    return _text(kind, data[reference["key"]])


def _absent(reference: Json, why: str) -> dict[str, str]:
    if not reference.get("optional"):
        raise NotConfigured(why)
    return {}


def _text(kind: Kind, value: str) -> str:
    return base64.b64decode(value).decode(errors="surrogateescape") if kind == SECRETS else value


def _field(path: str, pod: Json) -> str:
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    if found := _SUBSCRIPT.fullmatch(path):
        return str((meta.get(found["part"]) or {}).get(found["key"], ""))
    known = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec["serviceAccountName"],
        "status.hostIP": status.get("hostIP", ""),
        "status.podIP": status.get("podIP", ""),
    }
    if path not in known:
        raise NotConfigured(f"unsupported fieldPath: {path}")
    return str(known[path])


def _resource(reference: Json, container: Json) -> str:
    part, _, name = reference["resource"].partition(".")
    amount = parse((container["resources"].get(part) or {}).get(name, "0"))
    divisor = parse(reference.get("divisor") or "1") or Fraction(1)
    return str(-((-amount) // divisor))
