"""Text from outside, made fit to be shown: bounded, printable, and read in the order in which it was written.

Here belongs what HTML escaping alone does not settle. Not here: escaping itself (jinja2's for the page, `charts/svg.py`
for drawings) or the formatting of numbers (`quantities.py`).
"""

import unicodedata
from collections.abc import Sequence

NAME_LIMIT = 160
"""Characters of a node's or tensor's name; exporters make names of thousands."""
TEXT_LIMIT = 2000
"""Characters of a sentence or message."""

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_KEPT = frozenset("\n\t\u200c\u200d")
"""Line breaks, and the joiners that some scripts need."""


def clean(text: object, limit: int = TEXT_LIMIT) -> str:
    r"""`text` with what cannot or should not be shown replaced by U+FFFD, cut to `limit` characters with an ellipsis.

    Control characters and lone surrogates have no place in XML or UTF-8; direction overrides (U+202E) would let a name
    be read as another one.
    """
    string = str(text)
    cut = string if len(string) <= limit else string[: limit - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(c if c in _KEPT or unicodedata.category(c) not in _UNSEEN else "\ufffd" for c in cut)


def name(text: object) -> str:
    """A node's, tensor's or file's name on one line."""
    return clean(" ".join(str(text)[: 2 * NAME_LIMIT].split()) or "(no name)", NAME_LIMIT)


def listing(items: Sequence[str], at_most: int, *, joined: str = ", ", more: str = "and {:,} more") -> str:
    """`a, b, c and 12 more`."""
    shown = joined.join(name(item) for item in items[:at_most])
    rest = len(items) - at_most
    return f"{shown} {more.format(rest)}" if rest > 0 else shown


def prose(items: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:  # noqa: PLR2004 - one item needs no conjunction
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
