"""What the fusion passes did, as `atc` leaves it in `fusion_result.json`.

Here belongs the file's grammar. CANN 5 and 6 write `graph_fusion` and `ub_fusion` at the top, CANN 9 below one key for
each session and graph; between them several objects may follow each other or stand in a list. Counters are strings.
Not here: where the file lies (`atc.py`), or what a fusion means for precision (`compare.py`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput

MAX_BYTES = 64 * 1024 * 1024
"""Size of a file that is read."""
MAX_OBJECTS = 10_000
"""JSON values that may follow each other at the top."""
_MAX_DIGITS = 18
_SPACE = re.compile(r"\s*+")


@dataclass(frozen=True)
class FusionResult:
    """`passes`: for each fusion pass how often its pattern matched and how often it took effect, over all graphs."""

    passes: Mapping[str, tuple[int, int]]

    @property
    def effective(self) -> tuple[str, ...]:
        """The passes that changed the graph, sorted."""
        return tuple(sorted(name for name, (_, effect) in self.passes.items() if effect))


def parse(text: str | bytes) -> FusionResult:
    """Read the file's content. Raises `BadOutput` for what is no fusion result in any known layout, or too large."""
    if len(text) > MAX_BYTES:
        raise BadOutput(f"fusion_result.json has more than {MAX_BYTES:,} bytes: it is not read")
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    passes: dict[str, tuple[int, int]] = {}
    for value in _values(text):
        for name, counters in _passes(value):
            match, effect = passes.get(name, (0, 0))
            more = _count(name, counters, "match_times"), _count(name, counters, "effect_times")
            passes[name] = (match + more[0], effect + more[1])
    return FusionResult(passes)


def _values(text: str) -> Iterator[object]:
    """The JSON values of the text, one after the other."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MAX_OBJECTS):
        blank = _SPACE.match(text, at)
        at = blank.end() if blank else at
        if at == len(text):
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise BadOutput(f"fusion_result.json is no JSON: {error}") from error
        yield value
    raise BadOutput(f"fusion_result.json has more than {MAX_OBJECTS:,} JSON values: it is not read")


def _passes(value: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Every pass and its counters, however deep they lie; without recursion."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        elif isinstance(item, dict):
            for name, inner in item.items():
                if isinstance(inner, dict) and ("effect_times" in inner or "match_times" in inner):
                    yield name, inner
                else:
                    pending.append(inner)


def _count(name: str, counters: dict[str, object], key: str) -> int:
    """A counter, zero if the layout has none."""
    text = str(counters.get(key, 0)).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadOutput(f"fusion_result.json: {key} of {name[:100]} is no count but {text[:40]!r}")
    return int(text)
