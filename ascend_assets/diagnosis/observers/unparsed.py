"""Operators that no parser takes, from messages and from the graph, each once: the basis of several families.

Here belongs finding them. Not here: why there is no parser, and what may help (`operators.py`, `opset.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.observers.said import errors
from resources.ascend.emulator.registration import is_registered
from resources.ascend.toolchain import Diagnostic
from resources.onnx_files.walk import label, scopes

if TYPE_CHECKING:
    from onnx import ModelProto

CODES = ("E19010", "EZ9010", "E13010", "E16002")
"""No parser is registered: of ATC, of opbase, of CANN 9, and without the node."""
MAX_OPERATORS = 500

_END = r"(?=\]|\.?\s*$|[,;])"
_OPTYPE = re.compile(rf"optype:? \[?(?P<domain>[\w.-]{{0,200}})::(?P<version>\d{{1,9}})::(?P<op>\w{{1,200}}){_END}")
_BARE = re.compile(rf"optype:? \[?(?P<op>\w{{1,200}}){_END}")
STANDARD = "ai.onnx"


@dataclass(frozen=True)
class Unparsed:
    """An operator without a parser. `message`: what said so, None where only the graph and CANN's tables tell."""

    domain: str
    version: int
    op: str
    nodes: tuple[str, ...]
    message: Diagnostic | None = None

    @property
    def operator(self) -> str:
        """`<domain>::<operator>`, as remedies name it."""
        return f"{self.domain}::{self.op}"


def unparsed(case: Case) -> tuple[Unparsed, ...]:
    """Every operator without a parser: those that a compiler named, then those of the graph that it did not."""
    found: dict[str, Unparsed] = {}
    nodes: dict[str, dict[str, None]] = {}
    for one in _from_messages(case):
        if len(found) < MAX_OPERATORS:
            found.setdefault(one.operator, one)
        nodes.setdefault(one.operator, {}).update(dict.fromkeys(one.nodes))
    for one in _from_graph(case.model) if case.model is not None else ():
        # A message without nodes is about those of the graph.
        nodes[one.operator] = nodes.get(one.operator) or dict.fromkeys(one.nodes)
        if len(found) < MAX_OPERATORS:
            found.setdefault(one.operator, one)
    return tuple(replace(one, nodes=tuple(nodes[operator])) for operator, one in found.items())


def _from_messages(case: Case) -> Iterator[Unparsed]:
    for item in errors(case, *CODES):
        full = _OPTYPE.search(item.message)
        if full:
            yield Unparsed(full["domain"] or STANDARD, int(full["version"]), full["op"], item.nodes, item)
        elif bare := _BARE.search(item.message):
            yield Unparsed(STANDARD, 0, bare["op"], item.nodes, item)


def _from_graph(model: "ModelProto") -> Iterator[Unparsed]:
    versions = {entry.domain or STANDARD: entry.version for entry in model.opset_import}
    # With one entry, a node without a domain takes it, whatever it is.
    default = next(iter(versions)) if len(versions) == 1 else STANDARD
    missing: dict[tuple[str, str], list[str]] = {}
    for name, domain, op in names(model):
        key = domain or default, op
        if not is_registered(key[0], versions.get(key[0], 0), op):
            missing.setdefault(key, []).append(name)
    for (domain, op), found in missing.items():
        yield Unparsed(domain, versions.get(domain, 0), op, tuple(found))


def names(model: "ModelProto") -> Iterator[tuple[str, str, str]]:
    """(name, domain, operator) of every node that a parser meets, in subgraphs too."""
    for at, node in enumerate(model.graph.node):
        yield node.name or f"{node.op_type}_{at}", node.domain, node.op_type
    for scope in scopes(model):
        if scope.depth:
            yield from ((label(node), node.domain, node.op_type) for node in scope.graph.node)
