"""The stand-in `msprof`: runs a program, and writes what its models did on the device.

Here belong its arguments and the tree of a profile. Not here: the tables (`msprof_tables.py`).
"""

import shlex
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from stand_ins import tree
from stand_ins.msprof_tables import tables
from stand_ins.tree import Tree

_FLAGS_TEXT = """
output application ascendcl ge-api runtime-api task-time ai-core aic-mode aic-freq aic-metrics aicpu l2
sys-hardware-mem sys-hardware-mem-freq dvpp-profiling hccl msproftx task-memory storage-limit delay duration type
export model-id iteration-id summary-format reports clear model-execution
"""
_FLAGS = frozenset(_FLAGS_TEXT.split())
_METRICS = frozenset(
    [
        "PipeUtilization",
        "ArithmeticUtilization",
        "Memory",
        "MemoryL0",
        "MemoryUB",
        "L2Cache",
        "ResourceConflictRatio",
        "MemoryAccess",
    ]
)


def main(argv: Sequence[str], home: str) -> int:
    """Run as `msprof`. The exit code."""
    here = tree.read(home)
    here.record("msprof", argv)
    fault = here.fault("msprof").get("name", "")
    if fault == "hang":
        tree.hang()
    if fault == "crash":
        tree.crash()
    if list(argv) in (["--help"], ["-h"]):
        tree.say("Usage:\n      msprof [--options]\nOptions:")
        for name in sorted(_FLAGS):
            tree.say(f"      --{name:<30} <Optional>")
        return 0
    flags, application = _split(argv)
    unknown = sorted(set(flags) - _FLAGS)
    if unknown or flags.get("aic-metrics", "PipeUtilization") not in _METRICS:
        tree.say(f"[ERROR] Argument {' '.join(unknown) or '--aic-metrics'} is invalid.")
        return 1
    if flags.get("export") == "on":
        return _export(here, Path(flags["output"]), fault)
    return _collect(here, flags, application, fault)


def _split(argv: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """Flags before the program, and the program: the rest, or `--application`."""
    flags: dict[str, str] = {}
    left = list(argv)
    while left and left[0].startswith("--"):
        name, _, value = left.pop(0)[2:].partition("=")
        flags[name] = value
    return flags, left or shlex.split(flags.get("application", ""))


def _collect(here: Tree, flags: dict[str, str], application: Sequence[str], fault: str) -> int:
    if not application:
        tree.say("[ERROR] No application to profile.")
        return 1
    before = len(here.lines(tree.RUNS))
    tree.say("[INFO] Start profiling....")
    ended = subprocess.run(application, check=False)
    if ended.returncode:
        tree.say(f"[ERROR] The application ended with {ended.returncode}.")
        return 1
    if fault == "missing":
        return 0
    runs = here.lines(tree.RUNS)[before:]
    profile = Path(flags.get("output", ".")) / f"PROF_000001_{time.strftime('%Y%m%d%H%M%S')}000_ABCDEFGHIJKLMNOP"
    for run in runs[-1:]:
        data = profile / f"device_{run['device']}" / "data"
        data.mkdir(parents=True, exist_ok=True)
        (profile / "host").mkdir(exist_ok=True)
        (data / "run").write_text(f"{run['om']}\n{run['runs']}\n", encoding="utf-8")
    tree.say(f"[INFO] Process profiling data complete. Data is saved in {profile}")
    # The oldest generation leaves raw data, and exports when it is told to.
    return 0 if here.generation == "7" else _export(here, profile, fault)


def _export(here: Tree, profile: Path, fault: str) -> int:
    devices = sorted(profile.glob("device_*"))
    if not devices:
        tree.say(f"[ERROR] No data in {profile}.")
        return 1
    if fault == "no_csv":
        return 0
    for device in devices:
        om, runs = (device / "data" / "run").read_text(encoding="utf-8").split("\n")[:2]
        number = int(device.name.partition("_")[2])
        if here.generation == "7":
            folder, ending = device / "summary", f"{number}_1"
        else:
            folder, ending = profile / "mindstudio_profiler_output", time.strftime("%Y%m%d%H%M%S")
        folder.mkdir(exist_ok=True)
        for name, text in tables(here, Path(om), int(runs), number).items():
            data = bytes(range(256)) * 40 if fault == "garbage_csv" else text.encode()
            (folder / f"{name}_{ending}.csv").write_bytes(data)
    tree.say("[INFO] Export data complete.")
    return 0
