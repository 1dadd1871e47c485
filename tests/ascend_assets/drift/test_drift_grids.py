"""Cells are chosen from the reference: categories, levels or numbers, each with bins that say something."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.drift.grids import BINS, CELLS, MAX_CATEGORIES, MAX_LEVELS, UNSEEN, Grid, grid
from ascend_assets.drift.summary import counts, summary


def shares(cells: Grid, *values: float) -> dict[str, int]:
    found = counts(cells, summary(cells, np.array(values, dtype=np.float64)))
    return {name: int(n) for name, n in zip((*cells.labels, "missing"), found, strict=True) if n}


def test_integers_with_few_values_are_categories_and_a_new_one_is_unseen() -> None:
    cells = grid(np.array([7, 2, 2, 5, 3]), integer=True)
    assert cells.kind == "category"
    assert cells.labels == ("2", "3", "5", "7", UNSEEN)
    assert shares(cells, 2, 2, 3, 5, 7) == {"2": 2, "3": 1, "5": 1, "7": 1}
    assert shares(cells, 1, 4, 6, 8, -9) == {UNSEEN: 5}
    assert shares(cells, np.nan) == {"missing": 1}


def test_integers_with_many_values_are_numbers() -> None:
    assert grid(np.arange(MAX_CATEGORIES), integer=True).kind == "category"
    assert grid(np.arange(MAX_CATEGORIES + 1), integer=True).kind == "number"


def test_floats_with_few_values_have_levels_and_the_last_bit_is_none_of_them() -> None:
    levels = np.arange(17) / 16
    cells = grid(np.repeat(levels, 10), integer=False)
    assert cells.kind == "discrete"
    found = summary(cells, np.nextafter(levels, 2))
    assert counts(cells, found).tolist() == [1] * 17 + [0, 0]
    assert shares(cells, -1.0, 2.0, np.inf, -np.inf) == {UNSEEN: 4}
    assert grid(np.linspace(0, 1, MAX_LEVELS + 1), integer=False).kind == "number"


@pytest.mark.parametrize("value", [0.0, 1e-30, -3.5, 1e30])
def test_a_constant_has_one_level_and_anything_else_is_unseen(value: float) -> None:
    cells = grid(np.full(50, value), integer=False)
    assert shares(cells, value, value) == {f"{value:.6g}": 2}
    assert shares(cells, value + max(abs(value), 1.0), value - max(abs(value), 1.0)) == {UNSEEN: 2}


def test_numbers_have_bins_of_equal_share_and_cells_of_a_1024th() -> None:
    values = np.random.default_rng(0).normal(size=50_000)
    cells = grid(values, integer=False)
    assert cells.kind == "number"
    found = counts(cells, summary(cells, values))
    assert len(cells.labels) == BINS
    assert found[:-1] / len(values) == pytest.approx([0.1] * BINS, abs=1e-3)
    assert summary(cells, values).cells().max() <= len(values) / CELLS + 1


def test_a_value_that_is_nearly_always_there_leaves_bins_for_the_others() -> None:
    rng = np.random.default_rng(0)
    values = np.where(rng.random(10_000) < 0.95, 0.0, rng.exponential(size=10_000))
    found = counts(grid(values, integer=False), summary(grid(values, integer=False), values))
    assert len(found) > 6
    assert found.max() == pytest.approx(9500, abs=100)


@pytest.mark.parametrize("values", [[], [np.nan] * 9, [np.inf, -np.inf]])
def test_a_reference_without_a_number_still_has_cells(values: list[float]) -> None:
    cells = grid(np.array(values), integer=False)
    assert shares(cells, 1.0, -1.0, np.nan) == {"above 0": 1, "0 or less": 1, "missing": 1}


@given(
    st.lists(st.floats(-1e300, 1e300, allow_nan=False) | st.just(np.nan) | st.just(np.inf), max_size=80), st.booleans()
)
@settings(max_examples=120, deadline=None)
def test_of_any_reference_the_edges_ascend_and_every_bin_has_a_name(values: list[float], whole: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    reference = np.array(values, dtype=np.float64)
    if whole:
        reference = np.round(np.nan_to_num(reference, posinf=0) % 1000)
    cells = grid(reference, integer=whole)
    assert np.isfinite(cells.edges).all()
    assert (np.diff(cells.edges) > 0).all()
    assert len(cells.bin_of_cell) == len(cells.edges) + 1
    assert cells.bin_of_cell.min() >= 0
    assert cells.bin_of_cell.max() < len(cells.labels)
    found = counts(cells, summary(cells, reference))
    assert found.sum() == len(reference)
    assert found[-1] == np.isnan(reference).sum()
