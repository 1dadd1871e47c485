"""What a verdict is, and the one function that makes one.

Here belong the comparison of a value with limits and the admission that follows from it. Not here: what is judged
(`criteria.py`) or how a value is found (the concern's own module).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ascend_assets.environments import ENVIRONMENTS, Environment, EvidenceOrigin

Limits = Mapping[str, float]
"""Environment name -> bound."""


@dataclass(frozen=True)
class Criterion:
    """One thing that is judged. `defaults` are the limits where a model's `defs.yaml` gives none."""

    name: str
    sense: Literal["<=", ">="]
    unit: str
    meaning: str
    source: str
    """Where the default limits come from."""
    defaults: Limits


class Verdict(BaseModel):
    """One criterion judged for one artefact. `passed` means judged and admitted to dev, the first environment.

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
        """Whether the candidate may go on to dev (judged or tolerated unjudged)."""
        return ENVIRONMENTS[0].name in self.admits


def holds(value: float, sense: Literal["<=", ">="], limit: float) -> bool:
    """Whether a value keeps a limit. NaN and infinity keep none."""
    if not math.isfinite(value):
        return False
    return value <= limit if sense == "<=" else value >= limit


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
    bounds = {**criterion.defaults, **(limits or {})}
    admits = tuple(e.name for e in ENVIRONMENTS if _admitted(e, criterion, value, bounds, origin))
    return Verdict(
        criterion=criterion.name,
        target=target,
        passed=ENVIRONMENTS[0].name in admits,
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
        limits={**criterion.defaults, **(limits or {})},
        admits=tuple(e.name for e in ENVIRONMENTS if criterion.name in e.may_stay_unjudged),
        why=f"not judged: {why}",
        origin=origin,
        subject=subject,
    )


def _admitted(
    environment: Environment, criterion: Criterion, value: float, limits: Limits, origin: EvidenceOrigin
) -> bool:
    return origin in environment.origins and holds(value, criterion.sense, limits[environment.name])
