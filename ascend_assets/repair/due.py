"""Whether a candidate that failed is worth a repair: pure decisions from what its run left behind.

Here belongs what a repair can change, and that what a repair made is not repaired again. Not here: finding failed runs
(`sensors/repairs.py`), or repairing (`candidates.py`).
"""

from collections.abc import Iterable

from ascend_assets.gates import conversion, performance, precision
from ascend_assets.gates.verdict import Verdict
from ascend_assets.gates.wording import listing
from ascend_assets.lint import onnx_rules
from ascend_assets.refusal import Left

REPAIRABLE: frozenset[str] = frozenset(
    {*onnx_rules.NAMES, *conversion.CRITERIA_NAMES, *precision.CRITERIA_NAMES, *performance.CRITERIA_NAMES}
) - {"model_safety"}
"""Criteria that options or the graph can change. The model's code, its requirements and its commit are a person's."""


def objection(left: Left) -> str:
    """Why the candidate of a run is not repaired; empty where it is."""
    if left.source is None:
        return "the run has no candidate"
    if left.source.repair is not None:
        return f"{left.source.candidate} is a repair itself: what a repair made is not repaired again"
    if not left.refused:
        return f"no gate refused {left.source.candidate}: the run failed for another reason"
    beyond = beyond_repair(left.refused)
    if beyond:
        return f"{left.source.candidate} is refused for what no remedy changes: {listing(beyond)}"
    return "" if "onnx" in left.records else "the run left no ONNX file: nothing was exported that could be repaired"


def beyond_repair(refused: Iterable[Verdict]) -> tuple[str, ...]:
    """Criteria that stay refused whatever is done to options and graph."""
    return tuple(dict.fromkeys(v.criterion for v in refused if v.criterion not in REPAIRABLE))
