"""npu-smi: calling it, and its outputs of `key : value` lines.

Here belong finding the program, one call at a time on the whole machine (Huawei's manual of the Atlas 200 forbids
concurrent calls), and `-l`, `-t board`, `-t usages`, `-t health`, `-t common` and `-t product`. Not here: its tables
(`npu_smi_tables.py`, `npu_smi_map.py`), or what a device is (`devices.py`).
"""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.npus.machine_locks import held, made
from resources.ascend.cann.npus.npu_smi_map import MapRow, parse_map
from resources.ascend.cann.npus.npu_smi_tables import Info, decimal, parse_info, whole
from resources.ascend.cann.text import clean
from resources.output import last_lines
from resources.process import ProcessTimeout, ProgramMissing

if TYPE_CHECKING:
    from resources.ascend.cann.site import Site

SECONDS = 60.0
"""How long one call may take; a healthy one takes about one second, a broken driver may hang."""
TURN_SECONDS = 300.0
"""How long to wait for other processes' calls."""
MAX_FIELDS = 10_000
"""Lines of `key : value` that one output may have."""
PLACES = ("usr/local/bin", "usr/local/sbin", "usr/local/Ascend/driver/tools")
"""Where installers put it, beside PATH."""

_FIELD = re.compile(r"\s*(\S[^:]{0,100}?)\s*:(?:\s+(.{0,1000}))?")
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Fields:
    """The `key : value` lines of one output, in order. A key may repeat: an output tells of several chips."""

    pairs: tuple[tuple[str, str], ...]

    def first(self, key: str) -> str:
        """The first value of `key`, upper or lower case; empty where it is not there or reads `NA` or `-`."""
        value = next((value for name, value in self.pairs if name.lower() == key.lower()), "")
        return "" if value in {"NA", "N/A", "-"} else value

    def blocks(self) -> tuple["Fields", ...]:
        """One part per chip: a key that comes again begins the next one.

        Some outputs put `Chip ID` first in a part and some last; this holds for both.
        """
        parts: list[list[tuple[str, str]]] = []
        seen: set[str] = set()
        for key, value in self.pairs:
            if not parts or key in seen:
                parts.append([])
                seen = set()
            parts[-1].append((key, value))
            seen.add(key)
        return tuple(Fields(tuple(part)) for part in parts)


@dataclass(frozen=True)
class Card:
    """A card of `npu-smi info -l`."""

    npu: int
    product: str
    serial: str
    chips: int


@dataclass(frozen=True)
class ChipUsage:
    """One chip of `npu-smi info -t usages`: capacity in MB, rates in percent; None where it is not told."""

    chip: int
    memory_mb: int | None
    memory_rate: float | None
    aicore_rate: float | None


def parse_fields(text: str) -> Fields:
    """Read `key : value` lines. Raises `BadOutput` where there is none, and beyond `MAX_FIELDS`."""
    pairs: list[tuple[str, str]] = []
    for line in clean(text):
        if match := _FIELD.fullmatch(line):
            pairs.append((" ".join(match[1].split()), (match[2] or "").strip()))
            if len(pairs) > MAX_FIELDS:
                raise BadOutput(f"npu-smi printed more than {MAX_FIELDS} fields")
    if not pairs:
        raise BadOutput(f"npu-smi printed no 'key : value' line; it said: {text.strip()[:300]!r}")
    return Fields(tuple(pairs))


def parse_cards(text: str) -> tuple[Card, ...]:
    """Read `npu-smi info -l`. Raises `BadOutput`."""
    found = []
    for block in parse_fields(text).blocks():
        npu = whole(block.first("NPU ID"))
        if npu is not None:
            chips = whole(block.first("Chip Count"))
            found.append(Card(npu, block.first("Product Name"), block.first("Serial Number"), chips or 1))
    return tuple(found)


