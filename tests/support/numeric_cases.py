"""For every rule of numbers, speed and memory: a case in which it speaks, and a near miss in which it does not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numeric_faults import Arrays, case, model, normal, step, unseen
from numeric_graphs import (
    EXAMPLES,
    ROWS,
    cancellation,
    dead_row,
    half,
    half_arrays,
    l2_norm,
    layer_norm,
    mask_inputs,
    masked,
    rows,
    variance_difference,
)
from numeric_profiles import fused, image_net, op, profile, refused, short_of_memory, slow
from onnx import TensorProto, helper

from ascend_assets.diagnosis.case import Case
from resources.ascend.toolchain import BadLayer, Comparison, LayerComparison, Profile
from resources.onnx_files.graph import Tensor

Made = Callable[[Path], Case]


def _tried(given: onnx.ModelProto, arrays: Arrays | None) -> Made:
    return lambda folder: case(folder, given, arrays)


def _formula(kind: str) -> tuple[Made, Made]:
    example = EXAMPLES[kind]()
    return _tried(example.model, example.bad), _tried(example.model, example.good)


def _masked(how: str) -> tuple[Made, Made]:
    arrays = mask_inputs(how)
    return _tried(masked(-1e9, how), arrays), _tried(masked(-1e4, how), arrays)


def _reads(node: onnx.NodeProto, value: float, small: float, *after: onnx.NodeProto) -> tuple[Made, Made]:
    """One node that reads a constant, which is too large or is not."""
    made = [
        model([node, *after], {"x": ROWS}, {"c": held, "k": 1e-5, "pads": np.array([0, 0, 1, 0])})
        for held in (value, small)
    ]
    return _tried(made[0], rows(2)), _tried(made[1], rows(2))


def _unreached(value: float) -> Made:
    nodes = [step("Where", "m x c", "a"), step("Softmax", "a", "y")]
    given = model(nodes, {"x": ROWS, "m": ROWS}, {"c": value}, types={"m": TensorProto.BOOL})
    return _tried(given, {"x": normal(*ROWS), "m": np.ones(ROWS, np.bool_)})


def _unreached_factor(value: float) -> Made:
    """A factor that only ever multiplies zeros, beside FP16's range all the same: the mode keeps it."""
    given = model([step("Mul", "x c", "y")], {"x": ROWS}, {"c": value})
    return lambda _: unseen(given)


def _weight(peak: float) -> Made:
    held = normal(64, 8)
    held[3, 3] = peak
    return _tried(model([step("MatMul", "x w", "y")], {"x": ROWS}, {"w": held}), rows(1))


def _fused_norm(epsilon: float, arrays: Arrays) -> Made:
    held = {"g": normal(64, mean=1), "b": normal(64)}
    return _tried(model([step("LayerNormalization", "x g b", "y", epsilon=epsilon)], {"x": ROWS}, held), arrays)


def _near_one(high: float) -> Made:
    nodes = [step("Min", "x high", "c"), step("Sub", "one c", "d"), step("Log", "d", "y")]
    ramp = np.linspace(0, 0.9 if high > 1 else 1, 256, dtype=np.float32).reshape(ROWS)
    return _tried(model(nodes, {"x": ROWS}, {"high": high, "one": 1.0}), {"x": ramp})


def _summed(mean: float) -> Made:
    return _tried(
        model([step("Add", "x x", "s"), step("Mul", "s k", "y")], {"x": ROWS}, {"k": 1e-4}), rows(1, mean=mean)
    )


def _multiplied(scale: float, *, again: bool = False) -> Made:
    held = {"w": normal(64, 32, scale=30), "w2": normal(32, 8), "g": np.ones(32, np.float32)}
    last = step("MatMul", "p w2", "y") if again else step("LayerNormalization", "p g", "y", axis=-1)
    return _tried(model([step("MatMul", "x w", "p"), last], {"x": ROWS}, held), rows(scale))


def _stream(big: float, *, adds: bool) -> Made:
    middle = step("Add", "a x", "b") if adds else step("Neg", "a", "b")
    nodes = [step("Mul", "x c", "a"), middle, step("Mul", "b k", "y")]
    return _tried(model(nodes, {"x": ROWS}, {"c": big, "k": 1e-4}), rows(3))


