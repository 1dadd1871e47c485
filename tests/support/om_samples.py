"""Writes real `.om` files: small, whole, and in the format that GE writes.

Here belongs the format as GE's sources define it: `ModelFileHeader` and the partition tables of
`framework_types_internal.h`, `ModelDef` of `ge_ir.proto`, and the inputs and outputs of `ge_model_inout_info.h`. It
shares no code with what reads such files. Not here: the emulator's container, which is another format.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Final

MAGIC: Final = b"IMOD"
HEADER: Final = struct.Struct("<4sII64sIBBBB32sI32sII20sB3xQBB62s")
MODEL_DEF, WEIGHTS, TASK_INFO, TBE_KERNELS, INOUT_INFO = 0, 1, 2, 3, 8

DTYPES: Final = {
    # numpy's name: (in ge_ir.proto, ge::DataType, bytes)
    "float32": (1, 0, 4),
    "float16": (2, 1, 2),
    "int8": (3, 2, 1),
    "uint8": (4, 4, 1),
    "int16": (5, 6, 2),
    "uint16": (6, 7, 2),
    "int32": (7, 3, 4),
    "int64": (8, 9, 8),
    "uint32": (9, 8, 4),
    "uint64": (10, 10, 8),
    "bool": (11, 12, 1),
    "float64": (12, 11, 8),
}


@dataclass(frozen=True)
class Tensor:
    """One input or output by the ONNX graph's name. `node`: for an output, the GE node that makes it."""

    name: str
    dtype: str = "float32"
    shape: tuple[int, ...] = (1,)
    node: str = ""

    @property
    def size(self) -> int:
        """Bytes; 0 where a dimension is open."""
        return 0 if any(dim < 0 for dim in self.shape) else prod(self.shape) * DTYPES[self.dtype][2]


@dataclass(frozen=True)
class OmSample:
    """What `om_bytes` writes. `old`: the header and the 32-bit tables of CANN before the 64-bit ones.

    `attributes` are added to the model's own, or replace them; a value of None leaves one out. `sub_models`: 1 for a
    static model; with more, the first is the root and the others hold a name and `sub_attributes`. `inout_info`:
    whether there is a partition MODEL_INOUT_INFO; `graph`: whether the graph's operators are written.
    """

    name: str = "model"
    soc_version: str = "Ascend310P3"
    atc_version: str = "7.7.0.1.238"
    command_line: str = ""
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    weights: bytes = b""
    kernels: bytes = b"kernel"
    attributes: Mapping[str, str | int | tuple[str, ...] | None] = field(default_factory=dict)
    old: bool = False
    sub_models: int = 1
    sub_attributes: Mapping[str, str] = field(default_factory=dict)
    dynamic: bool = False
    encrypted: bool = False
    inout_info: bool = True
    graph: bool = True
    operators: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Further operators, each with the ONNX nodes that it was made of."""


def write_om(
    path: Path,
    *,
    name: str = "model",
    soc_version: str = "Ascend310P3",
    atc_version: str = "7.7.0.1.238",
    command_line: str = "",
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor] = (),
    weights: bytes = b"",
    attributes: Mapping[str, str | int | tuple[str, ...] | None] | None = None,
    old: bool = False,
    sub_models: int = 1,
    dynamic: bool = False,
    operators: Sequence[tuple[str, tuple[str, ...]]] = (),
) -> Path:
    """Write a whole `.om`. `command_line` is stored as given: atc's argv joined by blanks, beginning with `atc`."""
    sample = OmSample(
        name=name,
        soc_version=soc_version,
        atc_version=atc_version,
        command_line=command_line,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        weights=weights,
        attributes=attributes or {},
        old=old,
        sub_models=sub_models,
        dynamic=dynamic,
        operators=tuple(operators),
    )
    path.write_bytes(om_bytes(sample))
    return path


def om_bytes(sample: OmSample) -> bytes:
    """The file's bytes."""
    others = [
        [(MODEL_DEF, model_def(f"{sample.name}_{place}", sample.sub_attributes, b"")), (TBE_KERNELS, sample.kernels)]
        for place in range(1, sample.sub_models)
    ]
    models = [_partitions(sample), *others]
    payload = b"".join(table(parts, old=sample.old) + b"".join(data for _, data in parts) for parts in models)
    return header(sample, len(payload)) + payload


def header(sample: OmSample, payload: int) -> bytes:
    """The 256 bytes before everything else."""
    return HEADER.pack(
        MAGIC,
        256,
        0x10000000 if sample.old else 0x20000000,
        bytes(64),
        payload if sample.old else 0,
        int(sample.encrypted),
        1,
        0,
        0,
        sample.name.encode()[:31],
        0,
        bytes(32),
        0,
        0 if sample.old else sample.sub_models,
        b"" if sample.old else b"3.20.T100.0.B356",
        0,
        0 if sample.old else payload,
        0,
        int(sample.dynamic),
        bytes(62),
    )


def table(parts: Sequence[tuple[int, bytes]], *, old: bool) -> bytes:
    """A sub-model's partition table: 64-bit, or 32-bit for an old file."""
    out = struct.pack("<I", len(parts)) if old else struct.pack("<I4x", len(parts))
    offset = 0
    for kind, data in parts:
        out += struct.pack("<III" if old else "<I4xQQ", kind, offset, len(data))
        offset += len(data)
    return out


