"""Drawings are well-formed SVG whatever they are given, lose no fault, and stay small."""

import base64
import math
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET

import dossier_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.dossier.charts import intervals, times
from ascend_assets.dossier.charts.decimate import decimate, faulty
from ascend_assets.dossier.charts.intervals import LatencyRow, MetricRow
from ascend_assets.dossier.charts.precision import precision_curve, precision_spark
from ascend_assets.dossier.charts.svg import Scale, data_uri, label, nice_ticks, standalone, tag
from ascend_assets.dossier.charts.times import heat_map, time_spark
from ascend_assets.records import TaskMetric
from resources.ascend.toolchain import BadLayer, ErrorBand, Latency, LayerComparison, OpTime

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\"'&]]>\x00\u202e"


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own drawing


def texts(svg: str) -> str:
    return " ".join(text for text in parsed(svg).itertext() if text.strip())


def drawn(svg: str) -> None:
    """It is well-formed, and every place and extent in it is a finite number."""
    for element in parsed(svg).iter():
        for name, value in element.attrib.items():
            if name in {"d", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"}:
                assert re.fullmatch(r"[-0-9.MLVHhlmz ]+", value), (name, value)


figures = st.floats(width=32)
counts = st.integers(0, 2**40)
layer_strategy = st.builds(
    LayerComparison,
    index=st.integers(0, 10_000),
    node=st.text(max_size=30),
    op=st.text(max_size=10),
    dtype=st.sampled_from(["float16", "float32", "bfloat16", "other"]),
    cosine_similarity=figures,
    max_absolute_error=figures,
    relative_euclidean_distance=figures,
    overflow=counts,
    underflow=counts,
    local_error=figures,
)
op_strategy = st.builds(
    OpTime,
    node=st.text(max_size=30),
    op=st.text(max_size=10),
    time_us=figures,
    bound=st.sampled_from(["cube", "vector", "memory", "overhead"]),
    flops=counts,
    bytes=counts,
)


@given(st.lists(layer_strategy, max_size=12), figures)
@settings(max_examples=60)
def test_any_errors_can_be_drawn(layers: list[LayerComparison], limit: float) -> None:
    bad = BadLayer(node=layers[0].node, op="Conv", cause="") if layers else None
    for svg in (precision_curve(layers, first_bad=bad, limit=limit), precision_spark(layers, bad)):
        drawn(svg)


@given(st.lists(op_strategy, max_size=12))
@settings(max_examples=60)
def test_any_times_can_be_drawn(ops: list[OpTime]) -> None:
    for svg in (heat_map(ops), heat_map(ops, times.NARROW), time_spark(ops)):
        drawn(svg)


@given(
    figures,
    figures,
    figures,
    st.none() | st.builds(ErrorBand, low=figures, high=figures, median_error=figures, models=counts, points=counts),
)
def test_any_latency_can_be_drawn(p50: float, p99: float, limit: float, band: ErrorBand | None) -> None:
    row = LatencyRow("t", Latency(p50=p50, p90=p50, p99=p99), band, {"dev": limit, "prod": limit}, "emulated")
    for width in (intervals.WIDE, intervals.NARROW):
        drawn(intervals.latency_intervals([row], width))


@given(figures, figures, figures, st.booleans(), st.sampled_from(["top1", "mean_absolute_error"]))
def test_any_task_metric_can_be_drawn(reference: float, device: float, limit: float, higher: bool, name: str) -> None:  # noqa: FBT001
    metric = TaskMetric(name=name, higher_is_better=higher, reference=reference, device=device, samples=3)
    row = MetricRow("t", metric, {"dev": limit, "staging": limit / 2})
    drawn(intervals.task_metric_plot([row]))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: precision_curve([]),
        lambda: precision_spark([]),
        lambda: heat_map([]),
        lambda: time_spark([]),
        lambda: intervals.latency_intervals([]),
        lambda: intervals.task_metric_plot([]),
    ],
)
def test_nothing_to_draw_is_said(draw: Callable[[], str]) -> None:
    assert parsed(draw()).get("aria-label")


def test_the_first_bad_layer_and_overflow_are_marked() -> None:
    layers = samples.layers(overflow_at=61)
    bad = BadLayer(node=layers[61].node, op="Conv", cause="")
    svg = precision_curve(layers, first_bad=bad, limit=0.05)
    assert f"first bad layer: {layers[61].node}" in texts(svg)
    assert "limit on outputs 0.05" in texts(svg)
    assert [e.get("class") for e in parsed(svg).iter(f"{SVG}path")].count("bad") >= 3


