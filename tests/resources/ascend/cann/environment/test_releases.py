"""A compiler's version is of a release, and release cycles are counted, never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment import releases


@pytest.mark.parametrize(
    ("version", "minor"),
    [
        ("7.7.0.1.238", (7, 7)),
        ("8.1.RC1", (7, 7)),
        ("8.1.RC1.beta1", (7, 7)),
        ("7.0.0.5.242", (7, 0)),
        ("7.0.0", (7, 1)),
        ("1.84.15.1.310", (1, 84)),
        ("6.0.1", (1, 84)),
        ("8.5.T8.0.B060", (8, 5)),
        ("8.5.0.alpha002", (8, 5)),
        ("9.0.0", (9, 0)),
        ("8.0.T63", None),
        ("8.0.RC1", None),
        ("", None),
        ("latest", None),
        ("7.7.0.1.238\n", None),
        ("\u0667.\u0667.0.1.2", None),
    ],
)
def test_the_cycle_of_a_version(version: str, minor: tuple[int, int] | None) -> None:
    assert releases.minor(version) == minor


def test_a_version_has_a_name_if_it_was_seen_with_one() -> None:
    assert releases.release("7.7.0.1.238") == "8.1.RC1"
    assert releases.release("8.2.0.2.220") == "8.2.RC1"
    assert releases.release("9.1.0.0.1") == ""


@pytest.mark.parametrize(
    ("before", "after", "cycles"),
    [
        ((7, 7), (7, 7), 0),
        ((7, 7), (8, 2), 1),
        ((7, 1), (7, 7), 4),
        ((7, 0), (7, 7), 5),
        ((8, 5), (9, 0), 1),
        ((9, 0), (9, 1), 1),
        ((8, 2), (7, 7), -1),
    ],
)
def test_cycles_are_counted(before: tuple[int, int], after: tuple[int, int], cycles: int) -> None:
    assert releases.cycles(before, after) == cycles


MINORS = st.tuples(st.integers(0, 12), st.integers(0, 99))


@given(MINORS, MINORS, MINORS)
def test_a_longer_way_is_never_counted_shorter(
    one: tuple[int, int], two: tuple[int, int], three: tuple[int, int]
) -> None:
    first, second, third = sorted((one, two, three))
    assert releases.cycles(first, third) >= max(releases.cycles(first, second), releases.cycles(second, third))
    assert releases.cycles(third, first) == -releases.cycles(first, third)


@given(st.text(max_size=40))
def test_any_text_has_a_cycle_or_none(text: str) -> None:
    found = releases.minor(text)
    assert found is None or min(found) >= 0
