"""An answer of `ascend repair` held against the world, without any of its own code.

Here belong the two questions: do the gates admit the repaired file with the options that were given, and does it
compute what the original did? The gates are preflight's; FP32 is ONNX Runtime's, or the onnx package's own evaluator
where ONNX Runtime has no kernel. Not here: running the command (`running.py`).
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from ascend_assets import evaluation, preflight
from benchmarks.repair.outcomes import Check
from resources import onnx_files
from resources.ascend.options import CompileOptions

Tensors = Mapping[str, NDArray[Any]]
_SEEDS = (1, 2)
"""Inputs that the repair did not see: its own are drawn with seed 0."""


def check(truth: onnx.ModelProto, fixed: Path, options: CompileOptions, feeds: Path | None, tolerance: float) -> Check:
    """Whether `fixed` with `options` is admitted, and computes what `truth` does within `tolerance`."""
    try:
        admitted = _admitted(fixed, options, feeds, 0)
        others = _admitted(fixed, options, feeds, 3) if feeds is None else admitted
    except Exception as error:  # noqa: BLE001 - whatever an unusable answer raises is the finding
        return Check(admitted=False, others=False, equal=False, worst=math.nan, why=f"preflight: {error}"[:300])
    try:
        worst = max(_distance(truth, fixed, options, seed) for seed in _SEEDS)
    except Exception as error:  # noqa: BLE001 - a model that does not run is the finding
        why = f"does not run in FP32: {type(error).__name__}: {error}"[:300]
        return Check(admitted=admitted, others=others, equal=False, worst=math.nan, why=why)
    equal = worst <= tolerance
    why = "" if equal else f"outputs differ by {worst:.3g} in FP32, more than {tolerance:g}"
    return Check(admitted=admitted, others=others, equal=equal, worst=worst, why=why or _refused(admitted=admitted))


def _refused(*, admitted: bool) -> str:
    return "" if admitted else "preflight's gates refuse it"


def _admitted(fixed: Path, options: CompileOptions, feeds: Path | None, seed: int) -> bool:
    return bool(preflight.run(fixed, options, inputs=feeds, seed=seed))


def _distance(truth: onnx.ModelProto, fixed: Path, options: CompileOptions, seed: int) -> float:
    """The largest relative Euclidean distance of an output, on inputs of a seed of their own."""
    repaired = onnx.load(fixed)
    declared = onnx_files.signature(repaired).inputs
    shapes = {tensor.name: options.input_shape.get(tensor.name, tensor.shape or ()) for tensor in declared}
    drawn = evaluation.samples_for_comparison(None, declared, shapes, seed=seed)
    expected, found = run(truth, drawn), run(repaired, drawn)
    if len(expected) != len(found):
        return math.inf
    return max(_of_output(y, x) for y, x in zip(expected, found, strict=True))


def _of_output(truth: NDArray[Any], found: NDArray[Any]) -> float:
    if truth.shape != found.shape:
        return math.inf
    y, x = truth.astype(np.float64), found.astype(np.float64)
    finite = np.isfinite(y)
    if not np.array_equal(np.isfinite(x), finite):
        return math.inf
    length = float(np.linalg.norm(y[finite]))
    distance = float(np.linalg.norm(x[finite] - y[finite]))
    return distance / length if length else distance


def run(model: onnx.ModelProto, feeds: Tensors) -> list[NDArray[Any]]:
    """The model's outputs in FP32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    named = {value.name: feeds[value.name] for value in model.graph.input if value.name in feeds}
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 - onnxruntime's errors have no common base but Exception
        from onnx.reference import ReferenceEvaluator

        return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, named)]
    return [np.asarray(value) for value in session.run(None, named)]