def parse_usages(text: str) -> tuple[ChipUsage, ...]:
    """Read `npu-smi info -t usages -i ID`. Raises `BadOutput`.

    HBM counts where there is some, else DDR: gen-1 910s have both, and models live in HBM.
    """
    found = []
    for block in parse_fields(text).blocks():
        kind = "HBM" if whole(block.first("HBM Capacity(MB)")) else "DDR"
        memory = whole(block.first(f"{kind} Capacity(MB)")) or whole(block.first("Memory Capacity(MB)"))
        rate = decimal(block.first(f"{kind} Usage Rate(%)") or block.first("Memory Usage Rate(%)"))
        aicore = decimal(block.first("Aicore Usage Rate(%)") or block.first("NPU Utilization(%)"))
        if memory is not None or aicore is not None:
            found.append(ChipUsage(whole(block.first("Chip ID")) or 0, memory, rate, aicore))
    return tuple(found)


@dataclass(frozen=True)
class NpuSmi:
    """npu-smi of one machine. `turn`: the lock file by which calls follow each other."""

    site: "Site"
    program: Path
    turn: Path

    def info(self) -> Info:
        """All chips. Raises `BadOutput`, `ToolFailed`."""
        return parse_info(self._call())

    def map(self) -> tuple[MapRow, ...]:
        """Which number the runtime gives to which chip. Raises `BadOutput`, `ToolFailed`."""
        return parse_map(self._call("-m"))

    def board(self, npu: int, chip: int) -> Fields:
        """What the board says of one chip. Raises `BadOutput`, `ToolFailed`."""
        return parse_fields(self._call("-t", "board", "-i", str(npu), "-c", str(chip)))

    def _call(self, *arguments: str) -> str:
        argv = [str(self.program), "info", *arguments]
        command = " ".join(["npu-smi", *argv[1:]])
        with _turn(self.turn), tempfile.TemporaryDirectory(prefix="ascend-npu-smi-") as work:
            try:
                ended = self.site.run(argv, cwd=Path(work), timeout=SECONDS)
            except ProcessTimeout as error:
                log = error.completed.stdout
                raise ToolFailed(
                    f"{command} did not answer within {SECONDS:g} s: is the driver well? dmesg", log
                ) from error
            except ProgramMissing as error:
                raise ToolFailed(f"{self.program} cannot be started: it may not be run by this user") from error
        if ended.returncode:
            said = last_lines("\n".join(clean(f"{ended.stdout}\n{ended.stderr}")))
            raise ToolFailed(
                f"{command} failed with exit code {ended.returncode}: is the driver loaded, and may this user see the "
                f"devices (group HwHiAiUser, or in a container /dev/davinci* and the driver's lib64)? It said: {said}",
                said,
            )
        return ended.stdout


def find(site: "Site", turn: Path) -> NpuSmi:
    """The npu-smi of this machine: on PATH, or where the driver's installers put it. Raises `NoDevice`."""
    on_path = shutil.which("npu-smi")
    here = [site.root / place / "npu-smi" for place in PLACES]
    program = Path(on_path) if on_path else next((path for path in here if os.access(path, os.X_OK)), None)
    if program is None or program.is_dir():
        raise NoDevice(
            "no npu-smi on PATH nor in " + ", ".join(f"/{place}" for place in PLACES) + ": without the Ascend driver "
            "there is no NPU to use. Install the driver; in a container mount /usr/local/bin/npu-smi, /usr/local/dcmi "
            "and /usr/local/Ascend/driver/lib64"
        )
    return NpuSmi(site, program, turn)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Be the only caller on this machine. Raises `ToolFailed` when others take too long."""
    made(path.parent)
    end = time.monotonic() + TURN_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(path))
                break
            except BlockingIOError:
                if time.monotonic() >= end:
                    raise ToolFailed(
                        f"others have been calling npu-smi for {TURN_SECONDS:g} s (lock {path}): does one of them hang?"
                    ) from None
                time.sleep(_POLL_SECONDS)
        yield
