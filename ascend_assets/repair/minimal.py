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


def ddmin(items: Sequence[Item], passes: Passes[Item]) -> tuple[Item, ...]:
    """A subset of `items` that passes and from which no single item can be left out, in their order.

    Delta debugging, minimising part only (Zeller and Hildebrandt, Simplifying and isolating failure-inducing input,
    IEEE TSE 28(2), 2002): leave out ever smaller chunks, those at the front first, so that what had better go stands
    there. `items` themselves must pass and are not tested; at most `n^2 + 3n` tests, each subset once. A `Stopped` of
    the test ends the search with the smallest found.
    """
    kept = tuple(items)
    known: dict[tuple[int, ...], bool] = {}

    def test(indices: tuple[int, ...]) -> bool:
        if indices not in known:
            known[indices] = passes(tuple(items[i] for i in indices))
        return known[indices]

    indices = tuple(range(len(items)))
    chunks = 2
    try:
        while len(indices) > 1:
            smaller = _without_a_chunk(indices, chunks, test)
            if smaller is not None:
                indices, chunks = smaller, max(chunks - 1, 2)
                kept = tuple(items[i] for i in indices)
            elif chunks < len(indices):
                chunks = min(2 * chunks, len(indices))
            else:
                break
    except Stopped:
        return kept
    return kept


def _without_a_chunk(
    indices: tuple[int, ...], chunks: int, test: Callable[[tuple[int, ...]], bool]
) -> tuple[int, ...] | None:
    """The first of what is left without one of `chunks` equal parts that passes."""
    chunks = min(chunks, len(indices))
    edges = [len(indices) * part // chunks for part in range(chunks + 1)]
    for start, end in pairwise(edges):
        rest = indices[:start] + indices[end:]
        if test(rest):
            return rest
    return None


def smallest(
    ranked: Sequence[Item], passes: Passes[Item], *, dearest_first: Callable[[Item], float] = lambda _: 0.0
) -> tuple[Item, ...] | None:
    """The shortest prefix that passes, made 1-minimal; None where the whole ranking does not pass.

    `dearest_first`: what an item costs; delta debugging tries to do without the dearest first. The answer is in the
    ranking's order.
    """
    prefix = shortest_prefix(ranked, passes)
    if prefix is None:
        return None
    order = sorted(range(len(prefix)), key=lambda place: (-dearest_first(prefix[place]), -place))

    def test(chosen: tuple[int, ...]) -> bool:
        return passes(tuple(prefix[place] for place in sorted(chosen)))

    return tuple(prefix[place] for place in sorted(ddmin(order, test)))
