"""What Prometheus is asked for: PromQL for each figure, unless `triggers.yaml` gives another.

Here belong the figures' names and the queries. Not here: asking (`metrics.py`). The serving side is taken to export
`http_requests_total{status}`, the histogram `model_latency_seconds`, and the gauges `tokens_per_second` and
`model_load_seconds`, each with the labels `model` and `environment`; NPUs come from npu-exporter (in percent), whose
scrape gives them the label `environment` (`deploy/prometheus/scrape.yml`). All figures are of one hour.
"""

from collections.abc import Mapping
from types import MappingProxyType

FIGURES: Mapping[str, str] = MappingProxyType(
    {
        "latency_p50_ms": "ms",
        "latency_p90_ms": "ms",
        "latency_p99_ms": "ms",
        "error_rate": "share",
        "error_rate_yesterday": "share",
        "requests": "requests",
        "requests_yesterday": "requests",
        "requests_per_second": "1/s",
        "tokens_per_second": "1/s",
        "npu_utilisation": "share",
        "load_seconds": "s",
    }
)
"""Figure -> unit. `..._yesterday`: the same hour, a day ago."""


def queries(model: str, environment: str, own: Mapping[str, str]) -> dict[str, str]:
    """Figure -> PromQL. `own` replaces ours; in it `$model` and `$environment` stand for the names."""
    labels = f'model="{model}",environment="{environment}"'
    failed, all_ = f'http_requests_total{{{labels},status=~"5.."}}', f"http_requests_total{{{labels}}}"
    found = {
        "latency_p50_ms": _latency(0.5, labels),
        "latency_p90_ms": _latency(0.9, labels),
        "latency_p99_ms": _latency(0.99, labels),
        "error_rate": _share(f"increase({failed}[1h])", f"increase({all_}[1h])"),
        "error_rate_yesterday": _share(f"increase({failed}[1h] offset 1d)", f"increase({all_}[1h] offset 1d)"),
        "requests": f"sum(increase({all_}[1h]))",
        "requests_yesterday": f"sum(increase({all_}[1h] offset 1d))",
        "requests_per_second": f"sum(rate({all_}[1h]))",
        "tokens_per_second": f"sum(avg_over_time(tokens_per_second{{{labels}}}[1h]))",
        "npu_utilisation": f'avg(avg_over_time(npu_chip_info_utilization{{environment="{environment}"}}[1h])) / 100',
        "load_seconds": f"max(max_over_time(model_load_seconds{{{labels}}}[1h]))",
    }
    mine = {name: _filled(text, model, environment) for name, text in own.items() if name in found}
    return {**found, **mine}


def _latency(quantile: float, labels: str) -> str:
    inside = f"sum by (le) (rate(model_latency_seconds_bucket{{{labels}}}[1h]))"
    return f"1000 * histogram_quantile({quantile}, {inside})"


def _share(part: str, whole: str) -> str:
    # A server that never failed has no series of failures.
    return f"(sum({part}) or vector(0)) / sum({whole})"


def _filled(text: str, model: str, environment: str) -> str:
    return text.replace("$model", model).replace("$environment", environment)
