"""All layers against FP32: the figures, the culprit, and the memory."""

import json
import math
import subprocess
import sys

import numpy as np
import onnx
import pytest
from numeric_models import TRAP, emulate, f16, f32, floats, fp16, options, parse
from numpy.typing import NDArray

from resources.ascend.emulator import networks
from resources.ascend.emulator.compare import Comparer, compare
from resources.ascend.metrics import output_metrics
from resources.ascend.toolchain import Comparison

HE = np.sqrt(2 / 64)


def network(depth: int = 6, channels: int = 64) -> onnx.ModelProto:
    """Convolutions with He weights and Relus, one residual sum, a pooled output."""
    body = "".join(f"c{i} = Conv(r{i}, w{i}) r{i + 1} = Relu(c{i}) " for i in range(depth))
    weights = {f"w{i}": floats((channels, channels, 1, 1), i, float(HE)) for i in range(depth)}
    return parse(
        f"agraph (float[1,{channels},32,32] r0) => (float[1,{channels},1,1] y) "
        f"{{ {body} s = Add(r{depth}, r1) y = GlobalAveragePool(s) }}",
        weights,
    )


def of(body: str, weights: dict[str, NDArray[np.float32]] | None = None, **inputs: object) -> Comparison:
    arrays = {name: f32(values) for name, values in inputs.items()}
    declared = ", ".join(f"float{list(a.shape)} {name}" for name, a in arrays.items())
    result = f"float{list(next(iter(arrays.values())).shape)} y"
    return compare(parse(f"agraph ({declared}) => ({result}) {{ {body} }}", weights), options(), arrays)


def test_every_node_has_a_layer_in_order() -> None:
    model = network()
    found = compare(model, options(), {"r0": floats((1, 64, 32, 32))})
    assert [(layer.index, layer.node, layer.op) for layer in found.layers] == [
        (index, node.name, node.op_type) for index, node in enumerate(model.graph.node)
    ]
    assert found.origin == "emulated"
    assert found.first_bad_layer is None
    assert {layer.dtype for layer in found.layers} == {"float16"}


def test_a_layers_figures_are_those_of_its_tensors() -> None:
    x = floats((5, 7), scale=3)
    model = parse("agraph (float[5,7] x) => (float[5,7] y) { a = Exp(x) b = Sqrt(a) y = Log(b) }")
    found = compare(model, options(), {"x": x})
    device, truth = emulate(model, x=x), x / 2
    expected = output_metrics("y", device, truth.astype(np.float32))
    assert found.layers[-1].relative_euclidean_distance == pytest.approx(expected.relative_euclidean_distance, rel=1e-3)
    assert found.layers[-1].max_absolute_error == pytest.approx(expected.max_absolute_error, rel=1e-3)
    assert found.outputs[0].cosine_similarity == pytest.approx(found.layers[-1].cosine_similarity, abs=1e-9)


def test_an_own_error_is_the_nodes_from_fp32_inputs() -> None:
    x = floats((5, 7), scale=3)
    found = of("a = Exp(x) b = Sqrt(a) y = Log(b)", x=x)
    truth = np.sqrt(np.exp(x))
    own = fp16(np.sqrt(fp16(np.exp(x))))
    expected = output_metrics("b", own, truth).relative_euclidean_distance
    assert found.layers[1].local_error == pytest.approx(expected, rel=1e-3)


def test_a_sampled_own_error_is_close_to_the_full_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = network(channels=128), {"r0": floats((1, 128, 32, 32))}
    sampled = compare(model, options(), x)
    monkeypatch.setattr(networks, "sample_of", lambda *_: None)
    full = compare(model, options(), x)
    assert sampled != full
    for thin, whole in zip(sampled.layers, full.layers, strict=True):
        assert thin.local_error == pytest.approx(whole.local_error, rel=0.15)
        assert thin.model_copy(update={"local_error": 0}) == whole.model_copy(update={"local_error": 0})


def test_what_stays_in_fp32_has_no_error() -> None:
    model = parse("agraph (float[3] x) => (float[3] y) { a = Exp(x) y = Sqrt(a) }")
    found = compare(model, options("force_fp32"), {"x": f32([1, 2, 20])})
    assert [layer.dtype for layer in found.layers] == ["float32", "float32"]
    for layer in found.layers:
        assert layer.local_error == layer.max_absolute_error == layer.relative_euclidean_distance == 0
        assert layer.cosine_similarity == pytest.approx(1)


