"""What a stand-in's `.om` holds in its weights: a graph that the CPU can run, and the times to claim for it.

Here belong packing it, and finding it in a real `.om` by its partition table, without the code that is under test. Not
here: compiling (`compiling.py`).
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAD = struct.Struct("<8sQQQ")
_MAGIC = b"STANDIN1"
_HEADER_BYTES = 256
_WEIGHTS = 1


class NotOm(Exception):
    """No whole `.om` of a stand-in."""


@dataclass(frozen=True)
class Payload:
    """`meta`: ports, options, SoC, times per gear. `lowered`: runs with FP16 rounding. `onnx`: what was compiled."""

    meta: dict[str, Any]
    lowered: bytes
    onnx: bytes

    def packed(self) -> bytes:
        """The bytes for the weights partition."""
        meta = json.dumps(self.meta).encode()
        return _HEAD.pack(_MAGIC, len(meta), len(self.lowered), len(self.onnx)) + meta + self.lowered + self.onnx


def unpacked(data: bytes) -> Payload:
    """The reverse of `Payload.packed`. Raises `NotOm`."""
    if len(data) < _HEAD.size:
        raise NotOm("too short")
    magic, *sizes = _HEAD.unpack_from(data)
    if magic != _MAGIC or _HEAD.size + sum(sizes) != len(data):
        raise NotOm("not a stand-in's weights")
    first = _HEAD.size + sizes[0]
    second = first + sizes[1]
    return Payload(json.loads(data[_HEAD.size : first]), data[first:second], data[second:])


def from_om(path: Path) -> Payload:
    """The payload of an `.om`. Raises `NotOm`, `OSError`."""
    data = path.read_bytes()
    if data[:4] != b"IMOD" or len(data) < _HEADER_BYTES:
        raise NotOm("no IMOD header")
    (length,) = struct.unpack_from("<Q", data, 184)
    if len(data) != _HEADER_BYTES + length:
        raise NotOm(f"holds {len(data) - _HEADER_BYTES} bytes and claims {length}")
    (count,) = struct.unpack_from("<I", data, _HEADER_BYTES)
    payload = _HEADER_BYTES + 8 + count * 24
    for place in range(count):
        kind, offset, size = struct.unpack_from("<I4xQQ", data, _HEADER_BYTES + 8 + place * 24)
        if kind == _WEIGHTS:
            return unpacked(data[payload + offset : payload + offset + size])
    raise NotOm("no weights")
