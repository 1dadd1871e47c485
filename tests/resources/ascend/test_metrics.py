"""msaccucmp's metrics, by their definitions and laws."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numeric_models import f32, i64

from resources.ascend import metrics
from resources.ascend.metrics import (
    Gatherer,
    cosine_similarity,
    kullback_leibler_divergence,
    output_metrics,
    relative_euclidean_distance,
)
from resources.ascend.toolchain import OutputComparison

SIZES = st.integers(2, 40)
NORMAL = 2.0**-14
MODERATE = st.floats(-1e3, 1e3, width=32)
WITH_SPECIAL = st.one_of(MODERATE, st.sampled_from([0.0, math.inf, -math.inf, math.nan, 1e30, 1e-30, 6e-8]))


def of(x: list[float], y: list[float]) -> OutputComparison:
    return output_metrics("y", f32(x), f32(y))


def test_the_definitions_on_an_example_worked_by_hand() -> None:
    found = of([1, 2, 4], [1, 1, 5])
    assert found.cosine_similarity == pytest.approx((1 + 2 + 20) / math.sqrt(21 * 27))
    assert found.max_absolute_error == 1
    assert found.accumulated_relative_error == pytest.approx(0 + 1 + 0.2)
    assert found.relative_euclidean_distance == pytest.approx(math.sqrt(2 / 27))
    assert found.mean_absolute_error == pytest.approx(2 / 3)
    assert found.root_mean_square_error == pytest.approx(math.sqrt(2 / 3))
    assert found.max_relative_error == pytest.approx(1)
    assert found.mean_relative_error == pytest.approx(1.2 / 3)
    assert found.non_finite == 0


def test_the_divergence_by_hand() -> None:
    """[0, 1, 3] becomes [0, 1/3, 1] floored at 2^-23; both divided by their sums."""
    floor = 2.0**-23
    p, q = np.array([floor, 1 / 3, 1]), np.array([floor, 1 / 2, 1])
    p, q = p / p.sum(), q / q.sum()
    expected = float((p * np.log(p / q)).sum())
    assert of([0, 1, 3], [0, 1, 2]).kullback_leibler_divergence == pytest.approx(expected)


def test_elements_whose_reference_is_zero_count_as_no_relative_error() -> None:
    found = of([5, 1], [0, 2])
    assert found.max_relative_error == 0.5
    assert found.mean_relative_error == 0.25
    assert found.accumulated_relative_error == 0.5


@pytest.mark.parametrize(
    ("x", "y", "cosine", "distance"),
    [
        ([0, 0], [0, 0], 1.0, 0.0),
        ([0, 0], [1, 1], math.nan, 1.0),
        ([1, 1], [0, 0], math.nan, 0.0),  # as msaccucmp has it: no reference, no distance
        ([3], [-3], 1.0, 2.0),  # "This tensor is scalar."
        ([], [], 1.0, 0.0),
    ],
)
def test_the_edges_are_msaccucmps(x: list[float], y: list[float], cosine: float, distance: float) -> None:
    found = of(x, y)
    assert found.cosine_similarity == pytest.approx(cosine, nan_ok=True)
    assert found.relative_euclidean_distance == pytest.approx(distance)


def test_a_constant_tensor_has_a_divergence() -> None:
    assert of([2, 2], [2, 2]).kullback_leibler_divergence == 0
    assert math.isfinite(of([-3, -3], [1, 2]).kullback_leibler_divergence)


def test_non_finite_counts_what_only_the_device_lost() -> None:
    found = of([math.inf, math.nan, math.inf, 1], [1, 1, math.inf, 1])
    assert found.non_finite == 2
    assert math.isnan(found.cosine_similarity)
    assert math.isnan(found.max_absolute_error)


def test_other_shapes_are_nan_throughout() -> None:
    found = output_metrics("y", np.zeros(3, np.float32), np.zeros(4, np.float32))
    assert all(math.isnan(v) for k, v in found.model_dump().items() if k not in {"name", "non_finite"})
    assert found.non_finite == 4


def test_integers_and_booleans_are_compared_as_numbers() -> None:
    assert output_metrics("y", np.array([True, False]), np.array([True, True])).mean_absolute_error == 0.5
    assert output_metrics("y", i64([2**40]), i64([2**40 + 3])).max_absolute_error == 3


def test_strings_are_equal_or_not() -> None:
    words = np.array(["a", "b"], dtype=object)
    same, other = output_metrics("y", words, words), output_metrics("y", words, words[::-1])
    assert (same.cosine_similarity, same.max_absolute_error) == (1, 0)
    assert math.isnan(other.cosine_similarity)
    assert math.isnan(Gatherer().layer(words, words[::-1], NORMAL).relative_euclidean_distance)


@given(data=st.data())
def test_a_tensor_is_like_itself(data: st.DataObject) -> None:
    x = data.draw(hnp.arrays(np.float64, SIZES, elements=MODERATE))
    assert cosine_similarity(x, x) == pytest.approx(1)
    assert relative_euclidean_distance(x, x) == 0
    assert kullback_leibler_divergence(x, x) == 0


@given(pair=SIZES.flatmap(lambda n: st.tuples(*(hnp.arrays(np.float64, n, elements=MODERATE) for _ in "xy"))))
def test_cosine_is_symmetric_and_blind_to_length(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    assert cosine_similarity(x, y) == pytest.approx(cosine_similarity(y, x), nan_ok=True)
    if np.linalg.norm(x) > 1e-3:
        assert cosine_similarity(4 * x, y) == pytest.approx(cosine_similarity(x, y), nan_ok=True, abs=1e-12)


@given(pair=SIZES.flatmap(lambda n: st.tuples(*(hnp.arrays(np.float64, n, elements=MODERATE) for _ in "xy"))))
def test_distances_obey_their_order(pair: tuple[np.ndarray, np.ndarray]) -> None:
    found = output_metrics("y", *pair)
    assert found.mean_absolute_error <= found.root_mean_square_error * (1 + 1e-9)
    assert found.root_mean_square_error <= found.max_absolute_error * (1 + 1e-9)
    assert found.mean_relative_error <= found.max_relative_error * (1 + 1e-9)
    assert found.kullback_leibler_divergence >= -1e-12


@given(x=hnp.arrays(np.float32, SIZES, elements=MODERATE), at=st.integers(0, 1))
def test_nan_spreads_into_every_figure_of_distance(x: np.ndarray, at: int) -> None:
    y = x.copy()
    x[at] = math.nan
    found = output_metrics("y", x, y + f32(1))
    assert math.isnan(found.cosine_similarity)
    assert math.isnan(found.max_absolute_error)
    assert math.isnan(found.root_mean_square_error)
    assert found.non_finite >= 1


@given(pair=SIZES.flatmap(lambda n: st.tuples(*(hnp.arrays(np.float32, n, elements=WITH_SPECIAL) for _ in "xy"))))
@settings(max_examples=200)
def test_the_statistics_of_a_layer_are_the_metrics_of_its_tensor(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    found, expected = Gatherer().layer(x, y, NORMAL), output_metrics("y", x, y)
    assert found.cosine_similarity == pytest.approx(expected.cosine_similarity, nan_ok=True, abs=1e-6)
    assert found.largest == pytest.approx(expected.max_absolute_error, nan_ok=True, rel=1e-6)
    assert found.overflow == expected.non_finite
    distance = found.relative_euclidean_distance
    assert distance == pytest.approx(expected.relative_euclidean_distance, nan_ok=True, rel=1e-4, abs=1e-15)


@given(pair=SIZES.flatmap(lambda n: st.tuples(*(hnp.arrays(np.float32, n, elements=WITH_SPECIAL) for _ in "xy"))))
def test_underflow_counts_what_became_zero_or_subnormal(pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    assert Gatherer().layer(x, y, NORMAL).underflow == int(((np.abs(x) < NORMAL) & (y != 0)).sum())


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    y = random.standard_normal(5000).astype(np.float32)
    y[::3] = 0
    x = y + random.standard_normal(5000).astype(np.float32) * f32(1e-3)
    x[1::7] = 1e-6
    whole = Gatherer().layer(x, y, NORMAL)
    monkeypatch.setattr(metrics, "CHUNK", 700)
    parts = Gatherer().layer(x, y, NORMAL)
    assert parts.underflow == whole.underflow == int(((np.abs(x) < NORMAL) & (y != 0)).sum())
    assert parts.largest == whole.largest
    assert parts.relative_euclidean_distance == pytest.approx(whole.relative_euclidean_distance, rel=1e-6)
    assert Gatherer().own_distance(x, y, sample=False) == pytest.approx(whole.relative_euclidean_distance, rel=1e-6)


def test_knowing_that_nothing_is_negative_changes_nothing() -> None:
    y = np.maximum(np.random.default_rng(0).standard_normal(5000), 0).astype(np.float32)
    x = y.astype(np.float16).astype(np.float32)
    assert Gatherer().layer(x, y, NORMAL, nonnegative=True) == Gatherer().layer(x, y, NORMAL)


def test_a_small_difference_is_not_lost_in_the_cosine() -> None:
    """1 - cos of 5e-9, far below what FP32 sums of products could tell apart."""
    y = np.random.default_rng(0).standard_normal(1 << 16).astype(np.float32)
    x = y + np.random.default_rng(1).standard_normal(1 << 16).astype(np.float32) * f32(1e-4)
    exact = 1 - cosine_similarity(x.astype(np.float64), y.astype(np.float64))
    assert 1 - Gatherer().layer(x, y, NORMAL).cosine_similarity == pytest.approx(exact, rel=0.01)


def test_rounding_error_on_blocks_is_that_of_the_whole() -> None:
    y = np.random.default_rng(0).standard_normal(1 << 19).astype(np.float32)
    x = y.astype(np.float16).astype(np.float32)
    gatherer = Gatherer()
    assert gatherer.own_distance(x, y, sample=True) == pytest.approx(
        gatherer.own_distance(x, y, sample=False), rel=0.02
    )
