"""How a model serves: figures of the last hour, from Prometheus or from the files that the serving side writes.

Here belong asking and drawing figures. Not here: queries (`queries.py`), formats (`resources/production`), or whether a
figure is good (`judging.py`). What cannot be told is None, with a note that says why; nothing here raises for a source
that is down.
"""

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from ascend_assets.gates.wording import counted, listing
from ascend_assets.production import layout
from ascend_assets.production.queries import FIGURES, queries
from ascend_assets.production.records import MetricsRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Tools, code_version
from ascend_assets.triggers import Prometheus as Settings
from resources.digests import canonical_json, sha256_bytes
from resources.production.metrics_files import METRICS, Minute, quantile, read_minutes
from resources.production.prometheus import Answer, Prometheus, PrometheusDown, PrometheusError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_SERVER_ERROR = re.compile(r"5\d\d")
_NOTES = 20


class _Figures:
    """Figures as they are found. Each is there from the beginning, unknown."""

    def __init__(self) -> None:
        self.found: dict[str, float | None] = dict.fromkeys(FIGURES)
        self.notes: list[str] = []

    def put(self, name: str, value: float, why: str) -> None:
        """Keep a figure; one that is no number stays unknown, for `why`."""
        if math.isfinite(value):
            self.found[name] = value
        else:
            self.notes.append(f"{name}: {why}")


def gather(tools: Tools, spec: ModelSpec, settings: Settings | None, folder: Path) -> MetricsRecord:
    """The figures at this moment. `folder`: that of the model in its environment, for where there is no Prometheus."""
    now, environment = tools.now(), layout.environment(spec)
    source: Literal["prometheus", "files", "none"] = "prometheus"
    if settings is not None:
        figures = of_prometheus(settings, spec.name, environment, now)
    else:
        source, figures = ("files" if (folder / METRICS).exists() else "none"), of_files(folder, now)
    identity = {"stage": "metrics", "at": now.isoformat(), "code": code_version(), "environment": environment}
    return MetricsRecord(
        key=sha256_bytes(canonical_json({**identity, "figures": figures.found})),
        made_from={},
        environment=environment,
        source=source,
        at=now,
        figures=figures.found,
        notes=tuple(figures.notes[:_NOTES]),
    )


def of_prometheus(settings: Settings, model: str, environment: str, now: datetime) -> _Figures:
    """One query for each figure. A server that is down is asked once."""
    figures = _Figures()
    token = os.environ.get(settings.token_env, "") if settings.token_env else ""
    if settings.token_env and not token:
        figures.notes.append(f"{settings.token_env} is not set: asked without a token")
    server = Prometheus(settings.url, token)
    unknown = sorted(set(settings.queries) - set(FIGURES))
    if unknown:
        figures.notes.append(f"prometheus.queries: {listing(unknown)} is no figure; allowed: {', '.join(FIGURES)}")
    for name, promql in queries(model, environment, settings.queries).items():
        try:
            answer = server.query(promql, now.timestamp())
        except PrometheusDown as error:
            figures.notes.append(f"nothing is known: {error}")
            return figures
        except PrometheusError as error:
            figures.notes.append(f"{name}: {error}")
            continue
        figures.notes.extend(f"{name}: {text}" for text in answer.warnings)
        figures.put(name, *_one(answer))
    return figures


def _one(answer: Answer) -> tuple[float, str]:
    """The value of an answer of one series, or NaN, and why."""
    if not answer.series:
        return math.nan, "Prometheus has no such series"
    if len(answer.series) > 1:
        return math.nan, f"the query gives {len(answer.series)} series: aggregate them to one"
    points = answer.series[0].points
    value = points[-1][1] if points else math.nan
    return value, f"the answer is {value:g}: nothing was asked of the model, or never enough to tell"


def of_files(folder: Path, now: datetime) -> _Figures:
    """The same figures from what the serving side wrote."""
    figures = _Figures()
    spans = {"today": (now - HOUR, now), "yesterday": (now - DAY - HOUR, now - DAY)}
    try:
        read = read_minutes(folder, spans.values())
    except OSError as error:
        figures.notes.append(f"nothing is known: {folder} cannot be read ({error.strerror or error})")
        return figures
    today, yesterday = (
        [one for one in read.found if since < one.at <= until] for since, until in (spans["today"], spans["yesterday"])
    )
    if read.bad:
        figures.notes.append(f"{counted(len(read.bad), 'file')} left out: {listing(read.bad, shown=3)}")
    if not read.whole:
        figures.notes.append("more files than one look reads: remove old ones")
    if not today:
        figures.notes.append(
            f"nothing is known: no server wrote to {folder.parent.name}/{folder.name} in the last hour"
        )
    _latency(figures, today)
    _errors(figures, today, "")
    _errors(figures, yesterday, "_yesterday")
    _others(figures, today)
    return figures


def _latency(figures: _Figures, minutes: Sequence[Minute]) -> None:
    layouts = {frozenset(one.latency_seconds) for one in minutes}
    if len(layouts) > 1:
        figures.notes.append("latency: servers count in different buckets: give all the same")
        return
    buckets: Counter[float] = Counter()
    for one in minutes:
        buckets.update({float(bound): count for bound, count in one.latency_seconds.items()})
    for name, share in (("latency_p50_ms", 0.5), ("latency_p90_ms", 0.9), ("latency_p99_ms", 0.99)):
        if minutes:
            figures.put(name, 1000 * quantile(share, buckets), "no answer was timed")


def _errors(figures: _Figures, minutes: Sequence[Minute], when: str) -> None:
    if not minutes:
        return
    answers = sum(sum(one.requests.values()) for one in minutes)
    failed = sum(count for one in minutes for status, count in one.requests.items() if _SERVER_ERROR.match(status))
    figures.put(f"requests{when}", float(answers), "")
    figures.put(f"error_rate{when}", failed / answers if answers else math.nan, "nothing was asked of the model")


def _others(figures: _Figures, minutes: Sequence[Minute]) -> None:
    if not minutes:
        return
    hour = HOUR.total_seconds()
    figures.put("requests_per_second", sum(sum(one.requests.values()) for one in minutes) / hour, "")
    figures.put("tokens_per_second", sum(one.tokens for one in minutes) / hour, "")
    used = [(one.npu_utilisation, one.seconds) for one in minutes if one.npu_utilisation is not None]
    weight = sum(seconds for _, seconds in used)
    share = sum(value * seconds for value, seconds in used) / weight if weight else math.nan
    figures.put("npu_utilisation", share, "no server said it")
    loads = [one.load_seconds for one in minutes if one.load_seconds is not None]
    if loads:
        figures.put("load_seconds", max(loads), "")
    else:
        figures.notes.append("load_seconds: no model was loaded in the last hour")
