"""How findings and figures are put into a verdict's sentence: short, bounded, the same everywhere.

Not here: what is said about which criterion (the concern's own module).
"""

from collections.abc import Sequence

SHOWN = 8
"""Entries of a list that a sentence names before it counts the rest."""

LONGEST = 300
"""Characters of one entry; names in an ONNX file have no bound of their own."""


def listing(entries: Sequence[str], *, shown: int = SHOWN, separator: str = "; ", longest: int = LONGEST) -> str:
    """The first entries, each bounded, and how many more there are. Empty for none."""
    head = separator.join(clipped(entry, longest) for entry in entries[:shown])
    rest = len(entries) - shown
    return f"{head}{separator}and {rest} more" if rest > 0 else head


def clipped(text: str, longest: int = LONGEST) -> str:
    """The text on one line, cut in the middle if it is too long."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    half = (longest - 3) // 2
    return f"{line[:half]}...{line[-half:]}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 node`, `3 nodes`, `no nodes`."""
    plural = many or f"{one}s"
    if number == 0:
        return f"no {plural}"
    return f"{number} {one if number == 1 else plural}"


def short(digest: str) -> str:
    """A digest's first twelve characters, or a word for none."""
    return digest[:12] or "(none)"
