"""The lint stage: one count per criterion of the gate, about exactly the files that it was given."""

import shutil
from pathlib import Path

import pytest
from lint_stage_samples import MODEL, order, sources

from ascend_assets.assets import lint
from ascend_assets.gates import lint as gate
from ascend_assets.lint import cve
from ascend_assets.records import LintRecord
from resources import process
from resources.ascend.toolchain import ToolchainIdentity

EMULATOR = ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated")


def failing(record: LintRecord) -> list[str]:
    return [v.criterion for v in gate.judge(record, MODEL) if not v]


def made(tmp_path: Path, **files: str) -> LintRecord:
    source, onnx, box = sources(tmp_path, **files)
    return lint.make(box, "0" * 64, order(), source=source, onnx=onnx, spec=MODEL)


def test_a_good_candidate_is_linted_and_passes(tmp_path: Path) -> None:
    record = made(tmp_path)
    assert tuple(count.criterion for count in record.counts) == gate.CRITERIA_NAMES
    assert failing(record) == []


def test_the_record_says_what_it_was_made_from(tmp_path: Path) -> None:
    source, onnx, box = sources(tmp_path)
    record = lint.make(box, "0" * 64, order(), source=source, onnx=onnx, spec=MODEL)
    assert record.made_from == {"source": source.data_version, "onnx": onnx.data_version}


@pytest.mark.parametrize(
    ("files", "criterion"),
    [
        ({"train.py": "import os\n"}, "code_style"),
        ({"requirements.txt": "numpy\n"}, "pinned_dependencies"),
    ],
)
def test_a_fault_in_the_sources_fails_its_criterion(tmp_path: Path, files: dict[str, str], criterion: str) -> None:
    assert failing(made(tmp_path, **files)) == [criterion]


def test_a_toolchain_outside_the_declared_range_fails(tmp_path: Path) -> None:
    source, onnx, box = sources(tmp_path)
    folder = tmp_path / "model"
    old = EMULATOR.model_copy(update={"cann": "6.0.1"})
    counts = lint.collect(MODEL, folder, box.blobs.path(onnx.file), old, run=process.run, trivy=None)
    record = LintRecord(key="", made_from={"source": source.data_version, "onnx": onnx.data_version}, counts=counts)
    assert failing(record) == ["cann_version"]


def test_the_same_files_give_the_same_record(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert made(one).digest == made(other).digest


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    made(tmp_path)
    assert list(scratch.iterdir()) == []


def test_scanners_name_the_tools_that_look() -> None:
    lint.scanners.cache_clear()
    found = lint.scanners()
    assert found["ruff"][0].isdigit()
    assert (found["trivy"] == "absent") == (shutil.which("trivy") is None) == (cve.find() is None)
