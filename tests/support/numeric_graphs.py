"""Formulas as exporters write them, each as a model with inputs on which it fails, and inputs on which it does not."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from numeric_faults import Array, Arrays, model, normal, step
from onnx import TensorProto, numpy_helper

ROWS = (4, 64)
LAST = np.array([-1])


@dataclass(frozen=True)
class Example:
    """One model; `bad` and `good`: inputs on which FP16 breaks it, and on which it holds."""

    model: onnx.ModelProto
    bad: Arrays
    good: Arrays


def rows(scale: float, *, mean: float = 0.0) -> Arrays:
    return {"x": normal(*ROWS, scale=scale, mean=mean)}


def dead_row() -> Arrays:
    """Rows of which one has no variance."""
    x = normal(*ROWS)
    x[1] = 0.5
    return {"x": x}


def layer_norm(*, by_pow: bool = True, epsilon: float = 1e-5, inverse: bool = False) -> onnx.ModelProto:
    square = step("Pow", "d two", "sq") if by_pow else step("Mul", "d d", "sq")
    divide = [step("Reciprocal", "sd", "inv"), step("Mul", "d inv", "n")] if inverse else [step("Div", "d sd", "n")]
    steps = [
        step("ReduceMean", "x", "mean", axes=[-1]),
        step("Sub", "x mean", "d"),
        square,
        step("ReduceMean", "sq", "var", axes=[-1]),
        step("Add", "var eps", "ve"),
        step("Sqrt", "ve", "sd"),
        *divide,
        step("Mul", "n gain", "scaled"),
        step("Add", "scaled shift", "y"),
    ]
    return model(steps, {"x": ROWS}, {"two": 2.0, "eps": epsilon, "gain": normal(64, mean=1), "shift": normal(64)})


def rms_norm() -> onnx.ModelProto:
    steps = [
        step("Mul", "x x", "sq"),
        step("ReduceMean", "sq", "mean", axes=[-1]),
        step("Add", "mean eps", "ve"),
        step("Sqrt", "ve", "root"),
        step("Div", "x root", "y"),
    ]
    return model(steps, {"x": ROWS}, {"eps": 1e-3})


def l2_norm() -> onnx.ModelProto:
    steps = [
        step("Mul", "x x", "sq"),
        step("ReduceSum", "sq last", "sum"),
        step("Sqrt", "sum", "root"),
        step("Div", "x root", "y"),
    ]
    return model(steps, {"x": ROWS}, {"last": LAST})


def square_sum() -> onnx.ModelProto:
    return model([step("ReduceSumSquare", "x", "s", axes=[-1]), step("Mul", "s k", "y")], {"x": ROWS}, {"k": 1e-3})


def variance() -> onnx.ModelProto:
    steps = [
        step("ReduceMean", "x", "mean", axes=[-1]),
        step("Sub", "x mean", "d"),
        step("Mul", "d d", "sq"),
        step("ReduceMean", "sq", "var", axes=[-1]),
        step("Mul", "var k", "y"),
    ]
    return model(steps, {"x": ROWS}, {"k": 1e-3})


def variance_difference() -> onnx.ModelProto:
    steps = [
        step("Mul", "x x", "sq"),
        step("ReduceMean", "sq", "msq", axes=[-1]),
        step("ReduceMean", "x", "mean", axes=[-1]),
        step("Mul", "mean mean", "mean2"),
        step("Sub", "msq mean2", "y"),
    ]
    return model(steps, {"x": ROWS})


def softmax(*, shifted: bool = False) -> onnx.ModelProto:
    ahead = [step("ReduceMax", "x", "top", axes=[-1]), step("Sub", "x top", "z")] if shifted else []
    steps = [
        *ahead,
        step("Exp", "z" if shifted else "x", "e"),
        step("ReduceSum", "e last", "s"),
        step("Div", "e s", "y"),
    ]
    return model(steps, {"x": ROWS}, {"last": LAST})


def log_sum_exp() -> onnx.ModelProto:
    steps = [step("Exp", "x", "e"), step("ReduceSum", "e last", "s"), step("Log", "s", "y")]
    return model(steps, {"x": ROWS}, {"last": LAST})


def logistic(last: str = "Log") -> onnx.ModelProto:
    end = step("Div", "one t", "y") if last == "Div" else step(last, "t", "y")
    return model([step("Exp", "x", "e"), step("Add", "e one", "t"), end], {"x": ROWS}, {"one": 1.0})


def cubic_gelu() -> onnx.ModelProto:
    steps = [
        step("Pow", "x three", "cube"),
        step("Mul", "cube k", "small"),
        step("Add", "x small", "inner"),
        step("Tanh", "inner", "y"),
    ]
    return model(steps, {"x": ROWS}, {"three": 3.0, "k": 0.0447})


def cube_by_products() -> onnx.ModelProto:
    steps = [step("Mul", "x x", "sq"), step("Mul", "sq x", "cube"), step("Mul", "cube k", "y")]
    return model(steps, {"x": ROWS}, {"k": 1e-3})


def late_scale() -> onnx.ModelProto:
    steps = [step("MatMul", "x w", "p"), step("Mul", "p k", "s"), step("Softmax", "s", "y")]
    return model(steps, {"x": ROWS}, {"w": normal(64, 8, scale=30), "k": 1 / 4096})


def scaled_around() -> onnx.ModelProto:
    steps = [step("Mul", "x k", "a"), step("Softplus", "a", "f"), step("Mul", "f inv", "y")]
    return model(steps, {"x": ROWS}, {"k": 1e4, "inv": 1e-4})


def exponential() -> onnx.ModelProto:
    return model([step("Exp", "x", "e"), step("Log", "e", "y")], {"x": ROWS})


def cancellation() -> onnx.ModelProto:
    return model([step("Sub", "x c", "d"), step("Mul", "d k", "y")], {"x": ROWS}, {"c": 1000.0, "k": 2.0})


def division() -> onnx.ModelProto:
    steps = [step("Mul", "x tiny", "d"), step("Div", "one d", "q"), step("Mul", "q small", "y")]
    return model(steps, {"x": ROWS}, {"tiny": 1e-4, "one": 1.0, "small": 1e-3})


def periodic() -> onnx.ModelProto:
    return model([step("Mul", "x k", "angle"), step("Sin", "angle", "y")], {"x": ROWS}, {"k": 1.0})


def _away_from_zero(scale: float) -> Arrays:
    x = normal(*ROWS, scale=scale)
    return {"x": np.sign(x) * (abs(x) + np.float32(scale))}


EXAMPLES: dict[str, Callable[[], Example]] = {
    "layer_norm": lambda: Example(layer_norm(), rows(600), rows(1)),
    "rms_norm": lambda: Example(rms_norm(), rows(600), rows(1)),
    "l2_norm": lambda: Example(l2_norm(), rows(300), rows(1)),
    "square_sum": lambda: Example(square_sum(), rows(200), rows(1)),
    "variance": lambda: Example(variance(), rows(600), rows(3)),
    "variance_difference": lambda: Example(variance_difference(), rows(1, mean=60), rows(3)),
    "softmax": lambda: Example(softmax(), rows(8), rows(1)),
    "log_sum_exp": lambda: Example(log_sum_exp(), rows(8), rows(1)),
    "logistic": lambda: Example(logistic(), rows(8), rows(1)),
    "power": lambda: Example(cubic_gelu(), rows(60), rows(1)),
    "scaled_after": lambda: Example(late_scale(), rows(300), rows(1)),
    "scaled_around": lambda: Example(scaled_around(), rows(10), rows(0.5)),
    "exponential": lambda: Example(exponential(), rows(8, mean=0), rows(1, mean=3)),
    "cancellation": lambda: Example(cancellation(), rows(0.1, mean=1000), rows(500)),
    "division": lambda: Example(division(), _away_from_zero(1e-4), _away_from_zero(1)),
    "periodic": lambda: Example(periodic(), {"x": normal(*ROWS, scale=3000)}, rows(1)),
}
"""Kind of observation -> its example."""


def masked(value: float, how: str) -> onnx.ModelProto:
    """Attention with a mask of `value`: multiplied, placed by Where, or added as a constant."""
    head = [step("MatMul", "x w", "s")]
    tail = [step("Softmax", "a", "p", axis=-1), step("MatMul", "p v", "y")]
    shape = {"x": (1, 8, 16)}
    held: dict[str, float | Array] = {"w": normal(16, 8, scale=0.3), "v": normal(8, 16), "one": 1.0, "neg": value}
    if how == "multiply":
        steps = [step("Sub", "one m", "off"), step("Mul", "off neg", "bias"), step("Add", "s bias", "a")]
        return model([*head, *steps, *tail], {**shape, "m": (1, 1, 8)}, held)
    if how == "where":
        steps = [step("Where", "m s neg", "a")]
        return model([*head, *steps, *tail], {**shape, "m": (1, 1, 8)}, held, types={"m": TensorProto.BOOL})
    triangle = np.triu(np.full((8, 8), value, np.float32), 1)
    return model([*head, step("Add", "s mask", "a"), *tail], shape, {**held, "mask": triangle})


def mask_inputs(how: str) -> Arrays:
    x = normal(1, 8, 16)
    kept = np.array([[[1, 1, 1, 1, 1, 1, 0, 0]]])
    if how == "add":
        return {"x": x}
    return {"x": x, "m": kept.astype(np.float32 if how == "multiply" else np.bool_)}


def half(given: onnx.ModelProto) -> onnx.ModelProto:
    """The same model as an FP16 file."""
    made = onnx.ModelProto()
    made.CopyFrom(given)
    for weight in made.graph.initializer:
        if weight.data_type == TensorProto.FLOAT:
            values = numpy_helper.to_array(weight).astype(np.float16)
            weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    for value in (*made.graph.input, *made.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    del made.graph.value_info[:]
    inferred: onnx.ModelProto = onnx.shape_inference.infer_shapes(made)
    return inferred


def half_arrays(arrays: Arrays) -> Arrays:
    return {name: values.astype(np.float16) for name, values in arrays.items()}
