"""16-bit models, in FP32."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from resources.onnx_files.sessions import reference
from resources.onnx_files.widen import is_narrow, widened


def f16(values: list[float]) -> NDArray[np.float16]:
    return np.asarray(values, np.float16)


def f32(values: list[float]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def parse(graph: str, weights: Mapping[str, NDArray[Any]] | None = None) -> onnx.ModelProto:
    model = onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}')
    model.graph.initializer.extend(numpy_helper.from_array(a, name) for name, a in (weights or {}).items())
    onnx.checker.check_model(model)
    return onnx.shape_inference.infer_shapes(model, check_type=True, data_prop=True)


# The text form takes FP16 numbers as bits: 1.5, 2.5 and 0.25.
HALF = parse(
    """agraph (float16[2] x) => (float16[2] y) {
        c = Constant<value = float16[2] {15872, 16640}>()
        s = Shape(x)
        z = ConstantOfShape<value = float16[1] {13312}>(s)
        a = Add(x, c)
        b = Add(a, z)
        d = Cast<to = 10>(b)
        y = Mul(d, w)
    }""",
    {"w": f16([2, 4])},
)


def test_an_fp32_model_is_handed_back_as_it_is() -> None:
    model = parse("agraph (float[2] x) => (float[2] y) { y = Exp(x) }")
    assert not is_narrow(model)
    assert widened(model) is model


def test_nothing_narrow_is_left_and_the_original_is_untouched() -> None:
    before = HALF.SerializeToString()
    wide = widened(HALF)
    assert is_narrow(HALF)
    assert not is_narrow(wide)
    assert HALF.SerializeToString() == before
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(wide, check_type=True), full_check=True)


def test_the_reference_of_an_fp16_model_computes_in_fp32() -> None:
    result = reference(HALF).run({"x": f32([1e5, 0.1])})["y"]
    assert result.dtype == np.float32
    assert np.allclose(result, [(1e5 + 1.75) * 2, (0.1 + 2.75) * 4])


def test_subgraphs_are_widened_too() -> None:
    model = parse(
        """agraph (float16[1] x, bool c) => (float16[1] y) {
            y = If(c) <
                then_branch = t () => (float16[1] p) { p = Cast<to = 10>(x) },
                else_branch = e () => (float16[1] q) { k = Constant<value = float16[1] {16384}>() q = Mul(x, k) }
            >
        }"""
    )
    assert reference(model).run({"x": f32([70000]), "c": np.array(False)})["y"] == 140000


def test_a_narrow_tensor_hidden_in_a_constant_is_found() -> None:
    node = helper.make_node("Constant", [], ["y"], value=numpy_helper.from_array(f16([1])))
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])])
    assert is_narrow(helper.make_model(graph))
