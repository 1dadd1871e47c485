"""What kustomize makes of a folder, of the parts that ours use; any other field is refused, as one misspelt would be.

Here belong resources, namespace, images, and patches by RFC 6902. Not here: what comes of it has to be
(`tests/deploy/test_example.py`, which asks kubectl as well where there is one).
"""

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

_KNOWN = {"apiVersion", "kind", "namespace", "resources", "images", "patches"}
_OPERATIONS = {"add": {"op", "path", "value"}, "replace": {"op", "path", "value"}, "remove": {"op", "path"}}


class BadOverlay(ValueError):
    """Kustomize would refuse the folder, or this does not know what it would do."""


def build(folder: Path) -> list[Manifest]:
    """Every object of a folder. Raises `BadOverlay`."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := sorted(told.keys() - _KNOWN):
        raise BadOverlay(f"{folder.name}: no field {', '.join(unknown)}")
    objects = [one for name in told.get("resources", []) for one in _resource(folder / name)]
    if told.get("namespace"):
        objects = [_in_namespace(one, told["namespace"]) for one in objects]
    for patch in told.get("patches", []):
        _patch(objects, patch)
    for image in told.get("images", []):
        if not [_renamed(container, image) for container in _containers(objects) if _named(container, image)]:
            raise BadOverlay(f"images: nothing has {image['name']}")
    return objects


def _resource(path: Path) -> Iterator[Manifest]:
    if path.is_dir():
        yield from build(path)
        return
    if not path.is_file():
        raise BadOverlay(f"resources: there is no {path}")
    yield from (one for one in yaml.safe_load_all(path.read_text()) if one)


def _in_namespace(one: Manifest, namespace: str) -> Manifest:
    if one["kind"] == "Namespace":
        return one
    return {**one, "metadata": {**one["metadata"], "namespace": namespace}}


def _patch(objects: list[Manifest], patch: Manifest) -> None:
    if patch.keys() != {"target", "patch"} or not patch["target"].keys() <= {"kind", "name"}:
        raise BadOverlay(f"patches: {sorted(patch)} with target {patch.get('target')}")
    target = {"kind": "", "name": "", **patch["target"]}
    chosen = [
        one
        for one in objects
        if target["kind"] in ("", one["kind"]) and target["name"] in ("", one["metadata"]["name"])
    ]
    if not chosen:
        # Kustomize itself passes over it in silence.
        raise BadOverlay(f"patches: nothing is {patch['target']}")
    operations = yaml.safe_load(patch["patch"])
    if not isinstance(operations, list) or not operations or str(patch["patch"]).lstrip().startswith("["):
        raise BadOverlay(f"patches: {patch['target']}: write a block list of operations, each after a dash")
    for one in chosen:
        for operation in operations:
            _apply(one, operation)


def _apply(one: Manifest, operation: Manifest) -> None:
    if operation.keys() != _OPERATIONS.get(operation.get("op", ""), set()):
        raise BadOverlay(f"no operation of RFC 6902: {operation}")
    start, *steps = operation["path"].split("/")
    *parents, last = (step.replace("~1", "/").replace("~0", "~") for step in steps)
    if start:
        raise BadOverlay(f"{operation['path']}: a path begins with /")
    at: Any = one
    for step in parents:
        at = at[_key(at, step, operation["path"], one)]
    name = last if operation["op"] == "add" and isinstance(at, dict) else _key(at, last, operation["path"], one)
    if operation["op"] == "remove":
        del at[name]
    elif operation["op"] == "add" and isinstance(at, list):
        at.insert(name, copy.deepcopy(operation["value"]))
    else:
        at[name] = copy.deepcopy(operation["value"])


def _key(at: Any, step: str, path: str, one: Manifest) -> Any:
    found: Any = int(step) if isinstance(at, list) and step.isdecimal() else step
    if (isinstance(at, list) and isinstance(found, int) and found < len(at)) or (isinstance(at, dict) and found in at):
        return found
    raise BadOverlay(f"{one['kind']} {one['metadata']['name']} has no {path}")


def _containers(objects: list[Manifest]) -> Iterator[Manifest]:
    for one in objects:
        pod = one.get("spec", {}).get("template", {}).get("spec", {})
        yield from (*pod.get("initContainers", []), *pod.get("containers", []))


def _named(container: Manifest, image: Manifest) -> bool:
    return (
        re.fullmatch(re.escape(image["name"]) + r"(:[\w.-]+)?(@sha256:[0-9a-f]{64})?", container["image"]) is not None
    )


def _renamed(container: Manifest, image: Manifest) -> bool:
    if image.keys() != {"name", "newName", "digest"}:
        raise BadOverlay(f"images: {sorted(image)}")
    container["image"] = f"{image['newName']}@{image['digest']}"
    return True
