"""A compiled model is opened where no CANN is: by what the file says itself."""

from pathlib import Path

import pytest
from om_samples import write_om

from resources.ascend import choice
from resources.ascend.cann.om.opener import FileOpener
from resources.ascend.cann.options.command import arguments
from resources.ascend.cann.options.option_files import option_files
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable

ONNX = "ab" * 32
OPTIONS = CompileOptions(soc_version="Ascend310P3", input_shape={"x": (1, 3, 8, 8)})


@pytest.fixture
def opener(tmp_path: Path) -> FileOpener:
    here = choice.choose("emulated", environ={}, root=tmp_path).toolchain
    found = choice.that_made("cann", here, apart=True)
    assert isinstance(found, FileOpener)
    return found


@pytest.fixture
def om(tmp_path: Path) -> Path:
    argv = arguments(OPTIONS, f"{ONNX}.onnx", "out/m", option_files(OPTIONS))
    return write_om(tmp_path / "m.om", soc_version="Ascend310P3", command_line=" ".join(["atc.bin", *argv]))


def test_it_says_what_it_was_compiled_from_and_by_what(opener: FileOpener, om: Path) -> None:
    info = opener.open(om, "Ascend310P3")
    assert (info.onnx_sha256, info.options) == (ONNX, OPTIONS)
    assert (info.toolchain.name, info.toolchain.origin) == ("cann", "measured")


def test_one_for_another_soc_is_refused(opener: FileOpener, om: Path) -> None:
    with pytest.raises(NotLoadable, match="made for Ascend310P3, not for Ascend910B3"):
        opener.open(om, "Ascend910B3")


@pytest.mark.parametrize("content", [b"", b"EMUOM1", b"PK\x03\x04", b"x" * 4096])
def test_what_is_no_compiled_model_is_refused(opener: FileOpener, tmp_path: Path, content: bytes) -> None:
    bad = tmp_path / "bad.om"
    bad.write_bytes(content)
    with pytest.raises(NotLoadable):
        opener.open(bad, "Ascend310P3")


def test_half_a_file_is_refused(opener: FileOpener, om: Path) -> None:
    om.write_bytes(om.read_bytes()[: om.stat().st_size // 2])
    with pytest.raises(NotLoadable):
        opener.open(om, "Ascend310P3")


def test_an_emulated_one_is_the_emulators_to_open(tmp_path: Path) -> None:
    here = choice.choose("emulated", environ={}, root=tmp_path).toolchain
    assert choice.that_made("emulator", here, apart=True) is here
    assert choice.that_made("another", here, apart=True) is None
