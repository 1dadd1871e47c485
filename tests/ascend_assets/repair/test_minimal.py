"""The smallest set that passes: it passes, nothing in it can go, and it takes a bounded number of tests."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.repair.minimal import Stopped, at_most, ddmin, shortest_prefix, smallest

needed = st.sets(st.integers(0, 40), max_size=6)
sizes = st.integers(0, 41)


class Counted:
    """A test that passes with every needed item, or by any table; it counts, and may stop."""

    def __init__(self, rule: Callable[[Any], bool], stop: int | None = None) -> None:
        self.rule, self.stop = rule, stop
        self.asked: list[Any] = []

    def __call__(self, items: Any) -> bool:
        if self.stop is not None and len(self.asked) >= self.stop:
            raise Stopped
        self.asked.append(items)
        return bool(self.rule(items))


@given(needed, sizes)
def test_of_a_set_that_is_needed_nothing_else_stays(core: set[int], size: int) -> None:
    core = {item for item in core if item < size}
    found = ddmin(range(size), Counted(lambda items: core <= set(items)))
    assert set(found) == core or (not core and len(found) <= 1)


@given(st.integers(1, 9), st.randoms(use_true_random=False))
def test_whatever_the_test_says_the_answer_passes_and_no_item_of_it_can_go(size: int, random: Random) -> None:
    table: dict[tuple[int, ...], bool] = {tuple(range(size)): True}

    def rule(items: tuple[int, ...]) -> bool:
        return table.setdefault(items, random.random() < 0.4)

    asked = Counted(rule)
    found = ddmin(range(size), asked)
    assert table[found]
    if len(found) > 1:
        assert not any(rule(found[:place] + found[place + 1 :]) for place in range(len(found)))
    assert len(asked.asked) <= size**2 + 3 * size
    assert len(set(asked.asked)) == len(asked.asked), "no subset is tested twice"


@given(needed, st.integers(1, 41), st.integers(0, 30))
def test_a_search_that_is_stopped_gives_the_best_until_then(core: set[int], size: int, stop: int) -> None:
    core = {item for item in core if item < size}
    asked = Counted(lambda items: core <= set(items), stop)
    found = ddmin(range(size), asked)
    assert core <= set(found)
    passed = [items for items in asked.asked if core <= set(items)]
    assert found == (passed[-1] if passed else tuple(range(size)))


def test_either_item_alone_would_do_and_the_dear_one_goes() -> None:
    price = {"dear": 2.0, "cheap": 1.0}
    assert ddmin(["dear", "cheap"], bool, dear=price.__getitem__) == ("cheap",)
    assert ddmin(["cheap", "dear"], bool, dear=price.__getitem__) == ("cheap",)
    assert ddmin(["first", "last"], bool) == ("first",), "of equally dear ones the last goes first"


@given(sizes, st.integers(0, 41))
def test_the_shortest_prefix_is_found_in_logarithmic_time(size: int, wanted: int) -> None:
    asked = Counted(lambda items: len(items) >= max(wanted, 1))
    found = shortest_prefix(range(size), asked)
    expected = max(wanted, 1)
    assert found == (None if expected > size else tuple(range(expected)))
    assert len(asked.asked) <= 2 * math.log2(max(size, 1)) + 2


def test_a_prefix_search_that_is_stopped_gives_what_has_passed() -> None:
    assert shortest_prefix(range(16), Counted(lambda items: len(items) >= 5, 4)) == tuple(range(8))
    assert shortest_prefix(range(16), Counted(lambda items: len(items) >= 5, 2)) is None
    assert shortest_prefix((), Counted(lambda _: True)) is None


@given(needed.filter(bool), st.permutations(range(41)))
def test_of_a_ranking_the_smallest_set_is_left_in_its_order(core: set[int], ranked: list[int]) -> None:
    found = smallest(ranked, Counted(lambda items: core <= set(items)))
    assert found == tuple(item for item in ranked if item in core)


def test_of_two_sets_that_pass_the_cheaper_one_stays() -> None:
    """Both `a` and `b` mend it; `a` ranks first but costs more, and both are in the prefix because `c` is needed."""
    price = {"a": 5.0, "b": 1.0, "c": 9.0}
    enough = lambda items: "c" in items and bool({"a", "b"} & set(items))  # noqa: E731
    assert smallest(["a", "b", "c"], enough, dear=price.__getitem__) == ("b", "c")


def test_a_ranking_that_never_passes_has_no_smallest_set() -> None:
    assert smallest(range(9), Counted(lambda _: False)) is None


def test_a_test_that_may_be_made_so_often_stops_the_search_with_the_best() -> None:
    assert ddmin(range(16), at_most(1, lambda items: 3 in items)) == tuple(range(8))
    assert smallest(range(16), at_most(0, lambda _: True)) is None
