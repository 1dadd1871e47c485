"""npu-smi is read by its grammar: every layout, any columns, and our own errors for what is no output of it."""

import stat
import time
from contextlib import suppress
from pathlib import Path

import npu_smi_layouts as layouts
import pytest
from hypothesis import given
from hypothesis import strategies as st
from races import race

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.npus import npu_smi, npu_smi_map, npu_smi_tables
from resources.ascend.cann.npus.npu_smi import parse_cards, parse_fields, parse_usages
from resources.ascend.cann.npus.npu_smi_map import parse_map
from resources.ascend.cann.npus.npu_smi_tables import ChipRow, ProcessRow, Usage, parse_info
from resources.ascend.cann.site import Site
from resources.locks import locked


def _fake(folder: Path, script: str) -> Site:
    """A machine whose npu-smi is a shell script."""
    program = folder / "usr" / "local" / "sbin" / "npu-smi"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Site(Installation(home=folder, arch="aarch64", kind="toolkit", version="8.1.RC1"), root=folder)


def test_a_310_of_the_first_drivers() -> None:
    info = parse_info(layouts.NARROW_21)
    assert (info.tool, info.driver) == ("21.0.3.1", "21.0.3.1")
    assert info.chips == (ChipRow(0, "310", "OK", 0, 0, None, "", 12.8, 58.0, None, 3.0, memory=Usage(2457, 8192)),)


def test_two_chips_on_a_card_numbers_with_gaps_and_power_that_is_not_told() -> None:
    chips = parse_info(layouts.DUO_23).chips
    assert [(c.npu, c.chip, c.logic, c.health) for c in chips] == [
        (7, 0, 0, "OK"),
        (7, 1, 1, "Warning"),
        (32768, 0, 2, "Alarm"),
    ]
    assert {chip.power_w for chip in chips} == {None}
    assert chips[0].memory == Usage(19435, 21527)
    assert chips[0].hugepages == Usage(8728, 8728)
    assert chips[0].hbm is None
    assert chips[0].processes == (ProcessRow(7, 0, 4711, "python3", 17603), ProcessRow(7, 0, 4712, ""))
    assert chips[1].processes == ()


def test_hbm_beside_ddr() -> None:
    a2, gen1 = parse_info(layouts.A2_25).chips[0], parse_info(layouts.GEN1_24).chips[0]
    assert (a2.memory, a2.hbm, a2.physical, a2.power_w) == (Usage(0, 0), Usage(64549, 65536), None, 93.2)
    assert (gen1.name, gen1.memory, gen1.hbm) == ("910ProB", Usage(1197, 13553), Usage(1365, 32768))


def test_two_dies_of_which_one_tells_the_power() -> None:
    first, second = parse_info(layouts.A3_25).chips
    assert (first.npu, first.chip, first.physical, first.power_w) == (0, 0, 0, 167.7)
    assert (second.npu, second.chip, second.physical, second.power_w) == (0, 1, 1, None)
    assert second.memory == Usage(0, 0)
    assert second.hbm == Usage(2878, 65536)


def test_processes_with_their_number_in_the_container() -> None:
    (chip,) = parse_info(layouts.WIDE_26).chips
    assert chip.processes == (ProcessRow(96, 0, 485946, "pytest", 5175, 31),)


def test_other_cells_than_today() -> None:
    (chip,) = parse_info(layouts.CELLS_950).chips
    assert (chip.npu, chip.chip, chip.name, chip.health, chip.usage) == (3, 0, "Ascend950DT", "UNKNOWN", 20.0)
    assert chip.hbm == Usage(2048, 8192)
    assert chip.processes == (ProcessRow(3, 0, 1001, "python", 256),)


def test_a_table_without_headings_is_read_as_the_usual_one() -> None:
    rows = [line for line in layouts.A2_25.splitlines() if "NPU   Name" not in line and "Bus-Id" not in line]
    assert parse_info("\n".join(rows)).chips == parse_info(layouts.A2_25).chips


@pytest.mark.parametrize("text", layouts.LAYOUTS.values(), ids=layouts.LAYOUTS.keys())
def test_what_a_terminal_adds_changes_nothing(text: str) -> None:
    dressed = "".join(f"\x1b[32m{line}\x1b[0m\r\n" for line in text.splitlines())
    assert parse_info(dressed) == parse_info(text)


