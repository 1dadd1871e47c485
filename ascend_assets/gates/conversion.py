"""Gate on compilation: what the compiler refused, in its own codes, with every node.

Here belongs turning diagnostics into one verdict per target. Not here: compiling, or repairing what was refused.
"""

from collections.abc import Sequence

from ascend_assets.gates.case import DEFAULTS, Case, Policy
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import clipped, counted, listing
from ascend_assets.records import OmRecord
from resources.ascend.toolchain import CompileRefused, CompileReport, Diagnostic, ToolchainIdentity

NAME = "conversion_errors"
CRITERIA_NAMES: tuple[str, ...] = (NAME,)
NODES_SHOWN = 12
NODE_LONGEST = 80
REASON_LONGEST = 2000


def judge(record: OmRecord, _policy: Policy = DEFAULTS) -> tuple[Verdict, ...]:
    """The verdict on a target that was compiled; it is about the compiled file. No policy moves its limit."""
    toolchain = record.info.toolchain
    return (compiled(record.report, toolchain=toolchain, subject=record.data_version, target=record.target),)


def compiled(report: CompileReport, *, toolchain: ToolchainIdentity, subject: str, target: str = "") -> Verdict:
    """The verdict on a successful compilation. `subject`: sha256 of the compiled file."""
    why = f"compiled by {toolchain.name} {clipped(toolchain.version, 60)} (CANN {toolchain.cann})"
    if report.warnings:
        why += f" with {counted(len(report.warnings), 'warning')}: {_reasons(report.warnings)}"
    return _case(toolchain, subject, target).judge(NAME, 0, why)


def refused(refusal: CompileRefused, *, toolchain: ToolchainIdentity, subject: str, target: str = "") -> Verdict:
    """The verdict on a refused model. `subject`: sha256 of the ONNX file, for there is no compiled one."""
    errors = sum(max(1, len(diagnostic.nodes)) for diagnostic in refusal.diagnostics)
    why = _reasons(refusal.diagnostics) or f"{toolchain.name} refused the model and gave no reason; see its log"
    # A refusal without diagnostics is still a refusal.
    return _case(toolchain, subject, target).judge(NAME, max(1, errors), why)


def _case(toolchain: ToolchainIdentity, subject: str, target: str) -> Case:
    return Case(DEFAULTS, toolchain.origin, subject, target)


def _reasons(diagnostics: Sequence[Diagnostic]) -> str:
    return listing([_reason(diagnostic) for diagnostic in diagnostics], longest=REASON_LONGEST)


def _reason(diagnostic: Diagnostic) -> str:
    nodes = listing(diagnostic.nodes, shown=NODES_SHOWN, separator=", ", longest=NODE_LONGEST)
    about = f" [{counted(len(diagnostic.nodes), 'node')}: {nodes}]" if nodes else ""
    remedy = f" Solution: {diagnostic.solution}" if diagnostic.solution else ""
    return f"{diagnostic.code}: {diagnostic.message}{about}{remedy}"
