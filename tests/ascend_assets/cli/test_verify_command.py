"""The command: what a person and a script see, and the exit code."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_fixtures import Ascend


def test_without_cann_it_passes_and_says_that_this_proves_nothing(ascend: Ascend, tmp_path: Path) -> None:
    ended = ascend("verify", "--report", "out.zip", HOME=str(tmp_path), ASCEND_TOOLCHAIN="emulated")
    assert ended.code == 0, ended.err
    assert "This proves nothing about CANN" in ended.out
    assert ended.out.count("\nok ") == 5
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {"README.txt", "report.json"} <= set(archive.namelist())


def test_a_script_reads_one_object(ascend: Ascend) -> None:
    found = ascend("verify", "--json", "--soc", "Ascend910B3", ASCEND_TOOLCHAIN="emulated").object
    assert found["passed"] is True
    assert found["socs"] == ["Ascend910B3"]
    assert found["toolchain"]["origin"] == "emulated"


def test_a_failed_step_is_exit_code_1_and_the_report_is_written_all_the_same(
    here: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_TOOLCHAIN", "emulated")
    report = tmp_path / "out.zip"
    code, out, err = here("verify", "--soc", "Ascend1", "--report", str(report))
    assert code == 1
    assert "FAILED Ascend1" in out
    assert "1 of 5 steps failed: compile on Ascend1" in err
    assert report.exists()


def test_cann_that_is_asked_for_and_missing_is_exit_code_2(ascend: Ascend, tmp_path: Path) -> None:
    ended = ascend("verify", HOME=str(tmp_path), ASCEND_TOOLCHAIN="cann", ASCEND_HOME_PATH="", ASCEND_TOOLKIT_HOME="")
    assert ended.code == 2
    assert "no CANN is installed here" in ended.err
    assert "Traceback" not in ended.err
