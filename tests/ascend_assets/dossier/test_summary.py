"""What Dagster shows of a dossier: a markdown table and small plots."""

import base64
import re
from dataclasses import replace

import dossier_samples as samples
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.dossier.content import Content
from ascend_assets.dossier.summary import escaped, plots, summary_markdown

COLUMNS = 7


def rows(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("content", [samples.complete(), samples.refused(), samples.overflowing(), samples.measured()])
def test_every_verdict_is_one_row(content: Content) -> None:
    table = rows(summary_markdown(content))
    assert len(table) == len(content.verdicts) + 2
    assert all(len(re.findall(r"(?<!\\)\|", row)) == COLUMNS + 1 for row in table)


def test_the_origin_and_the_statement_come_first() -> None:
    markdown = summary_markdown(samples.complete(dirty=True))
    assert markdown.startswith("**Admissible in dev.**")
    assert "**EMULATED**" in markdown.partition("| criterion")[0]
    assert "**Built from uncommitted changes**" in markdown


def test_marks_are_explained_and_do_not_rely_on_colour() -> None:
    markdown = summary_markdown(samples.overflowing())
    assert "✗ ≥\u00a00.99" in markdown
    assert markdown.rstrip().endswith("not judged, and tolerated")
    assert "✗ fails" in markdown.splitlines()[-1]


@given(st.text(max_size=60))
def test_no_text_leaves_its_cell(text: str) -> None:
    whole = samples.complete(count=6)
    verdicts = tuple(v.model_copy(update={"why": text}) for v in whole.verdicts[:2])
    table = rows(summary_markdown(replace(whole, verdicts=verdicts)))
    assert len(table) == 4
    assert all(len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) == COLUMNS + 1 for row in table)


@pytest.mark.parametrize("text", ["<script>", "![x](http://a)", "[a](b)", "`code`", "**bold**", "&amp;"])
def test_markup_is_shown_and_not_applied(text: str) -> None:
    shown = escaped(text)
    assert not re.search(r"(?<!\\)[`*\[\]()<>]", shown)


def test_plots_are_images_that_carry_their_data_and_stay_small() -> None:
    found = plots(samples.large(3000))
    assert sorted(found) == ["Ascend310P3 precision", "Ascend310P3 time", "Ascend910B3 precision", "Ascend910B3 time"]
    for image in found.values():
        data = re.fullmatch(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", image)
        assert data
        assert base64.b64decode(data[1]).startswith(b"<svg ")
        assert len(image) < 30_000


def test_a_refused_candidate_has_no_plots() -> None:
    assert plots(samples.refused()) == {}
