"""Nodes of a cluster with stand-ins for CANN: what a container finds there is what the image and the driver would give.

Here belong the machines. Not here: what the stand-ins do (`stand_ins`), or the cluster's own file (`cluster_site.py`).
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cluster_site import RESOURCES, SELECTORS, TAINT
from kube_shim import Node
from stand_ins.installing import Release, StandIns, install
from stand_ins.sharing import variables
from stand_ins.tree import Chip

RELEASE: Release = "8.1"
_CHIPS = {"Ascend310P3": Chip(0, 0, 0, "310P3", 21527), "Ascend910B3": Chip(0, 0, 0, "910B3", 65536)}


def nodes(folder: Path, cards: Mapping[str, int], path: str) -> tuple[Node, ...]:
    """A node without a card, and one with one card for each of `cards`, SoC version -> how many. `path`: their PATH."""
    cache = folder / "cache"
    bare = install(folder / "cpu-0", RELEASE, cache=cache, driver=False)
    return (
        Node("cpu-0", env=_found(bare, path)),
        *(_with_card(folder, soc, number, path) for soc, count in cards.items() for number in range(count)),
    )


def _with_card(folder: Path, soc: str, number: int, path: str) -> Node:
    name = f"npu-{_CHIPS[soc].name.lower()}-{number}"
    made = install(folder / name, RELEASE, cache=folder / "cache")
    replace(made.tree, soc=soc, chips=(_CHIPS[soc],)).write()
    return Node(name, {RESOURCES[soc]: "1"}, labels=SELECTORS[soc], taints=(TAINT,), env=_found(made, path))


def _found(made: StandIns, path: str) -> dict[str, str]:
    """Environment of containers: CANN as the image has it, npu-smi as the driver does."""
    own = {name: value for name, value in variables(made).items() if name != "ASCEND_STATE"}
    return {**own, "PATH": f"{made.root / 'usr' / 'local' / 'bin'}{os.pathsep}{path}"}
