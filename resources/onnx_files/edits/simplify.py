"""Constants folded and nodes without effect removed, by onnxslim in a process of its own.

It reads a model that nobody vouches for, so it is bounded in time and memory. Its fusions, which write trained weights
anew, are off, and so is its shape inference, which hands names of the file to a parser of expressions: shapes are
inferred here before. Here belongs the call. Not here: what runs in the child (`slimming.py`).
"""

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.named import name_all
from resources.onnx_files.edits.surgery import checked, shown_reason
from resources.onnx_files.limits import DEFAULT
from resources.output import last_lines
from resources.process import Limits, ProcessError, run

if TYPE_CHECKING:
    from onnx import ModelProto

_SECONDS = 120.0
_MEMORY = 16 * 2**30
_GROWTH = 64 * 2**20
"""Bytes that folding may add: a constant is no smaller than what makes it."""


def simplify(model: "ModelProto", *, seconds: float = _SECONDS) -> "ModelProto":
    """The model as onnxslim leaves it: the same inputs and outputs, and the names of what it kept.

    Raises `EditError` where it fails, takes more than `seconds`, or makes the model much larger.
    """
    import onnx

    named = name_all(model)
    inferred = facts.inferred(named)
    del named.graph.value_info[:]
    named.graph.value_info.extend(inferred.graph.value_info)
    with tempfile.TemporaryDirectory(prefix="simplify-") as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
        try:
            before.write_bytes(named.SerializeToString())
            argv: list[str | Path] = [sys.executable, "-m", "resources.onnx_files.edits.slimming", before, after]
            run(argv, cwd=_root(), limits=Limits(timeout=seconds, memory=_MEMORY))
            if after.stat().st_size > min(before.stat().st_size + _GROWTH, DEFAULT.file_bytes):
                raise EditError("folded, the model would be much larger: its constants expand")
            slim = onnx.ModelProto.FromString(after.read_bytes())
        except ProcessError as error:
            said = last_lines(error.completed.stderr).strip().splitlines()
            reason = said[-1] if said else str(error).splitlines()[0]
            raise EditError(f"onnxslim cannot simplify it: {shown_reason(reason)}") from error
        except (OSError, ValueError) as error:
            raise EditError(f"it cannot be simplified: {shown_reason(str(error))}") from error
    return _as_before(slim, model)


def _root() -> Path:
    """The folder that holds `resources`, from which the child imports its module."""
    return Path(__file__).resolve().parents[3]


def _as_before(slim: "ModelProto", model: "ModelProto") -> "ModelProto":
    """What onnxslim rewrites besides nodes, as it was: the header, the inputs, the outputs."""
    graph = slim.graph
    if len(graph.output) != len(model.graph.output):
        raise EditError("onnxslim took outputs away")
    slim.ir_version = model.ir_version
    slim.producer_name, slim.producer_version = model.producer_name, model.producer_version
    slim.metadata_props.extend(model.metadata_props[len(slim.metadata_props) :])
    held = {weight.name for weight in graph.initializer}
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights or value.name in held]
    del graph.input[:], graph.output[:]
    graph.input.extend(inputs)
    graph.output.extend(model.graph.output)
    return checked(slim, model)
