"""Going on where the last tick stopped, for triggers that look at more than one tick has time for.

Not here: how long a tick may take (each trigger's own business).
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def beginning_with(name: str, items: Iterable[Item], named: Callable[[Item], str] = str) -> list[Item]:
    """All of them, sorted by name, beginning with that one or the one after its place."""
    ordered = sorted(items, key=named)
    return [*(one for one in ordered if named(one) >= name), *(one for one in ordered if named(one) < name)]
