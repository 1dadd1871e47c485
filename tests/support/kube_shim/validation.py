"""Which manifests are refused, and in which words.

First by Kubernetes' own schemas (kubernetes-validate, strict: a field that the version does not know is an error,
where the real server by default drops it with a warning). Then by the rules of the real server that no schema holds
and that matter here: names, labels, resources, what a Job's template must say. Last by what the shim cannot do: it
says so instead of doing something else. Pure but for reading the schemas.
"""

import base64
import re
from collections.abc import Iterator, Mapping

from kube_shim import trouble
from kube_shim.kinds import JOBS, NODES, PODS, SECRETS, Json, Kind
from kube_shim.quantity import NotAQuantity, is_extended, parse
from kube_shim.trouble import Cause

_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_LABEL_RULE = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'"
_SECONDS = ("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "terminationGracePeriodSeconds")
_LARGEST = 2**31 - 1
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character"
)
_PHASES = ("Pending", "Running", "Succeeded", "Failed", "Unknown")
_RESOURCES = {"cpu", "memory", "ephemeral-storage", "pods"}
_UNSUPPORTED = "Unsupported value: {value}: this shim does not {what}"


def check(kind: Kind, manifest: Json, version: str) -> None:
    """Raises 422 with every reason why the manifest is refused, 400 where it is not even one."""
    name = str(manifest["metadata"].get("name") or manifest["metadata"].get("generateName") or "")
    found = list(_schema(manifest, version)) or [*_names(kind, manifest), *_of_kind(kind, manifest)]
    if found:
        raise trouble.invalid(kind, name, found)


def check_status(kind: Kind, manifest: Json) -> None:
    """Raises 422 for a status that says less than the controllers count on."""
    status = manifest.get("status") or {}
    found: list[Cause] = []
    if kind == PODS and status.get("phase") not in _PHASES:
        found.append(Cause("status.phase", f"Unsupported value: supported values: {', '.join(_PHASES)}"))
    if kind == NODES:
        for field in ("capacity", "allocatable"):
            found += _quantities(f"status.{field}", status.get(field) or {})
            if field not in status:
                found.append(Cause(f"status.{field}", "Required value", "FieldValueRequired"))
    if found:
        raise trouble.invalid(kind, manifest["metadata"]["name"], found)


