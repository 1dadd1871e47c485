"""ascend verify: every step is tried, what fails is told, and the report holds nothing private."""

import io
import json
import os
import re
import socket
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stand_ins.installing import StandIns
from stand_ins.sharing import shared, variables

from ascend_assets.operations import verify, verify_bundle, verify_model
from ascend_assets.operations.verify import STEPS, Step, Verification
from resources.ascend.cann.recording import Recorded
from resources.ascend.emulator.toolchain import Emulator
from resources.ascend.toolchain import ToolchainIdentity
from resources.scrubbing import Private

IDENTITY = ToolchainIdentity(name="cann", version="1", cann="8.1.RC1", origin="measured")


@pytest.fixture
def no_cann(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIns]:
    made = shared("8.1")
    for name, value in {**variables(made), "ASCEND_TOOLCHAIN": "cann"}.items():
        monkeypatch.setenv(name, value)
    made.mend()
    yield made
    made.mend()


def walked(made: StandIns, soc: str = "") -> tuple[Verification, list[Recorded]]:
    place = verify.opened(print, root=made.root)
    assert place.site is not None
    return verify.verify(place, lambda _: None, soc=soc), place.recorder.runs


def test_the_emulator_passes_every_step(no_cann: dict[str, str], tmp_path: Path) -> None:
    heard: list[Step] = []
    place = verify.opened(print, environ=no_cann, root=tmp_path)
    found = verify.verify(place, lambda _: None, heard=heard.append)
    assert found.passed
    assert found.identity.origin == "emulated"
    assert [step.name for step in heard] == list(STEPS)
    assert tuple(heard) == found.steps


def test_the_stand_ins_of_cann_pass_every_step_on_the_soc_of_the_devices(stand_ins: StandIns) -> None:
    found, runs = walked(stand_ins)
    assert [(step.name, step.soc, step.ok) for step in found.steps] == [(n, stand_ins.soc, True) for n in STEPS], [
        step.said for step in found.steps
    ]
    assert found.passed
    assert found.installation["cann"] == "8.1.RC1"
    assert len(found.devices) == 2
    assert {"atc", "msprof", "npu-smi"} <= {Path(run.argv[0]).name for run in runs}
    assert any(name.endswith(".csv") for run in runs for name, _ in run.files)


def test_what_a_failed_step_was_needed_for_is_not_tried(stand_ins: StandIns) -> None:
    stand_ins.break_("atc", "EC0010")
    found, _ = walked(stand_ins)
    assert [step.ok for step in found.steps] == [False, None, None, None, None]
    assert "decorator" in found.steps[0].said
    assert "EC0010" in found.steps[0].log
    assert not found.passed


def test_a_step_that_breaks_leaves_the_others_their_turn(stand_ins: StandIns) -> None:
    stand_ins.break_("msaccucmp", "garbage")
    found, _ = walked(stand_ins)
    assert [step.ok for step in found.steps] == [True, True, True, False, True]


def test_without_a_usable_device_it_says_so(stand_ins: StandIns) -> None:
    stand_ins.break_("npu-smi", "unhealthy")
    found, _ = walked(stand_ins)
    (step,) = found.steps
    assert (step.name, step.ok) == ("devices", False)
    assert "Alarm" in step.said


def test_a_soc_without_a_device_is_compiled_for_and_no_more(stand_ins: StandIns) -> None:
    found, _ = walked(stand_ins, soc=stand_ins.other_soc)
    assert [step.ok for step in found.steps][:3] == [True, True, False]


def test_an_error_of_ours_fails_its_step_and_is_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Emulator, "profile", broken)
    *_, last = verify.walk(Emulator(), "Ascend310P3", lambda _: None)
    assert (last.name, last.ok) == ("profile", False)
    assert last.said == "ZeroDivisionError: a bug"
    assert "Traceback" in last.log


def test_wrong_numbers_are_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    right = Emulator.infer

    def negated(self: Emulator, *arguments: Any) -> Any:
        return {name: np.negative(array) for name, array in right(self, *arguments).items()}

    monkeypatch.setattr(Emulator, "infer", negated)
    steps = {step.name: step for step in verify.walk(Emulator(), "Ascend310P3", lambda _: None)}
    assert steps["infer"].ok is False
    assert "cosine -1" in steps["infer"].said


