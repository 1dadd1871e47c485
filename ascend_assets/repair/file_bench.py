"""The bench of any ONNX file: the emulator, and the gates that `ascend preflight` asks.

Here belong reading the file, its inputs, and what is kept between trials. A model that cannot be compiled is an answer
and no exception. Not here: one trial (`file_trial.py`), or what is tried (`search.py`).
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ascend_assets import preflight_inputs
from ascend_assets.preflight_inputs import Asked, NotUsable, Settled, Unsettled
from ascend_assets.repair.bench import Outcome
from ascend_assets.repair.file_trial import Prepared, attempt, unsettled
from resources import onnx_files
from resources.ascend.emulator import refusals
from resources.ascend.emulator.registration import canonical_soc
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import Origin
from resources.digests import sha256_file
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

_KEPT = 3
"""Graphs that stay prepared: the original, the one at hand, and the one before it."""


class FileBench:
    """Tries a file, and what edits make of it. For one thread.

    `path`: read once, as untrusted. `batch`: the first dimension of inputs that leave it open, 1 where nobody says.
    `inputs`: an `.npz` with one array per input; else random tensors from `seed`. Raises `NotUsable`, `OnnxFileError`.
    """

    origin: Origin = "emulated"

    def __init__(self, path: Path, *, batch: int | None = None, inputs: Path | None = None, seed: int = 0) -> None:
        arrays = preflight_inputs.read_arrays(inputs) if inputs else None
        self.path = path
        self.model = preflight_inputs.load(path)
        self.sha256 = sha256_file(path)
        self._asked = Asked({}, batch, arrays, inputs)
        self._seed = seed
        self._graphs: OrderedDict[int, Prepared] = OrderedDict()
        self._drawn: tuple[str, Tensors] | None = None

    def check(self, options: CompileOptions) -> tuple[str, ...]:
        """Whether the file can be judged at all; the inputs that get a batch of 1 because nobody named one.

        Raises `NotUsable` for what no remedy changes: inputs that cannot be fed, arrays that do not fit, a batch that
        no input takes.
        """
        try:
            settled = self._settled(self.model, options)
        except Unsettled:
            if not refusals.refused(refusals.judge(self.model, options)):
                raise
            return ()
        self._fed(settled)
        return settled.assumed

    def try_(self, model: "onnx.ModelProto", options: CompileOptions) -> Outcome:
        """Compile, compare, estimate and judge. Whatever the model does, there is an outcome."""
        return self._tried(model, options, hurried=False)

    def screen(self, model: "onnx.ModelProto", options: CompileOptions) -> Outcome:
        """The same answer, admitted or not, as soon as it is no: then not every verdict is there, and no layer."""
        return self._tried(model, options, hurried=True)

    def inputs(self, model: "onnx.ModelProto", options: CompileOptions) -> "Tensors":
        """One batch, the same for every edit of the file, in the types of `model`'s inputs. Raises `ValueError`."""
        try:
            drawn = self._fed(self._settled(self.model, options))
        except NotUsable as error:
            raise ValueError(str(error)) from error
        declared = onnx_files.signature(model).inputs
        foreign = [tensor.name for tensor in declared if tensor.name not in drawn]
        if foreign:
            raise ValueError(f"{self.path}: has no input {shown(foreign[0])}, which an edit of it has")
        return {tensor.name: drawn[tensor.name].astype(tensor.dtype, copy=False) for tensor in declared}

    def _fed(self, settled: Settled) -> "Tensors":
        """The file's own inputs of these shapes. Raises `NotUsable`."""
        key = repr(sorted(settled.shapes.items()))
        if self._drawn is None or self._drawn[0] != key:
            self._drawn = (key, preflight_inputs.tensors(self.model, settled, self._asked, self._seed))
        return self._drawn[1]

    def _settled(self, model: "onnx.ModelProto", options: CompileOptions) -> Settled:
        """Every input's shape. Raises `NotUsable`."""
        asked = Asked(options.input_shape, self._asked.batch, self._asked.arrays, self._asked.source)
        return preflight_inputs.settle(self.path, model, asked)

    def _graph(self, model: "onnx.ModelProto") -> Prepared:
        """What is known of a graph. The model itself is kept, so that no other can have its identity."""
        if id(model) not in self._graphs:
            self._graphs[id(model)] = Prepared(model, self.path.parent)
            while len(self._graphs) > _KEPT:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(id(model))
        return self._graphs[id(model)]

    def _tried(self, model: "onnx.ModelProto", options: CompileOptions, *, hurried: bool) -> Outcome:
        begin = time.monotonic()
        graph = self._graph(model)
        options = options.model_copy(update={"soc_version": canonical_soc(options.soc_version)})
        try:
            shapes = self._settled(model, options).shapes
        except NotUsable as error:
            return unsettled(graph, options, error, begin)
        options = options.model_copy(update={"input_shape": shapes})
        return attempt(
            graph, options, lambda: self.inputs(model, options), kind=self._asked.kind, hurried=hurried, begin=begin
        )
