"""A compiled model's inputs and outputs, as an `.om` spells them.

Here belong their types and names, and the partition MODEL_INOUT_INFO: blocks of type, length and value, from GE's
`ge_model_inout_info.h` and `model_introduction.cc`. Not here: the same from the graph (`om_model.py`).
"""

import re
import struct
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput

PORTS = 4096
DIMENSIONS = 64
NAME_BYTES = 4096

_INPUTS, _OUTPUTS = 0, 1
_BLOCK = struct.Struct("<II")
_COUNT = struct.Struct("<I")
_BASE = struct.Struct("<QiiIIII")
_OUT_NODE = re.compile(r"(.+?):(\d+):(.+)", re.DOTALL)

DTYPES = {
    0: "float32",
    1: "float16",
    2: "int8",
    3: "int32",
    4: "uint8",
    6: "int16",
    7: "uint16",
    8: "uint32",
    9: "int64",
    10: "uint64",
    11: "float64",
    12: "bool",
    13: "string",
    16: "complex64",
    17: "complex128",
    27: "bfloat16",
    29: "int4",
}
"""ge::DataType in numpy's words."""


@dataclass(frozen=True)
class Port:
    """One input or output. `dtype` in numpy's words, `type <n>` for one that is not known here.

    `name`: the ONNX graph's. -1 in `shape` is open. `size`: bytes, as the file says; 0 where a dimension is open. A
    model with gears has one input more than its ONNX graph, `ascend_mbatch_shape_data`.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


def output_name(node: str) -> str:
    """The ONNX name of an output that GE calls `<node>:<index>:<tensor>`; anything else stays as it is."""
    found = _OUT_NODE.fullmatch(node)
    return found.group(3) if found else node


def inout_info(data: memoryview) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs and outputs of the partition. Raises `BadOutput` where it does not have the known form."""
    found: dict[int, tuple[Port, ...]] = {}
    at = 0
    while at < len(data):
        kind, length = _unpacked(_BLOCK, data, at)
        at += _BLOCK.size
        if length > len(data) - at:
            raise BadOutput(f"a block at byte {at} claims {length:,} bytes where {len(data) - at:,} are left")
        if kind in {_INPUTS, _OUTPUTS}:
            found[kind] = _ports(data[at : at + length])
        at += length
    outputs = tuple(Port(output_name(port.name), port.dtype, port.shape, port.size) for port in found.get(_OUTPUTS, ()))
    return found.get(_INPUTS, ()), outputs


def _ports(data: memoryview) -> tuple[Port, ...]:
    (count,) = _unpacked(_COUNT, data, 0)
    if count > PORTS:
        raise BadOutput(f"claims {count:,} inputs or outputs, where at most {PORTS:,} are read")
    ports = []
    at = _COUNT.size
    for _ in range(count):
        port, at = _port(data, at)
        ports.append(port)
    return tuple(ports)


def _port(data: memoryview, at: int) -> tuple[Port, int]:
    size, _, dtype, name, dims, second_dims, ranges = _unpacked(_BASE, data, at)
    at += _BASE.size
    if name > NAME_BYTES or dims > 8 * DIMENSIONS or dims % 8:
        raise BadOutput(f"a name of {name:,} bytes and {dims:,} bytes of shape at byte {at}")
    end = at + name + dims + second_dims + ranges
    if end > len(data):
        raise BadOutput(f"the description at byte {at} ends at {end:,} of {len(data):,}")
    spelt = bytes(data[at : at + name]).decode(errors="replace")
    shape = struct.unpack(f"<{dims // 8}q", data[at + name : at + name + dims])
    return Port(spelt, DTYPES.get(dtype, f"type {dtype}"), shape, size), end


def _unpacked(layout: struct.Struct, data: memoryview, at: int) -> tuple[int, ...]:
    if layout.size > len(data) - at:
        raise BadOutput(f"breaks off at byte {len(data):,}")
    return layout.unpack_from(data, at)
