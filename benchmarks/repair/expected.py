"""How a diagnosis may call each family of planted faults.

Here belongs the one place that knows the words of the rules: a case names its fault in plain words, and an answer
counts as right when its rule says the same. Not here: what was planted (`catalogue.py`).
"""

import re
from collections.abc import Iterable

from benchmarks.repair.outcomes import Named

FAMILIES: dict[str, str] = {
    "opset": r"opset",
    "operators": r"operators|domains|opset",
    "einsum": r"einsum",
    "domains": r"domains?",
    "inputs": r"inputs?|dynamic|shapes?",
    "dtypes": r"dtypes?",
    "resize": r"resize|dynamic",
    "soc": r"soc",
    "options": r"options?",
    "constants": r"constants?|mask",
    "epsilon": r"epsilon|guard|patterns?\.(layer_norm|l2)",
    "patterns": r"patterns?|overflow|softmax|norm|variance|power",
    "accumulation": r"accumulat|overflow|scale_first|patterns?",
    "overflow": r"overflow|accumulat|patterns?|layers?",
    "rounding": r"layers?|patterns?|constants?|epsilon|rounding|underflow|overflow|accumulat",
    "environment": r"environment",
    "memory": r"memory",
    "dynamic": r"dynamic|operators",
    "integers": r"integers?|dtypes?",
}
"""Family of a fault -> a pattern that a rule's family or id has to match."""


def names(cause: Named, family: str) -> bool:
    """Whether a cause says what was planted."""
    pattern = re.compile(FAMILIES[family])
    return bool(pattern.search(cause.family) or pattern.search(cause.rule))


def first(causes: Iterable[Named], families: Iterable[str]) -> bool:
    """Whether the most confident cause is one of the planted faults."""
    top = next(iter(causes), None)
    return top is not None and any(names(top, family) for family in families)


def every(causes: Iterable[Named], families: Iterable[str], least: float) -> bool:
    """Whether each planted fault is among the causes of at least that confidence."""
    sure = [cause for cause in causes if cause.confidence >= least]
    return all(any(names(cause, family) for cause in sure) for family in families)


def any_of(causes: Iterable[Named], families: Iterable[str], least: float) -> bool:
    """Whether one planted fault is among the causes of at least that confidence."""
    sure = [cause for cause in causes if cause.confidence >= least]
    return any(names(cause, family) for cause in sure for family in families)
