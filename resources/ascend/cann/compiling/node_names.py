"""Which ONNX nodes a name in CANN's output stands for.

Here belongs the way back from the graph engine's (GE's) names to those of the ONNX file: in messages, profiles and
dumps. Facts, from the sources of GE's ONNX parser:

- A node keeps its name. One without a name becomes `<OpType>_<k>`, where k counts the nodes without a name.
- What one node is expanded to is called `PartitionedCall_<name of the part>_<counter>`; most parts are called
  `<ONNX name>_<GE type>`.
- A node of a subgraph becomes `<subgraph>/<ONNX name>`.

The rest is observed and so a heuristic: fused operators join the names of what they are made of, dumps write `_` for
`/`, `.` and blanks, and what GE inserts by itself (`trans_Cast_3`) stands for no ONNX node. Nothing is guessed: a name
that could mean two nodes equally well means none. Not here: finding names in a message (`atc_log.py`).
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MAX_NAME = 2048
"""Characters of a name that are looked at; a fused operator's name can be long."""
MAX_STEPS = 50_000
"""Comparisons for one name, after which what was found so far stands."""
_SHORTEST = 3
"""Characters that an ONNX name needs to be recognised inside another: `a` is in everything."""

_TOKEN = re.compile(r"[^\W\d_]++|\d++|.", re.DOTALL)
_WRITTEN_AS_UNDERSCORE = re.compile(r"[/.\\:\s\-]")
_PART = re.compile(r"PartitionedCall_(.+?)(?:_\d+)?", re.DOTALL)
_INSERTED = re.compile(r"trans_[A-Za-z0-9]++_\d++")