def test_the_culprit_of_an_overflow_is_the_layer_that_overflows() -> None:
    found = compare(parse(TRAP.replace("[N]", "[2]")), options(), {"x": f32([10, 1])})
    assert found.first_bad_layer is not None
    assert (found.first_bad_layer.node, found.first_bad_layer.op) == ("a", "Mul")
    assert found.first_bad_layer.cause == "overflow: 1 of 2 results are beyond FP16's 65504 (in FP32 up to 1e+05)"
    assert [layer.overflow for layer in found.layers] == [1, 1, 1]
    assert found.outputs[0].non_finite == 1


def test_a_victim_is_not_the_culprit() -> None:
    """The sum loses x under 4096; the difference from FP32 inputs would be right, but its inputs cannot be held."""
    found = of("a = Add(x, big) b = Exp(x) y = Mul(a, b)", {"big": f32(60000)}, x=[3, 0.25, 0.5])
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "y"
    assert found.layers[0].overflow == 0


def test_cancellation_is_called_by_its_name() -> None:
    found = of("a = Add(x, big) y = Sub(a, big)", {"big": f32(4096)}, x=[0.3, 0.2, 0.9])
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "y"
    assert found.first_bad_layer.cause.startswith("cancellation: results of at most 0.")


def test_underflow_is_called_by_its_name_and_counted() -> None:
    found = of("a = Mul(x, tiny) y = Mul(a, huge)", {"tiny": f32(1e-4), "huge": f32(1e4)}, x=[1e-4, 2e-4])
    assert found.layers[0].underflow == 2
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "a"
    assert found.first_bad_layer.cause.startswith("underflow: 2 of 2 results are below FP16's smallest normal number")


def test_an_epsilon_that_vanishes_is_the_culprit() -> None:
    found = of(
        "a = LayerNormalization<epsilon = 0.000000000001>(x, s) y = Exp(a)", {"s": np.ones(4, np.float32)}, x=[[2] * 4]
    )
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.cause.startswith("underflow: its epsilon 1e-12 becomes 0 in FP16")
    assert found.small_constants[0].node == "a"


def test_a_bad_layer_that_reaches_no_output_says_so() -> None:
    found = of("a = Mul(x, big) b = Min(a, one) y = Mul(b, x)", {"big": f32(1e5), "one": f32(1)}, x=[1, 2])
    assert found.first_bad_layer is not None
    assert found.first_bad_layer.node == "a"
    assert found.first_bad_layer.cause.endswith("; the model's outputs stay within limits on these inputs")


def test_an_attention_mask_of_minus_infinity_is_no_culprit() -> None:
    mask = {"mask": f32([0, -math.inf])}
    assert of("a = Add(x, mask) y = Softmax<axis = -1>(a)", mask, x=[1, 2]).first_bad_layer is None


def test_many_small_errors_have_no_culprit() -> None:
    """Each rounding is harmless; multiplied up, the phase of the sine is lost."""
    found = of("a = Mul(x, k) b = Mul(a, k) y = Sin(b)", {"k": f32(31.4)}, x=floats((50,)))
    assert not found.outputs[0].relative_euclidean_distance <= 0.05
    assert found.first_bad_layer is None or found.first_bad_layer.node == "y"


def test_integers_booleans_and_data_dependent_shapes_are_compared() -> None:
    model = parse(
        """agraph (float[4] x) => (int64[1] i, bool[4] b, int64[1,n] z) {
            e = Exp(x) i = ArgMax<axis = 0>(e) b = Greater(e, x) z = NonZero(e)
        }"""
    )
    found = compare(model, options(), {"x": f32([1, 2, -30, 4])})
    assert [layer.op for layer in found.layers] == ["Exp", "ArgMax", "Greater", "NonZero"]
    assert found.layers[1].max_absolute_error == 0
    assert math.isnan(found.layers[3].cosine_similarity)  # exp(-30) is zero on the device: one index less
    assert math.isnan(found.outputs[2].cosine_similarity)


def test_an_fp16_model_is_compared_with_itself_in_fp32() -> None:
    model = parse("agraph (float16[3] x) => (float16[3] y) { a = Exp(x) y = Sqrt(a) }")
    found = compare(model, options(), {"x": f16([1, 2, 3])})
    assert 0 < found.layers[0].relative_euclidean_distance < 1e-3
    assert found.layers[0].dtype == "float16"


