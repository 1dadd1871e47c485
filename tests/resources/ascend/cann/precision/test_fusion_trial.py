"""The same model without fusion: what the pair of errors says."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.precision.fusion_trial import largest_distance, trial, verdict, wanted, without_fusion
from resources.ascend.metrics import DISTANCE_LIMIT, output_metrics
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import OutputComparison

OPTIONS = CompileOptions(soc_version="Ascend310P3", precision_mode="force_fp16")


def output(error: float) -> OutputComparison:
    return output_metrics("y", np.array([1.0 + error, 1.0]), np.array([1.0, 1.0]))


@pytest.mark.parametrize(
    ("fused", "unfused", "said"),
    [
        (0.5, 0.01, "fusion"),
        (0.5, 0.5, "arithmetic"),
        (0.5, 0.3, "arithmetic"),
        (3.0, 0.2, "fusion"),
        (0.01, 0.5, "neither"),
        (0.05, 0.0, "neither"),
        (math.nan, 0.2, "fusion"),
        (math.inf, 0.01, "fusion"),
        (math.nan, math.nan, "arithmetic"),
        (math.inf, math.inf, "arithmetic"),
        (0.5, math.nan, "arithmetic"),
        (0.01, math.nan, "neither"),
    ],
)
def test_the_verdict(fused: float, unfused: float, said: str) -> None:
    assert verdict(fused, unfused) == said


@given(st.floats(0), st.floats(0), st.floats(0))
def test_a_smaller_error_without_fusion_never_clears_fusion(fused: float, one: float, other: float) -> None:
    if verdict(fused, max(one, other)) == "fusion":
        assert verdict(fused, min(one, other)) == "fusion"
    assert (verdict(fused, one) == "neither") == (fused <= DISTANCE_LIMIT)


def test_a_trial_is_wanted_when_something_is_beyond_the_limits() -> None:
    assert not wanted([output(0.01)], bad_layer=False)
    assert wanted([output(0.01), output(1.0)], bad_layer=False)
    assert wanted([output(math.nan)], bad_layer=False)
    assert wanted([output(0.01)], bad_layer=True)


def test_the_largest_distance_is_nan_where_one_is() -> None:
    assert largest_distance([output(0.2), output(0.1)]) == output(0.2).relative_euclidean_distance
    assert math.isnan(largest_distance([output(0.2), output(math.nan)]))
    assert largest_distance([]) == 0


def test_all_passes_are_off_and_nothing_else_changes() -> None:
    off = without_fusion(OPTIONS)
    assert off == CompileOptions.model_validate({**OPTIONS.model_dump(), "fusion_switches": {"ALL": "off"}})


class Compiler:
    def __init__(self) -> None:
        self.calls: list[tuple[CompileOptions, Path]] = []

    def __call__(self, options: CompileOptions, om: Path) -> Sequence[str]:
        self.calls.append((options, om))
        return ["MatMulBiasAddFusionPass"]


def test_passes_are_named_where_fusion_is_to_blame(tmp_path: Path) -> None:
    compiler = Compiler()
    measured: list[Path] = []

    def measure(om: Path) -> Sequence[OutputComparison]:
        measured.append(om)
        return [output(0.01)]

    found = trial(OPTIONS, [output(1.0)], compiler, measure, tmp_path)
    assert found.verdict == "fusion"
    assert found.passes == ("MatMulBiasAddFusionPass",)
    assert measured == [tmp_path / "unfused.om"]
    assert compiler.calls == [(without_fusion(OPTIONS), tmp_path / "unfused.om"), (OPTIONS, tmp_path / "fused.om")]
    assert (found.fused, found.unfused) == tuple(output(error).relative_euclidean_distance for error in (1.0, 0.01))


def test_one_compilation_is_enough_where_it_is_not(tmp_path: Path) -> None:
    compiler = Compiler()
    found = trial(OPTIONS, [output(1.0)], compiler, lambda _: [output(1.0)], tmp_path)
    assert (found.verdict, found.passes) == ("arithmetic", ())
    assert len(compiler.calls) == 1
