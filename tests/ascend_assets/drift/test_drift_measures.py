"""Distances agree with scipy's on the samples themselves, and keep the laws of distances."""

import numpy as np
import pytest
from drifting import compared
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial import distance as scipy_distance

from ascend_assets.drift import measures
from ascend_assets.drift.judge import Compared
from ascend_assets.drift.summary import counts

Floats = NDArray[np.float64]

SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "shifted far away": lambda rng, n: rng.normal(1e9, 1.0, size=n),
    "heavy tails": lambda rng, n: rng.standard_cauchy(size=n),
    "mostly zero": lambda rng, n: np.maximum(rng.normal(-1.5, 1, size=n), 0),
    "two heaps": lambda rng, n: np.where(rng.random(n) < 0.5, rng.normal(-9, 1, n), rng.normal(9, 1, n)),
    "counts": lambda rng, n: rng.poisson(300, size=n).astype(float),
}


def pair(shape: str, rows: tuple[int, int], change: float, seed: int = 0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    reference, production = (SHAPES[shape](rng, n) for n in rows)
    return reference, production + change * np.std(reference)


def binned(one: Compared) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return counts(one.grid, one.reference), counts(one.grid, one.production)


def shifted(shift: float, rows: int = 200_000) -> Compared:
    """Normal quantiles on both sides: no chance in it."""
    normal = stats.norm.ppf((np.arange(rows) + 0.5) / rows)
    return compared(normal, normal + shift)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [(300, 4000), (5000, 800)])
@pytest.mark.parametrize("change", [0.0, 0.3])
def test_the_bounds_of_ks_hold_the_true_distance_and_are_close(
    shape: str, rows: tuple[int, int], change: float
) -> None:
    reference, production = pair(shape, rows, change)
    one = compared(reference, production)
    found = measures.ks(one.reference, one.production)
    truth = stats.ks_2samp(reference, production).statistic
    assert found.low - 1e-12 <= truth <= found.high + 1e-12
    assert found.high - found.low <= 1.1 / 1024


def test_where_every_value_of_the_reference_is_an_edge_ks_is_exact() -> None:
    reference, production = pair("mostly zero", (900, 5000), 0.1)
    one = compared(reference, production)
    found = measures.ks(one.reference, one.production)
    assert found.low == found.high == pytest.approx(stats.ks_2samp(reference, production).statistic, abs=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [(300, 4000), (5000, 800)])
@pytest.mark.parametrize("change", [0.0, 0.3])
def test_the_bounds_of_wasserstein_hold_the_true_distance_and_are_close(
    shape: str, rows: tuple[int, int], change: float
) -> None:
    reference, production = pair(shape, rows, change)
    one = compared(reference, production)
    found = measures.wasserstein(one.grid, one.reference, one.production)
    truth = stats.wasserstein_distance(reference, production)
    # Where the values lie at 1e9, their last bits are 1e-7 of a standard deviation each.
    slack = 1e-9 * truth + 1e-14 * np.abs(reference).max() * 1024
    assert found.low - slack <= truth <= found.high + slack
    assert found.high - found.low <= 0.05 * truth + slack


@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.integers(1, 6))
@settings(max_examples=80, deadline=None)
def test_of_any_few_values_with_ties_both_are_within_bounds(seed: int, n: int, m: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, levels * 30, size=n).astype(float)
    production = rng.integers(-levels, levels * 31, size=m).astype(float)
    one = compared(reference, production)
    ks = measures.ks(one.reference, one.production)
    if one.grid.kind == "number":
        assert ks.low - 1e-9 <= stats.ks_2samp(reference, production).statistic <= ks.high + 1e-9
    earth = measures.wasserstein(one.grid, one.reference, one.production)
    truth = stats.wasserstein_distance(reference, production)
    assert earth.low - 1e-9 <= truth <= earth.high + 1e-9


@pytest.mark.parametrize(("n", "m"), [(500, 500), (600, 20_000), (2000, 1500)])
def test_the_probability_of_a_ks_distance_is_scipys(n: int, m: int) -> None:
    for seed in range(20):
        reference, production = pair("normal", (n, m), 0.05, seed)
        found = stats.ks_2samp(reference, production, method="asymp")
        assert measures.ks_p(found.statistic, n, m) == pytest.approx(found.pvalue, rel=0.12, abs=0.004)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=20))