def test_nothing_tried_is_no_pass() -> None:
    assert not Verification(IDENTITY, "why", ()).passed


def test_the_model_is_the_same_every_time() -> None:
    assert verify_model.onnx_bytes() == verify_model.onnx_bytes()
    assert verify_model.reference(verify_model.onnx_bytes()).shape == (1, 10)


def test_what_takes_long_is_told_and_what_does_not_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    said: list[str] = []
    with verify.slow(said.append, "quick"):
        pass
    monkeypatch.setattr(verify, "SLOW_SECONDS", 0.01)
    with verify.slow(said.append, "long"):
        time.sleep(0.2)
    assert said == ["long ..."]


def sample(**changes: Any) -> Verification:
    step = Step("compile", "Ascend310P3", ok=False, seconds=1.5, said="failed on buildbox7", log="at 10.1.2.3")
    return replace(Verification(IDENTITY, "why", ("Ascend310P3",), steps=(step,)), **changes)


RUN = Recorded(("/home/liming/bin/atc", "--model=x"), 1, 0.5, "from 10.1.2.3", "", (("a/op_summary.csv", "buildbox7"),))
PRIVATE = Private(hosts=("buildbox7",))


def test_a_report_is_scrubbed_in_every_file() -> None:
    files = verify_bundle.contents(sample(), [RUN], PRIVATE)
    assert list(files) == [
        "README.txt",
        "report.json",
        "logs/01-compile.txt",
        "tools/001-atc.txt",
        "files/001/a/op_summary.csv",
    ]
    whole = "".join(files.values())
    for private in ("buildbox7", "10.1.2.3", "liming"):
        assert private not in whole
    assert json.loads(files["report.json"])["steps"][0]["said"] == "failed on <host-1>"
    assert files["logs/01-compile.txt"] == "at <ipv4-1>"
    assert "from <ipv4-1>" in files["tools/001-atc.txt"]
    assert files["files/001/a/op_summary.csv"] == "<host-1>"


def test_the_folder_of_somebodys_cann_is_private_and_its_version_is_not() -> None:
    found = sample(installation={"cann": "8.1.RC1", "internal": "7.7.0.1", "home": "/data/bob/cann"})
    environ = {"ASCEND_HOME_PATH": "/data/bob/cann", "ASCEND_TOOLCHAIN": "emulated"}
    files = verify_bundle.contents(found, [], verify_bundle.private_here(found, environ))
    assert "bob" not in files["report.json"]
    assert "7.7.0.1" in files["report.json"]


def test_the_same_findings_make_the_same_bytes() -> None:
    one, other = (verify_bundle.packed(verify_bundle.contents(sample(), [RUN], PRIVATE)) for _ in range(2))
    assert one == other


def test_a_report_is_bounded_and_says_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_bundle, "MAX_BYTES", 200)
    big = replace(RUN, stdout="x" * 1000)
    files = verify_bundle.contents(sample(), [big], PRIVATE)
    assert "tools/001-atc.txt" not in files
    assert "tools/001-atc.txt" in json.loads(files["report.json"])["left_out"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a//b/../c", "..\\..\\x"])
def test_no_name_leaves_the_zip(name: str) -> None:
    with zipfile.ZipFile(io.BytesIO(verify_bundle.packed({name: "x"}))) as archive:
        (entry,) = archive.namelist()
    assert not entry.startswith("/")
    assert ".." not in entry.split("/")


def test_a_report_is_written_whole_over_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.zip"
    path.write_bytes(b"old")
    verify_bundle.write(path, {"a": "b"})
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.zip"]
    with zipfile.ZipFile(path) as archive:
        assert archive.read("a") == b"b"


def test_a_real_report_of_the_stand_ins_names_neither_this_host_nor_its_folders(stand_ins: StandIns) -> None:
    found, runs = walked(stand_ins)
    environ = {**os.environ, "MY_TOKEN": "2102312345678901"}
    files = verify_bundle.contents(found, runs, verify_bundle.private_here(found, environ))
    whole = "".join(files.values())
    for private in ("2102312345678901", "0000:C1:00.0", str(Path.home()) + "/", str(Path.cwd())):
        assert private not in whole
    # A short name may stand within a word by chance.
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", whole)
    assert found.installation["internal"] in whole
    assert "ATC run success" in whole
    assert "Ascend910B3" in whole
