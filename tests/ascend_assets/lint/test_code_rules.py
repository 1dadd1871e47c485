"""Lint of the model's own Python with a real ruff: the folder under judgement cannot disarm it."""

from pathlib import Path
from typing import Any

import pytest
from lint_samples import spec, write

from ascend_assets.lint import code_rules
from ascend_assets.lint.processes import Run
from ascend_assets.records import LintCount
from resources import process

UNUSED = "import os\n"
CRASHED = process.Completed(argv=("ruff",), returncode=2, stdout="", stderr="it crashed\nbadly", seconds=0.1)


def check(folder: Path, **fields: Any) -> LintCount:
    return code_rules.count(folder, spec(**fields), process.run)


def places(count: LintCount) -> list[str]:
    assert count.judged, count.note
    assert count.value == len(count.findings)
    return [f"{finding.code} {finding.where}" for finding in count.findings]


def test_clean_code_has_no_finding(tmp_path: Path) -> None:
    found = check(write(tmp_path, train__py="print('trained')\n"))
    assert places(found) == []
    assert "files: 1; ruff with E4," in found.note


def test_a_finding_says_where(tmp_path: Path) -> None:
    found = check(write(tmp_path, train__py="x = 1\n\nimport os\n"))
    assert places(found) == ["E402 train.py:3", "F401 train.py:3"]


def test_code_that_does_not_parse_is_a_finding(tmp_path: Path) -> None:
    assert "invalid-syntax train.py:1" in places(check(write(tmp_path, train__py="def f(:\n")))


def test_what_runs_code_out_of_data_is_a_finding(tmp_path: Path) -> None:
    code = "import pickle\nimport sys\n\nprint(pickle.load(sys.stdin.buffer))\n"
    assert places(check(write(tmp_path, train__py=code))) == ["S301 train.py:4"]


@pytest.mark.parametrize(
    "comment",
    ["# ruff: noqa", "# flake8: noqa", "# ruff: noqa: F401", "# ruff: file-ignore[F401]", "# ruff: disable[F401]"],
)
def test_a_suppression_comment_changes_nothing(tmp_path: Path, comment: str) -> None:
    code = f"{comment}\nimport os  # noqa: F401\n"
    assert places(check(write(tmp_path, train__py=code))) == ["F401 train.py:2"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ruff.toml", "exclude = ['*']\nlint.select = []\n"),
        ("ruff.toml", "lint.per-file-ignores = {'*' = ['ALL']}\n"),
        (".ruff.toml", "exclude = ['*']\n"),
        ("pyproject.toml", "[tool.ruff]\nexclude = ['*']\n"),
        (".gitignore", "*\n"),
        (".ignore", "*\n"),
    ],
)
def test_configuration_in_the_folder_changes_nothing(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    assert places(check(write(tmp_path, train__py=UNUSED))) == ["F401 train.py:1"]


@pytest.mark.parametrize("name", ["ruff.py", "ruff/__main__.py", "sitecustomize.py", "json.py"])
def test_a_module_of_the_folder_does_not_take_the_tools_place(tmp_path: Path, name: str) -> None:
    disguise = tmp_path / name
    disguise.parent.mkdir(exist_ok=True)
    marker = tmp_path / "ran"
    disguise.write_text(f"open({str(marker)!r}, 'w').close()\nraise SystemExit(0)\n")
    assert "F401 train.py:1" in places(check(write(tmp_path, train__py=UNUSED)))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["build/a.py", ".hidden/a.py", "venv/a.py", "-a.py", "@a.py", "a b.py", "a.pyi"])
def test_no_place_in_the_folder_is_left_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(UNUSED)
    assert places(check(tmp_path)) == [f"F401 {name}:1"]


def test_the_entry_is_looked_at_whatever_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "train").write_text(UNUSED)
    assert places(check(tmp_path, source={"python": "train"})) == ["F401 train:1"]


def test_a_model_without_python_has_nothing_to_look_at(tmp_path: Path) -> None:
    found = check(tmp_path, source={"onnx": "model.onnx"})
    assert (found.judged, found.value) == (True, 0)


def test_more_findings_than_a_record_keeps_are_all_counted(tmp_path: Path) -> None:
    found = check(write(tmp_path, train__py=UNUSED * (code_rules.MOST_FINDINGS + 50)))
    assert found.value is not None
    assert found.value > code_rules.MOST_FINDINGS
    assert len(found.findings) == code_rules.MOST_FINDINGS


def test_too_many_files_are_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_rules, "MOST_FILES", 1)
    found = check(write(tmp_path, a__py="", b__py=""))
    assert not found.judged


def broken(error: Exception | None, report: bytes | None) -> Run:
    """A ruff that fails, or writes something else than its report."""

    def run(argv: Any, **_: Any) -> None:
        if error:
            raise error
        if report is not None:
            Path(argv[argv.index("--output-file") + 1]).write_bytes(report)

    return run


@pytest.mark.parametrize(
    "run",
    [
        broken(process.ProcessFailed(CRASHED), None),
        broken(None, None),
        broken(None, b""),
        broken(None, b"{}"),
        broken(None, b'[{"code": "F401"}]'),
    ],
)
def test_without_a_report_that_can_be_read_nothing_is_judged(tmp_path: Path, run: Run) -> None:
    found = code_rules.count(write(tmp_path, train__py=UNUSED), spec(), run)
    assert not found.judged
    assert found.value is None
    assert found.note.startswith("ruff gave no report: ")
    assert "\n" not in found.note
