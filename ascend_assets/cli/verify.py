"""`ascend verify`: does the toolchain work on this machine, from a model to its profile?

Here belongs what a person is shown. Not here: the steps (`ascend_assets/operations/verify.py`), or the report
(`verify_bundle.py`).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import Refused, print_json, progress, say

if TYPE_CHECKING:
    from ascend_assets.operations.finding import Finding
    from ascend_assets.operations.verify import Place, Step, Verification

_LINES = 12
"""Of a failed step's words; the report has all."""


@click.command(short_help="Try the toolchain of this machine: compile, infer, compare, profile a small model.")
@click.option("--soc", metavar="SOC", default="", help="Only this SoC version; else that of every healthy device.")
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a zip to send: what was found and what the tools printed, with nothing private in it.",
)
@options.as_json
def verify(*, soc: str, report: Path | None, as_json: bool) -> None:
    """Try the toolchain in force on this machine, step by step, with a small model of its own.

    \b
    ascend verify                           every SoC that has a healthy device here
    ascend verify --report verify.zip       and write what to send to whoever can mend it

    Exit code 0: every step passed. 1: a step did not. 2: there is nothing to try.
    """  # noqa: D301 - the backspace tells click to keep the lines
    from ascend_assets.operations import verify as operation

    place = operation.opened(progress)
    if not as_json:
        say(f"Toolchain: {place.chosen}")
    heard = (lambda _: None) if as_json else _say_step
    found = operation.verify(place, progress, soc=soc, heard=heard)
    written = _write(report, place, found) if report else []
    if as_json:
        print_json(_as_json(found, report))
    else:
        _say_end(found, place)
        if report:
            say(f"The report is {report}: {', '.join(written)}. Nothing private is in it; read it before you send it.")
    if not found.passed:
        raise Refused(f"{_failed(found)}; docs/verify-cann.md says how to read this")


def _write(report: Path, place: "Place", found: "Verification") -> list[str]:
    """Write the report; what is in it, in words."""
    from ascend_assets.operations import verify_bundle

    runs = place.recorder.runs
    files = verify_bundle.contents(found, runs, verify_bundle.private_here(found))
    verify_bundle.write(report, files)
    counts = {kind: sum(name.startswith(f"{kind}/") for name in files) for kind in ("logs", "tools", "files")}
    told = {"logs": "logs of steps", "tools": "runs of tools", "files": "result files"}
    return ["report.json", *(f"{counts[kind]} {words}" for kind, words in told.items() if counts[kind])]


def _as_json(found: "Verification", report: Path | None) -> dict[str, Any]:
    return {
        "passed": found.passed,
        "toolchain": found.identity.model_dump(mode="json"),
        "chosen": found.chosen,
        "socs": list(found.socs),
        "devices": list(found.devices),
        "findings": [asdict(finding) for finding in found.findings],
        "steps": [asdict(step) for step in found.steps],
        "report": str(report) if report else None,
    }


def _say_step(step: "Step") -> None:
    word = {True: "ok", False: "FAILED", None: "-"}[step.ok]
    first, *more = step.said.splitlines() or [""]
    say(f"{word:<7}{step.soc:<15} {step.name:<8} {step.seconds:7.1f} s  {first}")
    for line in more[:_LINES]:
        say(f"       {line}")


def _say_end(found: "Verification", place: "Place") -> None:
    wrong = [finding for finding in found.findings if not finding]
    for finding in wrong:
        say(f"{_word(finding)} {finding.name}: {finding.said}" + (f" -> {finding.remedy}" if finding.remedy else ""))
    if place.site is None:
        said = "All steps passed, in the emulator. " if found.passed else "The emulator itself does not work here. "
        say(f"{said}This proves nothing about CANN: no tool of CANN was run.")
    elif found.passed:
        say(f"All steps passed, with CANN {found.identity.cann}, on {', '.join(found.socs)}.")


def _word(finding: "Finding") -> str:
    return "WRONG" if finding.needed else "lacks"


def _failed(found: "Verification") -> str:
    failed = [step for step in found.steps if step.ok is False]
    named = ", ".join(f"{step.name} on {step.soc}" if step.soc else step.name for step in failed)
    return f"{len(failed)} of {len(found.steps)} steps failed: {named}" if failed else "no step was tried"
