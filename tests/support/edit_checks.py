"""What every edit is held to: the argument unchanged, a valid result, the same inputs, outputs and numbers."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from resources.onnx_files.edits import EditError
from resources.onnx_files.graph import view
from resources.onnx_files.sessions import reference

Arrays = Mapping[str, NDArray[Any]]
Edit = Callable[[onnx.ModelProto], onnx.ModelProto]


def parse(
    graph: str, weights: Arrays | None = None, *, opset: int = 17, imports: str = "", ir: int = 10
) -> onnx.ModelProto:
    """A model in onnx's text form, with weights by name; `imports` adds domains."""
    model: onnx.ModelProto = onnx.parser.parse_model(
        f'<ir_version: {ir}, opset_import: ["" : {opset}{imports}]> {graph}'
    )
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in (weights or {}).items())
    return model


def f32(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def feeds(model: onnx.ModelProto, seed: int = 0) -> Arrays:
    """Random inputs; an open dimension is 2, whole numbers are small."""
    rng = np.random.default_rng(seed)
    weights = {weight.name for weight in model.graph.initializer}
    made = {}
    for value in model.graph.input:
        if value.name in weights:
            continue
        kind = value.type.tensor_type
        shape = [dim.dim_value if dim.HasField("dim_value") else 2 for dim in kind.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        if kind.elem_type in {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE}:
            made[value.name] = rng.standard_normal(shape).astype(dtype)
        else:
            made[value.name] = rng.integers(0, 2, shape).astype(dtype)
    return made


def names(model: onnx.ModelProto) -> list[str]:
    return [node.name for node in view(model).nodes]


def ops(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def _is_valid(model: onnx.ModelProto) -> bool:
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def edited(edit: Edit, model: onnx.ModelProto, inputs: Arrays | None = None, *, rtol: float = 1e-4) -> onnx.ModelProto:
    """The edited model, after it was held to all of that on random inputs (or `inputs`)."""
    before = model.SerializeToString()
    after = edit(model)
    assert model.SerializeToString() == before, "the edit changed its argument"
    if _is_valid(model):
        onnx.checker.check_model(after, full_check=True)
    for field in ("input", "output"):
        assert [v.name for v in getattr(after.graph, field)] == [v.name for v in getattr(model.graph, field)]
    given = inputs or feeds(model)
    wanted, got = reference(model).run(given), reference(after).run(given)
    for name, value in wanted.items():
        assert got[name].dtype == value.dtype
        assert got[name].shape == value.shape
        np.testing.assert_allclose(got[name], value, rtol=rtol, atol=1e-5, err_msg=name)
    return after


def refusal(edit: Edit, model: onnx.ModelProto) -> str:
    """What an edit that refuses says; the argument is unchanged."""
    before = model.SerializeToString()
    try:
        edit(model)
    except EditError as error:
        assert model.SerializeToString() == before
        return str(error)
    raise AssertionError("the edit was made")
