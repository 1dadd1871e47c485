"""Sessions over shared weights, and the inputs they take."""

import gc

import numpy as np
import onnx
import pytest
from numeric_models import f16, f32, floats, fp16, options, parse
from onnx import TensorProto, helper

from resources.ascend.emulator.networks import build
from resources.ascend.emulator.running import Runner, feeds, thinned
from resources.ascend.emulator.segments import cut

MODEL = parse(
    "agraph (float[1,8,4,4] x) => (float[1,64,4,4] y) "
    "{ a = Exp(x) c = Conv<pads = [1, 1, 1, 1]>(a, w, b) y = Mul(c, s) }",
    {"w": floats((64, 8, 3, 3), 1), "b": floats((64,), 2), "s": floats((1, 64, 1, 1), 3)},
)


def test_fp16_inputs_are_widened_and_others_stay() -> None:
    model = parse("agraph (float16[2] x, int64[1] i) => (float16[2] y) { y = Exp(x) }")
    given = feeds(build(model, options(), sampled=True), {"x": f16([1, 2]), "i": np.zeros(1, np.int64)})
    assert {name: array.dtype.name for name, array in given.items()} == {"x": "float32", "i": "int64"}


def test_an_input_that_is_no_tensor_is_refused() -> None:
    sequence = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, None)
    graph = helper.make_graph(
        [helper.make_node("SequenceLength", ["x"], ["y"])],
        "g",
        [sequence],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    with pytest.raises(ValueError, match="input 'x' is a sequence"):
        feeds(build(onnx.shape_inference.infer_shapes(model), options(), sampled=True), {"x": f32([1])})


def test_borrowed_weights_outlive_the_call_that_made_them() -> None:
    """A kept session reads weights that Python owns: they must not be freed under it."""
    networks = build(MODEL, options(), sampled=True)
    (segment,) = cut(networks, 1 << 40)
    runner = Runner(networks, keep=True)
    x = {"x": floats((1, 8, 4, 4))}
    first = runner.run(segment.fp32, x)["y"].copy()
    gc.collect()
    clutter = [np.full((64, 8, 3, 3), np.nan, np.float32) for _ in range(50)]
    assert np.array_equal(runner.run(segment.fp32, x)["y"], first)
    assert len(clutter) == 50


def test_every_weight_is_made_as_asked() -> None:
    networks = build(MODEL, options(), sampled=True)
    (segment,) = cut(networks, 1 << 40)
    made = dict(Runner(networks, keep=False)._weights((*segment.fp32.weights, *segment.device.weights)))
    whole = floats((64, 8, 3, 3), 1)
    kinds = {
        (networks.weights[n].dtype, networks.weights[n].step): made[n]
        for n in made
        if networks.weights[n].source == "w"
    }
    assert np.array_equal(kinds["float32", 1], whole)
    assert np.array_equal(kinds["float16", 1], fp16(whole))
    assert np.array_equal(kinds["float16", 4], fp16(whole)[::4])


def test_thinning_takes_every_nth_entry_in_memory_of_its_own() -> None:
    array = np.arange(24).reshape(2, 3, 4)
    assert thinned(array, 2, 1) is array
    part = thinned(array, -1, 2)
    assert part.tolist() == array[..., ::2].tolist()
    assert part.flags.c_contiguous
