"""What two models did for 26 hours, as Prometheus would have scraped it every minute.

`tiny` in dev: 10 requests a minute; 1 % failed a day ago, 5 % fail now. Half of the answers take 1 ms at most, the rest
up to 10 ms. `idle` in dev was never asked.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

BOUNDS = {"0.001": 0.5, "0.005": 0.75, "0.01": 1.0, "+Inf": 1.0}
"""Upper bound in seconds -> share of the answers."""
A_MINUTE = 10
MINUTES = 26 * 60
CHANGE = MINUTES - 120
"""From this minute on more requests fail."""


@dataclass(frozen=True)
class Past:
    """Ends at `now`."""

    now: datetime

    def text(self) -> str:
        """All of it in OpenMetrics' text format, a family at a time."""
        return "".join(f"{line}\n" for family in (self._requests(), self._latency(), self._gauges()) for line in family)

    def _times(self) -> Iterator[tuple[int, float]]:
        for minute in range(MINUTES + 1):
            yield minute, self.now.timestamp() - 60 * (MINUTES - minute)

    def _requests(self) -> Iterator[str]:
        labels = 'model="tiny",environment="dev"'
        yield "# TYPE http_requests counter"
        for status in ("200", "503"):
            for minute, at in self._times():
                failed = 0.01 * A_MINUTE * min(minute, CHANGE) + 0.05 * A_MINUTE * max(0, minute - CHANGE)
                value = failed if status == "503" else A_MINUTE * minute - failed
                yield f'http_requests_total{{{labels},status="{status}"}} {value} {at}'
        for _, at in self._times():
            yield f'http_requests_total{{model="idle",environment="dev",status="200"}} 0 {at}'

    def _latency(self) -> Iterator[str]:
        yield "# TYPE model_latency_seconds histogram"
        for minute, at in self._times():
            for bound, share in BOUNDS.items():
                labels = f'model="tiny",environment="dev",le="{bound}"'
                yield f"model_latency_seconds_bucket{{{labels}}} {A_MINUTE * minute * share} {at}"

    def _gauges(self) -> Iterator[str]:
        figures = {
            "tokens_per_second": ('model="tiny",environment="dev"', 128.0),
            "model_load_seconds": ('model="tiny",environment="dev"', 6.5),
            "npu_chip_info_utilization": ('id="0",environment="dev"', 40.0),
        }
        for name, (labels, value) in figures.items():
            yield f"# TYPE {name} gauge"
            for _, at in self._times():
                yield f"{name}{{{labels}}} {value} {at}"
