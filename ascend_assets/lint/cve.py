"""Known vulnerabilities of severity HIGH or CRITICAL in the model's dependencies, by trivy where it is installed.

Here belong the command, the reading of its JSON report, and the cases in which trivy could not look: those are not
judged. trivy runs offline, on the vulnerability database that this machine has, and sees what is pinned and named, not
what that pulls in. Not here: whether dependencies are pinned (`pins.py`).
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from ascend_assets.lint import pins
from ascend_assets.lint.processes import Run, ToolFailedError, report
from ascend_assets.records import Finding, LintCount
from ascend_assets.spec import ModelSpec

NAME = "cve_high"
SEVERITIES = frozenset({"HIGH", "CRITICAL"})
TIMEOUT_SECONDS = 180.0
MOST_METADATA_BYTES = 64 * 1024
MOST_FINDINGS = 200
"""Findings that a record keeps; all are counted."""

ABSENT = "trivy is not on PATH"


class _Vulnerability(BaseModel):
    """What this module reads of one vulnerability in trivy's JSON report."""

    VulnerabilityID: str
    PkgName: str
    InstalledVersion: str = ""
    FixedVersion: str = ""
    Severity: str = "UNKNOWN"
    Title: str = ""


class _Package(BaseModel):
    Name: str


class _Result(BaseModel):
    Target: str
    Packages: tuple[_Package, ...] | None = None
    Vulnerabilities: tuple[_Vulnerability, ...] | None = None


class _Report(BaseModel):
    SchemaVersion: int
    Results: tuple[_Result, ...] | None = None


class _Metadata(BaseModel):
    UpdatedAt: str


def find() -> str | None:
    """The path of trivy, or None."""
    return shutil.which("trivy")


def count(folder: Path, spec: ModelSpec, run: Run, trivy: str | None) -> LintCount:
    """Vulnerabilities in what the model's folder declares. `trivy`: the program, None where there is none."""
    if trivy is None:
        return _not_judged(ABSENT)
    declared = spec.requirements.python
    try:
        results = _scan(trivy, folder, declared, run)
    except ToolFailedError as error:
        return _not_judged(f"trivy could not look: {error}")
    seen = sum(len(result.Packages or ()) for result in results)
    if declared and seen == 0 and pins.read(folder, declared).pinned:
        return _not_judged(f"trivy recognised no package in {declared}")
    found = [
        _finding(vulnerability, result.Target)
        for result in results
        for vulnerability in result.Vulnerabilities or ()
        if vulnerability.Severity.upper() in SEVERITIES
    ]
    note = f"packages that trivy looked at: {seen}, with its database of {database(os.environ)}"
    return LintCount(criterion=NAME, judged=True, value=len(found), findings=tuple(found[:MOST_FINDINGS]), note=note)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What trivy may know of its surroundings: where its database lies, and nothing that could make it look away."""
    return {name: variables[name] for name in ("TRIVY_CACHE_DIR", "XDG_CACHE_HOME") if name in variables}


def database(variables: Mapping[str, str]) -> str:
    """When trivy's database was built, as its metadata says, or `unknown date`."""
    caches = Path(variables.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "trivy"
    path = Path(variables.get("TRIVY_CACHE_DIR") or caches) / "db" / "metadata.json"
    try:
        with path.open("rb") as stream:
            return _Metadata.model_validate_json(stream.read(MOST_METADATA_BYTES)).UpdatedAt
    except (OSError, ValidationError):
        return "unknown date"


def identity(trivy: str | None, variables: Mapping[str, str]) -> str:
    """What decides trivy's answers: the program and the date of its database. Another identity is other evidence."""
    if trivy is None:
        return "absent"
    status = Path(trivy).stat()
    return f"{status.st_size} bytes of {status.st_mtime_ns}, database of {database(variables)}"


def _scan(trivy: str, folder: Path, declared: str | None, run: Run) -> tuple[_Result, ...]:
    # trivy takes trivy.yaml and .trivyignore from where it runs: an empty folder, not the model's.
    with tempfile.TemporaryDirectory(prefix="ascend-trivy-") as scratch:
        output = Path(scratch) / "report.json"
        argv = [trivy, "fs", "--scanners", "vuln", "--format", "json", "--list-all-pkgs", "--quiet"]
        argv += ["--offline-scan", "--skip-db-update", "--skip-java-db-update"]
        argv += ["--timeout", f"{TIMEOUT_SECONDS:.0f}s", "--output", str(output)]
        if declared:
            # Without this only files called requirements.txt are taken for pip's.
            argv += ["--file-patterns", f"pip:{re.escape(Path(declared).name)}$"]
        data = report(
            run,
            [*argv, str(folder.resolve())],
            output,
            cwd=Path(scratch),
            timeout=TIMEOUT_SECONDS,
            env=environment(os.environ),
        )
    try:
        return _Report.model_validate_json(data).Results or ()
    except ValidationError as error:
        raise ToolFailedError(f"its report is not what trivy documents ({error.error_count()} errors)") from error


def _finding(found: _Vulnerability, target: str) -> Finding:
    fix = f"fixed in {found.FixedVersion}" if found.FixedVersion else "no fix yet"
    title = f": {found.Title}" if found.Title else ""
    message = f"{found.PkgName} {found.InstalledVersion}, {found.Severity.upper()}, {fix}{title}"
    return Finding(code=found.VulnerabilityID, where=target, message=message)


def _not_judged(note: str) -> LintCount:
    return LintCount(criterion=NAME, judged=False, value=None, note=note)
