"""Einsum's notation, read into a label for each dimension.

Here belongs what the letters mean: ellipses, and an output that is left out. Not here: computing it
(`rewrite_einsum.py`).
"""

import re
from collections import Counter
from collections.abc import Sequence

from resources.onnx_files.edits import EditError

Label = str
"""A letter, or `.0`, `.1`, ... for the dimensions of an ellipsis, counted from the last."""

_TERM = re.compile(r"([A-Za-z]*)(\.\.\.)?([A-Za-z]*)")


def read(equation: str, ranks: Sequence[int]) -> tuple[list[tuple[Label, ...]], tuple[Label, ...]]:
    """Labels of each operand and of the output.

    Without `->` the output has the ellipsis and then, in the order of the alphabet, the letters that stand once.
    Raises `EditError` for an equation that does not fit its operands.
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise EditError(f"its equation has {len(terms)} operands, and it has {len(ranks)} inputs")
    labels = [_labels(term, rank) for term, rank in zip(terms, ranks, strict=True)]
    dots = max((sum(label[0] == "." for label in made) for made in labels), default=0)
    if arrow:
        output = _labels(right, len(right.replace("...", "")) + (dots if "..." in right else 0))
    else:
        counts = Counter(label for made in labels for label in made)
        once = sorted(label for label, count in counts.items() if count == 1 and label[0] != ".")
        output = (*_dots(dots), *once)
    known = {label for made in labels for label in made}
    if len(set(output)) < len(output) or not set(output) <= known:
        raise EditError("its output has a label twice, or one that no operand has")
    return labels, output


def _dots(count: int) -> tuple[Label, ...]:
    return tuple(f".{place}" for place in reversed(range(count)))


def _labels(term: str, rank: int) -> tuple[Label, ...]:
    found = _TERM.fullmatch(term)
    if found is None:
        raise EditError("its equation cannot be read")
    before, dots, after = found.groups()
    hidden = rank - len(before) - len(after)
    if hidden < 0 or (hidden and not dots):
        raise EditError(f"an operand has {rank} dimensions and its equation names {len(before) + len(after)}")
    return (*before, *_dots(hidden), *after)
