"""The smallest set that still passes: prefixes of a ranking, then delta debugging.

Here belong pure searches over any test. Not here: what is tested (`search.py`), or what a smaller set is worth
(`price.py`).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

Item = TypeVar("Item")
Passes = Callable[[tuple[Item, ...]], bool]


class Stopped(Exception):
    """A test was not made, because the budget is spent. The best that was found until then stands."""


def shortest_prefix(ranked: Sequence[Item], passes: Passes[Item]) -> tuple[Item, ...] | None:
    """The shortest prefix of a ranking that passes, None where not even the whole does.

    Lengths 1, 2, 4 ... until one passes, then halving between it and the last that did not: at most `2 log2 n + 2`
    tests. It is the shortest where more items never spoil what fewer did; it passes in any case. A `Stopped` of the
    test ends the search with the shortest found, or None.
    """
    best: tuple[Item, ...] | None = None
    failed, length = 0, 1
    try:
        while best is None and failed < len(ranked):
            if passes(tuple(ranked[:length])):
                best = tuple(ranked[:length])
            else:
                failed, length = length, min(2 * length, len(ranked))
        while best is not None and len(best) - failed > 1:
            middle = (failed + len(best)) // 2
            if passes(tuple(ranked[:middle])):
                best = tuple(ranked[:middle])
            else:
                failed = middle
    except Stopped:
        return best
    return best


def ddmin(
    items: Sequence[Item], passes: Passes[Item], *, dear: Callable[[Item], float] = lambda _: 0.0
) -> tuple[Item, ...]:
    """A subset of `items` that passes and from which no single item can be left out, in their order.

    Delta debugging, minimising part only (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input,
    IEEE TSE 28(2), 2002): leave out ever smaller chunks, the dearest items first, of equally dear ones the last first.
    `items` themselves must pass and are not tested; at most `n^2 + 3n` tests, each subset once. A `Stopped` of the test
    ends the search with the smallest found.
    """
    order = sorted(range(len(items)), key=lambda place: (-dear(items[place]), -place))
    known: dict[tuple[int, ...], bool] = {}

    def test(places: tuple[int, ...]) -> bool:
        chosen = tuple(sorted(places))
        if chosen not in known:
            known[chosen] = passes(tuple(items[place] for place in chosen))
        return known[chosen]

    kept, chunks = tuple(order), 2
    try:
        while len(kept) > 1:
            smaller = _without_a_chunk(kept, chunks, test)
            if smaller is not None:
                kept, chunks = smaller, max(chunks - 1, 2)
            elif chunks < len(kept):
                chunks = min(2 * chunks, len(kept))
            else:
                break
    except Stopped:
        pass  # the smallest until now
    return tuple(items[place] for place in sorted(kept))


def _without_a_chunk(
    places: tuple[int, ...], chunks: int, test: Callable[[tuple[int, ...]], bool]
) -> tuple[int, ...] | None:
    """The first of what is left without one of `chunks` equal parts that passes."""
    chunks = min(chunks, len(places))
    edges = [len(places) * part // chunks for part in range(chunks + 1)]
    for start, end in pairwise(edges):
        rest = places[:start] + places[end:]
        if test(rest):
            return rest
    return None


def smallest(
    ranked: Sequence[Item], passes: Passes[Item], *, dear: Callable[[Item], float] = lambda _: 0.0
) -> tuple[Item, ...] | None:
    """The shortest prefix that passes, made 1-minimal by `ddmin`; None where the whole ranking does not pass."""
    prefix = shortest_prefix(ranked, passes)
    return None if prefix is None else ddmin(prefix, passes, dear=dear)


def at_most(tests: int, passes: Passes[Item]) -> Passes[Item]:
    """The same test, which raises `Stopped` after so many."""
    left = [tests]

    def bounded(items: tuple[Item, ...]) -> bool:
        if not left[0]:
            raise Stopped(f"all {tests} tests are made")
        left[0] -= 1
        return passes(items)

    return bounded
