"""What a compiled model says about itself: the partition MODEL_DEF, a `ge.proto.ModelDef`.

Here belong its attributes (SoC, CANN's version, atc's command line, sizes) and the inputs and outputs of its graph.
Field numbers are those of GE's `graph_metadef/proto/ge_ir.proto` and have not changed since CANN 5. Operators are
stepped over as soon as their type is known. Where the message cannot be walked, `guess` looks for the few attributes
that matter by their bytes. Not here: where the partition lies (`om_header.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from resources.ascend.cann.om import wire
from resources.ascend.cann.om.om_ports import DIMENSIONS, NAME_BYTES, PORTS, Port, output_name
from resources.ascend.cann.om.wire import BrokenMessage, Budget, Value

ATTRIBUTES = 4096
TEXT_BYTES = 256 * 1024
"""Longer text is left out: half an atc command line would be worse than none."""
GUESSED = ("soc_version", "atc_version", "atc_cmdline")
GUESS_BYTES = 16 * 1024 * 1024
"""What is searched: the end of the partition, for the attributes follow the graph."""

Attribute = str | int | tuple[str, ...] | tuple[int, ...]
ReadBy = Literal["protobuf", "heuristic"]

_INPUT_TYPES = frozenset({"Data", "AippData", "AnnData"})
_OUTPUT_TYPE = "NetOutput"
_OUT_NODES = "attr_model_out_nodes_name"
_DTYPES = {
    1: "float32",
    2: "float16",
    3: "int8",
    4: "uint8",
    5: "int16",
    6: "uint16",
    7: "int32",
    8: "int64",
    9: "uint32",
    10: "uint64",
    11: "bool",
    12: "float64",
    13: "string",
    16: "complex64",
    17: "complex128",
    27: "bfloat16",
    28: "int4",
}
"""ge.proto.DataType in numpy's words."""


class _Model:
    NAME, GRAPH, ATTRIBUTE = 1, 7, 11


class _Entry:
    KEY, VALUE = 1, 2


class _Attribute:
    LIST, TEXT, INTEGER, BOOL, BYTES, DTYPE = 1, 2, 3, 5, 7, 15


class _List:
    TEXT, INTEGER = 2, 3


class _Graph:
    OPERATOR = 6


class _Operator:
    NAME, TYPE, ATTRIBUTE, SOURCE_NAME, SOURCE_INDEX, INPUT = 1, 2, 10, 24, 25, 33


class _Tensor:
    DTYPE, SHAPE, SIZE = 2, 3, 10


class _Shape:
    DIMENSION = 1


@dataclass(frozen=True)
class Described:
    """A ModelDef: its name, its attributes, and the graph's inputs and outputs, empty where they are not told."""

    name: str
    attributes: Mapping[str, Attribute]
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    read_by: ReadBy = "protobuf"


def model_def(data: memoryview) -> Described:
    """Read a ModelDef. Raises `BrokenMessage`."""
    budget = Budget()
    name, graph = "", None
    attributes: dict[str, Attribute] = {}
    for number, value in wire.fields(data, budget):
        if number == _Model.NAME:
            name = _text(value)
        elif number == _Model.GRAPH and graph is None:
            graph = _bytes(value)
        elif number == _Model.ATTRIBUTE and len(attributes) < ATTRIBUTES:
            attributes.update(_attribute(_bytes(value), budget))
    inputs, outputs = _graph(graph, budget) if graph is not None else ((), ())
    return Described(name, attributes, inputs, _named(outputs, attributes.get(_OUT_NODES)))


def guess(data: memoryview) -> Described:
    """What the bytes of a ModelDef that cannot be walked look like. Never raises; may find nothing."""
    tail = bytes(data[-GUESS_BYTES:])
    found = {key: value for key in GUESSED if (value := _guessed(tail, key.encode()))}
    return Described("", found, read_by="heuristic")


def _guessed(data: bytes, key: bytes) -> str:
    """The text after the last whole spelling of a key: `0a <length> key 12 <length> 12 <length> text`."""
    at = data.rfind(b"\x0a" + bytes((len(key),)) + key + b"\x12")
    if at < 0:
        return ""
    view = memoryview(data)
    try:
        _, at = wire.varint(view, at + 2 + len(key) + 1)
        if data[at : at + 1] != b"\x12":
            return ""
        length, at = wire.varint(view, at + 1)
    except BrokenMessage:
        return ""
    return wire.text(view[at : at + length]) if length <= min(TEXT_BYTES, len(data) - at) else ""


def _attribute(entry: memoryview, budget: Budget) -> Iterator[tuple[str, Attribute]]:
    """The one entry of a `map<string, AttrDef>`, unless it is of a kind that nobody asks for."""
    key, held = "", memoryview(b"")
    for number, value in wire.fields(entry, budget):
        if number == _Entry.KEY:
            key = _text(value)
        elif number == _Entry.VALUE:
            held = _bytes(value)
    found = _value(held, budget)
    if key and found is not None:
        yield key, found


