"""A shim for every test of it, and the real clients of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_shim import Node, Pace, Shim, running_shim
from kube_shim.samples import NPU, Clients, clients

QUICK = Pace(look=0.05, image_retry=0.2, restart=0.1, job_retry=0.1, node_lost=0.3)


@pytest.fixture(scope="session", autouse=True)
def waiting() -> dict[str, str]:
    """In place of the one for tests of a whole cluster: nothing has to be started for these."""
    return {}


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[Shim]:
    """Two nodes, one of them with two NPUs."""
    nodes = [Node("npus", {NPU: "2", "cpu": "8"}, {"accelerator": "huawei-Ascend310P"}), Node("plain", {"cpu": "4"})]
    with running_shim(tmp_path / "shim", nodes, env={"PATH": "/usr/bin:/bin"}, pace=QUICK) as running:
        yield running


@pytest.fixture
def api(shim: Shim) -> Clients:
    return clients(shim.kubeconfig)
