"""A model on a stand-in's device: opened as the runtime opens it, computed by the CPU with FP16 rounding.

Here belong the runtime's refusals with their numbers, gears, and the times to claim. Not here: any tool's arguments or
console.
"""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stand_ins import aipp
from stand_ins.payload import NotOm, from_om
from stand_ins.tree import Tree

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEVICE_SETUP, NO_MEMORY, WRONG_SOC, AICORE, LOAD = 507033, 207001, 507008, 507015, 545001
JITTER = 0.02


class AclError(Exception):
    """The runtime refuses; the message has its words and its number."""


def _refused(text: str, code: int) -> AclError:
    return AclError(f"{text} failed, retCode {code}")


class Loaded:
    """A model on a device, ready to run."""

    def __init__(self, tree: Tree, om: Path, device: int) -> None:
        fault = tree.fault("ais_bench").get("name", "")
        _open_device(tree, device, busy=fault == "busy")
        if fault == "out_of_memory":
            raise _refused("aclrtMalloc", NO_MEMORY)
        try:
            self.payload = from_om(om)
            self.name = om.read_bytes()[84:116].rstrip(b"\0").decode()
        except (NotOm, OSError) as error:
            raise _refused(f"load model from file {om.name} ({error})", LOAD) from error
        self.meta = self.payload.meta
        if self.meta["options"]["soc_version"] != tree.soc:
            raise _refused("aclmdlExecute: the soc of the model does not match", WRONG_SOC)
        if fault == "aicore":
            raise _refused("aclmdlExecute: aicore exception", AICORE)
        self._random = random.Random(7)  # noqa: S311 - jitter, no secret
        self._session: Any = None

    @property
    def inputs(self) -> list[tuple[str, str, list[int]]]:
        return [(name, dtype, shape) for name, dtype, shape in self.meta["inputs"]]

    @property
    def outputs(self) -> list[str]:
        return [name for name, _, _ in self.meta["outputs"]]

    def gear(self, sizes: Sequence[Sequence[int]]) -> dict[str, Any]:
        """The times of the gear that inputs of these shapes are of. Raises `AclError`."""
        given = {name: list(size) for (name, _, _), size in zip(self.inputs, sizes, strict=True)}
        for gear in self.meta["times"]:
            wanted = {name: list(shape) for name, _, shape in self.inputs} | gear["shapes"]
            if wanted == given:
                found: dict[str, Any] = gear
                return found
        raise AclError(
            f"tensor size mismatches. given {given}, the model has {[g['shapes'] for g in self.meta['times']]}"
        )

    def feeds(self, arrays: "Sequence[NDArray[Any]]") -> "dict[str, NDArray[Any]]":
        """What the network itself gets, behind AIPP."""
        ops = self.meta["aipp"]
        return {n: aipp.prepare(ops, n, array) for (n, _, _), array in zip(self.inputs, arrays, strict=True)}

    def run(self, arrays: "Sequence[NDArray[Any]]") -> "list[NDArray[Any]]":
        """One batch."""
        from resources.onnx_files.sessions import open_session, run_session, session_options

        if self._session is None:
            self._session = open_session(self.payload.lowered, session_options())
        made = run_session(self._session, self.outputs, self.feeds(arrays))
        return [made[name] for name in self.outputs]

    def milliseconds(self, gear: dict[str, Any]) -> float:
        """How long one run claims to have taken."""
        return float(gear["ms"]) * (1 + JITTER * self._random.random())


def _open_device(tree: Tree, device: int, *, busy: bool) -> None:
    ids = [chip.logic for chip in tree.chips]
    if given := os.environ.get("ASCEND_RT_VISIBLE_DEVICES"):
        ids = [int(number) for number in given.split(",") if int(number) in ids]
    if busy or device >= len(ids):
        raise AclError(f"acl open device {device} failed, retCode {DEVICE_SETUP}")
