"""How observations' values are put into a text: on one line, bounded, whatever a file or a log wrote.

Not here: the texts (`rules/`).
"""

from collections.abc import Sequence

from ascend_assets.diagnosis.case import Observation, Value
from ascend_assets.gates.wording import clipped, listing

LONGEST = 400
"""Characters of one value in a text: a message of ATC's with its reason."""
NODES_NAMED = 5
VALUES_NAMED = 6


def plain(text: str) -> str:
    """Text on one line without anything that a terminal or a page would act on; escapes stand for what is left out."""
    written = "".join(mark if mark.isprintable() else " " if mark.isspace() else repr(mark)[1:-1] for mark in text)
    return clipped(written, LONGEST)


def values(facts: Sequence[Observation], nodes: Sequence[str], soc: str) -> dict[str, str]:
    """What a rule's templates may name: every value of its observations, and the names that are always there."""
    merged: dict[str, dict[str, None]] = {}
    for fact in facts:
        for name, value in fact.values.items():
            merged.setdefault(name, {})[written(value)] = None
    said = {name: listing(list(told), shown=VALUES_NAMED, separator=", ") for name, told in merged.items()}
    named = [plain(node) for node in nodes[:NODES_NAMED]]
    said["nodes"] = listing([*named, *nodes[NODES_NAMED:]], shown=NODES_NAMED, separator=", ", longest=80)
    said["count"] = str(max(1, len(nodes)))
    said["says"] = listing([plain(fact.says) for fact in facts[:100]], shown=3, longest=LONGEST)
    said["soc"] = plain(soc)
    return said


def written(value: Value) -> str:
    """A value as a person reads it."""
    if isinstance(value, str):
        return plain(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)
