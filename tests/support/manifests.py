"""The manifests of `deploy/k8s/manifests`, as data.

Here belong reading them and finding the pods in them. Not here: any judgement.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "k8s" / "manifests"

Manifest = dict[str, Any]


def bound() -> list[str]:
    """The files that the kustomization names."""
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    return list(kustomization["resources"])


def objects() -> list[Manifest]:
    """Every object of every file."""
    return [one for name in bound() for one in yaml.safe_load_all((FOLDER / name).read_text()) if one]


def of_kind(kind: str) -> list[Manifest]:
    """The objects of a kind."""
    return [one for one in objects() if one["kind"] == kind]


def named(kind: str, name: str) -> Manifest:
    """One object. Raises `ValueError` where it is not there, or there twice."""
    (found,) = (one for one in of_kind(kind) if one["metadata"]["name"] == name)
    return found


def pods(manifests: list[Manifest]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods of Deployments and Jobs, by name."""
    for one in manifests:
        if one["kind"] in {"Deployment", "Job"}:
            yield f"{one['kind']} {one['metadata']['name']}", one["spec"]["template"]["spec"]
