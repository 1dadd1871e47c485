"""Small graphs, and what the emulator and the gates say of them: the cases that observers of numbers are tested with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ascend_assets import preflight
from ascend_assets.diagnosis import gather
from ascend_assets.diagnosis.case import Case, Observation
from resources.ascend.options import CompileOptions

Array = NDArray[np.generic]
Step = tuple[str, Sequence[str], str] | tuple[str, Sequence[str], str, Mapping[str, object]]


def model(
    steps: Sequence[Step],
    inputs: Mapping[str, Sequence[int]],
    constants: Mapping[str, object] | None = None,
    *,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    types: Mapping[str, int] | None = None,
) -> onnx.ModelProto:
    """A graph of `(op, inputs, output[, attributes])`; a node is called as its output. Floats are FP32."""
    held = {
        name: value.astype(np.float32)
        if (value := np.asarray(given)).dtype == np.float64 and not isinstance(given, np.ndarray)
        else value
        for name, given in (constants or {}).items()
    }
    nodes = []
    for step in steps:
        op, read, made = step[0], step[1], step[2]
        attributes = dict(step[3]) if len(step) > 3 else {}  # type: ignore[misc]
        nodes.append(helper.make_node(op, list(read), [made], name=made, **attributes))
    kinds = types or {}
    graph = helper.make_graph(
        nodes,
        "faulty",
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), list(s)) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), None) for n in outputs],
        [numpy_helper.from_array(value, name) for name, value in held.items()],
    )
    made_model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(made_model)
    return inferred


def case(
    folder: Path,
    given: onnx.ModelProto,
    arrays: Mapping[str, Array] | None = None,
    **options: object,
) -> Case:
    """What preflight finds out about a model, as a case."""
    path = folder / "model.onnx"
    onnx.save(given, path)
    samples = None
    if arrays is not None:
        samples = folder / "samples.npz"
        np.savez(samples, **arrays)  # type: ignore[arg-type]
    asked = CompileOptions.model_validate({"soc_version": "Ascend310P3", **options})
    found = preflight.run(path, asked, inputs=samples)
    return gather.case(
        given, found.options, verdicts=found.verdicts, comparison=found.comparison, profile=found.profile
    )


def of_kind(seen: Sequence[Observation], kind: str) -> list[Observation]:
    """The observations of one kind."""
    return [fact for fact in seen if fact.kind == kind]


def normal(*shape: int, scale: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    """Random numbers with a standard deviation of `scale`."""
    values: NDArray[np.float32] = (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)
    return values
