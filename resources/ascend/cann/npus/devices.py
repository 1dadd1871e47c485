"""The NPUs of this machine, each with all that decides whether it can do a piece of work.

Here belong joining npu-smi's outputs into devices, naming a device's SoC as ATC does, reading what a container may
see, and judging health. Not here: reading npu-smi (`npu_smi.py`), or who uses which device (`leases.py`).
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.npus import npu_smi
from resources.ascend.cann.npus.machine_locks import machine_folder

if TYPE_CHECKING:
    from resources.ascend.cann.npus.npu_smi import Fields, NpuSmi
    from resources.ascend.cann.npus.npu_smi_map import MapRow
    from resources.ascend.cann.npus.npu_smi_tables import ChipRow, ProcessRow
    from resources.ascend.cann.site import Site

MANAGER = "dev/davinci_manager"
"""The driver's own node: without it no program here can use an NPU."""

_MEBIBYTE = 1024 * 1024
_LISTED = re.compile(r"(?:Ascend[0-9A-Za-z]{0,20}-)?(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)
_MOST = 4096


@dataclass(frozen=True)
class Device:
    """One chip that models run on.

    `npu` and `chip` as npu-smi counts them (with gaps), `logic` as the runtime does: ASCEND_RT_VISIBLE_DEVICES and
    `--device` take it. `physical`: N of /dev/davinciN, where it is told. `card`: chips of one card share clock, power
    and PCIe. `soc_version` as `atc --soc_version` takes it. `memory_bytes` HBM where there is some, else DDR. `power_w`
    None where it is not told. `bus`: the PCIe address, the same inside a container. `note`: what a user must know.
    """

    npu: int
    chip: int
    logic: int
    soc_version: str
    name: str
    health: str
    memory_bytes: int
    card: int
    processes: tuple["ProcessRow", ...] = ()
    power_w: float | None = None
    physical: int | None = None
    bus: str = ""
    note: str = ""

    def __str__(self) -> str:
        return f"NPU {self.npu} chip {self.chip} ({self.soc_version})"

    @property
    def key(self) -> str:
        """A name for files that is the same in every container on the machine."""
        return re.sub(r"[^0-9A-Za-z]+", "-", self.bus) if self.bus else f"npu-{self.npu}-chip-{self.chip}"


def devices(site: "Site", *, turn: Path | None = None, environ: Mapping[str, str] = os.environ) -> tuple[Device, ...]:
    """Every NPU that this process may use, healthy or not, in the order of logic ids.

    `turn`: the lock file by which calls of npu-smi follow each other; by default in the machine's folder of locks.
    `environ` may restrict the devices (`visible`). Raises `NoDevice` without npu-smi or for a restriction that nobody
    can read, `ToolFailed` where npu-smi fails, `BadOutput` where it prints what no known one does.
    """
    tool = npu_smi.find(site, turn or machine_folder(environ) / "npu-smi.lock")
    info = tool.info()
    for npu in info.broken:
        site.say(f"NPU {npu}: npu-smi shows it without a chip, so it is left out; npu-smi info -t health -i {npu}")
    found = joined(info.chips, _map(tool))
    known = site.installation.soc_versions
    named = [_named(device, known, tool) for device in found]
    for device in named:
        if device.note:
            site.say(f"{device}: {device.note}")
    return visible(named, environ)


def joined(chips: Sequence["ChipRow"], rows: Sequence["MapRow"]) -> tuple[Device, ...]:
    """The devices of `npu-smi info`, with the logic ids of `npu-smi info -m`.

    Without a row of `-m` (older drivers, containers), the logic id is the table's `Device`, and where there is none the
    place in the table: the runtime counts in that order, while `Phy-ID` stays the host's. A container with one die of
    an A3 card shows both, with one `Phy-ID` and one address: they are one device. `soc_version` is a first guess from
    the name.
    """
    logic = {(row.npu, row.chip): row for row in rows}
    found = []
    for place, chip in enumerate(_told_apart(chips)):
        row = logic.get((chip.npu, chip.chip))
        memory = chip.hbm if chip.hbm and chip.hbm.total else chip.memory
        physical = row.physical if row and row.physical is not None else chip.physical
        number = row.logic if row else (chip.logic if chip.logic is not None and not rows else place)
        found.append(
            Device(
                npu=chip.npu,
                chip=chip.chip,
                logic=number,
                soc_version=f"Ascend{chip.name.removeprefix('Ascend').strip()}",
                name=chip.name,
                health=chip.health,
                memory_bytes=memory.total * _MEBIBYTE if memory else 0,
                card=chip.npu,
                processes=chip.processes,
                power_w=chip.power_w,
                physical=physical,
                bus=chip.bus,
            )
        )
    if len({device.logic for device in found}) != len(found):
        raise BadOutput("npu-smi gives one logic id to two chips: compare npu-smi info with npu-smi info -m")
    return tuple(sorted(found, key=lambda device: device.logic))


def _told_apart(chips: Sequence["ChipRow"]) -> list["ChipRow"]:
    """Each chip once: what has the same physical id and the same address is the same."""
    first: dict[object, ChipRow] = {}
    for place, chip in enumerate(chips):
        first.setdefault((chip.physical, chip.bus) if chip.physical is not None and chip.bus else place, chip)
    return list(first.values())


def soc_version(name: str, known: Sequence[str], board: "Fields | None") -> tuple[str, str]:
    """A chip's SoC version in ATC's words, and a note where that is uncertain.

    `Ascend` and the name, on 310, 310P, 310B and 910 (ATC's documentation). A3 and 950 all print `Ascend910` or
    `Ascend950` and take `<Chip Name>_<NPU Name>` from the board; `board` is None where it was not asked or did not
    answer. A name that a narrow column cut off is completed where one name alone fits. `known`: what the installed
    CANN compiles for; empty where nobody knows.
    """
    plain = f"Ascend{name.removeprefix('Ascend').strip()}"
    if is_certain(name, known):
        return plain, ""
    chip_name, npu_name = (board.first("Chip Name"), board.first("NPU Name")) if board else ("", "")
    chip_name = chip_name.replace(" ", "")
    of_board = (
        f"{chip_name if chip_name.startswith('Ascend') else f'Ascend{chip_name}'}{f'_{npu_name}' if npu_name else ''}"
    )
    if chip_name and (not known or of_board in known):
        return of_board, ""
    begin_alike = [soc for soc in known if soc.startswith(plain) and "_" not in soc]
    if len(begin_alike) == 1:
        return begin_alike[0], ""
    if plain == "Ascend910" and not npu_name and "Ascend910A" in known:
        return "Ascend910A", f"npu-smi says {name!r} alone: taken for Ascend910A, as ATC itself does"
    best = of_board if chip_name and npu_name else plain
    if not known:
        return best, ""
    return best, f"the installed CANN does not compile for {best}: update CANN, or compile elsewhere"


def is_certain(name: str, known: Sequence[str]) -> bool:
    """Whether a chip's name alone says its SoC version: not `Ascend910`, which A3 prints and gen-1 cards may."""
    plain = f"Ascend{name.removeprefix('Ascend').strip()}"
    return plain not in {"Ascend910", "Ascend950"} and (plain in known or not known)


def visible(found: Iterable[Device], environ: Mapping[str, str]) -> tuple[Device, ...]:
    """What the environment lets this process use.

    ASCEND_RT_VISIBLE_DEVICES lists logic ids, and an id that does not exist ends the list (CANN's documentation).
    ASCEND_VISIBLE_DEVICES is the container runtime's and lists physical ids (`0,2-4`, `Ascend310P-0`, or `void`); where
    as many devices are there as it lists, the runtime has heeded it and may have counted them anew. Raises `NoDevice`.
    """
    there = tuple(found)
    given = environ.get("ASCEND_VISIBLE_DEVICES", "").strip()
    if given:
        listed = [] if given == "void" else _listed("ASCEND_VISIBLE_DEVICES", given)
        if len(set(listed)) != len(there):
            there = tuple(d for d in there if (d.logic if d.physical is None else d.physical) in listed)
    given = environ.get("ASCEND_RT_VISIBLE_DEVICES", "").strip()
    if given:
        numbers = {device.logic for device in there}
        heeded: set[int] = set()
        for number in _listed("ASCEND_RT_VISIBLE_DEVICES", given):
            if number not in numbers:
                break
            heeded.add(number)
        there = tuple(device for device in there if device.logic in heeded)
    return there


def unfit(device: Device, *, for_benchmark: bool) -> str:
    """Why a device may not be used, empty where it may.

    OK may. Warning may, but for no benchmark: what is too hot or throttled computes right and slowly. Alarm, Critical
    and UNKNOWN may not, nor any word that npu-smi's manual does not have.
    """
    if device.health == "OK" or (device.health == "Warning" and not for_benchmark):
        return ""
    more = f"npu-smi info -t health -i {device.npu} -c {device.chip} tells more"
    if device.health == "Warning":
        return f"{device} has health Warning, so that its times say nothing: {more}"
    return f"{device} has health {device.health}: {more}"


def _map(tool: "NpuSmi") -> tuple["MapRow", ...]:
    """The map where the driver has one; the first drivers and some containers have none."""
    try:
        return tool.map()
    except (ToolFailed, BadOutput) as error:
        tool.site.say(f"devices are counted in the order of npu-smi info: {error}")
        return ()


def _named(device: Device, known: Sequence[str], tool: "NpuSmi") -> Device:
    board = None
    if not is_certain(device.name, known):
        try:
            board = tool.board(device.npu, device.chip)
        except (ToolFailed, BadOutput) as error:
            tool.site.say(f"{device}: its board is not known: {error}")
    soc, note = soc_version(device.name, known, board)
    return replace(device, soc_version=soc, note=note)


def _listed(variable: str, text: str) -> list[int]:
    """Numbers and ranges, in the order in which they stand."""
    numbers: list[int] = []
    for part in text.split(","):
        match = _LISTED.fullmatch(part.strip())
        if match is None or int(match[2] or match[1]) - int(match[1]) not in range(_MOST):
            raise NoDevice(f"{variable}={text[:200]!r} lists no devices: write 0,1 or 0-3 (or unset it)")
        numbers.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
        if len(numbers) > _MOST:
            raise NoDevice(f"{variable}={text[:200]!r} lists more than {_MOST} devices: write those of this machine")
    return numbers
