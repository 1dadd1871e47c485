"""`ascend om`: what a person and a script read of a real `.om`, with and without CANN here."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from om_samples import Tensor, write_om

from resources.ascend.cann.environment import installation
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import NoInstallation

Here = Callable[..., tuple[int, str, str]]
ONNX = "ab" * 32
COMMAND = f"atc.bin --framework=5 --model={ONNX}.onnx --output=m --soc_version=Ascend310P3 --input_shape=x:1,3"
INSTALLED = Installation(
    Path("/usr/local/Ascend/cann"),
    "x86_64",
    "toolkit",
    "8.1.RC1",
    internal="7.7.0.1.238",
    soc_versions=("Ascend310P3", "Ascend910B3"),
)


@pytest.fixture(autouse=True)
def cann(monkeypatch: pytest.MonkeyPatch) -> Callable[[Installation | None], None]:
    """What is installed here; nothing until a test says so."""

    def say(found: Installation | None) -> None:
        def find(*_: object, **__: object) -> Installation:
            if found is None:
                raise NoInstallation("no CANN here")
            return found

        monkeypatch.setattr(installation, "find", find)

    say(None)
    return say


def om(folder: Path, **says: Any) -> Path:
    own: dict[str, Any] = {
        "name": "resnet",
        "command_line": COMMAND,
        "inputs": (Tensor("x", shape=(1, 3)), Tensor("scale", "float16", ())),
        "outputs": (Tensor("scores", shape=(1, 5), node="Gemm_5"),),
        "weights": b"w" * 2000,
    }
    return write_om(folder / "m.om", **own | says)


def test_a_person_reads_what_it_is(tmp_path: Path, here: Here, cann: Callable[[Installation], None]) -> None:
    cann(INSTALLED)
    code, out, _ = here("om", str(om(tmp_path)))
    assert code == 0
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in out.splitlines() if line.strip()}
    assert lines["model"] == "resnet"
    assert lines["SoC"] == "Ascend310P3"
    assert lines["CANN"] == "8.1.RC1 (compiler 7.7.0.1.238)"
    assert lines["memory"] == "2,000 bytes of weights, 1,024 beside them"
    assert f"sha256 {ONNX}" in out
    assert COMMAND in out
    assert "fits here  yes: its CANN is of the same release as the installed 8.1.RC1" in out
    assert lines["x"] == "float32 1x3 12"
    assert lines["scale"] == "float16 scalar 2"
    assert lines["scores"] == "float32 1x5 20"
    assert lines["weights"].endswith("2,000")


def test_a_script_reads_one_object(tmp_path: Path, here: Here, cann: Callable[[Installation], None]) -> None:
    cann(INSTALLED)
    path = om(tmp_path)
    code, out, _ = here("om", str(path), "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["name"], found["soc_version"], found["cann"]) == ("resnet", "Ascend310P3", "8.1.RC1")
    assert (found["onnx_sha256"], found["size"]) == (ONNX, path.stat().st_size)
    assert found["inputs"][0] == {"name": "x", "dtype": "float32", "shape": [1, 3], "size": 12}
    assert found["fits_here"] is True
    assert found["read_by"] == "protobuf"


@pytest.mark.parametrize(
    ("says", "installed", "fits", "why"),
    [
        ({}, None, None, "there is no CANN on this machine"),
        ({"atc_version": "8.2.0.0.201"}, INSTALLED, False, "newer than the installed 8.1.RC1"),
        ({"atc_version": "7.0.0.5.242"}, INSTALLED, False, "at least 5 release cycles before"),
        ({"atc_version": "7.6.0.1.220"}, INSTALLED, True, "at least 1 release cycle older than"),
        ({"atc_version": ""}, INSTALLED, None, "nobody can say how far"),
        ({"soc_version": "Ascend310B4"}, INSTALLED, False, "does not know Ascend310B4"),
    ],
)
def test_whether_it_fits_this_machine_is_said(
    tmp_path: Path,
    here: Here,
    cann: Callable[[Installation | None], None],
    says: dict[str, str],
    installed: Installation | None,
    fits: bool | None,  # noqa: FBT001 - a parameter of the test
    why: str,
) -> None:
    cann(installed)
    _, out, _ = here("om", str(om(tmp_path, **says)), "--json")
    found = json.loads(out)
    assert found["fits_here"] is fits
    assert why in found["why"]


def test_what_someone_else_compiled_can_be_read(tmp_path: Path, here: Here) -> None:
    code, out, _ = here("om", str(om(tmp_path, command_line="", inputs=(), outputs=())))
    assert code == 0
    assert "an ONNX model that it does not name" in out
    assert "a command that it does not tell" in out
    assert "inputs: it does not tell them" in out


def test_names_cannot_move_a_persons_cursor(tmp_path: Path, here: Here) -> None:
    hostile = "\x1b[2J模型\r\n\u202eevil"
    says: dict[str, Any] = {"name": hostile, "inputs": (Tensor(hostile),), "command_line": f"atc --model={hostile}"}
    code, out, _ = here("om", str(om(tmp_path, **says)))
    assert code == 0
    assert "模型" in out
    assert not {"\x1b", "\r", "\u202e"} & set(out)
    assert json.loads(here("om", str(om(tmp_path, **says)), "--json")[1])["name"] == hostile


def test_long_lists_are_cut_for_a_person(tmp_path: Path, here: Here) -> None:
    path = om(tmp_path, inputs=tuple(Tensor(f"x{place}") for place in range(60)))
    out = here("om", str(path))[1]
    assert "x39 " in out
    assert "x40 " not in out
    assert "and 20 more: --json has all" in out
    assert len(json.loads(here("om", str(path), "--json")[1])["inputs"]) == 60


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"EMUOM\r\n\x1a" + bytes(60), "compiled by the emulator"), (b"", "is empty"), (b"IMOD", "breaks off")],
)
def test_what_is_no_om_ends_with_2(tmp_path: Path, here: Here, data: bytes, said: str) -> None:
    path = tmp_path / "m.om"
    path.write_bytes(data)
    code, out, err = here("om", str(path))
    assert (code, out) == (2, "")
    assert said in err
    assert here("om", str(tmp_path / "missing.om"))[0] == 2
