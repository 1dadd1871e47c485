"""What a verdict is, and the one function that makes one.

Here belong the comparison of a value with limits and the admission that follows from it. Not here: what is judged
(`criterion.py`, `criteria.py`) or how a value is found (the concern's own module).
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ascend_assets.environments import Environment, EvidenceOrigin
from ascend_assets.gates.criterion import Criterion, limit
from ascend_assets.policy_file import in_force

Limits = Mapping[str, float]
"""Environment name -> bound."""


def default_limits(criterion: Criterion) -> dict[str, float]:
    """Environment -> a criterion's limit in it where a model gives none."""
    return {e.name: limit(criterion.name, criterion.default, e) for e in in_force()}


class Verdict(BaseModel):
    """One criterion judged for one artefact. `passed` means judged and admitted to the first environment.

    `value` is None where nothing could be judged; `subject` is the sha256 of what it is about; `target` is empty for
    what concerns the model whatever it is compiled for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    criterion: str
    target: str = ""
    passed: bool
    judged: bool
    value: float | None
    unit: str = ""
    sense: Literal["<=", ">="]
    limits: dict[str, float]
    admits: tuple[str, ...]
    why: str
    origin: EvidenceOrigin
    subject: str

    def __bool__(self) -> bool:
        """Whether the candidate may go on to the first environment (judged or tolerated unjudged)."""
        return in_force().first.name in self.admits


def holds(value: float, sense: Literal["<=", ">="], limit: float) -> bool:
    """Whether a value keeps a limit. NaN and infinity keep none."""
    if not math.isfinite(value):
        return False
    return value <= limit if sense == "<=" else value >= limit


def worst(values: Iterable[float], sense: Literal["<=", ">="]) -> float:
    """The value that keeps a limit least; NaN is worse than any. Raises `ValueError` without values."""
    found = tuple(values)
    if any(math.isnan(value) for value in found):
        return math.nan
    return max(found) if sense == "<=" else min(found)


def weakest(*origins: EvidenceOrigin) -> EvidenceOrigin:
    """The origin of evidence that was drawn from several: emulated if anything in it is."""
    for origin in ("emulated", "measured"):
        if origin in origins:
            return origin
    return "inspected"


def judge(
    criterion: Criterion,
    value: float,
    *,
    why: str,
    origin: EvidenceOrigin,
    subject: str,
    target: str = "",
    limits: Limits | None = None,
) -> Verdict:
    """Compare a value with each environment's limit.

    `why` says what was found, without the limits. An environment without a limit of its own takes the criterion's
    default. It admits the value when the limit holds and the evidence has an origin that it accepts.
    """
    bounds = {**default_limits(criterion), **(limits or {})}
    admits = tuple(e.name for e in in_force() if _admitted(e, criterion, value, bounds, origin))
    return Verdict(
        criterion=criterion.name,
        target=target,
        passed=in_force().first.name in admits,
        judged=True,
        value=float(value),
        unit=criterion.unit,
        sense=criterion.sense,
        limits=bounds,
        admits=admits,
        why=why,
        origin=origin,
        subject=subject,
    )


def judge_each(
    criterion: Criterion,
    values: Mapping[str, float],
    *,
    why: str,
    origin: EvidenceOrigin,
    subject: str,
    target: str = "",
    limits: Limits | None = None,
) -> Verdict:
    """Judge a criterion whose value depends on the environment, such as a ratio to what is deployed there.

    An environment without a value has not judged it and decides as in `not_judged`; the verdict's value is the worst.
    """
    if not values:
        return not_judged(criterion, why=why, subject=subject, origin=origin, target=target, limits=limits)
    value = worst(values.values(), criterion.sense)
    whole = judge(criterion, value, why=why, origin=origin, subject=subject, target=target, limits=limits)
    admits = tuple(
        e.name
        for e in in_force()
        if (
            _admitted(e, criterion, values[e.name], whole.limits, origin)
            if e.name in values
            else criterion.name in e.may_stay_unjudged
        )
    )
    return whole.model_copy(update={"admits": admits, "passed": in_force().first.name in admits})


def not_judged(
    criterion: Criterion,
    *,
    why: str,
    subject: str,
    origin: EvidenceOrigin = "inspected",
    target: str = "",
    limits: Limits | None = None,
) -> Verdict:
    """A criterion that nobody could judge: never a pass, and each environment decides whether it can live with that."""
    return Verdict(
        criterion=criterion.name,
        target=target,
        passed=False,
        judged=False,
        value=None,
        unit=criterion.unit,
        sense=criterion.sense,
        limits={**default_limits(criterion), **(limits or {})},
        admits=tuple(e.name for e in in_force() if criterion.name in e.may_stay_unjudged),
        why=f"not judged: {why}",
        origin=origin,
        subject=subject,
    )


def _admitted(
    environment: Environment, criterion: Criterion, value: float, limits: Limits, origin: EvidenceOrigin
) -> bool:
    return origin in environment.origins and holds(value, criterion.sense, limits[environment.name])
