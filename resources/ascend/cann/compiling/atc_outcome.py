"""What a run of `atc` that made no model means: a refusal of the model, or a fault of the machine.

Here belongs the decision, from the exit code, the console, the files that `atc` left and the faults that show in its
words. A refusal must never be lost: unless something says that the machine is at fault, an error is the model's. Not
here: reading any of these (`atc_log.py`, `plog.py`, `check_result.py`, `symptoms.py`).
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from resources.ascend.cann.compiling import codes
from resources.ascend.cann.compiling.atc_log import AtcLog
from resources.ascend.cann.compiling.check_result import FailedOp
from resources.ascend.cann.compiling.mentions import mention
from resources.ascend.cann.compiling.node_names import NodeNames
from resources.ascend.cann.environment.symptoms import Symptom
from resources.ascend.cann.errors import ToolFailed
from resources.ascend.toolchain import CompileRefused, Diagnostic
from resources.output import last_lines

UNKNOWN = "E19999"
"""The code that ATC itself prints where it has none."""

_SHELL_SIGNAL = 128
"""A shell, as `atc` is, reports a program that a signal killed as 128 and the signal."""
_NOT_FOUND = 127
_DECISIVE = frozenset({"memory", "disk-full", "cpp-headers"})
"""Symptoms that make any error the machine's. Others also stand in the noise around a refusal of the model."""


@dataclass(frozen=True)
class Run:
    """A run of `atc` that is over. `console`: cleaned text, bounded. `plog`: errors of its log files."""

    returncode: int
    log: AtcLog
    console: str
    plog: tuple[str, ...] = ()
    symptoms: tuple[Symptom, ...] = ()
    unparsed: tuple[FailedOp, ...] = ()

    @property
    def succeeded(self) -> bool:
        """Whether `atc` says in both its ways that it made a model. Whether it did, the file tells."""
        return self.returncode == 0 and self.log.succeeded and not self.log.failed


def failure(run: Run, names: NodeNames) -> CompileRefused | ToolFailed:
    """Why there is no model. The nodes of a refusal are those of the ONNX file, as far as they can be told."""
    if message := _environment(run):
        return ToolFailed(message, with_plog(run))
    errors = on_onnx(_with_unparsed(run), names)
    if not errors and run.log.failed:
        message = f"atc printed its failure line and no error (exit code {run.returncode})"
        errors = (Diagnostic(code=UNKNOWN, message=message, solution="Run `ascend doctor`, then look at atc's log."),)
    if errors:
        return CompileRefused(_advised([_explained(item, run.plog) for item in errors], run), with_plog(run))
    return ToolFailed(f"atc {_ended(run)}, so there is no model; {_said(run)}", with_plog(run))


def on_onnx(diagnostics: Sequence[Diagnostic], names: NodeNames) -> tuple[Diagnostic, ...]:
    """`diagnostics` about ONNX nodes: a name that stands for none stays as it is."""
    return tuple(item.model_copy(update={"nodes": _nodes(item, names)}) for item in diagnostics)


def with_plog(run: Run) -> str:
    """The console text, and under it what the log files add."""
    return "\n".join([run.console, "plog:", *run.plog]) if run.plog else run.console


def _nodes(item: Diagnostic, names: NodeNames) -> tuple[str, ...]:
    if codes.fault(item.code, item.message, item.title) != "model":
        return item.nodes  # an option's value, which may name nothing that there is
    if not item.nodes:
        return names.of_type(mention(item.message).op)
    return tuple(dict.fromkeys(found for name in item.nodes for found in names.find(name) or (name,)))


def _environment(run: Run) -> str:
    """What is wrong with the machine, and what mends it; empty where nothing says so."""
    at_fault = [e for e in run.log.errors if codes.fault(e.code, e.message, e.title) == "environment"]
    telling = any(not codes.is_inner(e.code) for e in run.log.errors)
    if not at_fault and not any(symptom.code in _DECISIVE or not telling for symptom in run.symptoms):
        return ""
    said = [f"{e.code}: {e.message}" for e in at_fault]
    remedies = _remedies(run)
    advice = remedies or [*dict.fromkeys(e.solution for e in at_fault if e.solution), "`ascend doctor` looks closer"]
    return f"atc cannot work on this machine; {'; '.join([*said, *advice])}"


def _remedies(run: Run) -> list[str]:
    return [f"{symptom.what}: {symptom.remedy}" for symptom in run.symptoms]


def _with_unparsed(run: Run) -> tuple[Diagnostic, ...]:
    """The errors, and the operators that only `check_result.json` names, each with the error about its type."""
    errors = list(run.log.errors)
    code = errors[0].code if errors else UNKNOWN
    named = {name for error in errors for name in error.nodes}
    places = {mention(error.message).op: place for place, error in enumerate(errors)}
    for failed in run.unparsed:
        if not failed.name or failed.name in named:
            continue
        place = places.get(failed.op) if failed.op else None
        if place is None:
            places[failed.op] = len(errors)
            message = f"{failed.message or 'The operator cannot be parsed.'} (optype [{failed.op}])"
            errors.append(Diagnostic(code=code, message=message, nodes=(failed.name,)))
        else:
            errors[place] = errors[place].model_copy(update={"nodes": (*errors[place].nodes, failed.name)})
    return tuple(errors)


def _advised(errors: list[Diagnostic], run: Run) -> tuple[Diagnostic, ...]:
    """The errors; the first also says what on this machine could be behind it (kernels that are not installed)."""
    first, *others = errors
    parts = filter(None, (first.solution, *(f"Or {remedy}." for remedy in _remedies(run))))
    return first.model_copy(update={"solution": " ".join(parts)}), *others


def _explained(item: Diagnostic, plog: Sequence[str]) -> Diagnostic:
    """An inner error with the first error of the log files, which is often the only one that says why."""
    if item.cause or not codes.is_inner(item.code) or not plog:
        return item
    return item.model_copy(update={"cause": plog[0]})


def _ended(run: Run) -> str:
    """How it ended, in words, where it printed neither a reason nor that it failed."""
    code = run.returncode
    if code == 0:
        return "ended without an error and printed neither its success line nor its failure line"
    number = -code if code < 0 else code - _SHELL_SIGNAL
    if number in set(signal.Signals) and not run.log.succeeded:
        hint = " (was memory short? it needs at least 2 GB)" if number == signal.SIGKILL else ""
        return f"was killed by {signal.Signals(number).name}{hint}"
    if run.log.succeeded:
        return f"printed its success line and then ended with exit code {code}"
    if not run.log.started and code in {_NOT_FOUND, _NOT_FOUND - 1}:
        return f"could not be started (exit code {code})"
    return f"ended with exit code {code} and printed no reason"


def _said(run: Run) -> str:
    said = last_lines(run.console)
    plog = "\n".join(run.plog[:5])
    return (f"it said:\n{said}" if said else "it said nothing") + (f"\nits log files say:\n{plog}" if plog else "")
