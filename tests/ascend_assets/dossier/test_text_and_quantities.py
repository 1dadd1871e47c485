"""Text from outside is bounded and printable; numbers never hide on which side of a limit they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.dossier import quantities, text


@given(st.text(), st.integers(2, 300))
def test_clean_text_is_bounded_encodable_and_stable(raw: str, limit: int) -> None:
    shown = text.clean(raw, limit)
    assert len(shown) <= limit
    assert bool(shown.encode()) == bool(raw)
    assert text.clean(shown, limit) == shown


@pytest.mark.parametrize("hidden", ["\x00", "\x1b[31m", "\u202e", "\ud800", "\u2066", "\ufeff"])
def test_what_cannot_be_seen_is_replaced(hidden: str) -> None:
    shown = text.clean(f"a{hidden}b")
    assert hidden[0] not in shown
    assert shown.startswith("a\ufffd")


def test_a_name_is_one_line_and_never_empty() -> None:
    assert text.name(" a\n  b ") == "a b"
    assert text.name("") == "(no name)"
    assert len(text.name("x" * 100_000)) == text.NAME_LIMIT


def test_listings_are_bounded() -> None:
    assert text.listing(["a", "b"], 2) == "a, b"
    assert text.listing([str(i) for i in range(2000)], 2) == "0, 1 and 1,998 more"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, quantities.NOTHING),
        (math.nan, "NaN"),
        (math.inf, "∞"),
        (-math.inf, quantities.MINUS + "∞"),
        (0.0, "0"),
        (1234.0, "1,234"),
        (12.345678, "12.35"),
        (0.000012345, "1.23e-5"),
        (-0.5, quantities.MINUS + "0.5"),
        (0.9999871, "0.999987"),
        (0.99998, "0.99998"),
    ],
)
def test_numbers(value: float | None, shown: str) -> None:
    assert quantities.number(value) == shown


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_is_never_shown_as_the_limit_that_it_is_not(value: float, bound: float) -> None:
    shown = quantities.beside(value, bound)
    assert value == bound or shown != quantities.number(bound)


@given(st.floats(-1, 1))
def test_a_cosine_is_cut_and_not_rounded_up(value: float) -> None:
    shown = float(quantities.cosine(value).replace(quantities.MINUS, "-"))
    assert shown <= value
    assert value - shown < 1.001e-6


def test_units_take_prefixes() -> None:
    assert quantities.scaled(3_830_000_000, "FLOP") == "3.83\u202fGFLOP"
    assert quantities.scaled(412 * 2**20, "B", 1024) == "412\u202fMiB"
    assert quantities.milliseconds(0.05) == "50.0\u202fµs"
    assert quantities.microseconds(1500) == "1.50\u202fms"
    assert quantities.share(0.0002) == "<\u202f0.1\u202f%"


@given(st.floats())
def test_no_number_breaks_the_page(value: float) -> None:
    for shown in (quantities.number, quantities.error, quantities.cosine, quantities.share, quantities.percent):
        assert shown(value)
    assert quantities.milliseconds(value)
    assert quantities.microseconds(value)
    assert quantities.scaled(value, "B", 1024)
