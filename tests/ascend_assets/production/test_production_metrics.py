"""How a model serves: figures drawn from files, and judgements of them that tell chance from change."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from production_samples import PRODUCTION
from tiny import DEFS_YAML

from ascend_assets.production import metrics
from ascend_assets.production.judging import NAMES, by_chance, error_rate, judge
from ascend_assets.production.records import MetricsRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.triggers import Prometheus as Settings
from resources.production.metrics_files import METRICS, Minute, write_minute

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
SPEC = ModelSpec.model_validate(
    yaml.safe_load(DEFS_YAML + PRODUCTION + "  gates: {latency_p99_ms: {dev: 20}}\n")["attributes"]
)


def wrote(folder: Path, minutes: int = 10, at: datetime = NOW, failed: int = 1, **more: Any) -> None:
    for n in range(minutes):
        fields = {
            "at": at - timedelta(minutes=n),
            "requests": {"200": 100 - failed, "500": failed},
            "latency_seconds": {"0.01": 50, "0.02": 100, "+Inf": 100},
            **more,
        }
        write_minute(folder, Minute.model_validate(fields))


def record(**figures: float | None) -> MetricsRecord:
    return MetricsRecord(key="", made_from={}, environment="dev", source="files", at=NOW, figures=figures)


def test_figures_are_drawn_from_all_servers_files(tmp_path: Path) -> None:
    wrote(tmp_path, tokens=600, npu_utilisation=0.5, load_seconds=2.0)
    wrote(tmp_path, at=NOW - timedelta(seconds=7), tokens=120, npu_utilisation=0.3)
    wrote(tmp_path, at=NOW - DAY, failed=3)
    found = metrics.of_files(tmp_path, NOW)
    assert found.notes == []
    assert found.found == pytest.approx(
        {
            "latency_p50_ms": 10.0,
            "latency_p90_ms": 18.0,
            "latency_p99_ms": 19.8,
            "error_rate": 0.01,
            "error_rate_yesterday": 0.03,
            "requests": 2000,
            "requests_yesterday": 1000,
            "requests_per_second": 2000 / 3600,
            "tokens_per_second": 2.0,
            "npu_utilisation": 0.4,
            "load_seconds": 2.0,
        }
    )


def test_what_nobody_wrote_is_not_known(tmp_path: Path) -> None:
    found = metrics.of_files(tmp_path, NOW)
    assert set(found.found.values()) == {None}
    assert "no server wrote" in found.notes[0]


def test_servers_that_count_in_different_buckets_have_no_latency(tmp_path: Path) -> None:
    wrote(tmp_path, 1)
    wrote(tmp_path, 1, at=NOW - timedelta(seconds=1), latency_seconds={"0.5": 1, "+Inf": 1})
    found = metrics.of_files(tmp_path, NOW)
    assert found.found["latency_p99_ms"] is None
    assert found.found["requests"] == 200
    assert any("different buckets" in note for note in found.notes)


def test_a_folder_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text("a file")
    assert "cannot be read" in metrics.of_files(tmp_path, NOW).notes[0]


def test_a_prometheus_that_is_down_is_asked_once_and_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_TOKEN", raising=False)
    there = Settings.model_validate({"url": "http://127.0.0.1:1", "token_env": "PROMETHEUS_TOKEN"})
    found = metrics.of_prometheus(there, "tiny", "dev", NOW)
    assert set(found.found.values()) == {None}
    assert found.notes[0] == "PROMETHEUS_TOKEN is not set: asked without a token"
    assert len(found.notes) == 2


def judged(**figures: float | None) -> dict[str, str]:
    found = judge(record(**figures), SPEC)
    assert tuple(one.name for one in found) == NAMES
    return {one.name: one.state for one in found}


GOOD: dict[str, float | None] = {
    "latency_p99_ms": 19.9,
    "load_seconds": 5.0,
    "error_rate": 0.01,
    "error_rate_yesterday": 0.01,
    "requests": 1000,
    "requests_yesterday": 1000,
    "requests_per_second": 0.3,
}


def test_all_is_well() -> None:
    assert set(judged(**GOOD).values()) == {"good"}


@pytest.mark.parametrize(
    ("name", "changed", "state"),
    [
        ("latency_p99", {"latency_p99_ms": 20.1}, "bad"),
        ("latency_p99", {"latency_p99_ms": None}, "unjudged"),
        ("latency_p99", {"latency_p99_ms": float("nan")}, "bad"),
        ("load_time", {"load_seconds": 5.01}, "bad"),
        ("load_time", {"load_seconds": None}, "unjudged"),
        ("metrics_available", {"requests_per_second": None}, "bad"),
        ("metrics_available", {"load_seconds": None}, "good"),
    ],
)
def test_each_figure_is_judged_by_its_limit(name: str, changed: dict[str, float | None], state: str) -> None:
    assert judged(**{**GOOD, **changed})[name] == state


@pytest.mark.parametrize(
    ("now", "asked", "before", "asked_before", "state"),
    [
        (0.05, 1000, 0.01, 1000, "bad"),
        (0.05, 1000, 0.0, 1000, "bad"),
        (0.05, 1000, 0.03, 1000, "good"),  # not twice as many
        (0.009, 100_000, 0.001, 100_000, "good"),  # below one in a hundred
        (0.02, 100, 0.01, 100, "good"),  # two failures instead of one: chance
        (0.05, 99, 0.01, 1000, "unjudged"),
        (0.05, 1000, 0.01, 99, "unjudged"),
        (0.05, 1000, None, None, "unjudged"),
        (None, None, 0.01, 1000, "unjudged"),
        (0.11, 1000, None, None, "bad"),  # a tenth needs no yesterday
        (0.11, 1000, 0.11, 1000, "bad"),
        (0.05, 1000, -1.0, 1000, "unjudged"),
    ],
)
def test_an_error_rate_is_judged_against_yesterday(
    now: float | None, asked: float | None, before: float | None, asked_before: float | None, state: str
) -> None:
    found = error_rate(
        {"error_rate": now, "requests": asked, "error_rate_yesterday": before, "requests_yesterday": asked_before}
    )
    assert found.state == state, found.why


def test_alike_hours_are_seldom_an_alarm() -> None:
    import numpy as np

    rng = np.random.default_rng(0)
    failed, before = rng.binomial(500, 0.03, size=(2, 4000))
    alarms = sum(
        error_rate(
            {"error_rate": a / 500, "requests": 500.0, "error_rate_yesterday": b / 500, "requests_yesterday": 500.0}
        ).state
        == "bad"
        for a, b in zip(failed, before, strict=True)
    )
    assert alarms <= 12, "at most one in a thousand is by chance: four are expected at most"


@given(st.integers(0, 200), st.integers(0, 200), st.integers(200, 10_000), st.integers(200, 10_000))
def test_more_failures_are_never_less_surprising(failed: int, before: int, asked: int, asked_before: int) -> None:
    one, more = by_chance(failed, asked, before, asked_before), by_chance(failed + 1, asked, before, asked_before)
    assert 0 <= more <= one <= 1


def test_the_test_is_the_conditional_one() -> None:
    # 9 of 10 failures in one of two equal hours: (10 + 1) / 2**10.
    assert by_chance(9, 1000, 1, 1000) == pytest.approx(11 / 1024)
