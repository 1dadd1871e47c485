"""Whether a model serves as it should: judgements of figures, pure functions.

Here belong the limits and the statistics. Not here: where figures come from (`metrics.py`), or Dagster. None of these
blocks anything; each says what it found, and what could not be judged is no pass.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ascend_assets.gates.verdict import holds
from ascend_assets.gates.wording import listing
from ascend_assets.production.records import MetricsRecord
from ascend_assets.spec import ModelSpec

LOAD_SECONDS = 5.0
"""Project requirement: a load over 5 s is told."""
LEAST_REQUESTS = 100
"""In either hour; with fewer nothing is said of a rate."""
FLOOR = 0.01
"""An error rate below is no alarm, however low yesterday's was."""
RATIO = 2.0
"""Times yesterday's."""
SIGNIFICANCE = 0.001
"""A look an hour: by chance alone about one alarm in six weeks, and then only with both other bounds broken too."""
CEILING = 0.1
"""An error rate above is an alarm whatever yesterday was."""
NEEDED = ("latency_p99_ms", "error_rate", "requests_per_second")
"""Without these nobody can say how the model serves."""


@dataclass(frozen=True)
class Judgement:
    """One check on the metrics. `entries`: figures and limits to show."""

    name: str
    state: Literal["good", "bad", "unjudged"]
    why: str
    entries: Mapping[str, float | str]


def judge(record: MetricsRecord, spec: ModelSpec) -> tuple[Judgement, ...]:
    """All checks, in the order in which they are shown."""
    figures = record.figures
    limit = spec.limits("latency_p99_ms")[record.environment]
    return (
        available(record),
        error_rate(figures),
        bounded("load_time", figures.get("load_seconds"), LOAD_SECONDS, "s", "a load"),
        bounded("latency_p99", figures.get("latency_p99_ms"), limit, "ms", f"P99 in {record.environment}"),
    )


NAMES = ("metrics_available", "error_rate", "load_time", "latency_p99")


def available(record: MetricsRecord) -> Judgement:
    """Whether there are figures to judge by."""
    missing = [name for name in NEEDED if record.figures.get(name) is None]
    known = sum(value is not None for value in record.figures.values())
    entries = {"source": record.source, "figures": float(known)}
    if not missing:
        return Judgement("metrics_available", "good", f"{known} figures from {record.source}", entries)
    if record.source == "none":
        why = (
            "not judged: nobody measures it; name a Prometheus in triggers.yaml, or let the serving side write metrics"
        )
        return Judgement("metrics_available", "unjudged", why, entries)
    said = listing(record.notes, shown=3)
    why = f"{', '.join(missing)} not known from {record.source}: {said or 'it said nothing'}"
    return Judgement("metrics_available", "bad", why, entries)


def bounded(name: str, value: float | None, limit: float, unit: str, what: str) -> Judgement:
    """Whether a figure keeps a limit."""
    entries: dict[str, float | str] = {"limit": limit}
    if value is None:
        return Judgement(name, "unjudged", f"not judged: nobody knows {what}", entries)
    entries["value"] = value
    if holds(value, "<=", limit):
        return Judgement(name, "good", f"{what} took {value:.4g} {unit}, at most {limit:g} {unit}", entries)
    return Judgement(name, "bad", f"{what} took {value:.4g} {unit}, more than {limit:g} {unit}", entries)


def error_rate(figures: Mapping[str, float | None]) -> Judgement:
    """Whether more requests fail than in yesterday's same hour.

    Bad where the rate is above `FLOOR`, `RATIO` times yesterday's or more, and by a test of two proportions not by
    chance; or above `CEILING`. Both hours need `LEAST_REQUESTS`.
    """
    now, asked = figures.get("error_rate"), figures.get("requests")
    before, asked_before = figures.get("error_rate_yesterday"), figures.get("requests_yesterday")
    entries: dict[str, float | str] = {
        name: value
        for name, value in (("error rate", now), ("yesterday", before), ("requests", asked))
        if value is not None
    }
    if now is None or asked is None or asked < LEAST_REQUESTS:
        few = f"{asked or 0:.0f} requests in the last hour, {LEAST_REQUESTS} are needed"
        return Judgement("error_rate", "unjudged", f"not judged: {few}", entries)
    if now > CEILING:
        return Judgement("error_rate", "bad", f"{now:.2%} of {asked:.0f} requests failed", entries)
    if before is None or asked_before is None or asked_before < LEAST_REQUESTS:
        few = f"yesterday's same hour has {asked_before or 0:.0f} requests, {LEAST_REQUESTS} are needed"
        return Judgement("error_rate", "unjudged", f"not judged: {now:.2%} failed, but {few}", entries)
    chance = by_chance(now * asked, asked, before * asked_before, asked_before)
    if math.isnan(chance):
        return Judgement("error_rate", "unjudged", "not judged: the figures are no shares of requests", entries)
    entries["p-value"] = chance
    said = f"{now:.2%} of {asked:.0f} requests failed, {before:.2%} in yesterday's same hour"
    worse = now > FLOOR and now >= RATIO * before and chance < SIGNIFICANCE
    return Judgement("error_rate", "bad" if worse else "good", f"{said} (p = {chance:.2g})", entries)


def by_chance(failed: float, asked: float, failed_before: float, asked_before: float) -> float:
    """Probability of so many failures or more, were both hours alike; NaN for what are no counts.

    The conditional test of two Poisson rates: given all failures, those of the first hour are binomial with its share
    of the requests (Przyborowski and Wilenski 1940). Exact for any counts, and for proportions on the safe side.
    """
    counts = (failed, asked, failed_before, asked_before)
    if not all(math.isfinite(count) and count >= 0 for count in counts) or not asked or not asked_before:
        return math.nan
    from scipy.stats import binom

    mine, all_ = round(failed), round(failed) + round(failed_before)
    return float(binom.sf(mine - 1, all_, asked / (asked + asked_before)))
