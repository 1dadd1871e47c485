"""What the table of `npu-smi info` says.

Here belongs the device table with its processes, in every layout from driver 21 to 26. Cells are told apart by their
bars and named by the table's own headings, never by column positions: widths, columns and even the number of cells
changed between drivers. Not here: the table of `-m` (`npu_smi_map.py`), the `key : value` outputs and calling the tool
(`npu_smi.py`), or which device a row is (`devices.py`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.text import clean

MAX_CHIPS = 1024
"""Chips that one table may list."""
MAX_PROCESSES = 4096
"""Processes that one table may list."""

_ABSENT_TEMPERATURE = -200
_ABSENT = frozenset({"", "-", "NA", "N/A", "na", "n/a"})
_VERSIONS = re.compile(r"npu-smi\s+(\S{1,40})\s+Version:\s*(\S{1,40})")
_LABELS = re.compile(
    r"(?P<usage>AICore\S*|(?:NPU )?Util\S*)|(?P<npu>NPU ID|NPU)\b|(?P<name>\bName\b)|(?P<health>Health)"
    r"|(?P<power>Power\S*)|(?P<temperature>Temp\S*)|(?P<hugepages>Hugepages\S*)"
    r"|(?P<physical>Phy-ID)|(?P<logic>Device)|(?P<chip>Chip)|(?P<bus>Bus-Id)"
    r"|(?P<hbm>HBM\S*)|(?P<memory>(?:Memory|DDR)\S*)"
)
_PAIR = re.compile(r"(\w{1,12})\s*/\s*(\w{1,12})(?!\w)", re.ASCII)
_BUS = re.compile(r"[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-9A-Fa-f]")
_WHOLE = re.compile(r"\d{1,9}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?", re.ASCII)

_Layout = tuple[tuple[str, ...], ...]
"""For each cell of a row, the names of the values in it."""

_NPU_ROW: _Layout = (("npu", "name"), ("health",), ("power", "temperature", "hugepages"))
_CHIP_ROW: _Layout = (("chip", "logic"), ("bus",), ("usage", "memory", "hbm"))


@dataclass(frozen=True)
class Usage:
    """Used of total, in the unit of its column. `used` is None where the driver does not tell it."""

    used: int | None
    total: int


@dataclass(frozen=True)
class ProcessRow:
    """A process that uses a chip. `memory_mb` and `container_pid` are None where the table does not tell."""

    npu: int
    chip: int
    pid: int
    name: str
    memory_mb: int | None = None
    container_pid: int | None = None


@dataclass(frozen=True)
class ChipRow:
    """One chip: its NPU's row and its own. What reads `NA` or `-`, or has no column, is None.

    `name` as printed, without `Ascend` on most products. `logic`: `Device` on the 310 family, which npu-smi's sources
    fill with the logic id; `physical`: `Phy-ID` on A3. `bus`: the PCIe address, empty where there is none. `power_w`
    watts, of the whole card on a card with two dies; `usage` of AI cores in percent; `memory` and `hbm` in MB, of which
    gen-1 910s have both.
    """

    npu: int
    name: str
    health: str
    chip: int = 0
    logic: int | None = None
    physical: int | None = None
    bus: str = ""
    power_w: float | None = None
    temperature_c: float | None = None
    hugepages: Usage | None = None
    usage: float | None = None
    memory: Usage | None = None
    hbm: Usage | None = None
    processes: tuple[ProcessRow, ...] = ()


@dataclass(frozen=True)
class Info:
    """`npu-smi info`: the tool's version, the driver's, and the chips in the table's order.

    `broken`: NPUs with a chip whose row is missing, because the driver could not tell its number.
    """

    tool: str
    driver: str
    chips: tuple[ChipRow, ...]
    broken: tuple[int, ...] = ()


@dataclass
class _Reading:
    """Where the reader is in the table."""

    layouts: list[_Layout] = field(default_factory=list)
    chips: list[ChipRow] = field(default_factory=list)
    processes: list[ProcessRow] = field(default_factory=list)
    open_npu: ChipRow | None = None
    last_npu: ChipRow | None = None
    broken: list[int] = field(default_factory=list)
    columns: tuple[str, ...] = ()


def parse_info(text: str) -> Info:
    """Read `npu-smi info`.

    Raises `BadOutput` for anything else, for a table that breaks off within a device, and beyond `MAX_CHIPS` and
    `MAX_PROCESSES`.
    """
    lines = clean(text)
    found = next((match for line in lines if (match := _VERSIONS.search(line))), None)
    reading = _Reading()
    for line in lines:
        if line.lstrip().startswith("|"):
            _row(reading, line)
        elif line.lstrip().startswith("+"):
            _leave(reading)
            reading.last_npu = None if "=" in line else reading.last_npu
    if not reading.chips and not reading.layouts:
        raise BadOutput(f"npu-smi info printed no table of devices; it said: {said(lines)}")
    if reading.open_npu is not None:
        raise BadOutput(f"npu-smi info breaks off within NPU {reading.open_npu.npu}: its chip's row is missing")
    if reading.broken and not reading.chips:
        raise BadOutput(f"npu-smi info shows NPUs and none of their chips; it said: {said(lines)}")
    return Info(
        tool=found[1] if found else "",
        driver=found[2] if found else "",
        chips=tuple(
            replace(c, processes=tuple(p for p in reading.processes if (p.npu, p.chip) == (c.npu, c.chip)))
            for c in reading.chips
        ),
        broken=tuple(dict.fromkeys(reading.broken)),
    )


def whole(text: str) -> int | None:
    """A count, None for `NA`, `-` and anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def decimal(text: str) -> float | None:
    """A number, None for `NA`, `-` and anything else."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def _row(reading: _Reading, line: str) -> None:
    cells = [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]
    if "Process id" in cells and any("Process name" in cell for cell in cells):
        reading.columns = tuple(cells)
    elif reading.columns:
        reading.processes.extend(_process(reading.columns, cells))
        if len(reading.processes) > MAX_PROCESSES:
            raise BadOutput(f"npu-smi info lists more than {MAX_PROCESSES} processes")
    elif len(cells) > 1:
        _device_row(reading, cells, line)


def _device_row(reading: _Reading, cells: list[str], line: str) -> None:
    # The headings have words with units, which no value has; `Bus-Id` alone would be a heading of chips.
    if "Bus-Id" in cells or "Health" in cells:
        reading.layouts.append(tuple(_labels(cell) for cell in cells))
        return
    npu_layout, chip_layout = _layouts(reading.layouts)
    bus_at = next((at for at, names in enumerate(chip_layout) if "bus" in names), 1)
    is_chip = len(cells) == len(chip_layout) and (
        _BUS.fullmatch(cells[bus_at]) is not None or (reading.open_npu is not None and cells[bus_at] in _ABSENT)
    )
    if is_chip:
        npu = reading.open_npu or reading.last_npu
        if npu is None:
            raise BadOutput(f"npu-smi info has a chip's row without its NPU's row: {line.strip()[:200]!r}")
        reading.chips.append(_chip(npu, dict(_values(chip_layout, cells))))
        reading.open_npu, reading.last_npu = None, npu
        if len(reading.chips) > MAX_CHIPS:
            raise BadOutput(f"npu-smi info lists more than {MAX_CHIPS} chips")
        return
    if len(cells) != len(npu_layout):
        raise BadOutput(f"npu-smi info has a row that no known driver prints: {line.strip()[:200]!r}")
    _leave(reading)
    reading.open_npu = _npu(dict(_values(npu_layout, cells)), line)


def _leave(reading: _Reading) -> None:
    """End the device that is being read: a rule or another NPU's row stands where its chip's row should."""
    if reading.open_npu is not None:
        reading.broken.append(reading.open_npu.npu)
        reading.open_npu = None


def _layouts(seen: Sequence[_Layout]) -> tuple[_Layout, _Layout]:
    of_npu = next((layout for layout in seen if any("health" in names for names in layout)), _NPU_ROW)
    of_chip = next((layout for layout in seen if any("bus" in names for names in layout)), _CHIP_ROW)
    return of_npu, of_chip


def _labels(cell: str) -> tuple[str, ...]:
    return tuple(match.lastgroup for match in _LABELS.finditer(cell) if match.lastgroup)


def _values(layout: _Layout, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and text of every value; a name may be of several words, and is the last of its cell."""
    for names, cell in zip(layout, cells, strict=True):
        words = _PAIR.sub(r"\1/\2", cell).split()
        if names and names[-1] in {"name", "health"} and len(words) > len(names):
            words = [*words[: len(names) - 1], " ".join(words[len(names) - 1 :])]
        yield from zip(names, words, strict=False)