def named(nodes: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """`nodes` as (name, op) with the names that GE gives to those without one, in the graph's order."""
    result: list[tuple[str, str]] = []
    unnamed = 0
    for name, op in nodes:
        result.append((name or f"{op}_{unnamed}", op))
        unnamed += not name
    return result


def to_onnx(names: Iterable[str], nodes: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The ONNX nodes that each name stands for, in the name's order; none where that is not clear.

    `nodes`: (name, op) of every node in the graph's order, the name empty where the file gives none (`named` says what
    it is then called). Several nodes for a fused operator.
    """
    index = NodeNames.of(nodes)
    return {name: index.find(name) for name in names}


@dataclass
class _Branch:
    """The names that go on with each token, and the name that ends here: None if none or more than one does."""

    next: "dict[str, _Branch]" = field(default_factory=dict)
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Match:
    """Tokens `begin` to `end` are a name: `names` holds it, or nothing if it could be two. `steps` it took to see."""

    begin: int
    end: int
    names: tuple[str, ...]
    steps: int


@dataclass(frozen=True)
class NodeNames:
    """The nodes of one graph, made to be searched."""

    exact: frozenset[str]
    by_type: Mapping[str, tuple[str, ...]]
    _written: _Branch
    _dumped: _Branch

    @classmethod
    def of(cls, nodes: Sequence[tuple[str, str]]) -> "NodeNames":
        """An index of `nodes`, (name, op) as `to_onnx` takes them."""
        pairs = named(nodes)
        types: dict[str, list[str]] = {}
        written, dumped = _Branch(), _Branch()
        for name, op in pairs:
            types.setdefault(op, []).append(name)
            _add(written, name, name)
            _add(dumped, _as_dumped(name).strip("_"), name)
        by_type = {op: tuple(dict.fromkeys(members)) for op, members in types.items()}
        return cls(frozenset(name for name, _ in pairs), by_type, written, dumped)

    def find(self, name: str) -> tuple[str, ...]:
        """The ONNX nodes that `name` stands for."""
        if name in self.exact:
            return (name,)
        name = name[:MAX_NAME]
        if _INSERTED.fullmatch(name):
            return ()
        part = _PART.fullmatch(name)
        if part is None:
            return self._inside(name)
        origin = part[1]
        if origin in self.exact:
            return (origin,)
        return self._beginning(origin) or self._inside(origin) or self._only_one_of_type(origin)

    def of_type(self, op: str) -> tuple[str, ...]:
        """Every node of an ONNX operator type, which may be given as `ai.onnx::11::Conv`."""
        return self.by_type.get(op.rpartition("::")[2], ())

    def _beginning(self, text: str) -> tuple[str, ...]:
        """The longest node name that `text` begins with."""
        found = [
            _longest(tree, _TOKEN.findall(spelled), 0) for tree, spelled in self._spellings(text.lstrip("_"), text)
        ]
        return max(found, key=lambda match: match.end if match.names else 0).names

    def _inside(self, text: str) -> tuple[str, ...]:
        """The node names that `text` holds, leftmost first, each as long as possible."""
        found = [list(_scan(tree, _TOKEN.findall(spelled))) for tree, spelled in self._spellings(text, text)]
        # What covers more of the text is the better reading: /a/Conv_1 rather than Conv_1 for a_Conv_1.
        best = max(found, key=lambda matches: sum(match.end - match.begin for match in matches))
        return tuple(dict.fromkeys(name for match in best for name in match.names))

    def _spellings(self, dumped: str, written: str) -> tuple[tuple[_Branch, str], ...]:
        return (self._written, written), (self._dumped, _as_dumped(dumped))

    def _only_one_of_type(self, text: str) -> tuple[str, ...]:
        words = dict.fromkeys(re.findall(r"[A-Za-z][A-Za-z0-9]*+", text))
        candidates = [self.by_type[word] for word in words if word in self.by_type]
        return candidates[0] if len(candidates) == 1 and len(candidates[0]) == 1 else ()


def _as_dumped(name: str) -> str:
    return _WRITTEN_AS_UNDERSCORE.sub("_", name)


def _add(tree: _Branch, spelled: str, name: str) -> None:
    if not spelled:
        return
    branch = tree
    for token in _TOKEN.findall(spelled[:MAX_NAME]):
        branch = branch.next.setdefault(token, _Branch())
    if name not in branch.names:
        branch.names = (*branch.names, name)[:2]


def _scan(tree: _Branch, tokens: list[str]) -> Iterator[_Match]:
    """Names in `tokens` that are long enough to mean something, each ending before the next begins."""
    at, steps = 0, 0
    while at < len(tokens) and steps < MAX_STEPS:
        following = at + 1
        if _may_begin(tokens, at):
            match = _longest(tree, tokens, at)
            steps += match.steps
            following = max(match.end, following)
            if match.names and _telling("".join(tokens[at : match.end])):
                yield match
        steps += 1
        at = following


def _longest(tree: _Branch, tokens: list[str], at: int) -> _Match:
    """The longest name from `at` on."""
    branch: _Branch | None = tree
    end, names, place = at, tuple[str, ...](), at
    for place in range(at, len(tokens)):
        branch = branch.next.get(tokens[place]) if branch else None
        if branch is None:
            break
        if branch.names and _may_end(tokens, place + 1):
            end, names = place + 1, branch.names
    return _Match(at, end, names if len(names) == 1 else (), place - at)


def _may_begin(tokens: list[str], at: int) -> bool:
    """Whether a name may begin at a token: not inside a word, but at its letters after a number (`Conv_0Relu_1`)."""
    if at == 0 or not _is_word(tokens[at]):
        return True
    before = tokens[at - 1]
    return not _is_word(before) or (before.isdigit() and not tokens[at].isdigit())


def _may_end(tokens: list[str], end: int) -> bool:
    """Whether a name may end before token `end`: `Conv` does not in `Conv2D`, `Conv_0` does in `Conv_0Relu_1`."""
    if end == len(tokens):
        return True
    last, following = tokens[end - 1], tokens[end]
    return not _is_word(following) or (last.isdigit() and not following.isdigit())


def _is_word(token: str) -> bool:
    return token[0].isalnum()


def _telling(name: str) -> bool:
    return len(name) >= _SHORTEST and any(character.isalpha() for character in name)
