"""The first 256 bytes of an `.om`, and the tables that say what lies where.

    header 256 | for each sub-model: table, payload of each partition                              (little endian)

Here belongs the layout, from GE's `ModelFileHeader` and `ModelPartitionTable` (framework_types_internal.h), and what
makes a file whole: it has exactly the bytes that it says, and its partitions fill it. Files of before CANN's 64-bit
lengths (`model_length` is 0) have 32-bit tables. As in GE's loader a partition's place follows from the sizes of those
before it. Not here: what is in a partition.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO

from resources.ascend.toolchain import NotLoadable

MAGIC = b"IMOD"
HEADER_BYTES = 256
SUB_MODELS = 4096
PARTITIONS = 4096
"""Of one sub-model; as many as GE takes."""
ALL_PARTITIONS = 65_536

MODEL_DEF, WEIGHTS, MODEL_INOUT_INFO = 0, 1, 8
FLOW_MODEL = 3
"""A `model_type`: its tables are always 64-bit."""

_HEADER = struct.Struct("<4sII64sIBBBB32sI32sII20sB3xQBB62s")
_FIELDS = (
    *("magic", "header", "version", "checksum", "length", "encrypted", "checked", "kind", "generated", "name"),
    *("ops", "user", "ir_version", "models", "platform", "platform_type", "model_length", "host", "dynamic", "rest"),
)
_LARGE = struct.Struct("<I4xQQ")
_SMALL = struct.Struct("<III")
_NAMES = {
    0: "description",
    1: "weights",
    2: "tasks",
    3: "kernels",
    4: "AI CPU kernels",
    5: "libraries",
    6: "flow model",
    7: "flow sub-model",
    8: "inputs and outputs",
    9: "static tasks",
    10: "dynamic tasks",
    11: "task parameters",
    12: "tiling data",
    20: "prepared model",
    21: "prepared tasks",
    22: "prepared kernel arguments",
    23: "prepared model, extended",
    24: "bundle",
    25: "bundle's variables",
    26: "custom operators",
}


@dataclass(frozen=True)
class HeaderFields:
    """What the header says. `payload`: bytes after the header. `model_type`: 0 IR, 1 standard, 3 flow, 5 bundle.

    `old`: written before CANN had 64-bit lengths. `dynamic`: shapes are known only when it runs.
    """

    version: int
    name: str
    payload: int
    encrypted: bool
    model_type: int
    platform: str
    sub_models: int
    old: bool
    dynamic: bool
    needs_same_host: bool
    """It holds libraries of one operating system and processor."""


@dataclass(frozen=True)
class Partition:
    """One part of a file: of which sub-model, of which kind (GE's ModelPartitionType), where, and how many bytes."""

    sub_model: int
    kind: int
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The kind in words."""
        return _NAMES.get(self.kind, f"kind {self.kind}")


def header(head: bytes, size: int) -> HeaderFields:
    """Read the header of a file of `size` bytes that begins with `MAGIC`. Raises `NotLoadable`, without the path."""
    if len(head) < HEADER_BYTES:
        raise NotLoadable(f"breaks off inside its header, after {len(head)} of {HEADER_BYTES} bytes")
    said = dict(zip(_FIELDS, _HEADER.unpack(head[:HEADER_BYTES]), strict=True))
    own, models = said["header"], said["models"]
    if own != HEADER_BYTES:
        raise NotLoadable(f"says that its header has {own:,} bytes where a .om has {HEADER_BYTES}: damaged")
    payload = said["model_length"] or said["length"]
    _check_size(payload, size)
    if models > SUB_MODELS:
        raise NotLoadable(f"says that it holds {models:,} models, where at most {SUB_MODELS:,} are read: damaged")
    return HeaderFields(
        version=said["version"],
        name=_text(said["name"]),
        payload=payload,
        encrypted=bool(said["encrypted"]),
        model_type=said["kind"],
        platform=_text(said["platform"]),
        sub_models=max(models, 1),
        old=said["model_length"] == 0,
        dynamic=said["dynamic"] == 1,
        needs_same_host=said["host"] == 1,
    )


def partitions(file: BinaryIO, found: HeaderFields, size: int) -> tuple[Partition, ...]:
    """Read every table of an opened file of `size` bytes. Raises `NotLoadable`, without the path."""
    large = not found.old or found.model_type == FLOW_MODEL
    parts: list[Partition] = []
    at = HEADER_BYTES
    for number in range(found.sub_models):
        entries, at = _table(file, at, size, large=large)
        if len(parts) + len(entries) > ALL_PARTITIONS:
            raise NotLoadable(f"has more than {ALL_PARTITIONS:,} partitions: damaged")
        for kind, length in entries:
            if length > size - at:
                what = _NAMES.get(kind, str(kind))
                raise NotLoadable(f"its part {what!r} claims {length:,} bytes where {size - at:,} are left: damaged")
            parts.append(Partition(number, kind, at, length))
            at += length
    if at != size:
        raise NotLoadable(f"its partitions end at byte {at:,} of {size:,}: damaged")
    return tuple(parts)


def _table(file: BinaryIO, at: int, size: int, *, large: bool) -> tuple[list[tuple[int, int]], int]:
    """Kind and size of each partition of the sub-model whose table begins at `at`, and where its payload begins."""
    entry, start = (_LARGE, at + 8) if large else (_SMALL, at + 4)
    count = int.from_bytes(_read(file, at, 4), "little")
    if count > PARTITIONS or count * entry.size > size - start:
        raise NotLoadable(f"its table at byte {at:,} claims {count:,} partitions: damaged")
    data = _read(file, start, count * entry.size)
    return [(kind, length) for kind, _, length in entry.iter_unpack(data)], start + len(data)


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    data = file.read(length)
    if len(data) != length:
        raise NotLoadable(f"breaks off at byte {at + len(data):,}, inside a table: damaged")
    return data


def _check_size(payload: int, size: int) -> None:
    expected = HEADER_BYTES + payload
    if size < expected:
        raise NotLoadable(f"says that it has {expected:,} bytes and has {size:,}: truncated, copy it again")
    if size > expected:
        raise NotLoadable(f"says that it has {expected:,} bytes and has {size:,}: something was added to it")


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace")
