"""Examining the NPUs: driver, firmware, device nodes, and what npu-smi says of the devices.

Here belongs what running and measuring take; compiling takes none of it. Not here: CANN (`doctor_cann.py`).
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ascend_assets.operations.finding import Finding
from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.environment import installed_files as files
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.environment.symptoms import explain
from resources.ascend.cann.errors import NoDevice
from resources.ascend.cann.npus import devices
from resources.ascend.cann.site import Site
from resources.ascend.device_nodes import npus
from resources.ascend.toolchain import ToolchainError
from resources.process import ProcessError

GROUP = "HwHiAiUser"
"""The group that the driver's installer gives the device nodes to."""

_MANAGERS = ("davinci_manager", "devmm_svm", "hisi_hdc")
_MOUNTS = "/usr/local/Ascend/driver, /usr/local/dcmi and /usr/local/bin/npu-smi"
_PASS = (
    "start the container with --device /dev/davinci<n>, --device of /dev/davinci_manager, /dev/devmm_svm and "
    f"/dev/hisi_hdc, and mount {_MOUNTS}"
)


def examine(site: Site) -> Iterator[Finding]:
    """Driver, nodes and devices; one finding where there is neither a driver nor a node."""
    found, shown = site.installation, npus(site.root)
    inside = in_container(site.root)
    if not shown and not found.driver:
        said = "no driver and no device node here: models can be compiled, not run or measured"
        remedy = _PASS if inside else "to measure, work on a machine with an NPU, its driver and firmware"
        yield Finding("npu", ok=False, said=said, remedy=remedy, needed=False)
        return
    yield _driver(found, inside=inside)
    yield _nodes(shown, site.root, inside=inside)
    if shown:
        yield _devices(site)


def in_container(root: Path) -> bool:
    """Whether this is the inside of a container, by the marks that the usual runtimes leave."""
    if any(files.is_file(root / name) for name in (".dockerenv", "run/.containerenv")):
        return True
    return re.search(r"docker|kubepods|containerd|lxc", files.text(root / "proc" / "1" / "cgroup")) is not None


def _driver(found: Installation, *, inside: bool) -> Finding:
    name = "npu driver"
    if not found.driver:
        said = "there are device nodes, and no driver/version.info: the driver's files are not here"
        remedy = f"mount {_MOUNTS} into the container" if inside else "install the driver: Ascend-hdk-<soc>-npu-driver"
        return Finding(name, ok=False, said=said, remedy=remedy, needed=False)
    said = f"{found.driver}, firmware {found.firmware or 'not told'}"
    if child_environment.has_driver_library(found):
        return Finding(name, ok=True, said=said, needed=False)
    remedy = f"mount all of {_MOUNTS}" if inside else "install the driver again, with --full"
    said = f"{said}, but libascend_hal.so is not in its lib64: nothing runs on a device"
    return Finding(name, ok=False, said=said, remedy=remedy, needed=False)


def _nodes(shown: tuple[Path, ...], root: Path, *, inside: bool) -> Finding:
    name = "device nodes"
    if not shown:
        remedy = _PASS if inside else "see why the driver finds no card: dmesg | grep -i davinci; lspci | grep -i d80"
        return Finding(name, ok=False, said="no /dev/davinci<n>: no device here", remedy=remedy, needed=False)
    managers = tuple(root / "dev" / each for each in _MANAGERS)
    missing = [path.name for path in managers if not os.path.lexists(path)]
    if missing:
        remedy = _PASS if inside else "load the driver again: reboot"
        return Finding(name, ok=False, said=f"/dev has no {', '.join(missing)}", remedy=remedy, needed=False)
    closed = [path for path in (*shown, *managers) if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        said = f"this user may not use {', '.join(path.name for path in closed)}, of the group {_group(closed[0])}"
        remedy = f'sudo usermod -aG {_group(closed[0])} "$USER", then log in anew'
        return Finding(name, ok=False, said=said, remedy=remedy, needed=False)
    return Finding(name, ok=True, said=f"{len(shown)}: {', '.join(path.name for path in shown)}", needed=False)


def _group(path: Path) -> str:
    try:
        return path.group()
    except (KeyError, OSError):
        return GROUP


def _devices(site: Site) -> Finding:
    name, remedy = "npus", "see what it says: npu-smi info"
    try:
        found = devices.devices(site)
    except NoDevice as error:
        said, _, told = str(error).partition(": ")
        return Finding(name, ok=False, said=said, remedy=told or remedy, needed=False)
    except (ToolchainError, ProcessError, OSError) as error:
        symptoms = explain(str(error))
        said = symptoms[0].what if symptoms else str(error)
        return Finding(name, ok=False, said=said, remedy=symptoms[0].remedy if symptoms else remedy, needed=False)
    ill = [why for device in found if (why := devices.unfit(device, for_benchmark=False))]
    known = site.installation.soc_versions
    ill += [
        f"{device}: this CANN cannot compile for it" for device in found if known and device.soc_version not in known
    ]
    if not found or ill:
        said = "; ".join(ill) or "npu-smi shows none"
        return Finding(name, ok=False, said=said, remedy=remedy, needed=False)
    return Finding(name, ok=True, said=", ".join(map(str, found)), needed=False)
