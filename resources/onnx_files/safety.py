"""What a reviewer should know of an ONNX file before it runs anywhere: the lint gate judges these findings.

No scanner on the market inspects ONNX, so this one does: files outside the folder, foreign operators, control flow,
weights that are not numbers. Here belong the findings and the rule for external data. Not here: reading (`onnx_files`),
whether the structure holds (`structure.py`), or a verdict.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from resources.onnx_files.limits import DEFAULT, InvalidOnnx, OnnxFileError, OnnxLimits, UnsafeOnnx
from resources.onnx_files.structure import Finding, check, claimed_bytes, dtype_name, shown
from resources.onnx_files.walk import label, nodes, tensors

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

_KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
_CONTROL_FLOW = frozenset({"If", "Loop", "Scan", "SequenceMap"})
_MOST = 200
"""Findings that are listed; a file that has more is refused or noted for these already."""
_FLOATS = {"FLOAT": "<f4", "DOUBLE": "<f8", "FLOAT16": "<f2"}


@dataclass(frozen=True)
class External:
    """Where a tensor's data lies: a regular file inside the model's folder, and the bytes in it."""

    path: Path
    offset: int
    length: int


def is_external(tensor: "TensorProto") -> bool:
    """Whether the tensor's data lies in another file."""
    import onnx

    return tensor.data_location == onnx.TensorProto.EXTERNAL


def external(tensor: "TensorProto", folder: Path) -> External:
    """Where an external tensor's data lies; nothing is opened.

    Raises `UnsafeOnnx` when that is not inside `folder` (an absolute path, `..`, a link out of it, no regular file) and
    `InvalidOnnx` when the file is missing or shorter than the tensor needs.
    """
    name = shown(tensor.name)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    where = f"tensor {name} keeps its data in {shown(location)!r}"
    if not location or any(bad in location for bad in "\0\\:") or Path(location).is_absolute():
        raise UnsafeOnnx(f"{where}, which is no relative path: save the model again with its weights beside it")
    if ".." in Path(location).parts:
        raise UnsafeOnnx(f"{where}, outside the model's folder: put the file beside the model")
    root = folder.resolve()
    try:
        path = (root / location).resolve(strict=True)
        status = path.stat()
    except (OSError, RuntimeError) as error:
        raise InvalidOnnx(f"{where}, which cannot be read: put the file beside the model") from error
    if not path.is_relative_to(root):
        raise UnsafeOnnx(f"{where}, outside the model's folder: put the file beside the model")
    if not S_ISREG(status.st_mode):
        raise UnsafeOnnx(f"{where}, which is no regular file")
    offset, length = _range(tensor, entries, status.st_size)
    if offset + length > status.st_size:
        held = f"{length:,} bytes at {offset:,} of {status.st_size:,}"
        raise InvalidOnnx(f"{where}, which is too short ({held}): the copy is not complete")
    return External(path, offset, length)


def _range(tensor: "TensorProto", entries: dict[str, str], size: int) -> tuple[int, int]:
    """Offset and length in the file, checked against what the shape needs."""
    needed = claimed_bytes(tensor.data_type, tensor.dims)
    texts = entries.get("offset", "0"), entries.get("length", str(needed))
    if not all(text.isascii() and text.isdigit() and len(text) < 20 for text in texts):  # noqa: PLR2004 (an int64)
        raise InvalidOnnx(f"tensor {shown(tensor.name)} has no whole number as external offset or length")
    offset, length = int(texts[0]), int(texts[1])
    if length != needed:
        claim = f"claims {needed:,} bytes by its shape and {length:,} in a file of {size:,}"
        raise InvalidOnnx(f"tensor {shown(tensor.name)} {claim}")
    return offset, length


def _external(model: "ModelProto", folder: Path) -> Iterator[Finding]:
    for where, tensor in tensors(model):
        if not is_external(tensor):
            continue
        try:
            external(tensor, folder)
        except UnsafeOnnx as error:
            yield Finding("external_data", where, str(error), "unsafe")
        except OnnxFileError as error:
            yield Finding("external_data", where, str(error), "invalid")


def _finite(tensor: "TensorProto") -> bool:
    """Whether every element is a finite number; true of types that hold nothing else, and of absent data."""
    import numpy as np

    name = dtype_name(tensor.data_type) or ""
    if tensor.HasField("raw_data") and name in _FLOATS:
        values = np.frombuffer(tensor.raw_data, _FLOATS[name])
    elif tensor.HasField("raw_data") and name == "BFLOAT16":
        values = (np.frombuffer(tensor.raw_data, "<u2").astype("<u4") << 16).view("<f4")
    elif name == "FLOAT16":
        values = np.array(tensor.int32_data, dtype="<u2").view("<f2")
    else:
        values = np.array((*tensor.float_data, *tensor.double_data), dtype="<f8")
    # A sum is several times as fast as a test of each element; it is not finite when one is not, and seldom otherwise.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def _shape_notes(model: "ModelProto") -> Iterator[Finding]:
    graph = model.graph
    if not graph.node:
        yield _note("no_node", "", "the graph has no node")
    if not graph.output:
        yield _note("no_output", "", "the graph has no output")
    if graph.sparse_initializer:
        yield _note("sparse_weight", "", "it has sparse weights, which few tools read")
    if model.training_info:
        yield _note("training_info", "", "it carries training graphs, which no release needs")


def _operator_notes(model: "ModelProto") -> Iterator[Finding]:
    own = {function.domain for function in model.functions}
    for domain in sorted({node.domain for node in nodes(model)} - _KNOWN_DOMAINS):
        known = "its functions are in the file" if domain in own else "custom operators"
        yield _note("unknown_domain", domain, f"operators of the domain {shown(domain)}: {known}")
    for function in model.functions:
        yield _note(
            "local_function", function.name, f"local function {shown(function.name)}, {len(function.node)} nodes"
        )
    for node in nodes(model):
        if node.op_type in _CONTROL_FLOW and node.domain in _KNOWN_DOMAINS:
            what = f"{node.op_type} node {shown(label(node))} holds graphs"
            yield _note("control_flow", label(node), f"{what}: how long it runs depends on the data")


def _weight_notes(model: "ModelProto") -> Iterator[Finding]:
    for where, tensor in tensors(model):
        if not _finite(tensor):
            yield _note("non_finite_weight", where, f"tensor {shown(where)} holds NaN or infinity")


def _note(code: str, where: str, message: str) -> Finding:
    return Finding(code, shown(where), message, "note")


def findings(model: "ModelProto", folder: Path, limits: OnnxLimits = DEFAULT) -> tuple[Finding, ...]:
    """Everything that is unsafe, invalid or worth a note about a parsed model whose files lie in `folder`.

    Give it the model of `onnx_files.parse`, which still says where external data lies; after `onnx_files.load` only
    notes are left. Only looks: no file is opened. At most 200 are listed. Notes follow only where the structure holds.
    """
    broken = tuple(islice(chain(check(model, limits), _external(model, folder)), _MOST))
    notes = chain(_shape_notes(model), _operator_notes(model), _weight_notes(model))
    return broken or tuple(islice(notes, _MOST))
