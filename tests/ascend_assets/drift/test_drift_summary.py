"""Summaries merge exactly in any order, lose no value, and take the memory of their grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from ascend_assets.drift.grids import CELLS, grid
from ascend_assets.drift.summary import Summary, counts, merged, summary

Floats = NDArray[np.float64]
VALUES = arrays(np.float64, st.integers(0, 60), elements=st.floats(width=32, allow_nan=True, allow_infinity=True))
REFERENCE = np.random.default_rng(3).normal(size=3000)
GRID = grid(REFERENCE, integer=False)


def same(one: Summary, other: Summary) -> bool:
    exact = all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("count", "missing", "infinite", "below", "upto", "smallest", "largest")
    )
    with np.errstate(over="ignore", invalid="ignore"):
        scale = 1e-12 * max(1.0, np.abs(one.sums).max(), np.abs(other.sums).max())
        return exact and bool(np.all(np.abs(one.sums - other.sums) <= scale))


@given(VALUES, VALUES)
@settings(max_examples=60, deadline=None)
def test_the_order_of_two_does_not_matter(a: Floats, b: Floats) -> None:
    one, other = summary(GRID, a), summary(GRID, b)
    assert same(one + other, other + one)
    assert np.array_equal((one + other).sums, (other + one).sums)


@given(VALUES, VALUES, VALUES)
@settings(max_examples=60, deadline=None)
def test_it_does_not_matter_which_are_merged_first(a: Floats, b: Floats, c: Floats) -> None:
    one, two, three = (summary(GRID, values) for values in (a, b, c))
    assert same((one + two) + three, one + (two + three))


@given(VALUES, st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_parts_merged_are_the_whole(values: Floats, parts: int) -> None:
    assert same(merged(summary(GRID, part) for part in np.array_split(values, parts)), summary(GRID, values))


@given(VALUES)
@settings(max_examples=60, deadline=None)
def test_no_value_is_lost(values: Floats) -> None:
    found = summary(GRID, values)
    assert found.count == len(values)
    assert found.missing == np.isnan(values).sum()
    assert found.infinite == np.isinf(values).sum()
    assert found.cells().sum() == found.known
    assert counts(GRID, found).sum() == found.count
    finite = values[np.isfinite(values)].astype(np.float64)
    assert found.sums.sum() == pytest.approx(finite.sum(), rel=1e-9, abs=1e-9 * np.abs(finite).sum() + 1e-12)
    assert found.smallest == (finite.min() if len(finite) else np.inf)
    assert found.largest == (finite.max() if len(finite) else -np.inf)


def test_counts_at_the_edges_are_those_of_the_values() -> None:
    values = np.random.default_rng(4).normal(size=500)
    found = summary(GRID, np.concatenate([values, GRID.edges[:5]]))
    everything = np.concatenate([values, GRID.edges[:5]])
    assert found.below.tolist() == [(everything < edge).sum() for edge in GRID.edges]
    assert found.upto.tolist() == [(everything <= edge).sum() for edge in GRID.edges]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_every_type_of_input_is_counted(dtype: str) -> None:
    values = np.array([0, 1, 1, 0, 1]).astype(dtype)
    found = summary(grid(values, integer=not dtype.startswith("float")), values)
    assert (found.count, found.missing, found.smallest, found.largest) == (5, 0, 0, 1)


def test_memory_is_the_grids_whatever_the_number_of_values() -> None:
    few = grid(REFERENCE[:900], integer=False)
    assert max(len(GRID.edges), len(few.edges) / 2) <= CELLS + 20
    small, large = summary(GRID, REFERENCE[:10]), summary(GRID, np.tile(REFERENCE, 50))
    assert small.below.nbytes == large.below.nbytes
    assert small.sums.nbytes == large.sums.nbytes


def test_numbers_that_no_double_can_add_up_spoil_only_their_own_cell() -> None:
    found = summary(GRID, np.array([1e308, 1e308, 0.1, 0.2]))
    assert found.count == 4
    assert np.isfinite(found.sums[:-1]).all()
