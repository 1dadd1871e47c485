"""Gate on a rollout: did a canary or an A/B test of a release end well?

Here belong the report that a test leaves and judging it. Not here: running one, or recording its report
(`ascend_assets/operations/result.py`).
"""

import math
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ascend_assets.environments import Environment
from resources.ascend.toolchain import Origin
from resources.registry.admissions import Requirement
from resources.registry.documents import Document, Utc
from resources.registry.versions import VersionText

MIN_REQUESTS = 1000
"""Requests that each side must have answered: with fewer, an error rate says little."""
SIGNIFICANCE = 0.05
"""Error rates differ if, were they the same, so many errors of the candidate would be less probable than this."""
MAX_LATENCY_RATIO = 1.1
"""P99 of the candidate over P99 of what is live."""
MAX_ERROR_RATE = 0.01
"""Share of requests that may fail where nothing is live that the candidate could be compared with."""

_NEGLIGIBLE = 1e-18


class Side(BaseModel):
    """One side of a test. `latency_p99_ms` in milliseconds, over its requests."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    version: VersionText
    requests: Annotated[int, Field(ge=0, le=10**9)]
    errors: Annotated[int, Field(ge=0)]
    latency_p99_ms: float

    @model_validator(mode="after")
    def _not_more_than_all(self) -> Self:
        if self.errors > self.requests:
            raise ValueError(f"errors: {self.errors} of {self.requests} requests cannot have failed")
        return self


class RolloutReport(Document):
    """How a release did beside what was live. `baseline` is None where nothing was."""

    kind: Literal["canary", "ab"]
    origin: Origin
    baseline: Side | None
    candidate: Side
    started: Utc
    ended: Utc

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ended <= self.started:
            raise ValueError("ended: must be later than started")
        return self


def judge(report: RolloutReport, environment: Environment) -> tuple[Requirement, ...]:
    """What a report must show. All must be met."""
    return (_origin(report, environment), _requests(report), _errors(report), _latency(report))


def p_value(candidate: Side, baseline: Side) -> float:
    """Probability of at least the candidate's errors if both sides fail equally often: Fisher's exact test, one-sided.

    The sum over k >= candidate.errors of C(K, k) C(N - K, n - k) / C(N, n), with n requests of the candidate among N
    and K errors among N. It is 1 where the candidate's error rate is not the higher one.
    """
    if candidate.errors * baseline.requests <= baseline.errors * candidate.requests:
        return 1.0
    n, everything, failed = (
        candidate.requests,
        candidate.requests + baseline.requests,
        candidate.errors + baseline.errors,
    )
    k = candidate.errors
    log = _log_choose(failed, k) + _log_choose(everything - failed, n - k) - _log_choose(everything, n)
    term = total = math.exp(log)
    # Beyond the mean each term is smaller than the one before.
    while k < min(failed, n) and term > total * _NEGLIGIBLE:
        term *= (failed - k) * (n - k) / ((k + 1) * (everything - failed - n + k + 1))
        total += term
        k += 1
    return min(total, 1.0)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _origin(report: RolloutReport, environment: Environment) -> Requirement:
    return Requirement(
        name="origin",
        met=report.origin in environment.origins,
        why=f"the test is {report.origin}; {environment.name} takes {' or '.join(environment.evidence)}",
        remedy="test the release on machines with the NPU",
    )


def _requests(report: RolloutReport) -> Requirement:
    sides = [side for side in (report.candidate, report.baseline) if side]
    least = min(side.requests for side in sides)
    return Requirement(
        name="requests",
        met=least >= MIN_REQUESTS,
        why=f"{' and '.join(f'{side.requests:,} of {side.version}' for side in sides)}; each needs {MIN_REQUESTS:,}",
        remedy="let the test run longer",
    )


def _errors(report: RolloutReport) -> Requirement:
    now, before = report.candidate, report.baseline
    rate = now.errors / now.requests if now.requests else math.nan
    said = f"{now.errors:,} of {now.requests:,} requests failed"
    remedy = "look at what failed, and mend it in a new release"
    if before is None:
        why = f"{said}; nothing is live to compare with, and at most {MAX_ERROR_RATE:.0%} may"
        return Requirement(name="errors", met=rate <= MAX_ERROR_RATE, why=why, remedy=remedy)
    p = p_value(now, before)
    why = f"{said}, and {before.errors:,} of {before.requests:,} of {before.version}; by chance alone p = {p:.3g}"
    met = not math.isnan(rate) and before.requests > 0 and p >= SIGNIFICANCE
    return Requirement(name="errors", met=met, why=f"{why}, and below {SIGNIFICANCE:g} is too many", remedy=remedy)


def _latency(report: RolloutReport) -> Requirement:
    now, before = report.candidate.latency_p99_ms, report.baseline.latency_p99_ms if report.baseline else None
    usable = all(math.isfinite(value) and value > 0 for value in (now, before) if value is not None)
    remedy = "find out why it is slower; ascend model diff shows what changed"
    if not usable:
        said = f"{now:g} ms" if before is None else f"{now:g} ms against {before:g} ms"
        return Requirement(
            name="latency", met=False, why=f"P99 is {said}: no clock says that", remedy="measure it again"
        )
    if before is None:
        return Requirement(name="latency", met=True, why=f"P99 is {now:g} ms; nothing is live to compare with")
    ratio = now / before
    why = f"P99 is {ratio:.3g} times that of what is live ({before:g} -> {now:g} ms); at most {MAX_LATENCY_RATIO:g}"
    return Requirement(name="latency", met=ratio <= MAX_LATENCY_RATIO, why=why, remedy=remedy)
