"""Which number the runtime gives to which chip, as `npu-smi info -m` tells it.

Here belongs its table, in the three forms of npu-smi's sources: with `Chip Logic ID`, with `Chip Phy-ID` beside it
(A3), and with `Slot ID` and `Chip Phy-ID` alone (950). Not here: `npu-smi info` (`npu_smi_tables.py`), or what a device
is (`devices.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.npus.npu_smi_tables import MAX_CHIPS, said, whole
from resources.ascend.cann.text import clean

_HEADINGS = re.compile(r"NPU ID|Slot ID|Chip ID|Chip Logic ID|Chip Phy-ID|Chip Name")


@dataclass(frozen=True)
class MapRow:
    """A row of `npu-smi info -m`. `logic` is the number that the runtime counts devices by."""

    npu: int
    chip: int
    logic: int
    physical: int | None
    name: str


def parse_map(text: str) -> tuple[MapRow, ...]:
    """Read `npu-smi info -m`, without the rows of what is no compute device (`Mcu`, whose logic id is `-`).

    A table without logic ids (950) lists the devices in the order in which the runtime counts them. Raises `BadOutput`.
    """
    lines = clean(text)
    columns: list[str] = []
    rows: list[MapRow] = []
    for line in lines:
        headings = _HEADINGS.findall(line)
        if {"Chip ID", "Chip Name"} < set(headings):
            columns = headings
        elif columns and (row := _row(columns, line.split(), len(rows))):
            rows.append(row)
        if len(rows) > MAX_CHIPS:
            raise BadOutput(f"npu-smi info -m lists more than {MAX_CHIPS} chips")
    if not columns:
        raise BadOutput(f"npu-smi info -m printed no 'Chip Logic ID'; it said: {said(lines)}")
    return tuple(rows)


def _row(columns: Sequence[str], words: Sequence[str], place: int) -> MapRow | None:
    """A device's row: a number in every column but the name, which may be of several words."""
    numbers = {column: whole(word) for column, word in zip(columns[:-1], words, strict=False)}
    npu, chip = numbers.get("NPU ID"), numbers.get("Chip ID")
    logic = numbers.get("Chip Logic ID") if "Chip Logic ID" in columns else place
    if npu is None or chip is None or logic is None:
        return None
    return MapRow(npu, chip, logic, numbers.get("Chip Phy-ID"), " ".join(words[len(columns) - 1 :]))
