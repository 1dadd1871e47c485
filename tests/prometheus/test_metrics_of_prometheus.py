"""The figures of a real Prometheus: every default query is one that it understands, and gives what was put in."""

import math
from typing import Any

import pytest
from prometheus_past import A_MINUTE, BOUNDS, Past

from ascend_assets.production import judging, metrics
from ascend_assets.production.queries import FIGURES
from ascend_assets.triggers import Prometheus as Settings
from resources.production.metrics_files import quantile
from resources.production.prometheus import Prometheus, PrometheusRefused


def figures(server: str, past: Past, model: str = "tiny", **more: Any) -> Any:
    return metrics.of_prometheus(Settings(url=server, **more), model, "dev", past.now)


def test_every_figure_is_what_was_put_in(server: str, past: Past) -> None:
    found = figures(server, past)
    assert not found.notes
    buckets = {float(bound): share for bound, share in BOUNDS.items()}
    wanted = {
        "latency_p50_ms": 1000 * quantile(0.5, buckets),
        "latency_p90_ms": 1000 * quantile(0.9, buckets),
        "latency_p99_ms": 1000 * quantile(0.99, buckets),
        "error_rate": 0.05,
        "error_rate_yesterday": 0.01,
        "requests": 60 * A_MINUTE,
        "requests_yesterday": 60 * A_MINUTE,
        "requests_per_second": A_MINUTE / 60,
        "tokens_per_second": 128.0,
        "npu_utilisation": 0.4,
        "load_seconds": 6.5,
    }
    assert set(wanted) == set(FIGURES)
    assert found.found == pytest.approx(wanted, rel=0.03)


def test_the_rise_of_failures_is_no_chance(server: str, past: Past) -> None:
    assert judging.error_rate(figures(server, past).found).state == "bad"


def test_a_model_that_was_never_asked_has_no_rates(server: str, past: Past) -> None:
    found = figures(server, past, "idle")
    assert found.found["requests"] == 0
    assert found.found["error_rate"] is None
    assert any("error_rate: the answer is nan" in note for note in found.notes)
    assert judging.error_rate(found.found).state == "unjudged"


def test_a_model_that_it_does_not_know_has_no_figures_but_those_of_its_npus(server: str, past: Past) -> None:
    found = figures(server, past, "unknown")
    assert {name for name, value in found.found.items() if value is not None} == {"npu_utilisation"}
    assert "latency_p99_ms: Prometheus has no such series" in found.notes


def test_queries_of_ones_own(server: str, past: Past) -> None:
    own = {
        "load_seconds": 'min(model_load_seconds{model="$model",environment="$environment"}) / 2',
        "tokens_per_second": "http_requests_total",
        "npu_utilisation": "avg(",
        "beauty": "1",
    }
    found = figures(server, past, queries=own)
    assert found.found["load_seconds"] == 3.25
    assert found.found["tokens_per_second"] is None
    assert found.found["npu_utilisation"] is None
    said = " ".join(found.notes)
    assert "the query gives 3 series" in said
    assert "npu_utilisation: " in said
    assert "parse error" in said
    assert "beauty is no figure" in said


def test_a_range(server: str, past: Past) -> None:
    end = past.now.timestamp()
    answer = Prometheus(server).query_range('sum(rate(http_requests_total{model="tiny"}[5m]))', end - 600, end, 60)
    points = answer.series[0].points
    assert [round(at - end) for at, _ in points] == list(range(-600, 1, 60))
    assert all(math.isclose(value, A_MINUTE / 60, rel_tol=0.01) for _, value in points)


def test_a_wrong_query_is_refused_in_its_words(server: str) -> None:
    with pytest.raises(PrometheusRefused, match=r"bad_data: .*parse error"):
        Prometheus(server).query("sum(")
