"""What an ONNX file from outside may cost us, and how its refusal is named.

Here belong the limits that reading keeps and the exceptions that it raises. Not here: the reading (`onnx_files`).
"""

from dataclasses import dataclass


class OnnxFileError(Exception):
    """Base of what is wrong with an ONNX file. One line: which file, what is wrong, what to do."""


class NotOnnx(OnnxFileError):
    """There is no such file, or what it holds is not an ONNX model."""


class InvalidOnnx(OnnxFileError):
    """An ONNX model that contradicts itself: a cycle, a value made twice, a tensor of another size than it claims."""


class UnsafeOnnx(OnnxFileError):
    """An ONNX model that reaches outside its folder, or that would cost more than the limits allow."""


class ShapeError(ValueError):
    """Input shapes are missing, or do not fit the model. The message says which input and what to give."""


@dataclass(frozen=True)
class OnnxLimits:
    """Bounds on one model. Bytes are bytes; the defaults hold every public model that ATC can take.

    `file_bytes`: protobuf's own limit, with external data counted in. `fields`: protobuf fields of the file's
    structure, which bounds the time and memory of parsing (a two-byte field becomes a message of a hundred bytes).
    `packed_bytes`: varints packed as tensor data, which grow eightfold when parsed. `tensor_bytes`: what one tensor may
    claim to be. `nodes`: with subgraphs, and with every call of a local function expanded. `depth`: subgraphs within
    subgraphs.
    """

    file_bytes: int = 2**31 - 2**20
    fields: int = 1_500_000
    packed_bytes: int = 2**27
    tensor_bytes: int = 2**32
    nodes: int = 100_000
    name_chars: int = 4096
    rank: int = 32
    depth: int = 8


DEFAULT = OnnxLimits()
