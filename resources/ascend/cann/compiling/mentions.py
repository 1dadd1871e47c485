"""The operators that a sentence of CANN's names.

Here belong the templates of messages that name an operator, its type, or both: with brackets up to CANN 8, without
them in CANN 9, and the looser manner of inner errors. Every template is tried only where its first words stand, so
that the time is linear in the line. Not here: which ONNX node is meant (`node_names.py`).
"""

import re
from dataclasses import dataclass

MAX_LINE = 4096
"""Characters of a line in which operators are looked for."""
MAX_NAME = 1024
"""Characters of an operator's name."""
_PLACES = 4
"""Places in a line where a template is tried."""


@dataclass(frozen=True)
class Mention:
    """An operator in a sentence: `node` its name, `op` its type; one of them may be empty.

    `fused`: the other nodes of an operator that several were fused into, which TBE writes as `first,[first,second]`.
    """

    node: str = ""
    op: str = ""
    fused: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node that is named."""
        return (self.node, *self.fused) if self.node else ()


_NAME = rf"(?P<node>.{{1,{MAX_NAME}}}?)"
_END = r"\](?=[\s,.;:)'\]]|$)"
_IN_BRACKETS = rf"(?P<node>(?:[^\]]|\](?![\s,.;:)'\]]|$)){{1,{MAX_NAME}}}?)"
"""A name may hold brackets (`layers[0]/Conv`): it ends with one that the sentence goes on after."""
_FUSED = r"(?P<node>[^\[\],]{1,512}),(?:\[(?P<fused>[^\[\]]{0,3000})\])?\]"
_FREE = rf"(?P<node>[^\s\[\],;()']{{1,{MAX_NAME}}})"
_TYPE = r"(?P<op>[^\s\],;()]{1,200})"

# First words, and what follows them. In order: what says most comes first.
_TEMPLATES = tuple(
    (words, re.compile(re.escape(words) + rest))
    for words, rest in (
        ("Op [", rf"{_IN_BRACKETS}, optype \[{_TYPE}\]"),  # E19010, EZ9010, EZ0501
        ("found for [", rf"{_IN_BRACKETS}\], optype \[{_TYPE}\]"),  # EZ3003
        ("Failed to compile Op [", rf"{_FUSED}(?:\. \(optype: \[{_TYPE}\])?"),
        ("Op [", rf"{_IN_BRACKETS}\]\. \((?:oppath: \[[^\]]{{0,512}}\], )?optype: \[{_TYPE}\]"),  # E20001, E40021
        ("Op: ", rf"{_NAME}, optype: {_TYPE}"),  # E13010
        ("Op ", rf"{_NAME},? with optype {_TYPE}"),  # E10501, E14001 of CANN 9
        ("Op ", rf"{_NAME}\. \(.{{0,512}}?optype: {_TYPE}"),  # E20001, E40021 of CANN 9
        ("found for ", rf"{_NAME}, optype {_TYPE}"),  # EZ3003 of CANN 9
        ("Optype [", rf"{_TYPE}\] of Ops kernel"),  # EZ3002
        ("Optype ", rf"{_TYPE} of Ops kernel"),
        ("for optype [", rf"{_TYPE}\]"),  # E16002
        ("for optype ", _TYPE),
        ("Opname [", rf"{_IN_BRACKETS}\] specified"),  # E10016
        ("Opname ", rf"{_NAME} specified"),
        ("Operator ", rf"{_NAME} already exists"),  # E13009
        ("Op [", rf"{_IN_BRACKETS}{_END}"),  # W11001
        ("Op ", rf"{_NAME} (?:does not hit|is invalid|has zero)"),
        ("Verifying ", rf"{_NAME}(?:\({_TYPE}\))? failed"),
        *(
            (
                f"{word}{mark}",
                rf"\s?{_FREE}(?:\({_TYPE}\))?" if mark == ":" else rf"{_IN_BRACKETS}(?:\({_TYPE}\))?{_END}",
            )
            for word in ("node", "Node", "op", "Op", "operator", "op_name", "opname", "node name", "op name")
            for mark in (":[", ": [", ":", "[", " [")
        ),
    )
)
_HAS_LETTER = re.compile(r"[^\W\d_]")
_NO_NAMES = frozenset({"is", "in", "of", "and", "not", "failed", "the", "with", "to", "for", "type", "null", "nullptr"})


def mention(line: str) -> Mention:
    """The operator that a sentence is about; an empty mention if it names none."""
    line = line[:MAX_LINE]
    for words, pattern in _TEMPLATES:
        at = line.find(words)
        for _ in range(_PLACES):
            if at < 0:
                break
            found = pattern.match(line, at) if _begins_a_word(line, at) else None
            if found and (result := _as_mention(found)):
                return result
            at = line.find(words, at + 1)
    return Mention()


def _begins_a_word(line: str, at: int) -> bool:
    return at == 0 or not (line[at - 1].isalnum() or line[at - 1] == "_")


def _as_mention(found: re.Match[str]) -> Mention | None:
    """The mention, or None if what was found is no name but the sentence's next word."""
    parts = found.groupdict()
    node, op = (parts.get("node") or "").strip(), (parts.get("op") or "").strip(".:")
    if node and (node.lower() in _NO_NAMES or not _HAS_LETTER.search(node)):
        return None
    fused = dict.fromkeys(name.strip() for name in (parts.get("fused") or "").split(","))
    return Mention(node.rstrip(".:"), op, tuple(name for name in fused if name and name != node))
