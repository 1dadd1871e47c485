"""Gate on what reading the ONNX file and the model's own code found.

Here belongs turning the counts of a `LintRecord` into verdicts. Not here: finding anything (`ascend_assets/lint/`).
"""

from ascend_assets.gates.case import Case, Policy
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import counted, listing
from ascend_assets.records import Finding, LintCount, LintRecord

CRITERIA_NAMES: tuple[str, ...] = (
    "onnx_checker",
    "opset",
    "operators_registered",
    "dynamic_dims",
    "model_safety",
    "code_style",
    "pinned_dependencies",
    "cann_version",
    "cve_high",
)
"""The criteria of this gate, in the order in which they are shown."""

_OF_CODE = frozenset({"code_style", "pinned_dependencies", "cann_version", "cve_high"})


def judge(record: LintRecord, policy: Policy) -> tuple[Verdict, ...]:
    """One verdict per lint criterion; a criterion that the record lacks, or has twice, is not judged.

    Verdicts on the ONNX file are about its data version, those on the code about the source's.
    """
    return tuple(_judge_one(name, record, policy) for name in CRITERIA_NAMES)


def _judge_one(name: str, record: LintRecord, policy: Policy) -> Verdict:
    case = Case(policy, "inspected", record.made_from.get("source" if name in _OF_CODE else "onnx", ""))
    counts = [count for count in record.counts if count.criterion == name]
    if len(counts) != 1:
        entries = counted(len(counts), "entry", "entries")
        return case.not_judged(name, f"the lint record has {entries} for it, not one; run lint again")
    count = counts[0]
    if not count.judged or count.value is None:
        return case.not_judged(name, count.note or "lint could not look and left no reason")
    value = count.value
    if CRITERIA[name].sense == "<=" and value < len(count.findings):
        # A count that says less than its own list is wrong; the list is what was seen.
        value = float(len(count.findings))
    return case.judge(name, value, _why(count))


def _why(count: LintCount) -> str:
    found = listing([_sentence(finding) for finding in count.findings])
    if found and count.note:
        return f"{found} ({count.note})"
    return found or count.note or "nothing found"


def _sentence(finding: Finding) -> str:
    place = f" {finding.where}" if finding.where else ""
    return f"{finding.code}{place}: {finding.message}"
