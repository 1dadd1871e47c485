"""What ruff finds in the model's own Python.

Here belong the rules, which files are looked at, and the reading of ruff's report. The folder under judgement has no
say: its configuration, suppression comments and ignore files, and a module of its own named `ruff`, are passed over.
Not here: running a process safely (`resources/process.py`).
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from ascend_assets.lint.processes import Run, ToolFailedError, report
from ascend_assets.records import Finding, LintCount
from ascend_assets.spec import HubSource, ModelSpec, PythonSource

NAME = "code_style"
RULES: tuple[str, ...] = ("E4", "E7", "E9", "F", "B", "PLE", "S102", "S301", "S307", "S506", "S602", "S605")
"""Errors and likely bugs (pycodestyle, Pyflakes, bugbear, Pylint's errors), and what runs code out of data: exec, eval,
pickle, unsafe YAML, shells. Matters of taste are the author's."""

MOST_FILES = 2000
MOST_FINDINGS = 200
"""Findings that a record keeps; all are counted."""

TIMEOUT_SECONDS = 60.0

_SUFFIXES = frozenset({".py", ".pyi", ".ipynb"})


class _Place(BaseModel):
    row: int


class _Violation(BaseModel):
    """What this module reads of one entry in ruff's JSON report."""

    code: str | None
    filename: str
    message: str
    location: _Place


_REPORT = TypeAdapter(list[_Violation])


def count(folder: Path, spec: ModelSpec, run: Run) -> LintCount:
    """Findings of `RULES` in every Python file of the model's folder and in its entry, whatever that is called."""
    files = sorted(set(_files(folder)) | _entry(folder, spec))
    if not files:
        return LintCount(criterion=NAME, judged=True, value=0, note="the model has no Python of its own")
    if len(files) > MOST_FILES:
        return _not_judged(f"{len(files)} Python files, more than {MOST_FILES}: keep other projects out of the folder")
    try:
        violations = _ruff(folder, files, run)
    except ToolFailedError as error:
        return _not_judged(f"ruff gave no report: {error}")
    findings = tuple(_finding(violation, folder) for violation in violations[:MOST_FINDINGS])
    note = f"files: {len(files)}; ruff with {','.join(RULES)}, suppression comments passed over"
    return LintCount(criterion=NAME, judged=True, value=len(violations), findings=findings, note=note)


def _not_judged(note: str) -> LintCount:
    return LintCount(criterion=NAME, judged=False, value=None, note=note)


def _files(folder: Path) -> Iterator[str]:
    """Python files below the folder, hidden and ignored ones too; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            if Path(name).suffix in _SUFFIXES:
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _entry(folder: Path, spec: ModelSpec) -> set[str]:
    entry = spec.source.python if isinstance(spec.source, PythonSource | HubSource) else None
    return {Path(entry).as_posix()} if entry and (folder / entry).is_file() else set()


def _ruff(folder: Path, files: list[str], run: Run) -> list[_Violation]:
    with tempfile.TemporaryDirectory(prefix="ascend-ruff-") as scratch:
        output = Path(scratch) / "report.json"
        # -I keeps a `ruff` package in the folder from being imported in place of the tool; files that are named are
        # checked even where ruff would exclude them, and "./" keeps a name from reading as an option or an @file.
        argv = [sys.executable, "-I", "-m", "ruff", "check", "--isolated", "--no-cache", "--no-fix", "--ignore-noqa"]
        argv += ["--exit-zero", "--target-version", f"py3{sys.version_info.minor}", "--select", ",".join(RULES)]
        argv += ["--output-format", "json", "--output-file", str(output), "--", *(f"./{name}" for name in files)]
        data = report(run, argv, output, cwd=folder, timeout=TIMEOUT_SECONDS)
    try:
        return _REPORT.validate_json(data)
    except ValidationError as error:
        raise ToolFailedError(f"its report is not what ruff documents ({error.error_count()} errors)") from error


def _finding(violation: _Violation, folder: Path) -> Finding:
    path = Path(violation.filename)
    root = folder.resolve()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    code = violation.code or "invalid-syntax"
    return Finding(code=code, where=f"{name}:{violation.location.row}", message=violation.message)
