"""The serving side's files of metrics: whole, bounded, and a histogram read as Prometheus reads one."""

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.production import metrics_files as module
from resources.production.metrics_files import METRICS, Minute, quantile, read_minutes, write_minute

NOW = datetime.now(UTC)
HOUR = (NOW - timedelta(hours=1), NOW)


def minute(**more: Any) -> Minute:
    right = {
        "at": NOW - timedelta(minutes=1),
        "requests": {"200": 99, "503": 1},
        "latency_seconds": {"0.005": 90, "0.01": 99, "+Inf": 100},
    }
    return Minute.model_validate({**right, **more})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = write_minute(tmp_path, minute())
    assert path.parent == tmp_path / METRICS
    assert write_minute(tmp_path, minute()) == path
    assert read_minutes(tmp_path, [HOUR]).found == (minute(),)


def test_only_the_spans_count(tmp_path: Path) -> None:
    for minutes in (0, 59, 60, 61, -1):
        write_minute(tmp_path, minute(at=NOW - timedelta(minutes=minutes)))
    found = read_minutes(tmp_path, [HOUR]).found
    assert sorted(NOW - one.at for one in found) == [timedelta(0), timedelta(minutes=59)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests": {"600": 1}},
        {"requests": {"200": -1}},
        {"requests": {"200": 1.5}},
        {"latency_seconds": {"0.1": 1}},
        {"latency_seconds": {}},
        {"latency_seconds": {"0.1": 2, "+Inf": 1}},
        {"latency_seconds": {"NaN": 1, "+Inf": 1}},
        {"latency_seconds": {"fast": 1, "+Inf": 1}},
        {"npu_utilisation": 40},
        {"load_seconds": math.nan},
        {"at": datetime(2026, 11, 21)},  # noqa: DTZ001 - what is refused
        {"surprise": 1},
    ],
)
def test_what_is_no_minute_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        minute(**wrong)


def test_a_bad_file_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_minute(tmp_path, minute())
    folder = tmp_path / METRICS
    whole = json.loads(minute().model_dump_json())
    for name, text in {
        "empty": "",
        "cut": json.dumps(whole)[:-10],
        "other": "[]",
        "zone": json.dumps({**whole, "at": "2026-11-21T10:00:00"}),
        "deep": "[" * 100_000,
        "huge": json.dumps(whole) + " " * module.MOST_BYTES,
    }.items():
        (folder / f"{name}.json").write_text(text)
    (folder / ".half.json").write_text("{")
    read = read_minutes(tmp_path, [HOUR])
    assert len(read.found) == 1
    assert sorted(line.partition(":")[0] for line in read.bad) == [
        f"{name}.json" for name in ("cut", "deep", "empty", "huge", "other", "zone")
    ]
    assert read.whole
    monkeypatch.setattr(module, "MOST_FILES", 3)
    assert not read_minutes(tmp_path, [HOUR]).whole


def test_no_folder_is_nothing(tmp_path: Path) -> None:
    assert read_minutes(tmp_path / "gone", [HOUR]).found == ()


@pytest.mark.parametrize(
    ("share", "buckets", "wanted"),
    [
        (0.5, {0.001: 50, 0.01: 100, math.inf: 100}, 0.001),
        (0.75, {0.001: 50, 0.01: 100, math.inf: 100}, 0.0055),
        (0.25, {0.001: 50, 0.01: 100, math.inf: 100}, 0.0005),
        (0.99, {0.001: 50, math.inf: 100}, 0.001),
        (0.99, {0.001: 0, math.inf: 0}, math.nan),
        (0.99, {math.inf: 10}, math.nan),
        (0.99, {0.001: 10}, math.nan),
        (0.99, {}, math.nan),
    ],
)
def test_a_quantile_of_a_histogram(share: float, buckets: dict[float, float], wanted: float) -> None:
    assert quantile(share, buckets) == pytest.approx(wanted, nan_ok=True)


@given(st.lists(st.floats(0.0001, 10), min_size=1, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    bounds = [0.001, 0.01, 0.1, 1.0, 10.0]
    buckets = {bound: float(sum(value <= bound for value in values)) for bound in (*bounds, math.inf)}
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    upper = next(bound for bound in bounds if true <= bound)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    assert lower <= quantile(share, buckets) <= upper
