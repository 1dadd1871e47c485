"""A measured benchmark on the page: how it was taken, every run, the unknown as unknown, words from outside inert."""

import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree as ET

import dossier_samples as samples
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.dossier.charts.runs import NARROW, WIDE, runs_plot
from ascend_assets.dossier.content import Content
from ascend_assets.dossier.quantities import NOTHING
from ascend_assets.dossier.render import render
from ascend_assets.dossier.views.evidence import Performance, evidence
from ascend_assets.dossier.views.measured import LINES, sentences
from resources.ascend.toolchain import Latency, Measurement, Profile

SCRIPT = "</li><script>alert(1)</script><img src=x onerror=alert(1)>"
LATENCY = Latency(p50=1.0, p90=1.1, p99=1.2)


class Words(HTMLParser):
    """A page's elements and its visible words."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def shown(content: Content) -> Performance:
    return evidence(content).performance[0]


def changed(**fields: object) -> Content:
    """The measured candidate with another profile."""
    whole = samples.on_device()
    first = whole.targets[0]
    assert first.benchmark is not None
    profile: Profile = first.benchmark.profile.model_copy(update=fields)
    record = first.benchmark.model_copy(update={"profile": profile})
    target = first.__class__(first.key, first.om, first.precision, record)
    return whole.__class__(**{**vars(whole), "targets": (target, *whole.targets[1:])})


def fact(item: Performance, label: str) -> tuple[str, ...]:
    return next(row[1:] for row in item.facts if row[0] == label)


def test_it_says_device_tools_runs_and_energy() -> None:
    text = Words(render(samples.on_device())).text
    assert "NPU 3 chip 0 (Ascend310P3)" in text
    assert "msit benchmark, msprof of CANN 8.1.RC1, driver 24.1.0, firmware 7.5.0.5.220" in text
    item = shown(samples.on_device())
    assert fact(item, "Runs") == ("100", "after 10 that warm up")
    assert fact(item, "Energy") == ("0.074\u202fJ", "for a run of batch 8")


def test_notes_come_before_the_figures_and_advice_after_them() -> None:
    text = Words(render(samples.on_device())).text
    note, table, advice = (
        text.index(words) for words in ("this card changes", "Operators that take", "AICPU: 1 operator")
    )
    assert note < table < advice


def test_operators_on_the_ai_cpu_are_marked_and_unknown_work_is_no_zero() -> None:
    rows = shown(samples.on_device()).operators
    assert rows[0][-3:] == (NOTHING, NOTHING, "AI CPU, not on AI cores")
    assert all(row[-1] == "AI_CORE" for row in rows[1:])
    assert "0\u202fFLOP" not in render(samples.on_device())
    assert fact(shown(samples.on_device()), "Work")[1].startswith("of 1 operator; ")


def test_where_no_operator_is_known_none_is_shown() -> None:
    content = changed(ops=(), aicore_utilisation=math.nan, memory_bytes=0, memory_available_bytes=0)
    item = shown(content)
    assert fact(item, "AI core busy") == (NOTHING, "no operators are known")
    assert fact(item, "Memory") == (NOTHING, "not told by the file; of a memory that is not known")
    assert fact(item, "Work") == (NOTHING, "not told by the profile")
    assert fact(item, "Operators")[0] == NOTHING
    page = render(content)
    assert page.count("Operators that take longest") == 1
    assert "NaN" not in Words(page).text.partition("Every run")[0].partition("Runs")[2]


def test_without_energy_none_is_claimed() -> None:
    for told in (None, 0.0, -1.0, math.nan):
        content = changed(measurement=samples.taken().model_copy(update={"energy_j": told}))
        assert "Energy" not in {row[0] for row in shown(content).facts}


def test_words_from_outside_are_inert_and_bounded() -> None:
    calm = Words(render(samples.on_device(samples.taken().model_copy(update={"notes": ("a",), "advice": ("b",)}))))
    how = samples.taken().model_copy(
        update={"notes": (SCRIPT,), "advice": ("\u202e" + SCRIPT * 9999,), "device": SCRIPT, "tools": (SCRIPT,) * 99}
    )
    html = render(samples.on_device(how))
    assert Words(html).tags == calm.tags
    assert len(html) < 800_000


def test_sentences_are_few_and_short() -> None:
    found = sentences(("x" * 9999, "a\n\nb") * 50)
    assert len(found) == LINES + 1
    assert max(map(len, found)) == 400
    assert found[1] == "a b"
    assert found[-1] == f"and {100 - LINES} more"
    assert sentences(()) == ()


def test_an_estimate_has_none_of_it() -> None:
    item = shown(samples.complete())
    assert item.measured is None
    assert {len(row) for row in item.operators} == {7}
    assert "Every run" not in render(samples.complete())


# The drawing of the runs.


def texts(svg: str) -> list[str]:
    return [text for text in ET.fromstring(svg).itertext() if text.strip()]  # noqa: S314 - our own drawing


def points(svg: str) -> list[tuple[float, float]]:
    (path,) = re.findall(r'<path d="([^"]*)"', svg)
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path[1:].split("L"))]


def test_every_run_is_a_point_from_left_to_right() -> None:
    found = points(runs_plot([1.0, 1.2, 1.1], LATENCY))
    assert [x for x, _ in found] == [WIDE.left, (WIDE.left + WIDE.right) / 2, WIDE.right]
    heights = [y for _, y in found]
    assert heights[1] < heights[2] < heights[0]


def test_a_small_jitter_looks_small() -> None:
    heights = [y for _, y in points(runs_plot([1.0, 1.02] * 50, LATENCY))]
    assert 0 < max(heights) - min(heights) < WIDE.height / 8


def test_percentiles_stand_beside_their_lines_and_apart() -> None:
    svg = runs_plot([1.0] * 50 + [1.0001] * 50, Latency(p50=1.0, p90=1.00005, p99=1.0001))
    labels = re.findall(r'<text x="858" y="([-\d.]+)"[^>]*>(P\d\d)', svg)
    assert [name for _, name in labels] == ["P50", "P90", "P99"]
    heights = [float(y) for y, _ in labels]
    assert all(below - above >= 13.9 for below, above in pairwise(heights))
    assert min(heights) > 0


def test_the_slowest_run_of_many_is_kept() -> None:
    runs = [1.0 + place % 7 / 100 for place in range(100_000)]
    runs[77_777] = 9.0
    svg = runs_plot(runs, LATENCY)
    assert "the slowest, number 77,778, 9.00" in " ".join(texts(svg))
    found = points(svg)
    assert len(found) <= WIDE.points
    assert min(y for _, y in found) < 40


def test_runs_far_apart_take_a_logarithmic_axis() -> None:
    assert {"1\u202fms", "10\u202fms", "100\u202fms"} <= set(texts(runs_plot([1.0, 2.0, 150.0], LATENCY)))


@pytest.mark.parametrize("runs", [[], [math.nan], [0.0, -1.0, math.inf]])
def test_nothing_to_draw_is_said(runs: list[float]) -> None:
    assert texts(runs_plot(runs, LATENCY)) == ["No run has a time."]


@given(st.lists(st.floats(width=32), max_size=30), st.floats(width=32), st.floats(width=32))
@settings(max_examples=80)
def test_any_runs_can_be_drawn(runs: Sequence[float], p50: float, p99: float) -> None:
    for size in (WIDE, NARROW):
        svg = runs_plot(runs, Latency(p50=p50, p90=p50, p99=p99), size)
        for element in ET.fromstring(svg).iter():  # noqa: S314 - our own drawing
            for name in {"x", "y", "x1", "x2", "y1", "y2", "d"} & element.attrib.keys():
                assert re.fullmatch(r"[-0-9.ML ]+", element.attrib[name])


def test_one_run_is_a_line() -> None:
    assert [x for x, _ in points(runs_plot([1.0], LATENCY))] == [WIDE.left, WIDE.right]


def test_the_sample_is_a_measurement() -> None:
    how = samples.taken()
    assert Measurement.model_validate_json(how.model_dump_json()) == how