def _vanishing(factor: float) -> Made:
    nodes = [step("Mul", "x c", "a"), step("Abs", "a", "b"), step("Mul", "b k", "y")]
    return _tried(model(nodes, {"x": ROWS}, {"c": factor, "k": 0.005 / factor}), rows(0.5))


def _resized(old: int, new: int) -> Made:
    node = step("Resize", "x sizes", "y", mode="nearest", nearest_mode="round_prefer_floor")
    node.input[:] = ["x", "", "", "sizes"]
    given = model([node], {"x": (1, 1, 1, old)}, {"sizes": np.array([1, 1, 1, new])})
    return lambda _: unseen(given)


def _whole(value: int, kind: int = TensorProto.INT64) -> Made:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    given = model([step("Add", "x c", "y")], {"x": (4,)}, {"c": np.array([value], dtype)}, types={"x": kind, "y": kind})
    return lambda _: unseen(given)


def _positions(top: int) -> Made:
    nodes = [step("Cast", "ids", "f", to=TensorProto.FLOAT), step("Sub", "f c", "d"), step("Mul", "d k", "y")]
    given = model(nodes, {"ids": (8,)}, {"c": float(top - 4), "k": 0.5}, types={"ids": TensorProto.INT64})
    return _tried(given, {"ids": np.arange(top - 8, top)})


def _logarithm(shift: float) -> Made:
    nodes = [step("Add", "x c", "a"), step("Log", "a", "l"), step("Mul", "l k", "y")]
    return _tried(model(nodes, {"x": ROWS}, {"c": shift, "k": 2.0}), rows(1))


def _slow(profiled: Profile) -> tuple[Made, Made]:
    """Slow with this profile; and the same where nobody asks for speed."""
    quick = image_net(8)
    return lambda _: slow(quick, profiled), lambda _: slow(quick)


def _spoiled_resize(case_of: Made) -> Made:
    """On a device, whose first bad layer the Resize is."""
    bad = BadLayer(node="y", op="Resize", cause="rounding")
    compared = Comparison(origin="measured", layers=(_layer(),), outputs=(), first_bad_layer=bad)
    verdicts = (refused("relative_euclidean_distance", 0.4),)
    return lambda folder: replace(case_of(folder), comparison=compared, verdicts=verdicts)


def _layer() -> LayerComparison:
    figures = dict.fromkeys(LayerComparison.model_fields, 0.3)
    return LayerComparison.model_validate(
        figures | {"index": 0, "node": "y", "op": "Resize", "dtype": "float16", "overflow": 0, "underflow": 0}
    )


