"""CVE scan with a stand-in for trivy: a program that is called like it and writes the report it documents."""

import json
from pathlib import Path
from typing import Any

import pytest
from lint_samples import called, spec, stand_in_trivy, trivy_report, vulnerability, write

from ascend_assets.lint import cve
from ascend_assets.records import LintCount
from resources import process


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return write(folder, requirements__txt="numpy==1.0\n", trivy__yaml="exit-code: 0\n")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def scan(model: Path, tools: Path, report: str, before: str = "", **fields: Any) -> LintCount:
    return cve.count(model, spec(**fields), process.run, stand_in_trivy(tools, report, before=before))


def test_without_trivy_nothing_is_judged(model: Path) -> None:
    found = cve.count(model, spec(), process.run, None)
    assert not found.judged
    assert found.note == "trivy is not on PATH"


def test_no_vulnerability_is_judged_with_what_was_looked_at(model: Path, tools: Path) -> None:
    found = scan(model, tools, trivy_report())
    assert (found.judged, found.value) == (True, 0)
    assert found.note.startswith("packages that trivy looked at: 1, with its database of ")


def test_high_and_critical_count_and_others_do_not(model: Path, tools: Path) -> None:
    report = trivy_report(
        vulnerability("HIGH", "CVE-1"), vulnerability("CRITICAL", "CVE-2"), vulnerability("MEDIUM", "CVE-3")
    )
    found = scan(model, tools, report)
    assert found.value == 2
    assert [f.code for f in found.findings] == ["CVE-1", "CVE-2"]
    assert found.findings[0].where == "requirements.txt"
    assert found.findings[0].message == "numpy 1.0, HIGH, fixed in 1.1: reads beyond the end"


def test_trivy_runs_offline_where_the_model_cannot_configure_it(
    model: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVY_IGNOREFILE", "everything")
    monkeypatch.setenv("TRIVY_CACHE_DIR", str(tools))
    scan(model, tools, trivy_report())
    account = called(tools)
    assert account["argv"][0] == "fs"
    assert account["argv"][-1] == str(model)
    assert {"--offline-scan", "--skip-db-update", "--list-all-pkgs"} <= set(account["argv"])
    assert Path(account["cwd"]) != model
    assert account["listing"] == []
    assert "TRIVY_IGNOREFILE" not in account["env"]
    assert account["env"]["TRIVY_CACHE_DIR"] == str(tools)


def test_a_requirements_file_of_another_name_is_pointed_out_to_trivy(model: Path, tools: Path) -> None:
    write(model, **{"export-requirements__txt": "numpy==1.0\n"})
    scan(model, tools, trivy_report(), requirements={"python": "export-requirements.txt"})
    argv = called(tools)["argv"]
    assert argv[argv.index("--file-patterns") + 1] == r"pip:export\-requirements\.txt$"


def test_pins_that_trivy_does_not_see_are_not_judged(model: Path, tools: Path) -> None:
    found = scan(model, tools, trivy_report(packages=()))
    assert not found.judged
    assert "recognised no package" in found.note


def test_nothing_to_look_at_is_judged(model: Path, tools: Path) -> None:
    report = json.dumps({"SchemaVersion": 2, "Results": None})
    found = scan(model, tools, report, requirements={}, source={"onnx": "model.onnx"})
    assert (found.judged, found.value) == (True, 0)


@pytest.mark.parametrize(
    ("report", "before"),
    [
        ("", ""),
        ("[]", ""),
        ('{"SchemaVersion": 2, "Results": [{"Vulnerabilities": [{}]}]}', ""),
        (trivy_report(), "sys.exit('FATAL --skip-db-update cannot be specified on the first run')"),
        (trivy_report(), "os._exit(0)"),
    ],
)
def test_a_trivy_that_could_not_look_is_no_pass(model: Path, tools: Path, report: str, before: str) -> None:
    found = scan(model, tools, report, before)
    assert not found.judged
    assert found.value is None
    assert found.note.startswith("trivy could not look: ")
    assert "\n" not in found.note


def test_a_trivy_that_hangs_is_stopped(model: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cve, "TIMEOUT_SECONDS", 0.5)
    assert not scan(model, tools, trivy_report(), "import time; time.sleep(60)").judged


def test_another_program_or_database_is_another_identity(tools: Path) -> None:
    variables = {"TRIVY_CACHE_DIR": str(tools)}
    assert cve.identity(None, variables) == "absent"
    program = stand_in_trivy(tools, trivy_report())
    without = cve.identity(program, variables)
    assert "unknown date" in without
    (tools / "db").mkdir()
    (tools / "db" / "metadata.json").write_text('{"Version": 2, "UpdatedAt": "2026-11-20T06:00:00Z"}')
    dated = cve.identity(program, variables)
    assert "2026-11-20" in dated
    assert dated != without


def test_trivy_is_found_on_path(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = stand_in_trivy(tools, trivy_report())
    monkeypatch.setenv("PATH", str(tools))
    assert cve.find() == program
    monkeypatch.setenv("PATH", str(tools / "nothing"))
    assert cve.find() is None