@settings(max_examples=100, deadline=None)
def test_jensen_shannon_is_scipys(rows: list[tuple[int, int]]) -> None:
    reference, production = np.array([[1, 1], *rows]).T
    expected = scipy_distance.jensenshannon(reference, production, base=2)
    assert measures.jensen_shannon(reference, production) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_chi_square_is_scipys_where_enough_is_expected_everywhere(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, production = rng.multinomial(900, [0.1] * 10), rng.multinomial(700, rng.dirichlet([60.0] * 10))
    expected = stats.chi2_contingency([reference, production], correction=False).pvalue
    assert measures.chi_square_p(reference, production) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_of_two_sides_of_one_size_v_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, production = rng.multinomial(1000, [0.2] * 5), rng.multinomial(1000, rng.dirichlet([5.0] * 5))
    expected = stats.contingency.association([reference, production], method="cramer")
    assert measures.cramers_v(reference, production) == pytest.approx(expected, abs=1e-9)


def test_v_does_not_fall_because_one_side_is_large() -> None:
    reference, production = np.array([300, 300]), np.array([400, 200])
    assert measures.cramers_v(reference, production * 5000) == pytest.approx(
        measures.cramers_v(reference, production), abs=1e-12
    )


def test_rare_bins_are_pooled_before_they_are_a_probability() -> None:
    reference, production = np.array([1000, 1, 0, 1, 0]), np.array([1000, 0, 1, 0, 1])
    assert measures.chi_square_p(reference, production) == pytest.approx(1.0, abs=0.2)
    assert measures.chi_square_p(np.array([1000, 0]), np.array([1000, 0])) == 1.0


def test_psi_of_a_small_shift_is_small_and_ks_sees_it() -> None:
    one = shifted(0.2)
    reference, production = binned(one)
    assert measures.psi(reference, production) == pytest.approx(0.038, abs=0.002)
    found = measures.ks(one.reference, one.production)
    assert found.low == pytest.approx(2 * stats.norm.cdf(0.1) - 1, abs=1e-3)
    assert measures.ks_p(found.low, 2000, 2000) < 0.01


@pytest.mark.parametrize("shape", SHAPES)
def test_of_the_same_values_every_distance_is_nothing(shape: str) -> None:
    values, _ = pair(shape, (3000, 1), 0)
    one = compared(values, values)
    reference, production = binned(one)
    assert measures.psi(reference, production) == 0
    assert measures.jensen_shannon(reference, production) == pytest.approx(0, abs=1e-9)
    assert measures.cramers_v(reference, production) == 0
    assert measures.chi_square_p(reference, production) == 1
    assert measures.ks(one.reference, one.production).low == 0
    assert measures.wasserstein(one.grid, one.reference, one.production).low == 0
    assert measures.ks_p(0.0, 3000, 3000) == 1


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 900)), min_size=2, max_size=12))
@settings(max_examples=60, deadline=None)
def test_distances_of_bins_are_the_same_in_both_directions(rows: list[tuple[int, int]]) -> None:
    reference, production = np.array([[1, 2], *rows]).T
    for measure in (measures.psi, measures.jensen_shannon, measures.cramers_v, measures.chi_square_p):
        assert measure(reference, production) == pytest.approx(measure(production, reference), abs=1e-12)


def test_distances_of_cells_are_the_same_in_both_directions() -> None:
    reference, production = pair("two heaps", (700, 900), 0.4)
    one = compared(reference, production)
    assert measures.ks(one.reference, one.production) == measures.ks(one.production, one.reference)
    there = measures.wasserstein(one.grid, one.reference, one.production)
    back = measures.wasserstein(one.grid, one.production, one.reference)
    assert [there.low, there.high] == pytest.approx([back.low, back.high])


def test_a_larger_shift_is_a_larger_distance() -> None:
    shifts = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
    found = [shifted(shift, 20_000) for shift in shifts]
    for measure in (measures.psi, measures.jensen_shannon, measures.cramers_v):
        distances = [measure(*binned(one)) for one in found]
        assert distances == sorted(distances)
        assert distances[0] < distances[-1]
    for bounds in (
        [measures.ks(one.reference, one.production).low for one in found],
        [measures.wasserstein(one.grid, one.reference, one.production).low for one in found],
    ):
        assert bounds == sorted(bounds)
    earth = [measures.wasserstein(one.grid, one.reference, one.production).low for one in found]
    assert earth == pytest.approx(shifts, rel=0.01)


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_what_chance_comes_to_is_what_psi_is_on_average_where_nothing_drifts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = np.full(10, 0.1)
    rows = [(rng.multinomial(900, shares), rng.multinomial(1500, shares)) for _ in range(300)]
    mean = np.mean([measures.psi(p, q) for p, q in rows])
    assert mean == pytest.approx(np.mean([measures.by_chance(p, q) for p, q in rows]), rel=0.25)
    jensen_shannon = np.mean([measures.jensen_shannon(p, q) ** 2 for p, q in rows])
    assert jensen_shannon == pytest.approx(measures.by_chance(*rows[0]) / (8 * np.log(2)), rel=0.25)
    v = np.mean([measures.cramers_v(p, q) ** 2 for p, q in rows])
    assert v == pytest.approx(measures.by_chance(*rows[0]) / 4, rel=0.25)


def test_values_that_are_missing_lie_beyond_all_others() -> None:
    values = np.linspace(0, 1, 1000)
    holed = np.where(np.arange(1000) % 4 == 0, np.nan, values)
    one = compared(values, holed)
    assert measures.ks(one.reference, one.production).low == pytest.approx(0.25, abs=1e-9)
    reference, production = binned(one)
    assert (reference[-1], production[-1]) == (0, 250)
    assert measures.psi(reference, production) > 1
    assert measures.wasserstein(one.grid, one.reference, one.production).low == pytest.approx(0, abs=1e-3)


def test_infinite_values_are_infinitely_far() -> None:
    values = np.linspace(0, 1, 1000)
    one = compared(values, np.append(values, np.inf))
    assert measures.wasserstein(one.grid, one.reference, one.production).low == np.inf
    nothing = compared(values, np.full(10, np.nan))
    assert measures.wasserstein(nothing.grid, nothing.reference, nothing.production).low == np.inf
    assert measures.ks(nothing.reference, nothing.production).low == 1
