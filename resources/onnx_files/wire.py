"""A walk over an ONNX file's bytes that counts before anything is parsed.

Protobuf allocates while it reads, so a small file can ask for gigabytes (fifty million empty nodes take 100 MB on
disk). Here belongs the walk, which allocates nothing and stops at the first broken or excessive field. Not here:
meaning.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from resources.onnx_files.limits import NotOnnx, OnnxLimits, UnsafeOnnx

if TYPE_CHECKING:
    Schema = Mapping[int, "str | None"]

_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
"""Wire type -> bytes."""
_PACKED_VARINT = "packed varints"
_TEXT = "text"
_VARINT_BYTES = 10
_MORE = 0x80
"""The bit that says that a varint goes on."""


@cache
def _schemas() -> dict[str, "Schema"]:
    """Message name -> field number -> the message inside, packed varints or text; other fields are not listed.

    Read from the descriptors of the installed onnx package, so that it knows every field the parser knows.
    """
    import onnx

    schemas: dict[str, Schema] = {}
    todo: list[Any] = [onnx.ModelProto.DESCRIPTOR]
    while todo:
        message = todo.pop()
        if message.full_name in schemas:
            continue
        fields: dict[int, str | None] = {}
        for field in message.fields:
            if field.message_type is not None:
                fields[field.number] = field.message_type.full_name
                todo.append(field.message_type)
            elif field.type in {field.TYPE_INT32, field.TYPE_INT64, field.TYPE_UINT64, field.TYPE_ENUM}:
                fields[field.number] = _PACKED_VARINT
            elif field.type == field.TYPE_STRING:
                fields[field.number] = _TEXT
        schemas[message.full_name] = fields
    return schemas


def _broken(what: str) -> NotOnnx:
    return NotOnnx(f"no ONNX model, or a damaged one ({what}): export or download it again")


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Value and the position after it."""
    if at < end and data[at] < _MORE:
        return data[at], at + 1
    value = 0
    for index in range(_VARINT_BYTES):
        if at + index >= end:
            break
        byte = data[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if byte < _MORE:
            return value, at + index + 1
    raise _broken(f"byte {at} breaks off inside a number")


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and end of a length-delimited field whose length stands at `at`."""
    length, start = _varint(data, at, end)
    if length > end - start:
        raise _broken(f"a field at byte {at} claims {length:,} bytes where {end - start:,} are left")
    return start, start + length


def _after_number(data: bytes, at: int, end: int, kind: int) -> int:
    """The position after a number of the given wire type."""
    if kind == _VARINT:
        return _varint(data, at, end)[1]
    if kind not in _FIXED:
        raise _broken(f"byte {at - 1} starts no field")
    if at + _FIXED[kind] > end:
        raise _broken(f"byte {end} breaks off inside a number")
    return at + _FIXED[kind]


def _check_text(data: bytes, start: int, end: int) -> None:
    """Text must be UTF-8: protobuf finds out only when the field is read, wherever that is."""
    try:
        data[start:end].decode()
    except UnicodeDecodeError as error:
        raise _broken(f"the text at byte {start} is not UTF-8") from error


def scan(data: bytes, limits: OnnxLimits) -> int:
    """Walk the whole structure of a serialised ModelProto and return how many fields it has.

    Raises `NotOnnx` where the bytes break off or are no protobuf, `UnsafeOnnx` where a limit is passed. Tensor data is
    stepped over, not read: a 100 MB ResNet-50 takes about 10 ms.
    """
    schemas = _schemas()
    stack: list[tuple[Schema, int, int]] = [(schemas["onnx.ModelProto"], 0, len(data))]
    fields = packed = 0
    while stack:
        schema, at, end = stack.pop()
        while at < end:
            fields += 1
            if fields > limits.fields:
                raise UnsafeOnnx(f"it has more than {limits.fields:,} fields: too large a structure to be read safely")
            tag, at = _varint(data, at, end)
            if tag & 7 != _BYTES:
                at = _after_number(data, at, end, tag & 7)
                continue
            start, at = _length(data, at, end)
            inside = schema.get(tag >> 3)
            if inside == _PACKED_VARINT:
                packed += at - start
            elif inside == _TEXT:
                _check_text(data, start, at)
            elif inside is not None:
                stack.append((schemas[inside], start, at))
    if packed > limits.packed_bytes:
        raise UnsafeOnnx(f"it packs {packed:,} bytes of numbers one by one: store tensors as raw data")
    return fields