def _schema(manifest: Json, version: str) -> Iterator[Cause]:
    import kubernetes_validate

    try:
        kubernetes_validate.validate(manifest, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(str(part) for part in error.path) or "<root>"
        yield Cause(path, f"Invalid value: {error.message[:2000]} (schema of Kubernetes {error.version})")


def _names(kind: Kind, manifest: Json) -> Iterator[Cause]:
    meta = manifest["metadata"]
    name, prefix = meta.get("name"), meta.get("generateName")
    if not name and not prefix:
        yield Cause("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
    text = name or f"{prefix}aaaaa"
    limit = 63 if kind == JOBS else 253
    if len(text) > limit:
        yield Cause("metadata.name", f'Invalid value: "{text[:300]}": must be no more than {limit} characters')
    elif not _SUBDOMAIN.fullmatch(text):
        yield Cause("metadata.name", f'Invalid value: "{text}": {_NAME_RULE}')
    yield from _labels("metadata.labels", meta)
    if kind == JOBS:
        template = (manifest.get("spec") or {}).get("template") or {}
        yield from _labels("spec.template.metadata.labels", template.get("metadata") or {})


def _labels(path: str, meta: Json) -> Iterator[Cause]:
    for value in (meta.get("labels") or {}).values():
        if not _VALUE.fullmatch(str(value)):
            yield Cause(path, f'Invalid value: "{str(value)[:300]}": {_VALUE_RULE}')


def _of_kind(kind: Kind, manifest: Json) -> Iterator[Cause]:
    if kind == PODS:
        yield from _pod("spec", manifest.get("spec") or {})
    if kind == SECRETS:
        yield from _encoded(manifest.get("data") or {})
    if kind == JOBS:
        yield from _job(manifest.get("spec") or {"template": {}})


def _encoded(data: Mapping[str, str]) -> Iterator[Cause]:
    for name, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except ValueError:
            yield Cause(f"data[{name}]", "Invalid value: illegal base64 data")


def _whole(path: str, spec: Json) -> Iterator[Cause]:
    for name in _SECONDS:
        if not 0 <= spec.get(name, 0) <= _LARGEST:
            said = f"Invalid value: {str(spec[name])[:40]}: must be between 0 and {_LARGEST}, inclusive"
            yield Cause(f"{path}.{name}", said)


def _job(spec: Json) -> Iterator[Cause]:
    template = spec["template"].get("spec") or {}
    policy = template.get("restartPolicy", "Always")
    if policy == "Always":
        said = 'Required value: valid values: "OnFailure", "Never"'
        yield Cause("spec.template.spec.restartPolicy", said, "FieldValueRequired")
    for field in ("parallelism", "completions"):
        if spec.get(field) not in {None, 1}:
            said = _UNSUPPORTED.format(value=spec[field], what="run more than one pod of a job at once")
            yield Cause(f"spec.{field}", said, "FieldValueNotSupported")
    if spec.get("suspend"):
        said = _UNSUPPORTED.format(value="true", what="suspend jobs")
        yield Cause("spec.suspend", said, "FieldValueNotSupported")
    yield from _whole("spec", spec)
    yield from _pod("spec.template.spec", template)


def _pod(path: str, spec: Json) -> Iterator[Cause]:
    yield from _whole(path, spec)
    containers = spec.get("containers") or []
    if not containers:
        yield Cause(f"{path}.containers", "Required value", "FieldValueRequired")
    seen: set[str] = set()
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or []):
            where = f"{path}.{field}[{number}]"
            yield from _container(where, container)
            if container["name"] in seen:
                yield Cause(f"{where}.name", f'Duplicate value: "{container["name"]}"', "FieldValueDuplicate")
            seen.add(container["name"])
    volumes = {volume["name"] for volume in spec.get("volumes") or []}
    for number, container in enumerate(containers):
        for position, mount in enumerate(container.get("volumeMounts") or []):
            if mount["name"] not in volumes:
                where = f"{path}.containers[{number}].volumeMounts[{position}].name"
                yield Cause(where, f'Not found: "{mount["name"]}"', "FieldValueNotFound")


def _container(path: str, container: Json) -> Iterator[Cause]:
    if not re.fullmatch(_LABEL, container["name"]):
        yield Cause(f"{path}.name", f'Invalid value: "{container["name"][:300]}": {_LABEL_RULE}')
    if not container.get("image"):
        yield Cause(f"{path}.image", "Required value", "FieldValueRequired")
    if container.get("restartPolicy"):
        said = _UNSUPPORTED.format(value=container["restartPolicy"], what="run sidecars")
        yield Cause(f"{path}.restartPolicy", said, "FieldValueNotSupported")
    yield from _environment(path, container)
    resources = container.get("resources") or {}
    yield from _resources(f"{path}.resources", resources.get("limits") or {}, resources.get("requests") or {})


def _environment(path: str, container: Json) -> Iterator[Cause]:
    named = [(f"{path}.envFrom[{n}]", s) for n, s in enumerate(container.get("envFrom") or [])]
    for number, entry in enumerate(container.get("env") or []):
        if "valueFrom" in entry:
            where = f"{path}.env[{number}].valueFrom"
            named.append((where, entry["valueFrom"]))
            if entry.get("value"):
                yield Cause(where, "Invalid value: may not be specified when `value` is not empty")
    for where, source in named:
        if sum(1 for name in source if name.endswith("Ref")) != 1:
            yield Cause(where, "Invalid value: must specify exactly one source")


def _resources(path: str, limits: Mapping[str, object], requests: Mapping[str, object]) -> Iterator[Cause]:
    """The rules of k8s.io/kubernetes, pkg/apis/core/validation: ValidateContainerResourceRequirements."""
    broken = [*_quantities(f"{path}.limits", limits), *_quantities(f"{path}.requests", requests)]
    if broken:
        yield from broken
        return
    for name, value in requests.items():
        if name not in limits:
            if is_extended(name):
                said = "Required value: Limit must be set for non overcommitable resources"
                yield Cause(f"{path}.limits", said, "FieldValueRequired")
        elif is_extended(name) and parse(value) != parse(limits[name]):
            said = f'Invalid value: "{value}": must be equal to {name} limit of {limits[name]}'
            yield Cause(f"{path}.requests", said)
        elif parse(value) > parse(limits[name]):
            said = f'Invalid value: "{value}": must be less than or equal to {name} limit of {limits[name]}'
            yield Cause(f"{path}.requests", said)


def _quantities(path: str, resources: Mapping[str, object]) -> Iterator[Cause]:
    for name, value in resources.items():
        where = f"{path}[{name}]"
        try:
            amount = parse(value)
        except NotAQuantity as error:
            yield Cause(where, f'Invalid value: "{value}": {error}')
            continue
        if amount < 0:
            yield Cause(where, f'Invalid value: "{value}": must be greater than or equal to 0')
        if is_extended(name) and amount.denominator != 1:
            yield Cause(where, f'Invalid value: "{value}": must be an integer')
        if "/" not in name and name not in _RESOURCES and "hugepages-" not in name:
            said = f'Invalid value: "{name}": must be a standard resource type or fully qualified'
            yield Cause(where, said)
