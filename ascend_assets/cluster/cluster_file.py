"""Reading `cluster.yaml`, and the cluster in force.

Not here: what the file may say (`resources/kubernetes/cluster.py`). It is read in profile k8s alone, and there it has
to be.
"""

import os
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ascend_assets import yaml_file
from ascend_assets.yaml_file import BadYaml, Problem
from resources.home import PROJECT
from resources.kubernetes.cluster import Cluster


class BadCluster(BadYaml):
    """A description of a cluster that cannot be in force. `problems` has every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems, "the cluster")


def location() -> Path:
    """The cluster's file: `ASCEND_CLUSTER`, else the project's `cluster.yaml`."""
    return Path(os.environ.get("ASCEND_CLUSTER") or PROJECT / "cluster.yaml").absolute()


def in_force() -> Cluster:
    """The cluster in force, read once in a process. Raises `BadCluster`."""
    return _read_once(location())


@cache
def _read_once(path: Path) -> Cluster:
    return read(path)


def read(path: Path) -> Cluster:
    """Read a cluster's description. Raises `BadCluster` with file, line and field of each problem."""
    try:
        file = yaml_file.read(path, "a cluster's file")
    except BadYaml as error:
        raise BadCluster(error.problems) from error
    try:
        return Cluster.model_validate(file.document)
    except ValidationError as error:
        raise BadCluster(file.problems(error, Cluster)) from error
