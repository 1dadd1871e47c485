"""The stand-in `npu-smi`: its tables in the layouts of three generations, and its `key : value` lines."""

import os
from collections.abc import Sequence

from stand_ins import tree
from stand_ins.tree import Chip, Tree

_VERSIONS = {"7": "23.0.0", "8": "24.1.rc3", "9": "25.2.1"}


def main(argv: Sequence[str], home: str) -> int:
    """Run as `npu-smi`. The exit code."""
    here = tree.read(home)
    here.record("npu-smi", argv)
    fault = here.fault("npu-smi").get("name", "")
    if fault == "hang":
        tree.hang()
    if fault == "crash":
        tree.crash()
    if fault == "garbage":
        os.write(1, b"\x00\xff|NPU|\xfe" * 4096)
        return 0
    if fault == "no_driver":
        tree.say("dcmi module initialize failed. ret is -8005")
        return 1
    words = list(argv)
    if words[:1] != ["info"]:
        tree.say("This operation is invalid. Run npu-smi -h for help.")
        return 1
    chips = () if fault == "no_devices" else here.chips
    if not chips:
        tree.say("No NPU device found.")
        return 1
    if len(words) == 1:
        tree.say(_table(here, chips, "Alarm" if fault == "unhealthy" else "OK"))
        return 0
    return _lines(here, chips, words[1:], fault)


def _table(here: Tree, chips: Sequence[Chip], health: str) -> str:
    return _wide(here, chips, health) if here.generation == "7" else _hbm(here, chips, health)


def _wide(here: Tree, chips: Sequence[Chip], health: str) -> str:
    """The 104 columns of 310 and 310P."""
    version = _VERSIONS[here.generation]
    rule = f"+{'=' * 31}+{'=' * 17}+{'=' * 54}+"
    lines = [
        f"+{'-' * 104}+",
        f"| npu-smi {version:<40}Version: {version:<46}|",
        f"+{'-' * 31}+{'-' * 17}+{'-' * 54}+",
        "| NPU     Name                  | Health          | Power(W)     Temp(C)           Hugepages-Usage(page) |",
        "| Chip    Device                | Bus-Id          | AICore(%)    Memory-Usage(MB)                        |",
        rule,
    ]
    for chip in chips:
        lines += [
            f"| {chip.npu:<7} {chip.name:<21} | {health:<15} | NA           29                0     / 0             |",
            f"| {chip.chip:<7} {chip.logic:<21} | {_bus(chip):<15} | 0            1832 / {chip.memory:<33}|",
            rule,
        ]
    lines += [
        f"+{'-' * 31}+{'-' * 17}+{'-' * 54}+",
        "| NPU     Chip                  | Process id      | Process name             | Process memory(MB)        |",
        rule,
        *(f"| No running processes found in NPU {chip.npu:<69}|" for chip in chips),
        rule,
    ]
    return "\n".join(lines)


def _hbm(here: Tree, chips: Sequence[Chip], health: str) -> str:
    """The 96 columns of A2 and A3, with HBM. A3 names no SoC, and its second die tells no power."""
    version = _VERSIONS[here.generation]
    a3 = here.generation == "9"
    rule = f"+{'=' * 27}+{'=' * 15}+{'=' * 52}+"
    lines = [
        f"+{'-' * 96}+",
        f"| npu-smi {version:<24}Version: {version:<54}|",
        f"+{'-' * 27}+{'-' * 15}+{'-' * 52}+",
        "| NPU   Name                | Health        | Power(W)    Temp(C)           Hugepages-Usage(page)|",
        f"| Chip  {'Phy-ID' if a3 else '':<20}| Bus-Id        | AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)        |",
        rule,
    ]
    for chip in chips:
        power = "-" if a3 and chip.chip else "93.2"
        busy = "0           0    / 0          3162 / "
        physical = str(chip.logic) if a3 else ""
        lines += [
            f"| {chip.npu:<5} {chip.name:<20}| {health:<14}| {power:<12}37                0    / 0             |",
            f"| {chip.chip:<5} {physical:<20}| {_bus(chip):<14}| {busy}{chip.memory:<14}|",
            rule,
        ]
    lines += [
        "| NPU     Chip              | Process id    | Process name             | Process memory(MB)      |",
        rule,
        *(f"| No running processes found in NPU {npu:<61}|" for npu in dict.fromkeys(chip.npu for chip in chips)),
        rule,
    ]
    return "\n".join(lines)


def _bus(chip: Chip) -> str:
    return f"0000:{0xC1 + chip.logic:02X}:00.0"


def _lines(here: Tree, chips: Sequence[Chip], words: Sequence[str], fault: str) -> int:
    if words[0] == "-m":
        return _map(here, chips)
    if words[0] == "-l":
        tree.say(f"\tCard Count                     : {len({chip.npu for chip in chips})}\n")
        for npu in dict.fromkeys(chip.npu for chip in chips):
            count = sum(chip.npu == npu for chip in chips)
            _fields({"NPU ID": npu, "Serial Number": "2102312345678901", "Chip Count": count})
        return 0
    asked = dict(zip(words[::2], words[1::2], strict=False))
    found = [c for c in chips if c.npu == int(asked.get("-i", -1)) and c.chip == int(asked.get("-c", c.chip))]
    if not found:
        tree.say("The specified device does not exist.")
        return 1
    for chip in found:
        _fields(_about(here, chip, asked.get("-t", ""), "Alarm" if fault == "unhealthy" else "OK"))
    return 0


def _about(here: Tree, chip: Chip, kind: str, health: str) -> dict[str, object]:
    soc = here.soc.removeprefix("Ascend")
    name, _, npu = soc.partition("_")
    if kind == "board":
        board: dict[str, object] = {
            "NPU ID": chip.npu,
            "Chip ID": chip.chip,
            "Serial Number": "2102312345678901",
            "Software Version": _VERSIONS[here.generation],
            "Firmware Version": "7.5.0.5.220",
            "Compatibility": "OK",
            "Chip Type": "Ascend",
            "Chip Name": f"Ascend{name}" if npu else name,
            "PCIe Bus Info": _bus(chip),
        }
        return {**board, "NPU Name": npu} if npu else board
    if kind == "health":
        return {"Health Status": health, "Error Code": "NA", "Error Information": "NA"}
    if kind in {"usages", "common"}:
        memory = "DDR" if here.generation == "7" else "HBM"
        usage = {f"{memory} Capacity(MB)": chip.memory, f"{memory} Usage Rate(%)": 3, "Aicore Usage Rate(%)": 0}
        return {"NPU ID": chip.npu, "Chip Count": 1, **usage, "Chip ID": chip.chip}
    return {"NPU ID": chip.npu, "Chip ID": chip.chip}


def _map(here: Tree, chips: Sequence[Chip]) -> int:
    row = "\t{:<30} {:<30} {:<30} {:<30}"
    tree.say(row.format("NPU ID", "Chip ID", "Chip Logic ID", "Chip Name"))
    for chip in chips:
        tree.say(row.format(chip.npu, chip.chip, chip.logic, f"Ascend {chip.name.removeprefix('Ascend')}".strip()))
    if here.generation != "9":
        for npu in dict.fromkeys(chip.npu for chip in chips):
            count = sum(chip.npu == npu for chip in chips)
            tree.say(row.format(npu, count, "-", "Mcu"))
    return 0


def _fields(pairs: dict[str, object]) -> None:
    for key, value in pairs.items():
        tree.say(f"\t{key:<30} : {value}")
