"""Benches whose rules a test writes down: what is refused, and what passes, as plain functions."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto

from ascend_assets.gates import conversion
from ascend_assets.gates.case import DEFAULTS, Case
from ascend_assets.gates.verdict import Verdict
from ascend_assets.repair.bench import Outcome
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import (
    Comparison,
    Diagnostic,
    FusionTrial,
    Latency,
    LayerComparison,
    OpTime,
    Origin,
    OutputComparison,
    Profile,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

CASE = Case(DEFAULTS, "emulated", "0" * 64)
SOC = "Ascend310P3"


def options(**given: Any) -> CompileOptions:
    return CompileOptions(soc_version=SOC, **given)


def verdict(criterion: str, value: float) -> Verdict:
    return CASE.judge(criterion, value, "as the test says")


def layer(name: str, *, error: float = 0.001, overflow: int = 0, dtype: Any = "float16", index: int = 0) -> Any:
    return LayerComparison(
        index=index,
        node=name,
        op="MatMul",
        dtype=dtype,
        cosine_similarity=1.0,
        max_absolute_error=error,
        relative_euclidean_distance=error,
        overflow=overflow,
        underflow=0,
        local_error=error,
    )


def comparison(layers: Iterable[Any], distance: float, fusion: FusionTrial | None = None) -> Comparison:
    zeros = dict.fromkeys(set(OutputComparison.model_fields) - {"name", "non_finite", "cosine_similarity"}, 0.0)
    output = OutputComparison(
        **{**zeros, "name": "y", "cosine_similarity": 1.0, "relative_euclidean_distance": distance, "non_finite": 0}
    )
    return Comparison(origin="emulated", layers=tuple(layers), outputs=(output,), first_bad_layer=None, fusion=fusion)


def profile(milliseconds: float, times: Mapping[str, float] | None = None) -> Profile:
    ops = [
        OpTime(node=node, op="MatMul", time_us=us, bound="cube", flops=1, bytes=1) for node, us in (times or {}).items()
    ]
    return Profile(
        origin="emulated",
        soc_version=SOC,
        batch=1,
        latency_ms=Latency(p50=milliseconds, p90=milliseconds, p99=milliseconds),
        throughput=1.0,
        aicore_utilisation=0.5,
        memory_bytes=1,
        memory_available_bytes=100,
        bound="cube",
        error_band=None,
        ops=tuple(ops),
    )


def refused(given: CompileOptions, *codes: str, nodes: Mapping[str, tuple[str, ...]] | None = None) -> Outcome:
    """The compiler's no, with these codes."""
    found = tuple(
        Diagnostic(code=code, message=f"{code} happened", nodes=(nodes or {}).get(code, ())) for code in codes
    )
    return Outcome(given, (verdict(conversion.NAME, len(codes)),), diagnostics=found)


def compiled(
    given: CompileOptions,
    *,
    layers: Iterable[Any] = (),
    distance: float = 0.001,
    milliseconds: float = 1.0,
    times: Mapping[str, float] | None = None,
    fusion: FusionTrial | None = None,
    **values: float,
) -> Outcome:
    """What compiles: verdicts on distance and latency, and on whatever else is named."""
    judged = {"relative_euclidean_distance": distance, "latency_p99_ms": milliseconds, **values}
    return Outcome(
        given,
        (verdict(conversion.NAME, 0), *(verdict(name, value) for name, value in judged.items())),
        comparison=comparison(layers, distance, fusion),
        profile=profile(milliseconds, times),
    )


@dataclass
class FakeBench:
    """Answers by a function of model and options, and counts."""

    answer: Callable[[ModelProto, CompileOptions], Outcome]
    origin: Origin = "emulated"
    tried: list[CompileOptions] = field(default_factory=list)

    def try_(self, model: ModelProto, options: CompileOptions) -> Outcome:
        self.tried.append(options)
        return self.answer(model, options)

    def inputs(self, model: ModelProto, _options: CompileOptions) -> "dict[str, NDArray[Any]]":
        rng = np.random.default_rng(0)
        return {
            value.name: rng.standard_normal([d.dim_value or 1 for d in value.type.tensor_type.shape.dim]).astype("f4")
            for value in model.graph.input
        }