def _npu(values: dict[str, str], line: str) -> ChipRow:
    npu, name, health = whole(values.get("npu", "")), values.get("name", ""), values.get("health", "")
    if npu is None or not name or not health.isalpha():
        raise BadOutput(f"npu-smi info has a device without number, name and health: {line.strip()[:200]!r}")
    return ChipRow(
        npu=npu,
        name=name[:100],
        health=health[:100],
        power_w=_known(values.get("power", ""), least=0),
        temperature_c=_known(values.get("temperature", ""), least=_ABSENT_TEMPERATURE + 1),
        hugepages=_usage(values.get("hugepages", "")),
    )


def _chip(npu: ChipRow, values: dict[str, str]) -> ChipRow:
    bus = values.get("bus", "")
    return replace(
        npu,
        # Products with one chip per NPU leave the column out altogether.
        chip=whole(values.get("chip", "")) or 0,
        logic=whole(values.get("logic", "")),
        physical=whole(values.get("physical", "")),
        bus="" if bus in _ABSENT else bus,
        usage=decimal(values.get("usage", "")),
        memory=_usage(values.get("memory", "")),
        hbm=_usage(values.get("hbm", "")),
    )


def _usage(text: str) -> Usage | None:
    used, _, total = text.partition("/")
    second = whole(total)
    return None if second is None or not used else Usage(whole(used), second)


def _known(text: str, *, least: float) -> float | None:
    """A reading; npu-smi prints what it could not read as a number below every other."""
    value = decimal(text)
    return None if value is None or value < least else value


def _process(columns: tuple[str, ...], cells: Sequence[str]) -> Iterator[ProcessRow]:
    """One process, or none from a row such as `No running processes found in NPU 24`."""
    extra = len(cells) - len(columns)
    if extra < 0:
        return
    if extra and (at := next((at for at, column in enumerate(columns) if column == "Process name"), 0)):
        cells = [*cells[:at], "|".join(cells[at : at + extra + 1]), *cells[at + extra + 1 :]]
    values = dict(zip(columns, cells, strict=True))
    where = [whole(word) for word in cells[0].split()]
    pid = whole(values.get("Process id", ""))
    if pid is None or not where or where[0] is None:
        return
    memory = next((text for column, text in values.items() if column.startswith("Process memory")), "")
    yield ProcessRow(
        npu=where[0],
        chip=(where[1] or 0) if len(where) > 1 else 0,
        pid=pid,
        name=values.get("Process name", "")[:200],
        memory_mb=whole(memory),
        container_pid=whole(values.get("Process id in container", "")),
    )


def said(lines: Sequence[str]) -> str:
    """The beginning of an output that is not what it should be, for an error."""
    return repr(" ".join(" ".join(lines).split())[:300]) if any(lines) else "nothing"
