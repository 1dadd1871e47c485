"""A real `.om` read back: what it is, for what, made by what.

Here belongs putting together what header, tables and partitions say, and telling a person what a file is that is no
`.om`. A file costs what is read of it: header, tables, the model's description, never its weights. Not here: whether it
may run (`om_identity.py`), or the layout (`om_header.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.om import om_header, om_model, om_ports
from resources.ascend.cann.om.om_header import HeaderFields, Partition
from resources.ascend.cann.om.om_model import Attribute, Described, ReadBy
from resources.ascend.cann.om.om_ports import Port
from resources.ascend.cann.om.wire import BrokenMessage
from resources.ascend.toolchain import NotLoadable
from resources.regular_files import open_regular

MODEL_BYTES = 512 * 1024 * 1024
"""A larger description is searched from its end for the little that matters, and not walked."""
INOUT_BYTES = 16 * 1024 * 1024

_SUB_MODELS_ASKED = 8
_EMULATED = b"EMUOM"
_KINDS = (
    (_EMULATED, "was compiled by the emulator and cannot run on a device: compile it with ASCEND_TOOLCHAIN=cann"),
    (b"PK\x03\x04", "is a zip archive: a .om of CANN 9's OM2 kind, or no model; compile it with atc's --mode=0"),
    (b"version https://git-lfs", "is a pointer of git LFS, not the file itself: run git lfs pull"),
    (b"\x7fELF", "is a program or a library"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it"),
    (b"{", "is JSON, perhaps what atc's --mode=1 writes of a .om"),
    (b"<", "is a web page or XML: was the download refused?"),
)
_ONNX_VERSIONS = range(1, 32)


@dataclass(frozen=True)
class OmFile:
    """What a file holds. `name` is the model's own, as acl.json must spell it; it need not be the file's.

    `attributes`: those of the model that are text, integers or lists of them. `read_by`: `heuristic` where the
    description could not be walked, so that only SoC, version and command line are known. `inputs`, `outputs`: empty
    where the file does not tell them; whoever needs them must say so.
    """

    path: Path
    name: str
    header: HeaderFields
    size: int
    partitions: tuple[Partition, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    read_by: ReadBy = "protobuf"
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()

    @property
    def soc_version(self) -> str:
        """What it was compiled for; empty where it does not tell."""
        return self._text("soc_version")

    @property
    def atc_version(self) -> str:
        """The compiler's own version, such as `7.7.0.1.238`; empty where it does not tell."""
        return self._text("atc_version")

    @property
    def command_line(self) -> str:
        """The atc command that made it; empty where it does not tell."""
        return self._text("atc_cmdline")

    @property
    def memory_bytes(self) -> int:
        """Device memory for activations and workspace, as the compiler planned it."""
        return self._number("memory_size")

    @property
    def weight_bytes(self) -> int:
        """Device memory for weights."""
        return self._number("weight_size")

    @property
    def dynamic(self) -> bool:
        """Whether shapes are known only when it runs. A model with gears is not dynamic."""
        return self.header.dynamic

    def _text(self, key: str) -> str:
        value = self.attributes.get(key, "")
        return value if isinstance(value, str) else ""

    def _number(self, key: str) -> int:
        value = self.attributes.get(key, 0)
        return value if isinstance(value, int) else 0


def read(path: Path) -> OmFile:
    """Read a `.om`. Raises `NotLoadable` for one that is missing, truncated, damaged, encrypted, or something else."""
    try:
        file, size = open_regular(path)
        with file:
            return _read(path, file, size)
    except OSError as error:
        raise NotLoadable(f"{path}: cannot be read ({error.strerror}): compile the model first") from error
    except NotLoadable as error:
        raise NotLoadable(f"{path}: {error}") from error


def _read(path: Path, file: BinaryIO, size: int) -> OmFile:
    head = file.read(om_header.HEADER_BYTES)
    if not head.startswith(om_header.MAGIC):
        raise NotLoadable(_other(head))
    found = om_header.header(head, size)
    if found.encrypted:
        raise NotLoadable("is encrypted, so nobody can say what is in it: compile the model again without encryption")
    parts = om_header.partitions(file, found, size)
    described = _described(file, parts)
    inputs, outputs = _ports(file, parts, described)
    return OmFile(
        path=path,
        name=described.name or found.name,
        header=found,
        size=size,
        partitions=parts,
        attributes=described.attributes,
        read_by=described.read_by,
        inputs=inputs,
        outputs=outputs,
    )


def _other(head: bytes) -> str:
    """What a file is that is no `.om`."""
    if not head:
        return "is empty: was its writer stopped?"
    for start, words in _KINDS:
        if head.startswith(start):
            return f"is no .om of a device. It {words}"
    if head[0] == 8 and len(head) > 1 and head[1] in _ONNX_VERSIONS:  # noqa: PLR2004 - field 1, a number: ir_version
        return "is no .om. It looks like an ONNX model: compile it first"
    return f"is no .om: it begins with {head[:4]!r} where one begins with {om_header.MAGIC!r}"


def _described(file: BinaryIO, parts: Sequence[Partition]) -> Described:
    """The description of the root, which is the first sub-model; what matters and is not there, from the others'."""
    found = [part for part in parts if part.kind == om_header.MODEL_DEF][:_SUB_MODELS_ASKED]
    if not found:
        return Described("", {}, read_by="heuristic")
    root = _description(file, found[0])
    attributes = dict(root.attributes)
    for part in found[1:]:
        lacking = [key for key in om_model.GUESSED if key not in attributes]
        if not lacking:
            break
        others = _description(file, part).attributes
        attributes |= {key: others[key] for key in lacking if key in others}
    return replace(root, attributes=attributes)


def _description(file: BinaryIO, part: Partition) -> Described:
    if part.size > MODEL_BYTES:
        return om_model.guess(_bytes(file, part.offset + part.size - om_model.GUESS_BYTES, om_model.GUESS_BYTES))
    data = _bytes(file, part.offset, part.size)
    try:
        return om_model.model_def(data)
    except BrokenMessage:
        return om_model.guess(data)


def _ports(
    file: BinaryIO, parts: Sequence[Partition], described: Described
) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs and outputs from their own partition, else from the graph."""
    found = next((part for part in parts if part.kind == om_header.MODEL_INOUT_INFO), None)
    if found is not None and found.size <= INOUT_BYTES:
        try:
            inputs, outputs = om_ports.inout_info(_bytes(file, found.offset, found.size))
        except BadOutput:
            return described.inputs, described.outputs
        return inputs or described.inputs, outputs or described.outputs
    return described.inputs, described.outputs


def _bytes(file: BinaryIO, at: int, length: int) -> memoryview:
    """Bytes that the tables have shown to be there."""
    file.seek(at)
    data = file.read(length)
    if len(data) != length:
        raise NotLoadable("became shorter while it was read: is it still being written?")
    return memoryview(data)
