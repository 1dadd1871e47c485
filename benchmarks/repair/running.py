"""Runs the real command on one case and reads its answer.

Here belong writing the file, `ascend repair FILE --json`, in a process of its own or in this one, and reading what it
says. Not here: whether that holds (`checking.py`), or adding up (`report.py`).
"""

import contextlib
import io
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from benchmarks.repair import expected
from benchmarks.repair.checking import check
from benchmarks.repair.corpus import Case, build
from benchmarks.repair.faults import Sample
from benchmarks.repair.outcomes import Check, Named, Outcome, Status
from resources.ascend.options import CompileOptions

LEAST = 0.5
"""Confidence from which a cause counts as named."""
_HANG = 900
"""Seconds after which a process is given up: far beyond the command's own limit."""
_HEALTHY_OR_REPAIRED, _UNUSABLE = 0, 2


@dataclass(frozen=True)
class Ran:
    """What one command came to."""

    code: int
    stdout: str
    stderr: str
    seconds: float
    cpu: float

    @property
    def answer(self) -> dict[str, Any]:
        """The JSON object that it printed; empty for none."""
        try:
            found = json.loads(self.stdout)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def command(argv: list[str], *, process: bool) -> Ran:
    """Run `ascend ARGV`."""
    begin, spent = time.perf_counter(), _cpu()
    if process:
        line = [sys.executable, "-m", "ascend_assets.cli", *argv]
        try:
            done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_HANG)
        except subprocess.TimeoutExpired:
            return Ran(-1, "", f"hung for {_HANG} s", time.perf_counter() - begin, _cpu() - spent)
        return Ran(done.returncode, done.stdout, done.stderr, time.perf_counter() - begin, _cpu() - spent)
    from ascend_assets.cli import commands

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = commands.run(argv)
    return Ran(code, out.getvalue(), err.getvalue(), time.perf_counter() - begin, _cpu() - spent)


def _cpu() -> float:
    """Processor seconds of this process and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def outcome(case: Case, *, process: bool) -> Outcome:
    """Build a case, repair it, and hold the answer against the world."""
    sample = build(case)
    with TemporaryDirectory() as folder:
        path, fixed = Path(folder) / "model.onnx", Path(folder) / "fixed.onnx"
        onnx.save(sample.model, path)
        before = path.read_bytes()
        given, feeds = list(sample.argv), None
        if sample.feeds:
            feeds = Path(folder) / "inputs.npz"
            np.savez(feeds, **dict(sample.feeds))  # type: ignore[arg-type]
            given += ["--inputs", str(feeds)]
        ran = command(["repair", str(path), *given, "--json", "-o", str(fixed)], process=process)
        touched = path.read_bytes() != before or (fixed.exists() and fixed.read_bytes() != before)
        return _read(case, sample, ran, fixed if fixed.exists() else path, feeds, touched=touched)


def _read(case: Case, sample: Sample, ran: Ran, fixed: Path, feeds: Path | None, *, touched: bool) -> Outcome:
    answer = ran.answer
    status = _status(ran, answer)
    causes = _causes(answer)
    families = tuple(fault.family for fault in case.planted)
    said = [expected.pattern(fault.name, fault.family) for fault in case.planted]
    after, before = answer.get("after") or {}, answer.get("before") or {}
    return Outcome(
        name=case.name,
        half=case.half,
        families=families,
        unattended=case.unattended,
        nodes=len(sample.model.graph.node),
        status=status,
        changed=touched or bool(answer.get("remedies")) or bool(answer.get("option_changes")),
        causes=causes,
        top=expected.first(causes, said),
        any=expected.any_of(causes, said, LEAST),
        every=expected.every(causes, said, LEAST),
        check=_check(case, sample, answer, fixed, feeds) if status == "repaired" else None,
        remedies=tuple(str(remedy.get("kind")) for remedy in answer.get("remedies", ())),
        attempts=len(answer.get("attempts", ())),
        seconds=ran.seconds,
        cpu=ran.cpu,
        kept_share=after.get("kept_share"),
        latency_before=before.get("latency_ms"),
        latency_after=after.get("latency_ms"),
        ended=str(answer.get("ended", ""))[:500],
        error="" if answer else ran.stderr[-500:],
    )


def _status(ran: Ran, answer: dict[str, Any]) -> Status:
    if not answer:
        return "unusable" if ran.code == _UNUSABLE else "crashed"
    if answer.get("healthy"):
        return "healthy"
    return "repaired" if answer.get("repaired") and ran.code == _HEALTHY_OR_REPAIRED else "not_repaired"


def _causes(answer: dict[str, Any]) -> tuple[Named, ...]:
    return tuple(Named(c["rule"], c["family"], float(c["confidence"])) for c in answer.get("causes", ()))


def _check(case: Case, sample: Sample, answer: dict[str, Any], fixed: Path, feeds: Path | None) -> Check:
    options = CompileOptions.model_validate(answer["options"])
    tolerance = max((fault.tolerance for fault in case.planted), default=1e-2)
    return check(sample.truth or sample.model, fixed, options, feeds, tolerance)
