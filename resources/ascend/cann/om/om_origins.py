"""Which ONNX nodes a device's operators were made of, as the `.om` itself tells.

Here belongs one attribute of the operators in the partition MODEL_DEF, `_datadump_original_op_names`, by which GE lets
dumps be compared with the graph they came from: the names of the nodes that were fused into an operator, empty for one
that GE inserted. Not here: names guessed from other names (`node_names.py`), or what else a model says (`om_model.py`).
"""

from collections.abc import Iterator

from resources.ascend.cann.om import om_header, wire
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.om.wire import BrokenMessage, Budget
from resources.regular_files import open_regular

MODEL_BYTES = 256 * 1024 * 1024
MAX_OPERATORS = 100_000
MAX_ORIGINS = 16
"""Nodes that one operator is said to be made of; a longer list would be no name."""
MAX_NAME = 512
"""Bytes of one node's name; the rest is cut."""

_KEY = b"_datadump_original_op_names"
_GRAPH, _OPERATOR, _NAME, _ATTRIBUTE = 7, 6, 1, 10
_ENTRY_KEY, _ENTRY_VALUE, _LIST, _TEXT = 1, 2, 1, 2
"""Field numbers of ge_ir.proto: ModelDef.graph, GraphDef.op, OpDef's name and attr, the map's entry, AttrDef.list.s."""


def origins(om: OmFile) -> dict[str, tuple[str, ...]]:
    """Operator -> the ONNX nodes that it stands for; operators of which the file tells nothing are left out.

    Empty for a file that cannot be walked: the names are a help to a reader, and no evidence.
    """
    part = next((each for each in om.partitions if each.kind == om_header.MODEL_DEF), None)
    if part is None or part.size > MODEL_BYTES:
        return {}
    try:
        file, _ = open_regular(om.path)
        with file:
            file.seek(part.offset)
            return dict(_operators(memoryview(file.read(part.size))))
    except (BrokenMessage, OSError):
        return {}


def _operators(model: memoryview) -> Iterator[tuple[str, tuple[str, ...]]]:
    budget, seen = Budget(), 0
    for graph in _messages(model, _GRAPH, budget):
        for operator in _messages(graph, _OPERATOR, budget):
            seen += 1
            if seen > MAX_OPERATORS:
                raise BrokenMessage(f"more than {MAX_OPERATORS:,} operators")
            name, made_of = _operator(operator, budget)
            if name and made_of:
                yield name, made_of


def _operator(operator: memoryview, budget: Budget) -> tuple[str, tuple[str, ...]]:
    name, made_of = "", tuple[str, ...]()
    for number, value in wire.fields(operator, budget):
        if isinstance(value, int):
            continue
        if number == _NAME:
            name = wire.text(value[:MAX_NAME])
        elif number == _ATTRIBUTE and _KEY in bytes(value[: len(_KEY) + 8]):
            made_of = tuple(wire.text(text[:MAX_NAME]) for text in _texts(value, budget))
    return name, tuple(dict.fromkeys(filter(None, made_of)))[:MAX_ORIGINS]


def _texts(entry: memoryview, budget: Budget) -> Iterator[memoryview]:
    """The texts of a map's entry whose value is a list of them."""
    if any(bytes(key) != _KEY for key in _messages(entry, _ENTRY_KEY, budget)):
        return
    for value in _messages(entry, _ENTRY_VALUE, budget):
        for texts in _messages(value, _LIST, budget):
            yield from _messages(texts, _TEXT, budget)


def _messages(data: memoryview, wanted: int, budget: Budget) -> Iterator[memoryview]:
    """The fields of one number that hold bytes."""
    for number, value in wire.fields(data, budget):
        if number == wanted and not isinstance(value, int):
            yield value
