"""A tick that had to stop is gone on with: every item has its turn."""

from hypothesis import given
from hypothesis import strategies as st

from sensors.turns import beginning_with

names = st.lists(st.text(max_size=3), unique=True)


@given(names, st.text(max_size=3))
def test_everything_comes_once_and_nothing_before_its_turn(items: list[str], name: str) -> None:
    found = beginning_with(name, items)
    assert sorted(found) == sorted(items)
    later = [one for one in found if one >= name]
    assert found == [*sorted(later), *sorted(set(items) - set(later))]


def test_one_that_is_gone_is_followed_by_the_next() -> None:
    assert beginning_with("b", ["a", "c", "d"]) == ["c", "d", "a"]


def test_items_have_names() -> None:
    assert beginning_with("b/x", [("c", "x"), ("a", "x")], "/".join) == [("c", "x"), ("a", "x")]
