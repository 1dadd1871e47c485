"""A SoC's cores and clock: what the platform configuration tells, and nothing made up where it does not."""

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_ins.installing import StandIns

from resources.ascend.cann.environment import installation
from resources.ascend.cann.environment.chip import MAX_BYTES, Chip, chip, parse
from resources.ascend.cann.environment.installation import Installation

FIRST = "[SoCInfo]\nai_core_cnt=8\nvector_core_cnt=7\n\n[AICoreSpec]\ncube_freq=1060\n"
SECOND = "[SoCInfo]\r\nai_core_cnt=24\r\ncube_core_cnt = 20\r\nvector_core_cnt=40\r\n[AICoreSpec]\r\ncube_freq=1800\r\n"


@pytest.fixture
def home(tmp_path: Path) -> Installation:
    (tmp_path / "x86_64-linux" / "data" / "platform_config").mkdir(parents=True)
    return Installation(tmp_path, "x86_64", "toolkit", "8.1.RC1", soc_versions=("Ascend310P3",))


def ini(home: Installation) -> Path:
    return home.home / "x86_64-linux" / "data" / "platform_config" / "Ascend310P3.ini"


def test_one_kind_of_core_or_two() -> None:
    assert parse(FIRST, "Ascend310P3") == Chip("Ascend310P3", 8, 7, 1060.0)
    assert parse(SECOND, "Ascend910B3") == Chip("Ascend910B3", 20, 40, 1800.0)


@pytest.mark.parametrize("text", ["", "ai_core_cnt=8\ncube_freq=900", "[AICoreSpec]\ncube_freq=fast", "\0[SoCInfo"])
def test_what_is_not_told_is_unknown(text: str) -> None:
    found = parse(text, "Ascend310P3")
    assert (found.cores, found.vector_cores) == (0, 0)
    assert math.isnan(found.clock_mhz)


def test_a_clock_that_stands_still_is_unknown() -> None:
    assert math.isnan(parse("[AICoreSpec]\ncube_freq=0", "Ascend310P3").clock_mhz)


def test_the_first_of_two_figures_counts() -> None:
    assert parse("[SoCInfo]\nai_core_cnt=8\nai_core_cnt=80\n", "Ascend310P3").cores == 8


def test_cards_that_change_their_clock_are_known() -> None:
    assert Chip("Ascend310P3").scales
    assert not Chip("Ascend310").scales
    assert not Chip("Ascend910B3").scales


def test_every_release_tells_its_own_chips(stand_ins: StandIns) -> None:
    found = installation.find(stand_ins.environ, stand_ins.root)
    cores, clock = {
        "Ascend310P3": (8, 1060.0),
        "Ascend910B3": (20, 1800.0),
        "Ascend910_9391": (24, 1850.0),
    }[stand_ins.soc]
    told = chip(found, stand_ins.soc)
    assert (told.cores, told.clock_mhz) == (cores, clock)


def test_a_soc_that_is_not_installed_is_not_looked_for(home: Installation) -> None:
    ini(home).write_text(FIRST)
    assert chip(home, "Ascend310P3").cores == 8
    assert chip(home, "../Ascend310P3").cores == 0
    assert chip(replace(home, soc_versions=()), "Ascend310P3").cores == 0


def test_a_file_deeper_down_or_of_another_place_is_found(home: Installation) -> None:
    deeper = ini(home).parent / "a2" / "Ascend310P3.ini"
    deeper.parent.mkdir()
    deeper.write_text(FIRST)
    assert chip(home, "Ascend310P3").cores == 8


def test_what_is_no_file_is_not_waited_for(home: Installation) -> None:
    os.mkfifo(ini(home))
    assert chip(home, "Ascend310P3").cores == 0
    ini(home).unlink()
    ini(home).mkdir()
    assert chip(home, "Ascend310P3").cores == 0


def test_a_huge_file_is_read_in_part(home: Installation) -> None:
    ini(home).write_bytes(FIRST.encode() + b"x" * (2 * MAX_BYTES) + b"\xff\xfe")
    assert chip(home, "Ascend310P3").clock_mhz == 1060


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda data: data.decode("utf-8", "replace"))))
def test_any_text_is_a_chip(text: str) -> None:
    for spoilt in (text, FIRST[:40] + text + FIRST[40:], SECOND + text):
        found = parse(spoilt, "Ascend310P3")
        assert found.cores >= 0
        assert found.vector_cores >= 0
        assert math.isnan(found.clock_mhz) or found.clock_mhz > 0
