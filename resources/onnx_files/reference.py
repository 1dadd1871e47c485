"""Running a model that ONNX Runtime does not: onnx's own evaluator, in a process of its own.

The evaluator is Python and slow, and a model from outside may keep it busy for ever; so size, memory and time are
bounded, and the child is killed where they end. Run as a program, this module is that child: the model and the arrays
of its batches in the working folder in, results beside them out. Not here: comparing results (`equivalence.py`).
"""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources import npz, process
from resources.home import PROJECT
from resources.onnx_files.sessions import TooLargeError, serialized
from resources.onnx_files.signature import signature
from resources.onnx_files.walk import nodes

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

MOST_BYTES = 256 << 20
"""Bytes of model and inputs together: a hundred times slower than ONNX Runtime, more would not end in time."""
MOST_NODES = 5000
SECONDS = 60.0
MEMORY = 4 << 30
"""Bytes of address space for the child."""

_MODEL = "model.onnx"


class NotRun(ValueError):
    """The evaluator did not run the model. The message says why."""


def run(
    model: "onnx.ModelProto", batches: "Sequence[Tensors]", *, seconds: float = SECONDS
) -> "list[dict[str, NDArray[Any]]]":
    """The outputs for each batch, by name. Raises `NotRun`."""
    size = model.ByteSize() + sum(array.nbytes for batch in batches for array in batch.values())
    count = sum(1 for _ in nodes(model))
    if size > MOST_BYTES or count > MOST_NODES:
        raise NotRun(f"onnx's evaluator is not asked about {size:,} bytes and {count:,} nodes: it would take too long")
    with tempfile.TemporaryDirectory(prefix="onnx-reference-") as made:
        folder = Path(made)
        try:
            (folder / _MODEL).write_bytes(serialized(model))
        except TooLargeError as error:
            raise NotRun(str(error)) from error
        for number, batch in enumerate(batches):
            _write(folder / f"in{number}.npz", [batch[tensor.name] for tensor in signature(model).inputs])
        _evaluate(folder, len(batches), seconds)
        found = [_arrays(folder / f"out{number}.npz") for number in range(len(batches))]
    names = [value.name for value in model.graph.output]
    if any(len(arrays) != len(names) for arrays in found):
        raise NotRun("onnx's evaluator left outputs out")
    return [dict(zip(names, arrays, strict=True)) for arrays in found]


def _evaluate(folder: Path, batches: int, seconds: float) -> None:
    limits = process.Limits(timeout=seconds, memory=MEMORY, output=64 * 1024)
    argv = [sys.executable, "-m", __name__, str(folder), str(batches)]
    try:
        process.run(argv, cwd=PROJECT, limits=limits)
    except process.ProcessError as error:
        words = " ".join(str(error).splitlines()[-1:])[:300]
        raise NotRun(f"onnx's evaluator cannot run it either: {words}") from error


def _write(path: Path, arrays: "Sequence[NDArray[Any]]") -> None:
    """Arrays by their place: a name that comes from a model is no name for a file's member."""
    import numpy as np

    np.savez(path, *arrays)


def _arrays(path: Path) -> "list[NDArray[Any]]":
    try:
        held = npz.read(path)
    except npz.BadNpz as error:
        raise NotRun(f"what onnx's evaluator found cannot be read: {error}") from error
    return [held[f"arr_{place}"] for place in range(len(held))]


def _main(folder: Path, batches: int) -> None:
    """What the child does."""
    import numpy as np
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(str(folder / _MODEL))
    evaluator = ReferenceEvaluator(model)
    names = [tensor.name for tensor in signature(model).inputs]
    for number in range(batches):
        feed = dict(zip(names, _arrays(folder / f"in{number}.npz"), strict=True))
        found = [np.asarray(array) for array in evaluator.run(None, feed)]
        odd = [array.dtype for array in found if array.dtype.kind not in "biuf"]
        if odd:
            raise NotRun(f"an output of type {odd[0]} is no tensor of numbers")
        _write(folder / f"out{number}.npz", found)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
