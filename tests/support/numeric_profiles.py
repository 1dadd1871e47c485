"""Profiles, verdicts and fusion trials that no small graph gives on an emulator, made by hand."""

from dataclasses import replace
from typing import Any

from numeric_faults import model as graph
from numeric_faults import normal, step, unseen

from ascend_assets.diagnosis.case import Case
from ascend_assets.gates.criteria import CRITERIA
from ascend_assets.gates.verdict import Verdict, judge
from resources.ascend.toolchain import Comparison, FusionTrial, Latency, OpTime, Profile

MIB = 1 << 20


def op(node: str, kind: str, time_us: float, bound: str = "vector", core: str = "") -> OpTime:
    figures = {"node": node, "op": kind, "time_us": time_us, "bound": bound, "flops": 1, "bytes": 1, "core": core}
    return OpTime.model_validate(figures)


def profile(*ops: OpTime, **changed: Any) -> Profile:
    figures = {
        "origin": "measured",
        "soc_version": "Ascend310P3",
        "batch": 4,
        "latency_ms": Latency(p50=30, p90=31, p99=32),
        "throughput": 100.0,
        "aicore_utilisation": 0.8,
        "memory_bytes": 100 * MIB,
        "memory_available_bytes": 20_000 * MIB,
        "bound": "cube",
        "error_band": None,
        "ops": ops,
    }
    return Profile.model_validate(figures | changed)


def refused(criterion: str, value: float) -> Verdict:
    verdict = judge(CRITERIA[criterion], value, why="as planted", origin="measured", subject="a" * 64)
    assert not verdict
    return verdict


def image_net(channels: int = 3, *, aipp: bool = False, **options: Any) -> Case:
    """One convolution on an image."""
    made = graph(
        [step("Conv", "image w", "conv"), step("Relu", "conv", "y")],
        {"image": (1, channels, 16, 16)},
        {"w": normal(8, channels, 3, 3)},
    )
    cropped = {"aipp_mode": "static", "input_format": "RGB888_U8", "src_image_size_w": 16, "src_image_size_h": 16}
    return unseen(made, **({"aipp": (cropped,)} if aipp else {}), **options)


def slow(case: Case, profiled: Profile | None = None) -> Case:
    """The case, refused for its latency."""
    return replace(case, profile=profiled, verdicts=(refused("latency_p99_ms", 32.0),))


def short_of_memory(case: Case, needed_mib: int) -> Case:
    """The case on a card of 21 GiB."""
    timed = profile(memory_bytes=needed_mib * MIB, memory_available_bytes=21_000 * MIB)
    return replace(case, profile=timed, verdicts=(refused("memory_fit", needed_mib / 21_000),))


def fused(case: Case, *passes: str, verdict: str = "fusion") -> Case:
    """The case, compiled again without fusion."""
    trial = FusionTrial.model_validate({"fused": 0.4, "unfused": 0.001, "passes": passes, "verdict": verdict})
    compared = Comparison(origin="measured", layers=(), outputs=(), first_bad_layer=None, fusion=trial)
    return replace(case, comparison=compared, verdicts=(refused("relative_euclidean_distance", 0.4),))