def _value(data: memoryview, budget: Budget) -> Attribute | None:
    """An AttrDef's text, integer or list; None for any other kind."""
    for number, value in wire.fields(data, budget):
        if number in {_Attribute.TEXT, _Attribute.BYTES} and not isinstance(value, int):
            return wire.text(value) if len(value) <= TEXT_BYTES else None
        if number in {_Attribute.INTEGER, _Attribute.BOOL, _Attribute.DTYPE} and isinstance(value, int):
            return wire.signed(value)
        if number == _Attribute.LIST and not isinstance(value, int):
            return _list(value, budget)
    return None


def _list(data: memoryview, budget: Budget) -> Attribute | None:
    """A list of texts or of integers; None for any other kind, and for an empty one."""
    texts: list[str] = []
    numbers: list[int] = []
    for number, value in wire.fields(data, budget):
        if number == _List.TEXT and not isinstance(value, int) and len(value) <= TEXT_BYTES:
            texts.append(wire.text(value))
        elif number == _List.INTEGER:
            numbers += _integers(value, budget)
    return tuple(texts) or tuple(numbers) or None


def _graph(data: memoryview, budget: Budget) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs by their index and outputs of a GraphDef."""
    inputs: dict[int, Port] = {}
    outputs: tuple[Port, ...] = ()
    for number, value in wire.fields(data, budget):
        if number != _Graph.OPERATOR or isinstance(value, int):
            continue
        kind = _op_type(value, budget)
        if len(inputs) + len(outputs) > PORTS:
            raise BrokenMessage(f"a graph of more than {PORTS:,} inputs and outputs")
        if kind in _INPUT_TYPES:
            index, port = _data(value, len(inputs), budget)
            inputs[index] = port
        elif kind == _OUTPUT_TYPE:
            outputs += _net_output(value, budget)
    return tuple(inputs[index] for index in sorted(inputs)), outputs


def _op_type(op: memoryview, budget: Budget) -> str:
    for number, value in wire.fields(op, budget):
        if number == _Operator.TYPE:
            return _text(value)
    return ""


def _data(op: memoryview, place: int, budget: Budget) -> tuple[int, Port]:
    """The index and the port of a Data operator: its name is the ONNX input's, its first input_desc tells the rest."""
    name, index, described = "", place, None
    for number, value in wire.fields(op, budget):
        if number == _Operator.NAME:
            name = _text(value)
        elif number == _Operator.ATTRIBUTE:
            own = dict(_attribute(_bytes(value), budget)).get("index")
            index = own if isinstance(own, int) else index
        elif number == _Operator.INPUT and described is None:
            described = _descriptor(_bytes(value), budget)
    return index, replace(described or Port("", "", (), 0), name=name)


def _net_output(op: memoryview, budget: Budget) -> tuple[Port, ...]:
    """The ports of NetOutput, one for each input_desc, named after the nodes that make them, as GE does."""
    described: list[Port] = []
    nodes: list[str] = []
    indices: list[int] = []
    for number, value in wire.fields(op, budget):
        if len(described) > PORTS or len(nodes) > PORTS:
            raise BrokenMessage(f"a graph of more than {PORTS:,} outputs")
        if number == _Operator.INPUT:
            described.append(_descriptor(_bytes(value), budget))
        elif number == _Operator.SOURCE_NAME:
            nodes.append(_text(value))
        elif number == _Operator.SOURCE_INDEX:
            indices += _integers(value, budget)
    names = [f"output_{place}_{node}_{index}" for place, (node, index) in enumerate(zip(nodes, indices, strict=False))]
    names += [""] * (len(described) - len(names))
    return tuple(replace(port, name=name) for port, name in zip(described, names, strict=False))


def _descriptor(data: memoryview, budget: Budget) -> Port:
    """A TensorDescriptor: dtype, shape, size."""
    dtype, size = 0, 0
    shape: list[int] = []
    for number, value in wire.fields(data, budget):
        if number == _Tensor.DTYPE and isinstance(value, int):
            dtype = value
        elif number == _Tensor.SHAPE:
            for place, dims in wire.fields(_bytes(value), budget):
                shape += _integers(dims, budget) if place == _Shape.DIMENSION else []
        elif number == _Tensor.SIZE and isinstance(value, int):
            size = max(wire.signed(value), 0)
    if len(shape) > DIMENSIONS:
        raise BrokenMessage(f"a shape of {len(shape)} dimensions")
    return Port("", _DTYPES.get(dtype, f"type {dtype}"), tuple(shape), size)


def _named(outputs: tuple[Port, ...], nodes: Attribute | None) -> tuple[Port, ...]:
    """Outputs by their ONNX names, which atc keeps in an attribute, one for each of them."""
    if not isinstance(nodes, tuple) or len(nodes) != len(outputs):
        return outputs
    return tuple(replace(port, name=output_name(str(node))) for port, node in zip(outputs, nodes, strict=True))


def _integers(value: Value, budget: Budget) -> list[int]:
    """A repeated int64: one number, or many packed."""
    return [wire.signed(value)] if isinstance(value, int) else wire.packed(value, budget)


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise BrokenMessage("a number where a message is expected")
    return value


def _text(value: Value) -> str:
    held = _bytes(value)
    return wire.text(held[:NAME_BYTES])
