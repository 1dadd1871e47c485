"""Corrected p-values are scipy's, and hold what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ascend_assets.drift.correction import corrected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
@settings(max_examples=100, deadline=None)
def test_it_is_scipys_procedure(p_values: list[float]) -> None:
    found = corrected(np.array(p_values))
    assert found == pytest.approx(stats.false_discovery_control(p_values, method="bh"), abs=1e-12)
    assert (found >= np.array(p_values) - 1e-12).all()


def test_one_feature_needs_no_correction() -> None:
    assert corrected(np.array([0.03])).tolist() == [0.03]
    assert corrected(np.array([])).tolist() == []


def test_where_nothing_has_drifted_anything_is_called_so_as_rarely_as_asked_for() -> None:
    rng = np.random.default_rng(0)
    rejected = [corrected(rng.random(64)).min() < 0.05 for _ in range(2000)]
    assert np.mean(rejected) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)
    without = [rng.random(64).min() < 0.05 for _ in range(200)]
    assert np.mean(without) > 0.9