def test_outputs_that_nothing_computes_are_equal() -> None:
    model = parse("agraph (float[2] x) => (float[2] x, float[2] w, float[2] y) { y = Neg(w) }", {"w": f32([1.0001, 2])})
    found = compare(model, options(), {"x": f32([1, 2])})
    assert [output.name for output in found.outputs] == ["x", "w", "y"]
    assert [output.max_absolute_error for output in found.outputs[:2]] == [0, 0]


def test_random_numbers_are_the_same_in_every_network() -> None:
    found = of("r = RandomNormalLike(x) y = Add(x, r)", x=floats((50,)))
    assert found.layers[0].max_absolute_error == 0
    assert found.outputs[0].relative_euclidean_distance < 1e-3


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({}, "missing r0"),
        ({"r0": np.zeros((1, 64, 32, 31), np.float32)}, "shape"),
        ({"r0": np.zeros((1, 64, 32, 32))}, "float64 given, float32 needed"),
    ],
)
def test_a_wrong_input_is_named(inputs: dict[str, NDArray[np.float32]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        compare(network(1), options(), inputs)


@pytest.mark.parametrize("budget", [1, 1 << 20, 4 << 20])
def test_a_small_budget_gives_the_same_figures(budget: int) -> None:
    x = {"r0": floats((1, 64, 32, 32))}
    whole = compare(network(), options(), x, budget_bytes=1 << 40)
    parts = compare(network(), options(), x, budget_bytes=budget)
    assert len(Comparer(network(), options(), budget_bytes=budget)._segments) > 1
    assert parts == whole


def test_a_small_budget_finds_the_same_culprit() -> None:
    x = {"x": f32([10, 1])}
    trap = parse(TRAP.replace("[N]", "[2]"))
    parts, whole = compare(trap, options(), x, budget_bytes=1), compare(trap, options(), x)
    assert parts.model_dump_json() == whole.model_dump_json()


def test_a_culprit_whose_input_an_earlier_segment_rounds_is_found() -> None:
    """Half is large and sampled on a slice; measured in full, it rounds the tensor that the culprit reads as well."""
    body = "r = Relu(x) half = Mul(r, h) far = Mul(r, l) near = Mul(far, s) y = Add(half, near)"
    shape = "float[1,64,64,64]"
    constants = {"h": f32([0.5]), "l": f32([1e6]), "s": f32([1e-6])}
    model = parse(f"agraph ({shape} x) => ({shape} y) {{ {body} }}", constants)
    x = {"x": floats((1, 64, 64, 64))}
    parts, whole = compare(model, options(), x, budget_bytes=1), compare(model, options(), x)
    assert parts.first_bad_layer == whole.first_bad_layer
    assert parts.first_bad_layer is not None
    assert parts.first_bad_layer.op == "Mul"


def test_a_comparer_serves_several_inputs() -> None:
    comparer = Comparer(network(), options())
    first, second = ({"r0": floats((1, 64, 32, 32), seed)} for seed in (1, 2))
    assert comparer.run(first) == compare(network(), options(), first)
    assert comparer.run(second) == compare(network(), options(), second)


MEASURE = """
import json, sys, onnxruntime
import numpy as np
sys.path.insert(0, {folder!r})

def peak():
    # In KiB, of this program alone: getrusage starts with the parent's peak.
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

from numeric_models import options, parse
from resources.ascend.emulator.compare import compare
depth, size = 40, 1 << 20
model = parse(
    f"agraph (float[1,{{size}}] t0) => (float[1,{{size}}] t{{depth}}) {{{{"
    + "".join(f"t{{i + 1}} = {{'Sigmoid' if i % 2 else 'Tanh'}}(t{{i}}) " for i in range(depth)) + "}}"
)
x = np.random.default_rng(0).standard_normal((1, size)).astype(np.float32)
before = peak()
compare(model, options(), {{"t0": x}}, budget_bytes=int(sys.argv[1]))
print(json.dumps(peak() - before))
"""


def test_memory_stays_near_the_budget_on_a_deep_model() -> None:
    """40 layers of 4 MiB in three networks are 480 MiB at once; a budget of 64 MiB has to be felt.

    Sessions and thread stacks of ONNX Runtime take another 100 to 130 MiB, whatever the budget.
    """
    script = MEASURE.format(folder=__file__.rpartition("/")[0])
    peaks = [
        json.loads(
            subprocess.run([sys.executable, "-c", script, str(mib << 20)], capture_output=True, check=True).stdout
        )
        for mib in (64, 4096)
    ]
    assert peaks[0] < (64 + 160) * 1024
    assert peaks[1] > peaks[0] + 150 * 1024
