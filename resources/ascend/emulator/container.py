"""The emulator's `.om`: a file with its own magic, so that no real tool takes it for a real one.

    magic 8 s | format u32 | header size u32 | payload length u64 | sha256 of the payload 32 s      (little endian)
    payload: metadata length u64 | structure length u64 | lowered length u64 | metadata | structure | lowered

Metadata is canonical JSON (what the file is, and its signature); structure is the ONNX model with inferred shapes and
without large weights; lowered is the graph that computes with the device's rounding. Here belong writing and reading
the file. Not here: making what is in it (`compile`), or the layout of a real `.om`, which begins with IMOD.
"""

import hashlib
import shlex
import struct
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from resources.ascend import spelling
from resources.ascend.emulator.registration import canonical_soc
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable, OmInfo
from resources.digests import canonical_json, sha256_bytes
from resources.onnx_files import DEFAULT, OnnxFileError, Signature
from resources.onnx_files.wire import scan
from resources.regular_files import open_regular
from resources.store.durable import put_whole

MAGIC = b"EMUOM\r\n\x1a"
"""Line ends and an end-of-file byte, so that a transfer as text is noticed."""

FORMAT = 1

_HEADER = struct.Struct("<8sIIQ32s")
_LENGTHS = struct.Struct("<QQQ")
_REAL = b"IMOD"


@dataclass(frozen=True)
class EmulatedOm:
    """What a file holds. `structure` and `lowered` are serialised ONNX models."""

    info: OmInfo
    signature: Signature
    structure: bytes
    lowered: bytes


class _Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    info: OmInfo
    signature: Signature


def identity(onnx_sha256: str, external: tuple[str, ...], options: CompileOptions, toolchain_version: str) -> str:
    """Sha256 that names the work: the ONNX file and its external files, SoC, options, the toolchain's version."""
    parts = {
        "onnx": onnx_sha256,
        "external": list(external),
        "soc": options.soc_version,
        "options": options.model_dump(mode="json"),
        "toolchain": toolchain_version,
    }
    return sha256_bytes(canonical_json(parts))


def encode(om: EmulatedOm) -> bytes:
    """The file's bytes: the same for the same content."""
    metadata = canonical_json(_Metadata(info=om.info, signature=om.signature).model_dump(mode="json"))
    lengths = _LENGTHS.pack(len(metadata), len(om.structure), len(om.lowered))
    payload = b"".join((lengths, metadata, om.structure, om.lowered))
    return _HEADER.pack(MAGIC, FORMAT, _HEADER.size, len(payload), hashlib.sha256(payload).digest()) + payload


def write(path: Path, om: EmulatedOm) -> None:
    """Write the file whole or not at all; one that is there is replaced. Raises `OSError`."""
    put_whole(path, encode(om))


def read(path: Path, soc_version: str) -> EmulatedOm:
    """Read a file made for `soc_version`.

    Raises `NotLoadable` for one that is missing, foreign, truncated, altered or of another format, and for one that was
    made for another SoC, with the command that rebuilds it.
    """
    om = _decoded(path, _bytes(path))
    made_for = om.info.options.soc_version
    if canonical_soc(made_for) != canonical_soc(soc_version):
        raise NotLoadable(
            f"{path}: made for {made_for}, not for {soc_version}; rebuild it: {rebuild(om, path, soc_version)}"
        )
    return om


def rebuild(om: EmulatedOm, path: Path, soc_version: str) -> str:
    """The command that makes the same model for another SoC, ready for a shell."""
    options = om.info.options.model_copy(update={"soc_version": soc_version})
    command = shlex.join(spelling.command(options, "model.onnx", path))
    files = [flag for flag, name in spelling.FILE_OPTIONS.items() if getattr(options, name)]
    extra = f", with the same {' and '.join(files)}" if files else ""
    return f"{command}{extra} (model.onnx is the file with the sha256 {om.info.onnx_sha256})"


def _bytes(path: Path) -> bytes:
    try:
        file, size = open_regular(path)
        with file:
            head = file.read(_HEADER.size)
            _check_head(path, head, size)
            return head + file.read(size - len(head))
    except OSError as error:
        raise NotLoadable(f"{path}: cannot be read ({error.strerror}): compile the model first") from error


def _check_head(path: Path, head: bytes, size: int) -> None:
    """The header alone, before the rest is read into memory."""
    if head.startswith(_REAL):
        raise NotLoadable(
            f"{path}: a real .om, which the emulator cannot run: use the cann toolchain, or compile it again"
        )
    if not head.startswith(MAGIC[: len(head)]) or not head:
        raise NotLoadable(f"{path}: no .om of the emulator: compile the model with this toolchain")
    if len(head) < _HEADER.size:
        raise NotLoadable(f"{path}: breaks off inside its header: compile the model again")
    _, version, header, length, _ = _HEADER.unpack(head)
    if version != FORMAT or header != _HEADER.size:
        raise NotLoadable(f"{path}: has format {version}, this toolchain reads {FORMAT}: compile the model again")
    if length != size - _HEADER.size or length > 2 * DEFAULT.file_bytes:
        held = f"claims a payload of {length:,} bytes and has {size - _HEADER.size:,}"
        raise NotLoadable(f"{path}: {held}: truncated or damaged; compile the model again")


def _decoded(path: Path, data: bytes) -> EmulatedOm:
    *_, digest = _HEADER.unpack_from(data)
    payload = memoryview(data)[_HEADER.size :]
    if hashlib.sha256(payload).digest() != digest:
        raise NotLoadable(f"{path}: its content does not match its sha256: damaged; compile the model again")
    try:
        sizes = _LENGTHS.unpack_from(payload)
        if sum(sizes) + _LENGTHS.size != len(payload):
            raise NotLoadable(f"{path}: its parts do not fill it: compile the model again")
        first = _LENGTHS.size + sizes[0]
        second = first + sizes[1]
        metadata = _Metadata.model_validate_json(bytes(payload[_LENGTHS.size : first]))
        om = EmulatedOm(metadata.info, metadata.signature, bytes(payload[first:second]), bytes(payload[second:]))
        for model in (om.structure, om.lowered):
            scan(model, DEFAULT)
    except (struct.error, ValidationError, OnnxFileError) as error:
        reason = " ".join(str(error).split())[:200]
        raise NotLoadable(f"{path}: not written by this toolchain ({reason}): compile the model again") from error
    return om
