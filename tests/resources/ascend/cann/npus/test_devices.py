"""The devices of a machine: their numbers, their SoC in ATC's words, what this process may see, and what is fit."""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import npu_smi_layouts as layouts
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import BadOutput, NoDevice, ToolFailed
from resources.ascend.cann.npus.devices import Device, devices, joined, soc_version, unfit, visible
from resources.ascend.cann.npus.npu_smi import Fields, parse_fields
from resources.ascend.cann.npus.npu_smi_map import parse_map
from resources.ascend.cann.npus.npu_smi_tables import parse_info
from resources.ascend.cann.site import Site

KNOWN = (
    *("Ascend310", "Ascend310P1", "Ascend310P3", "Ascend310P5", "Ascend310P7", "Ascend310B1", "Ascend310B4"),
    *("Ascend910A", "Ascend910B", "Ascend910ProA", "Ascend910PremiumA", "Ascend910B1", "Ascend910B3", "Ascend910B4"),
    *("Ascend910B4-1", "Ascend910_9391", "Ascend910_9362"),
)
BOARD_A3 = parse_fields(layouts.BOARD_A3)
Machine = Callable[..., Site]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine whose npu-smi prints what is given; a call that is not given fails."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    said: list[str] = []

    def make(**outputs: str) -> Site:
        program = tmp_path / "usr" / "local" / "bin" / "npu-smi"
        program.parent.mkdir(parents=True)
        for name, text in outputs.items():
            (tmp_path / name).write_text(text)
        program.write_text(f'#!/bin/sh\nname=$2$3; [ -n "$2" ] || name=info\nexec cat "{tmp_path}/${{name#-}}"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        installed = Installation(home=tmp_path, arch="aarch64", kind="toolkit", version="8.1.RC1", soc_versions=KNOWN)
        return Site(installed, say=said.append, root=tmp_path)

    return make


def _device(logic: int, **other: object) -> Device:
    fields = {
        "npu": logic,
        "chip": 0,
        "logic": logic,
        "soc_version": "Ascend310P3",
        "name": "310P3",
        "health": "OK",
        "memory_bytes": 1,
        "card": logic,
    }
    return Device(**{**fields, **other})  # type: ignore[arg-type]


def test_the_devices_of_a_machine(machine: Machine, tmp_path: Path) -> None:
    found = devices(machine(info=layouts.DUO_23, m=layouts.MAP_23), turn=tmp_path / "turn", environ={})
    assert [(d.npu, d.chip, d.logic, d.card, d.soc_version) for d in found] == [
        (7, 0, 0, 7, "Ascend310P3"),
        (7, 1, 1, 7, "Ascend310P3"),
        (32768, 0, 2, 32768, "Ascend310P3"),
    ]
    assert found[0].memory_bytes == 21527 * 1024 * 1024
    assert [process.pid for process in found[0].processes] == [4711, 4712]
    assert str(found[2]) == "NPU 32768 chip 0 (Ascend310P3)"
    assert found[2].key == "0000-04-00-0"


def test_a_driver_without_a_map_counts_as_its_table_does(machine: Machine, tmp_path: Path) -> None:
    found = devices(machine(info=layouts.A2_25), turn=tmp_path / "turn", environ={})
    assert [device.logic for device in found] == [0, 1]
    assert found[0].memory_bytes == 65536 * 1024 * 1024


def test_a_container_without_a_map_counts_from_zero(machine: Machine, tmp_path: Path) -> None:
    """`Phy-ID` stays the host's there, and the runtime knows but the chips that were passed in."""
    table = layouts.A3_25.replace("| 0     0 ", "| 0     8 ").replace("| 1     1 ", "| 1     9 ")
    found = devices(machine(info=table, tboard=layouts.BOARD_A3), turn=tmp_path / "turn", environ={})
    assert [(device.logic, device.physical) for device in found] == [(0, 8), (1, 9)]


def test_one_die_in_a_container_is_one_device() -> None:
    """npu-smi shows both dies of the card there, with one number and one address."""
    table = layouts.A3_25.replace("| 1     1 ", "| 1     0 ").replace("0000:9F", "0000:9D")
    assert [(device.chip, device.logic) for device in joined(parse_info(table).chips, ())] == [(0, 0)]


def test_an_npu_without_a_chip_is_said_and_left_out(machine: Machine, tmp_path: Path) -> None:
    said: list[str] = []
    rows = [row for row in layouts.DUO_23.splitlines() if not row.startswith("| 1       1")]
    site = replace(machine(info="\n".join(rows), m=layouts.MAP_23), say=said.append)
    found = devices(site, turn=tmp_path / "turn", environ={})
    assert [(device.npu, device.chip, device.logic) for device in found] == [(7, 0, 0), (32768, 0, 2)]
    assert said[0].startswith("NPU 7: npu-smi shows it without a chip")


def test_a3_asks_its_board(machine: Machine, tmp_path: Path) -> None:
    site = machine(info=layouts.A3_25, m=layouts.MAP_A3, tboard=layouts.BOARD_A3)
    found = devices(site, turn=tmp_path / "turn", environ={})
    assert [(d.soc_version, d.logic, d.physical, d.card) for d in found] == [
        ("Ascend910_9391", 0, 8, 0),
        ("Ascend910_9391", 1, 9, 0),
    ]


def test_a_chip_that_cann_does_not_know_is_said(machine: Machine, tmp_path: Path) -> None:
    (found,) = devices(machine(info=layouts.CELLS_950), turn=tmp_path / "turn", environ={})
    assert "does not compile for Ascend950DT: update CANN" in found.note


def test_without_a_driver_there_is_no_device(tmp_path: Path, machine: Machine) -> None:
    site = machine()
    with pytest.raises(ToolFailed, match="is the driver loaded"):
        devices(site, turn=tmp_path / "turn", environ={})


@pytest.mark.parametrize(
    ("name", "board", "soc"),
    [
        ("310P3", None, "Ascend310P3"),
        ("310", None, "Ascend310"),
        ("910B", None, "Ascend910B"),
        ("910B4-1", None, "Ascend910B4-1"),
        ("Ascend910B3", None, "Ascend910B3"),
        ("Ascend910", BOARD_A3, "Ascend910_9391"),
        ("910Premi", None, "Ascend910PremiumA"),
        ("910", None, "Ascend910A"),
        ("310P", Fields((("Chip Name", "Ascend 310P5"),)), "Ascend310P5"),
    ],
)
def test_the_soc_in_atcs_words(name: str, board: Fields | None, soc: str) -> None:
    assert soc_version(name, KNOWN, board)[0] == soc


def test_a_guess_is_said_to_be_one() -> None:
    assert "taken for Ascend910A" in soc_version("910", KNOWN, None)[1]
    assert "does not compile for Ascend310P:" in soc_version("310P", KNOWN, None)[1]
    assert soc_version("Ascend910", (), BOARD_A3) == ("Ascend910_9391", "")
    assert soc_version("310P3", (), None) == ("Ascend310P3", "")


def test_one_logic_id_for_two_chips_is_refused() -> None:
    rows = parse_map(
        layouts.MAP_23.replace("32768                          0                              2", "32768 0 1")
    )
    with pytest.raises(BadOutput, match="one logic id to two chips"):
        joined(parse_info(layouts.DUO_23).chips, rows)


@pytest.mark.parametrize(
    ("environ", "logic"),
    [
        ({}, [0, 1, 2, 3]),
        ({"ASCEND_RT_VISIBLE_DEVICES": ""}, [0, 1, 2, 3]),
        ({"ASCEND_RT_VISIBLE_DEVICES": "1,3"}, [1, 3]),
        ({"ASCEND_RT_VISIBLE_DEVICES": "1,7,3"}, [1]),  # an id that is not there ends the list
        ({"ASCEND_VISIBLE_DEVICES": "8-9,11"}, [0, 1, 3]),
        ({"ASCEND_VISIBLE_DEVICES": "Ascend310P-10"}, [2]),
        ({"ASCEND_VISIBLE_DEVICES": "void"}, []),
        ({"ASCEND_VISIBLE_DEVICES": "4,5,6,7"}, [0, 1, 2, 3]),  # the container runtime has heeded it
        ({"ASCEND_VISIBLE_DEVICES": "8,9", "ASCEND_RT_VISIBLE_DEVICES": "1,2"}, [1]),
    ],
)
def test_what_the_environment_shows(environ: dict[str, str], logic: list[int]) -> None:
    there = [_device(number, physical=8 + number) for number in range(4)]
    assert [device.logic for device in visible(there, environ)] == logic


@pytest.mark.parametrize("text", ["all", "0;1", "3-1", "-1", "0-99999", "9" * 30])
def test_a_list_that_nobody_can_read_is_refused(text: str) -> None:
    for variable in ("ASCEND_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES"):
        with pytest.raises(NoDevice, match=variable):
            visible([_device(0)], {variable: text})


@given(st.text(max_size=40))
def test_any_list_is_read_or_refused(text: str) -> None:
    try:
        seen = visible([_device(0), _device(1)], {"ASCEND_RT_VISIBLE_DEVICES": text})
    except NoDevice:
        return
    assert set(seen) <= {_device(0), _device(1)}


@pytest.mark.parametrize(
    ("health", "for_benchmark", "fit"),
    [
        ("OK", True, True),
        ("OK", False, True),
        ("Warning", False, True),
        ("Warning", True, False),
        ("Alarm", False, False),
        ("Critical", False, False),
        ("UNKNOWN", False, False),
        ("ok?", False, False),
    ],
)
def test_health_decides_what_a_device_may_do(health: str, *, for_benchmark: bool, fit: bool) -> None:
    why = unfit(_device(5, health=health), for_benchmark=for_benchmark)
    assert (why == "") is fit
    assert fit or "npu-smi info -t health -i 5 -c 0" in why
