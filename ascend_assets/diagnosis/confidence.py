"""How much a cause is believed: a rule's confidence, lowered for what merely exists, raised by independent evidence.

Not here: what the evidence shows (`evidence.py`).
"""

from collections.abc import Iterable

from ascend_assets.diagnosis.case import Observation
from ascend_assets.diagnosis.evidence import Shown
from ascend_assets.diagnosis.rules import Rule

NOT_NAMED = 0.6
"""Factor for a fact that could explain the failure that there is, where the failure's evidence does not name it."""
POTENTIAL = 0.3
"""Factor for a fact whose kind of failure there is not: a risk. So nothing above 0.3 is said of a healthy model."""
MOST = 0.99


def of_one(rule: Rule, observation: Observation, shown: Shown) -> float:
    """The confidence of a rule on one observation."""
    if rule.concerns not in shown.failed and not _speaks_for_itself(rule, observation):
        return rule.confidence * POTENTIAL
    return rule.confidence if shown.names(observation, rule.concerns) else rule.confidence * NOT_NAMED


def _speaks_for_itself(rule: Rule, observation: Observation) -> bool:
    """A fault of the machine, or an error in a log, needs no verdict: whoever saw it saw the failure."""
    if rule.concerns == "environment":
        return observation.from_ in {"environment", "log"}
    is_warning = str(observation.values.get("code", "")).startswith("W")
    return rule.concerns == "conversion" and observation.from_ == "log" and not is_warning


def of_all(rule: Rule, observations: Iterable[Observation], shown: Shown) -> float:
    """The confidence of a rule on all its observations.

    c = 1 - product over the kinds of evidence of (1 - c_k), where c_k is the largest of what was read from evidence k:
    the probability that at least one of independent signs is right (noisy or). Several facts of one kind of evidence
    are not independent. Potential ones do not add up: many risks are no failure.
    """
    real: dict[str, float] = {}
    potential = 0.0
    for observation in observations:
        one = of_one(rule, observation, shown)
        if one > rule.confidence * POTENTIAL:
            real[observation.from_] = max(real.get(observation.from_, 0.0), one)
        else:
            potential = max(potential, one)
    doubt = 1.0
    for one in real.values():
        doubt *= 1.0 - one
    return round(min(MOST, max(1.0 - doubt, potential)), 4)