_BUSY = op("conv", "Conv2D", 60, "cube")
CASES: dict[str, tuple[Made, Made]] = {
    "fp16_constants.mask": _masked("where"),
    "fp16_constants.factor": _masked("multiply"),
    "fp16_constants.scale": _reads(step("Mul", "x c", "a"), 1e5, 1e3, step("Mul", "a k", "y")),
    "fp16_constants.fill": _reads(step("Pad", "x pads c", "a"), 1e5, 1e3, step("Mul", "a k", "y")),
    "fp16_constants.bound": _reads(step("Max", "x c", "a"), 1e5, 1e3, step("Mul", "a k", "y")),
    "fp16_constants.operand": _reads(step("Add", "x c", "a"), 1e5, 1e3, step("Mul", "a k", "y")),
    "fp16_constants.weight": (_weight(9e4), _weight(3.0)),
    "fp16_constants.mask_risk": (_unreached(-1e9), _unreached(-1e4)),
    "fp16_constants.factor_risk": (_unreached_factor(1e9), _unreached_factor(1e4)),
    "fp16_epsilon.lost": (_fused_norm(1e-12, dead_row()), _fused_norm(1e-12, rows(1))),
    "fp16_epsilon.guard_lost": (
        _tried(layer_norm(epsilon=1e-12), dead_row()),
        _tried(layer_norm(epsilon=1e-12), rows(1)),
    ),
    "fp16_epsilon.near_one": (_near_one(1 - 1e-6), _near_one(0.99)),
    "fp16_epsilon.risk": (_fused_norm(1e-5, rows(1)), _fused_norm(1e-3, rows(1))),
    "fp16_epsilon.guard_risk": (_tried(layer_norm(), rows(1)), _tried(layer_norm(epsilon=1e-3), rows(1))),
    **{f"fp16_patterns.{kind}": _formula(kind) for kind in EXAMPLES},
    "fp16_patterns.layer_norm_risk": (_tried(layer_norm(), rows(1)), _tried(layer_norm(), rows(600))),
    "fp16_overflow.sum": (_summed(40_000), _summed(4_000)),
    "fp16_overflow.product": (_multiplied(300), _multiplied(3)),
    "fp16_overflow.product_input": (_multiplied(300, again=True), _multiplied(3, again=True)),
    "fp16_overflow.value": (_stream(5e4, adds=False), _stream(5e4, adds=True)),
    "fp16_overflow.stream": (_stream(5e4, adds=True), _stream(5e4, adds=False)),
    "fp16_overflow.underflow": (_vanishing(1e-7), _vanishing(1e-2)),
    "fp16_accumulation.first_bad": (_tried(cancellation(), rows(0.1, mean=1000)), _tried(cancellation(), rows(500))),
    "fp16_accumulation.own_errors": (_tried(layer_norm(), rows(600)), _tried(layer_norm(), rows(1))),
    "fp16_accumulation.rounded_inputs": (
        _tried(variance_difference(), rows(1, mean=60)),
        _tried(variance_difference(), rows(3)),
    ),
    "fp16_accumulation.narrow_file": (
        _tried(half(l2_norm()), half_arrays(rows(300))),
        _tried(l2_norm(), rows(300)),
    ),
    "fp16_accumulation.reference": (_logarithm(0.0), _logarithm(10.0)),
    "resize_rounding.nearest": (_spoiled_resize(_resized(8, 4)), _spoiled_resize(_resized(4, 8))),
    "resize_rounding.risk": (_resized(8, 4), _resized(4, 8)),
    "integers.beyond_int32": (_whole(2**40), _whole(2**20)),
    "integers.int64_path": (_whole(3), _whole(3, TensorProto.INT32)),
    "integers.float64_path": (_whole(3, TensorProto.DOUBLE), _whole(3)),
    "integers.as_floats": (_positions(60_001), _positions(64)),
    "fusion.changes_result": (
        lambda _: fused(image_net(), "GroupNormFusionPass"),
        lambda _: fused(image_net(), "GroupNormFusionPass", verdict="arithmetic"),
    ),
    "memory.weights": (lambda _: _heavy(0.9), lambda _: _heavy(0.1)),
    "memory.activations": (lambda _: _heavy(0.1), lambda _: _heavy(0.9)),
    "speed.small_channel": (lambda _: slow(image_net(aipp=True)), lambda _: slow(image_net(8, aipp=True))),
    "speed.small_channel_without_aipp": (lambda _: slow(image_net()), lambda _: image_net()),
    "speed.ai_cpu": _slow(profile(_BUSY, op("t", "TopK", 40, core="AI_CPU"))),
    "speed.layout_moves": _slow(profile(_BUSY, op("t", "Transpose", 40))),
    "speed.launch_bound": _slow(profile(op("a", "Add", 3, "overhead"), bound="overhead")),
    "speed.small_batch": _slow(profile(_BUSY, batch=1, aicore_utilisation=0.1)),
    "speed.memory_bound": _slow(profile(op("a", "Add", 3, "memory"), bound="memory")),
    "speed.compute_bound": _slow(profile(_BUSY)),
    "speed.wide_nodes": (
        lambda _: slow(image_net(8, keep_dtype=("y",)), profile(_BUSY, op("y", "Relu", 40))),
        lambda _: slow(image_net(8), profile(_BUSY, op("y", "Relu", 40))),
    ),
}
"""Rule -> (it speaks, it does not). `fp16_accumulation.many` has cases of its own in `test_seen_layers.py`."""


def _heavy(share: float) -> Case:
    """A model of 30 GB, of which weights are this share: their sizes are stated and no byte of them is made."""
    plain = image_net()
    assert plain.graph is not None
    heavy = Tensor("heavy", 1, (int(30e9 * share / 2),), constant=True)
    graph = replace(plain.graph, tensors={**plain.graph.tensors, "heavy": heavy})
    return short_of_memory(replace(plain, graph=graph), 28_610)
