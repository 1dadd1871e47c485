"""Which version of a hub's model is due.

Here belongs that decision, as a function of the tags that the hub lists. Not here: asking the hub (`resources/hub`), or
when (`sensors/hub_releases.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from resources.hub.versions import Version, formal


@dataclass(frozen=True)
class Due:
    """A version to build, and those before it that are not: each newer than what was seen, and older than it."""

    version: Version
    passed_over: tuple[Version, ...]


def due(tags: Iterable[str], since: str, seen: str = "") -> Due | None:
    """The newest formal version that is strictly greater than `since` and than the newest one seen; None without one.

    Only the newest: whoever was away for three versions wants the third, and each costs a walk of hours. `since` is
    what the model began with. A `since` or `seen` that is no version bounds nothing.
    """
    bounds = [version for version in map(Version.parse, (since, seen)) if version is not None]
    newer = [version for version in formal(tags) if all(version.is_after(bound) for bound in bounds)]
    return Due(newer[-1], tuple(newer[:-1])) if newer else None