def _partitions(sample: OmSample) -> list[tuple[int, bytes]]:
    own: dict[str, str | int | tuple[str, ...] | None] = {
        "atc_cmdline": sample.command_line,
        "atc_version": sample.atc_version,
        "attr_model_out_nodes_name": tuple(_out_node(tensor, i) for i, tensor in enumerate(sample.outputs)),
        "event_num": 0,
        "framework_type": "5",
        "memory_size": 1024,
        "opp_version": sample.atc_version,
        "soc_version": sample.soc_version,
        "stream_num": 1,
        "weight_size": len(sample.weights),
        **sample.attributes,
    }
    described = {key: value for key, value in own.items() if value is not None}
    parts = [(INOUT_INFO, inout_info(sample.inputs, sample.outputs))] if sample.inout_info and not sample.old else []
    parts.append((MODEL_DEF, model_def(sample.name, described, graph(sample) if sample.graph else b"")))
    parts += [(WEIGHTS, sample.weights)] if sample.weights else []
    return [*parts, (TBE_KERNELS, sample.kernels), (TASK_INFO, b"\x08\x01")]


def _out_node(tensor: Tensor, place: int) -> str:
    return f"{tensor.node or f'Node_{place}'}:0:{tensor.name}"


# ge_ir.proto


def model_def(name: str, attributes: Mapping[str, str | int | tuple[str, ...]], graph_bytes: bytes) -> bytes:
    """A `ModelDef`: name, one graph, and the attributes in the order of their names, as a map is serialised."""
    out = text(1, name) + number(2, 1)
    if graph_bytes:
        out += chunk(7, graph_bytes)
    return out + b"".join(chunk(11, attribute(key, attributes[key])) for key in sorted(attributes))


def graph(sample: OmSample) -> bytes:
    """A `GraphDef`: a Data operator for each input, one operator that does the work, and NetOutput."""
    out = text(1, sample.name)
    for place, tensor in enumerate(sample.inputs):
        described = descriptor(tensor)
        data = text(1, tensor.name) + text(2, "Data") + chunk(10, attribute("index", place))
        out += chunk(6, data + chunk(33, described) + chunk(34, described))
    out += chunk(6, text(1, "Conv_0") + text(2, "Conv2D"))
    for operator, made_of in sample.operators:
        told = chunk(10, attribute("_datadump_original_op_names", made_of))
        out += chunk(6, text(1, operator) + text(2, "Conv2D") + told)
    last = text(1, "Node_Output") + text(2, "NetOutput")
    for place, tensor in enumerate(sample.outputs):
        node = tensor.node or f"Node_{place}"
        last += text(5, f"{node}:0") + text(24, node) + chunk(25, varint(0)) + chunk(33, descriptor(tensor))
    return out + chunk(6, last)


def descriptor(tensor: Tensor) -> bytes:
    """A `TensorDescriptor`."""
    shape = chunk(1, b"".join(varint(dim) for dim in tensor.shape)) if tensor.shape else b""
    return number(2, DTYPES[tensor.dtype][0]) + chunk(3, shape) + text(4, "ND") + number(10, tensor.size)


def attribute(key: str, value: str | int | tuple[str, ...]) -> bytes:
    """An entry of `map<string, AttrDef>`."""
    if isinstance(value, tuple):
        inner = chunk(1, b"".join(text(2, item) for item in value) + number(20, 1))
    else:
        inner = text(2, value) if isinstance(value, str) else number(3, value)
    return text(1, key) + chunk(2, inner)


def varint(value: int) -> bytes:
    """A number as protobuf writes an int64: negative ones in ten bytes."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def number(place: int, value: int) -> bytes:
    """A varint field."""
    return varint(place << 3) + varint(value)


def chunk(place: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return varint(place << 3 | 2) + varint(len(data)) + data


def text(place: int, value: str) -> bytes:
    """A string field."""
    return chunk(place, value.encode())


# ge_model_inout_info.h


def inout_info(inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> bytes:
    """A partition MODEL_INOUT_INFO: blocks of type, length and value; an empty list is not written."""
    ends = (
        (0, [_described(tensor, tensor.name) for tensor in inputs]),
        (1, [_described(tensor, _out_node(tensor, place)) for place, tensor in enumerate(outputs)]),
    )
    out = b""
    for kind, tensors in ends:
        value = struct.pack("<I", len(tensors)) + b"".join(tensors)
        out += struct.pack("<II", kind, len(value)) + value if tensors else b""
    return out


def _described(tensor: Tensor, name: str) -> bytes:
    dims = struct.pack(f"<{len(tensor.shape)}q", *tensor.shape)
    ranges = b"".join(struct.pack("<qq", 1, -1) for dim in tensor.shape if dim < 0)
    spelt = name.encode()
    lengths = (len(spelt), len(dims), len(dims), len(ranges))
    base = struct.pack("<QiiIIII", tensor.size, 2, DTYPES[tensor.dtype][1], *lengths)
    return base + spelt + dims + dims + ranges
