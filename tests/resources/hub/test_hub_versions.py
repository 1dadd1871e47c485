"""Formal versions, and no others, are compared number by number."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.hub.versions import Version, formal

NUMBERS = st.lists(st.integers(0, 999_999), min_size=1, max_size=4)


@pytest.mark.parametrize("text", ["v1.3.0", "1.2", "v1", "v0.0.0.1", "2024.1.31", "v1.02"])
def test_these_are_formal(text: str) -> None:
    version = Version.parse(text)
    assert version is not None
    assert str(version) == text


@pytest.mark.parametrize(
    "text",
    [
        *("master", "main", "draft", "", "v", "1.", ".1", "v1..2", "V1.2", " v1.2", "v1.2\n", "v\uff11.2", "v-1.2"),
        *("v1.2.3-rc1", "v1.2.3+build", "v1.2.3.4.5", "v1.2-draft", "20260829162320", "1234567", "../v1.2"),
    ],
)
def test_these_are_not(text: str) -> None:
    assert Version.parse(text) is None


def test_ten_is_after_nine() -> None:
    nine, ten = Version("v1.9", (1, 9, 0, 0)), Version("v1.10", (1, 10, 0, 0))
    assert ten.is_after(nine)
    assert [str(v) for v in formal(["v1.10", "master", "v1.9", "v1.9.1"])] == ["v1.9", "v1.9.1", "v1.10"]


def test_two_spellings_are_one_version() -> None:
    one, other = Version.parse("1.2"), Version.parse("v1.2.0")
    assert one is not None
    assert other is not None
    assert not one.is_after(other)
    assert not other.is_after(one)
    assert [str(v) for v in formal(["v1.2.0", "1.2"])] == ["1.2"]


@given(NUMBERS, NUMBERS)
def test_versions_are_ordered_as_their_numbers_are(a: list[int], b: list[int]) -> None:
    one, other = Version.parse(".".join(map(str, a))), Version.parse("v" + ".".join(map(str, b)))
    assert one is not None
    assert other is not None
    padded = [n + [0] * (4 - len(n)) for n in (a, b)]
    assert one.is_after(other) == (padded[0] > padded[1])
    assert not (one.is_after(other) and other.is_after(one))


@given(st.lists(st.text(max_size=12)))
def test_whatever_tags_are_called_the_formal_ones_come_out_sorted(texts: list[str]) -> None:
    found = formal(texts)
    assert all(later.is_after(earlier) for earlier, later in pairwise(found))
    assert {str(v) for v in found} <= set(texts)
