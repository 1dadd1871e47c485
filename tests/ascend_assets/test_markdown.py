"""Tables for Dagster's UI: every text from outside is shown as it is, bounded, and breaks no table."""

from hypothesis import given
from hypothesis import strategies as st

from ascend_assets import markdown
from resources.registry.admissions import Requirement


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


@given(st.text(max_size=2000))
def test_no_text_breaks_a_table(text: str) -> None:
    lines = markdown.table(("a", "b"), [(text, "end")]).split("\n")
    assert len(lines) == 4, "head, rule, one row, the end"
    assert lines[2].replace("\\|", "").count("|") == 3
    assert len(lines[2]) < 4 * 2000


def test_a_reason_cannot_be_markup() -> None:
    cell = markdown.cell("<img src=x> [click](http://evil) `code` **bold**")
    assert "<" not in cell
    assert "\\[click\\]\\(" in cell
    assert "\\*\\*bold" in cell


def test_an_empty_cell_is_a_dash() -> None:
    assert markdown.cell("") == "-"


def test_what_is_not_met_comes_first() -> None:
    met = Requirement(name="loads", met=True, why="it loads")
    unmet = Requirement(name="soak", met=False, why="too young", remedy="wait")
    assert rows(markdown.requirements([met, unmet]))[2:] == [
        "| ✗ | soak | too young | wait |",
        "| ✓ | loads | it loads | - |",
    ]


def test_a_long_table_is_cut_and_says_so() -> None:
    text = markdown.table(("n",), ([n] for n in range(600)))
    assert len(rows(text)) == 502
    assert text.rstrip().endswith("and 100 more")