def test_an_error_that_is_no_number_is_a_gap_in_the_line_and_a_mark_above_it() -> None:
    layers = list(samples.layers(12))
    layers[5] = layers[5].model_copy(update={"relative_euclidean_distance": math.nan})
    svg = precision_curve(layers)
    line = next(e for e in parsed(svg).iter(f"{SVG}path") if e.get("class") == "line")
    assert (line.get("d") or "").count("M") == 2
    assert any(e.get("class") == "badline" for e in parsed(svg).iter(f"{SVG}path"))


def test_every_layer_says_its_name_on_hovering() -> None:
    titles = [e.text or "" for e in parsed(precision_curve(samples.layers(40))).iter(f"{SVG}title")]
    assert len(titles) == 40
    assert "/conv1/Conv (Conv, float16)" in titles[0]


@given(st.integers(0, 3000), st.integers(10, 400))
@settings(max_examples=30, deadline=None)
def test_decimation_keeps_extremes_and_faults(position: int, points: int) -> None:
    layers = list(samples.layers(3000))
    position = min(position, len(layers) - 1)
    layers[position] = layers[position].model_copy(update={"overflow": 7})
    kept = decimate(layers, points, always=(17,))
    highest = max(range(len(layers)), key=lambda i: layers[i].relative_euclidean_distance)
    worst = max(range(len(layers)), key=lambda i: layers[i].local_error)
    assert {0, len(layers) - 1, 17, position, highest, worst} <= set(kept)
    assert kept == sorted(set(kept))
    assert len(kept) <= points + 130


def test_decimation_of_nothing_but_faults_is_bounded() -> None:
    layers = [layer.model_copy(update={"overflow": 1}) for layer in samples.layers(5000)]
    assert all(map(faulty, layers))
    assert len(decimate(layers, 100)) < 260


def test_heat_map_rows_are_bounded_and_the_rest_is_one_row() -> None:
    ops = [op.model_copy(update={"op": f"Kind{i % 40}"}) for i, op in enumerate(samples.operators(200))]
    rows = times.by_type(ops, times.WIDE.rows)
    assert len(rows) == times.WIDE.rows
    assert sum(map(len, rows.values())) == len(ops)
    assert times.OTHER in texts(heat_map(ops))


def test_heat_map_shares_add_up() -> None:
    ops = samples.operators()
    hottest = next(iter(times.by_type(ops, 10)))
    assert hottest == "Conv"
    assert "77.9\u202f%" in texts(heat_map(ops))


def test_the_band_of_an_estimate_is_drawn_around_p99() -> None:
    band = ErrorBand(low=0.5, high=2.0, median_error=0.1, models=1, points=1)
    row = LatencyRow("t", Latency(p50=4, p90=4, p99=4), band, {"dev": 20.0, "staging": 10.0}, "emulated")
    svg = intervals.latency_intervals([row])
    assert "P99 estimated 4.00\u202fms, between 2.00\u202fms and 8.00\u202fms" in texts(svg)
    assert "20.0\u202fms in dev" in texts(svg)
    assert "10.0\u202fms in staging" in texts(svg)
    bar = next(e for e in parsed(svg).iter(f"{SVG}rect") if e.get("class") == "band")
    start = float(bar.get("x") or 0)
    dot = max(float(e.get("cx") or 0) for e in parsed(svg).iter(f"{SVG}circle"))
    assert start < dot < start + float(bar.get("width") or 0)


def test_hostile_text_is_inert() -> None:
    svg = label(0, 0, HOSTILE) + tag("g", title_=HOSTILE)
    root = parsed(f"<svg>{svg}</svg>")
    assert not list(root.iter("script"))
    assert "\x00" not in svg
    assert "\u202e" not in svg


def test_a_drawing_stands_alone_as_an_image_that_carries_its_data() -> None:
    uri = data_uri(precision_spark(samples.layers()))
    head, _, data = uri.partition(",")
    assert head == "data:image/svg+xml;base64"
    assert parsed(base64.b64decode(data).decode()).find(f"{SVG}style") is not None
    assert "http" not in base64.b64decode(data).decode().replace("http://www.w3.org/2000/svg", "")


def test_standing_alone_changes_nothing_but_colours_and_ground() -> None:
    svg = heat_map(samples.operators())
    assert standalone(svg).endswith(svg.partition(">")[2])


@given(figures, figures, figures, st.booleans())
def test_a_scale_never_leaves_its_range(low: float, high: float, value: float, log: bool) -> None:  # noqa: FBT001
    low, high = (abs(v) + 1e-6 if math.isfinite(v) else 1.0 for v in (low, high))
    scale = Scale(min(low, high), max(low, high), 10, 90, log=log)
    assert 10 <= scale(value) <= 90.000001


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_within_and_are_few(low: float, extent: float) -> None:
    ticks = nice_ticks(low, low + extent)
    slack = 1e-6 * (abs(low) + extent)
    assert all(low - slack <= tick <= low + extent + slack for tick in ticks)
    assert len(ticks) <= 7
