"""Protobuf's wire format, read without a schema and without trust.

Here belong fields, numbers and text of one message: every length is checked against the bytes that are there, every
field is paid for from a budget, nothing is copied and nothing calls itself, so that time is linear in what is looked at
and depth is what the caller descends. The format is https://protobuf.dev/programming-guides/encoding. Not here: what a
field means (`om_model.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from resources.ascend.cann.errors import BadOutput

FIELDS = 2_000_000
"""Fields, and numbers in packed ones, that are read of one file. A graph of 100,000 nodes takes some 500,000."""

Value = int | memoryview
"""What a field holds: a number, or bytes that may be text, numbers or a message."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BYTES = 10
_MORE = 0x80
"""The bit that says that a varint goes on."""
_UNSIGNED = 1 << 64
_NUMBERS = 1 << 29


class BrokenMessage(BadOutput):
    """Bytes that are no protobuf message, that break off, or that have too many fields."""


@dataclass
class Budget:
    """How many more fields may be read. One is shared by all messages of a file."""

    left: int = FIELDS

    def pay(self) -> None:
        """One field. Raises `BrokenMessage` where none is left."""
        self.left -= 1
        if self.left < 0:
            raise BrokenMessage(f"more than {FIELDS:,} fields: too large a structure to be read safely")


def fields(data: memoryview, budget: Budget) -> Iterator[tuple[int, Value]]:
    """Number and value of each field of a message, in order. Numbers come as unsigned 64-bit.

    Raises `BrokenMessage` where the bytes break off, or hold a group or an unknown kind of field.
    """
    at, end = 0, len(data)
    while at < end:
        budget.pay()
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if not 0 < number < _NUMBERS:
            raise BrokenMessage(f"byte {at - 1} starts no field")
        if kind == _BYTES:
            length, at = varint(data, at)
            if length > end - at:
                raise BrokenMessage(f"a field at byte {at} claims {length:,} bytes where {end - at:,} are left")
            yield number, data[at : at + length]
            at += length
        elif kind == _VARINT:
            value, at = varint(data, at)
            yield number, value
        elif kind in {_FIXED32, _FIXED64}:
            width = 4 if kind == _FIXED32 else 8
            if width > end - at:
                raise BrokenMessage(f"byte {at} breaks off inside a number")
            yield number, int.from_bytes(data[at : at + width], "little")
            at += width
        else:
            raise BrokenMessage(f"byte {at - 1} starts a group or an unknown kind of field")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at `at`, unsigned 64-bit, and the position after it. Raises `BrokenMessage`."""
    if at < len(data) and data[at] < _MORE:
        return data[at], at + 1
    value = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < _MORE:
            return value % _UNSIGNED, at + index + 1
    raise BrokenMessage(f"byte {at} breaks off inside a number")


def signed(value: int) -> int:
    """An unsigned 64-bit number as int64 has it."""
    return value - _UNSIGNED if value >= _UNSIGNED >> 1 else value


def packed(data: memoryview, budget: Budget) -> list[int]:
    """The int64 numbers of a packed field, each paid for as a field is. Raises `BrokenMessage`."""
    found: list[int] = []
    at = 0
    while at < len(data):
        budget.pay()
        value, at = varint(data, at)
        found.append(signed(value))
    return found


def text(data: memoryview) -> str:
    """Text; what is not UTF-8 becomes marks."""
    return bytes(data).decode(errors="replace")