def test_a_machine_without_devices_has_none() -> None:
    assert parse_info(layouts.table("| npu-smi 23.0.0  Version: 23.0.0 |", layouts.HEAD_310, [])).chips == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing"),
        ("dcmi model initialized failed, because the device is used. ret is -8020", "ret is -8020"),
        (layouts.DUO_23.partition("| 1       1")[0], "breaks off within NPU 7"),
        ("| 0 | 0000:C1:00.0 | 0 0 / 0 3 / 4 |", "without its NPU's row"),
        (layouts.A2_25.replace("| 1     910B3", "| one   910B3"), "without number, name and health"),
        (layouts.A2_25.replace("| 84.6 ", "| 84.6 | 3 "), "no known driver prints"),
    ],
)
def test_what_is_no_table_is_said(text: str, said: str) -> None:
    with pytest.raises(BadOutput, match=said):
        parse_info(text)


def test_a_table_has_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npu_smi_tables, "MAX_CHIPS", 2)
    assert len(parse_info(layouts.A2_25).chips) == 2
    with pytest.raises(BadOutput, match="more than 2 chips"):
        parse_info(layouts.DUO_23)
    monkeypatch.setattr(npu_smi_map, "MAX_CHIPS", 2)
    with pytest.raises(BadOutput, match="more than 2 chips"):
        parse_map(layouts.MAP_23)
    monkeypatch.setattr(npu_smi_tables, "MAX_CHIPS", 9)
    monkeypatch.setattr(npu_smi_tables, "MAX_PROCESSES", 1)
    with pytest.raises(BadOutput, match="more than 1 processes"):
        parse_info(layouts.DUO_23)


def test_the_map_leaves_out_what_is_no_device() -> None:
    assert [(r.npu, r.chip, r.logic, r.name) for r in parse_map(layouts.MAP_23)] == [
        (7, 0, 0, "Ascend 310P3"),
        (7, 1, 1, "Ascend 310P3"),
        (32768, 0, 2, "Ascend 310P3"),
    ]
    assert [(r.logic, r.physical) for r in parse_map(layouts.MAP_A3)] == [(0, 8), (1, 9)]
    with pytest.raises(BadOutput, match="Chip Logic ID"):
        parse_map("This device does not support querying.")


def test_the_map_of_a_950_has_no_logic_ids() -> None:
    """The runtime counts in the table's order; `Chip ID` is 0 of each."""
    rows = parse_map(
        "\tNPU ID  Slot ID  Chip ID  Chip Phy-ID  Chip Name\n\t0 5 0 4 Ascend950DT\n\t3 7 0 6 Ascend950DT\n"
    )
    assert [(r.npu, r.chip, r.logic, r.physical, r.name) for r in rows] == [
        (0, 0, 0, 4, "Ascend950DT"),
        (3, 0, 1, 6, "Ascend950DT"),
    ]


def test_memory_of_which_only_the_size_is_told() -> None:
    (chip,) = parse_info(layouts.NARROW_21.replace("2457 / 8192", "NA / 8192  ")).chips
    assert chip.memory == Usage(None, 8192)


def test_a_reading_that_npu_smi_has_not_is_none() -> None:
    first, second = parse_info(layouts.A2_25.replace("93.2        37  ", "-0.1        -200")).chips
    assert (first.power_w, first.temperature_c) == (None, None)
    assert (second.power_w, second.temperature_c) == (84.6, 32.0)


def test_a_chip_whose_row_is_missing_does_not_hide_the_others() -> None:
    rows = layouts.DUO_23.splitlines()
    without = "\n".join(row for row in rows if not row.startswith("| 1       1"))
    info = parse_info(without)
    assert [(chip.npu, chip.chip) for chip in info.chips] == [(7, 0), (32768, 0)]
    assert info.broken == (7,)
    assert parse_info(layouts.DUO_23).broken == ()
    alone = [row for row in layouts.A2_25.splitlines() if ":00.0" not in row]
    with pytest.raises(BadOutput, match="none of their chips"):
        parse_info("\n".join(alone))


