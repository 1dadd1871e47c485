"""Small graphs, and what the emulator and the gates say of them: the cases that observers of numbers look at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ascend_assets import preflight
from ascend_assets.diagnosis import gather
from ascend_assets.diagnosis.case import Case, Observation
from ascend_assets.remedies.apply import apply_graph, apply_options, is_graph
from ascend_assets.remedies.kinds import Remedy
from resources.ascend.options import CompileOptions

Array = NDArray[Any]
Arrays = Mapping[str, Array]


def step(op: str, read: str, made: str, **attributes: Any) -> onnx.NodeProto:
    """One node, called as what it makes; `read` names its inputs, parted by spaces."""
    return helper.make_node(op, read.split(), [made], name=made, **attributes)


def model(
    steps: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int]],
    constants: Mapping[str, float | Array] | None = None,
    *,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A graph. A Python number becomes an FP32 scalar; inputs and outputs are FP32 unless `types` says otherwise."""
    kinds = types or {}
    held = {n: v if isinstance(v, np.ndarray) else np.float32(v) for n, v in (constants or {}).items()}
    graph = helper.make_graph(
        list(steps),
        "faulty",
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), None) for n in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(made)
    return inferred


def options(**given: object) -> CompileOptions:
    """Options for an Atlas 300I Pro, unless another SoC is given."""
    return CompileOptions.model_validate({"soc_version": "Ascend310P3", **given})


def case(folder: Path, given: onnx.ModelProto, arrays: Arrays | None = None, **asked: object) -> Case:
    """What preflight finds out about a model, as a case."""
    path = folder / "model.onnx"
    onnx.save(given, path)
    samples = None
    if arrays is not None:
        samples = folder / "samples.npz"
        np.savez(samples, allow_pickle=False, **dict(arrays))
    found = preflight.run(path, options(**asked), inputs=samples)
    return gather.case(
        given, found.options, verdicts=found.verdicts, comparison=found.comparison, profile=found.profile
    )


def unseen(given: onnx.ModelProto, **asked: object) -> Case:
    """A case of a model that nobody has compiled."""
    return gather.case(given, options(**asked))


def passes(folder: Path, given: onnx.ModelProto, arrays: Arrays | None, remedy: Remedy) -> bool:
    """Whether the gates admit a model after one remedy."""
    changed = apply_graph(given, [remedy]) if is_graph(remedy) else given
    taken = apply_options(options(), [remedy]).model_dump(exclude_unset=True)
    return not case(folder, changed, arrays, **taken).refused


def of_kind(seen: Sequence[Observation], kind: str) -> list[Observation]:
    """The observations of one kind."""
    return [fact for fact in seen if fact.kind == kind]


def normal(*shape: int, scale: float = 1.0, mean: float = 0.0, seed: int = 0) -> NDArray[np.float32]:
    """Random numbers around `mean`, with a standard deviation of `scale`."""
    values: NDArray[np.float32] = (np.random.default_rng(seed).normal(size=shape) * scale + mean).astype(np.float32)
    return values
