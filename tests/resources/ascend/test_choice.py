"""Which toolchain is taken, and that it says why."""

from pathlib import Path

import fake_install
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend import choice
from resources.ascend.cann.errors import NoInstallation
from resources.ascend.choice import BadChoice, choose, wanted
from resources.ascend.emulator.toolchain import Emulator


def npus(root: Path, *numbers: int) -> None:
    """Device nodes as the driver makes them, beside those that are no NPU."""
    folder = root / "dev"
    folder.mkdir(exist_ok=True)
    for name in ("davinci_manager", "devmm_svm", *(f"davinci{number}" for number in numbers)):
        (folder / name).touch()


def test_a_laptop_gets_the_emulator_and_is_told_why(tmp_path: Path) -> None:
    chosen = choose(environ={}, root=tmp_path)
    assert chosen.toolchain.describe().origin == "emulated"
    assert chosen.asked == "auto"
    assert "no usable CANN" in chosen.why
    assert "ascend doctor" in str(chosen)
    assert "emulated" in str(chosen)


def test_cann_with_an_npu_is_taken(tmp_path: Path) -> None:
    home = fake_install.build(tmp_path, version="8.1.RC1")
    npus(tmp_path, 7, 24)
    chosen = choose(environ={}, root=tmp_path)
    identity = chosen.toolchain.describe()
    assert (identity.name, identity.cann, identity.origin) == ("cann", "8.1.RC1", "measured")
    assert "2 NPUs" in chosen.why
    assert str(home.parent) in chosen.why


def test_cann_without_an_npu_is_named_and_not_taken(tmp_path: Path) -> None:
    fake_install.build(tmp_path, version="8.1.RC1")
    npus(tmp_path)
    chosen = choose(environ={}, root=tmp_path)
    assert chosen.toolchain.describe().origin == "emulated"
    assert "8.1.RC1" in chosen.why
    assert "no NPU" in chosen.why
    assert "ASCEND_TOOLCHAIN=cann" in chosen.why


def test_asked_for_it_compiles_without_an_npu(tmp_path: Path) -> None:
    fake_install.build(tmp_path, version="8.1.RC1")
    chosen = choose(environ={"ASCEND_TOOLCHAIN": "cann"}, root=tmp_path)
    assert chosen.toolchain.describe().name == "cann"
    assert "asks for it" in chosen.why


def test_asked_for_and_not_there_it_is_an_error_and_never_the_other(tmp_path: Path) -> None:
    with pytest.raises(NoInstallation, match="CANN"):
        choose("cann", environ={}, root=tmp_path)


def test_a_run_time_package_compiles_nothing(tmp_path: Path) -> None:
    fake_install.build(tmp_path, layout="nnrt")
    npus(tmp_path, 0)
    assert "no atc" in choose(environ={}, root=tmp_path).why
    with pytest.raises(NoInstallation, match="toolkit"):
        choose("cann", environ={}, root=tmp_path)


def test_the_emulator_can_be_asked_for_beside_an_npu(tmp_path: Path) -> None:
    fake_install.build(tmp_path)
    npus(tmp_path, 0)
    chosen = choose(environ={"ASCEND_TOOLCHAIN": " Emulated "}, root=tmp_path)
    assert chosen.toolchain.describe().origin == "emulated"


def test_what_is_given_goes_before_the_environment(tmp_path: Path) -> None:
    chosen = choose("emulated", environ={"ASCEND_TOOLCHAIN": "cann"}, root=tmp_path)
    assert chosen.asked == "emulated"


@given(st.text(max_size=200))
def test_any_other_word_is_refused_with_those_that_are_known(text: str) -> None:
    if text.strip().lower() in {"", *choice.ASKED}:
        assert wanted(text) in choice.ASKED
        return
    with pytest.raises(BadChoice, match="auto, cann, emulated"):
        wanted(text)


def test_what_the_emulator_made_is_opened_everywhere_and_what_cann_made_beside_cann(tmp_path: Path) -> None:
    emulator = choose("emulated", environ={}, root=tmp_path).toolchain
    assert choice.that_made("emulator", emulator) is emulator
    assert choice.that_made("cann", emulator) is None
    fake_install.build(tmp_path)
    cann = choose("cann", environ={}, root=tmp_path).toolchain
    assert choice.that_made("cann", cann) is cann
    assert isinstance(choice.that_made("emulator", cann), Emulator)


def test_a_script_gets_the_same_as_a_person(tmp_path: Path) -> None:
    chosen = choose(environ={}, root=tmp_path)
    told = chosen.as_json()
    assert (told["name"], told["origin"], told["asked"]) == ("emulator", "emulated", "auto")
    assert told["why"] in str(chosen)