def test_a_process_may_have_a_bar_in_its_name() -> None:
    table = layouts.WIDE_26.replace("pytest         ", "sh -c a|b|c    ")
    assert parse_info(table).chips[0].processes == (ProcessRow(96, 0, 485946, "sh -c a|b|c", 5175, 31),)


def test_fields_of_a_board() -> None:
    board = parse_fields(layouts.BOARD_A3)
    assert board.first("chip name") == "Ascend910"
    assert board.first("PCIe Bus Info") == "0000:9D:00.0"
    assert board.first("Serial Number") == ""
    with pytest.raises(BadOutput, match="no 'key : value'"):
        parse_fields("Segmentation fault")


def test_cards() -> None:
    first, second = parse_cards(layouts.CARDS)
    assert (first.npu, first.product, first.serial, first.chips) == (24, "IT21PDDA01", "0331", 2)
    assert (second.npu, second.product, second.serial, second.chips) == (96, "", "", 1)


def test_usages_of_hbm_and_of_two_chips() -> None:
    (a2,) = parse_usages(layouts.USAGES_HBM)
    assert (a2.chip, a2.memory_mb, a2.memory_rate, a2.aicore_rate) == (0, 65536, 3.0, 21.0)
    first, second = parse_usages(layouts.USAGES_DUO)
    assert (first.chip, first.memory_mb, first.memory_rate, first.aicore_rate) == (0, 21527, 8.0, 5.0)
    assert (second.chip, second.memory_rate, second.aicore_rate) == (1, None, 90.0)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_info, parse_map, parse_fields, parse_cards, parse_usages):
        with suppress(BadOutput):
            parse(text)


@given(st.data())
def test_a_damaged_output_is_read_or_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from([*layouts.LAYOUTS.values(), layouts.MAP_23, layouts.USAGES_DUO]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 40))
        text = text[:at] + data.draw(st.text("|+-/ 0123456789:.NPUChipOK\n\x1b[m", max_size=8)) + text[at + length :]
    try:
        info = parse_info(text)
    except BadOutput:
        return
    assert all(chip.npu >= 0 and chip.name and chip.health for chip in info.chips)


def test_a_hundred_megabytes_are_read_in_bounded_time() -> None:
    begin = time.perf_counter()
    with pytest.raises(BadOutput):
        parse_info("| 0 310P3 |\n" * 9_000_000)
    assert time.perf_counter() - begin < 60


def test_it_is_found_beside_the_driver_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "info").write_text(layouts.DUO_23)
    site = _fake(tmp_path, f'[ "$*" = info ] && exec cat {tmp_path}/info; exit 3')
    tool = npu_smi.find(site, tmp_path / "turn")
    assert len(tool.info().chips) == 3
    with pytest.raises(ToolFailed, match=r"npu-smi info -m failed with exit code 3: is the driver loaded"):
        tool.map()


def test_a_machine_without_it_has_no_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    site = Site(Installation(home=tmp_path, arch="x86_64", kind="toolkit", version="8.1.RC1"), root=tmp_path)
    with pytest.raises(NoDevice, match="no npu-smi on PATH nor in /usr/local/bin"):
        npu_smi.find(site, tmp_path / "turn")


def test_a_driver_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(npu_smi, "SECONDS", 0.3)
    with pytest.raises(ToolFailed, match=r"did not answer within 0\.3 s"):
        npu_smi.find(_fake(tmp_path, "sleep 60"), tmp_path / "turn").info()


def test_calls_of_all_processes_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Huawei's manual of the Atlas 200 forbids concurrent calls: the script fails if it is called twice at once."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "info").write_text(layouts.A2_25)
    script = f"mkdir {tmp_path}/inside || exit 9; sleep 0.05; rmdir {tmp_path}/inside; cat {tmp_path}/info"
    tool = npu_smi.find(_fake(tmp_path, script), tmp_path / "turn")
    assert race(lambda _: str(len(tool.info().chips)), 6) == ["2"] * 6


def test_a_caller_that_never_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(npu_smi, "TURN_SECONDS", 0.1)
    tool = npu_smi.find(_fake(tmp_path, "exit 0"), tmp_path / "turn")
    with locked(tmp_path / "turn"), pytest.raises(ToolFailed, match="does one of them hang"):
        tool.info()
