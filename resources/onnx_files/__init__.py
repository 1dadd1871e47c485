"""Untrusted ONNX files in, `onnx.ModelProto` out.

Here belong the reading of a file and the order in which it is mistrusted: its size, its bytes, its structure, the files
beside it. This is the door for the rest of the house: what is said about ONNX files is imported from here. Not here:
structure read out for use (`graph.py`), or whether ATC takes the model.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from resources.onnx_files.limits import (
    DEFAULT,
    InvalidOnnx,
    NotOnnx,
    OnnxFileError,
    OnnxLimits,
    ShapeError,
    UnsafeOnnx,
)
from resources.onnx_files.safety import external, findings, is_external
from resources.onnx_files.shapes import parse_input_shape, undeclared_dynamic, with_shapes
from resources.onnx_files.signature import Signature, TensorType, signature
from resources.onnx_files.structure import Finding, check, shown
from resources.onnx_files.walk import tensors
from resources.onnx_files.wire import scan
from resources.regular_files import open_regular

if TYPE_CHECKING:
    import onnx

__all__ = [
    "DEFAULT",
    "Finding",
    "InvalidOnnx",
    "NotOnnx",
    "OnnxFileError",
    "OnnxLimits",
    "ShapeError",
    "Signature",
    "TensorType",
    "UnsafeOnnx",
    "checker_error",
    "complete",
    "external_files",
    "findings",
    "load",
    "parse",
    "parse_input_shape",
    "signature",
    "undeclared_dynamic",
    "with_shapes",
]

_PRETENDERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive, perhaps a PyTorch checkpoint: export the model with torch.onnx.export"),
    (b"\x80\x02", "a Python pickle, which is never opened: export the model with torch.onnx.export"),
    (b"\x80\x03", "a Python pickle, which is never opened: export the model with torch.onnx.export"),
    (b"\x80\x04", "a Python pickle, which is never opened: export the model with torch.onnx.export"),
    (b"\x80\x05", "a Python pickle, which is never opened: export the model with torch.onnx.export"),
    (b"<", "a web page or XML: was the download a login or an error page?"),
    (b"{", "JSON text"),
    (b"version https://git-lfs", "a Git LFS pointer: run `git lfs pull`"),
    (b"\x89HDF", "an HDF5 file, perhaps a Keras model: convert it with tf2onnx"),
    (b"IMOD", "an Ascend .om, already compiled: give the ONNX file that it was made from"),
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"\x7fELF", "a program"),
)


def _pretends(head: bytes) -> str:
    """What a file is instead of ONNX, as far as its first bytes tell; empty if they do not."""
    for magic, what in _PRETENDERS:
        if head.startswith(magic):
            return what
    if head[4:8] == b"TFL3":
        return "a TensorFlow Lite model: convert it with tf2onnx"
    if head[8:9] == b"{":
        return "a safetensors file, weights without a graph: export the model with torch.onnx.export"
    return ""


def _read(path: Path, limits: OnnxLimits) -> bytes:
    try:
        file, size = open_regular(path)
        with file:
            if size == 0:
                raise NotOnnx(f"{path}: is empty: export or download it again")
            if size > limits.file_bytes:
                held = f"has {size:,} bytes where {limits.file_bytes:,} is the limit"
                raise UnsafeOnnx(f"{path}: {held}: save the weights as external data")
            return file.read(size)
    except OSError as error:
        raise NotOnnx(f"{path}: cannot be read ({error.strerror}): give the path of an .onnx file") from error


def _decoded(data: bytes, limits: OnnxLimits) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    scan(data, limits)
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise NotOnnx("no ONNX model, or a damaged one: export or download it again") from error
    if not model.HasField("graph") or not (model.ir_version or model.opset_import):
        raise NotOnnx("no ONNX model, for it holds no graph: export or download it again")
    if model.ir_version > onnx.IR_VERSION:
        newest = f"{onnx.IR_VERSION} is the newest that can be read"
        raise InvalidOnnx(f"it states IR version {model.ir_version:,}, {newest}: export it again with an older one")
    return model


def parse(path: Path, limits: OnnxLimits = DEFAULT) -> "onnx.ModelProto":
    """Read the file alone, external data left where it is and the structure not yet checked: for `findings`.

    Raises `OnnxFileError` in one line that names the file.
    """
    data = _read(path, limits)
    try:
        return _decoded(data, limits)
    except OnnxFileError as error:
        instead = _pretends(data[:64])
        reason = f"is not ONNX but {instead}" if instead and isinstance(error, NotOnnx) else str(error)
        raise type(error)(f"{path}: {reason}") from error


def load(path: Path, *, limits: OnnxLimits = DEFAULT) -> "onnx.ModelProto":
    """Read an ONNX file that nobody vouches for, external data included.

    What comes back holds together: every value is made once and before it is used, every tensor is as large as it
    claims, and size, depth and counts are within `limits`. It may still be a model that ATC refuses, without nodes or
    with NaN in its weights: that is for `findings` and the toolchain to say. Raises `NotOnnx`, `InvalidOnnx` or
    `UnsafeOnnx`, in one line that names the file, what is wrong and what to do. Never runs anything of the file.
    """
    model = parse(path, limits)
    complete(model, path, limits)
    return model


def complete(model: "onnx.ModelProto", path: Path, limits: OnnxLimits = DEFAULT) -> None:
    """The second half of `load`: check what `parse` read from `path` and bring external data in. Raises as `load`."""
    try:
        for finding in check(model, limits):
            _refuse(finding)
        _inline(model, path.parent, limits)
    except OnnxFileError as error:
        raise type(error)(f"{path}: {error}") from error


def external_files(model: "onnx.ModelProto", folder: Path) -> tuple[Path, ...]:
    """The files that hold a parsed model's external data, sorted. Raises `OnnxFileError` where `load` would."""
    return tuple(sorted({external(tensor, folder).path for _, tensor in tensors(model) if is_external(tensor)}))


def _refuse(finding: Finding) -> None:
    error = InvalidOnnx if finding.severity == "invalid" else UnsafeOnnx
    raise error(f"{finding.message}; export the model again or get it from its author")


def _inline(model: "onnx.ModelProto", folder: Path, limits: OnnxLimits) -> None:
    """Bring external data into the model, each file read where `external` allows it."""
    import onnx

    outside = [tensor for _, tensor in tensors(model) if is_external(tensor)]
    places = [external(tensor, folder) for tensor in outside]
    total = sum(place.length for place in places) + (model.ByteSize() if places else 0)
    if total > limits.file_bytes:
        raise UnsafeOnnx(
            f"it has {total:,} bytes with its weights; the limit, which is ATC's too, is {limits.file_bytes:,}"
        )
    for tensor, place in zip(outside, places, strict=True):
        # The path is resolved: a link put in its place since then is not followed.
        descriptor = os.open(place.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            file.seek(place.offset)
            data = file.read(place.length)
        if len(data) != place.length:
            raise InvalidOnnx(f"{shown(place.path.name)} became shorter while it was read")
        tensor.raw_data = data
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def checker_error(model: "onnx.ModelProto") -> str:
    """What `onnx.checker` has against a loaded model, in one line; empty if nothing.

    Weights above a few kilobytes are left out of what it sees (`load` has checked their sizes), which makes it as fast
    on 100 MB as on 1 MB.
    """
    import onnx

    from resources.onnx_files.shapes import skeleton

    try:
        onnx.checker.check_model(skeleton(model))
    except (onnx.checker.ValidationError, ValueError, RuntimeError, MemoryError) as error:
        return " ".join(str(error).split())[:500] or type(error).__name__
    return ""
