"""Which features an input has, whatever it is, and that there are never too many."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ascend_assets.drift.features import ALL_ELEMENTS, MAX_CHANNELS, MAX_ELEMENTS, STATISTICS, Features, features
from ascend_assets.spec import Input


def of(*shape: int | str, dtype: Any = "float32", name: str = "x") -> Features:
    (found,) = features([Input(name=name, dtype=dtype, shape=shape)])
    return found


def test_each_element_of_a_small_input_is_a_feature_in_c_order() -> None:
    found = of("batch", 1, 8, 8, name="image")
    assert found.names == tuple(f"image[{place}]" for place in range(64))
    rows = np.arange(3 * 64, dtype=np.float32).reshape(3, 64)
    assert (found.columns(rows) == rows.T).all()


def test_one_value_has_the_inputs_name() -> None:
    found = of("batch", dtype="int64", name="age")
    assert found.names == ("age",)
    assert found.integer
    assert found.columns(np.array([[3], [4]])).tolist() == [[3, 4]]


def test_a_large_image_has_statistics_for_each_channel() -> None:
    found = of("batch", 3, 32, 32)
    assert len(found.names) == 3 * len(STATISTICS)
    assert found.names[:3] == ("x.c0.mean", "x.c0.std", "x.c0.min")
    images = np.random.default_rng(0).random((5, 3, 32, 32)).astype(np.float32)
    named = dict(zip(found.names, found.columns(images.reshape(5, -1)), strict=True))
    channel = images[:, 1].reshape(5, -1)
    assert named["x.c1.mean"] == pytest.approx(channel.mean(axis=1), rel=1e-5)
    assert named["x.c1.std"] == pytest.approx(channel.std(axis=1), rel=1e-4)
    assert named["x.c1.max"] == pytest.approx(channel.max(axis=1))
    assert named["x.c1.p50"] == pytest.approx(np.median(channel, axis=1), rel=1e-5)
    assert named["x.c1.nonzero"].tolist() == [1024] * 5


def test_channels_may_come_last() -> None:
    images = np.random.default_rng(0).random((4, 20, 30, 3)).astype(np.float32)
    first, last = of("n", 3, 20, 30), of("n", 20, 30, 3)
    assert first.names == last.names
    turned = images.transpose(0, 3, 1, 2).reshape(4, -1)
    assert last.columns(images.reshape(4, -1)) == pytest.approx(first.columns(turned), rel=1e-6)


def test_a_long_text_is_known_by_its_length_and_its_numbers() -> None:
    found = of("batch", 512, dtype="int64", name="ids")
    assert found.names == tuple(f"ids.{name}" for name in STATISTICS)
    assert not found.integer
    rows = np.zeros((2, 512), dtype=np.int64)
    rows[0, :40] = 7
    named = dict(zip(found.names, found.columns(rows), strict=True))
    assert named["ids.nonzero"].tolist() == [40, 0]
    assert named["ids.max"].tolist() == [7, 0]


def test_an_open_dimension_has_statistics_of_whatever_comes() -> None:
    found = of("batch", "length", dtype="int64")
    assert found.shape is None
    assert found.fits(3)
    assert found.fits(5000)
    assert not found.fits(0)
    assert of("batch", 4, 2).fits(8)
    assert not of("batch", 4, 2).fits(9)


def test_a_nan_in_a_large_input_is_not_averaged_away() -> None:
    rows = np.ones((2, 300), dtype=np.float32)
    rows[0, 17] = np.nan
    named = dict(zip(of("n", 300).names, of("n", 300).columns(rows), strict=True))
    assert np.isnan(named["x.mean"]).tolist() == [True, False]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "bool"])
def test_statistics_are_of_any_type(dtype: str) -> None:
    rows = np.ones((3, 400)).astype(dtype)
    named = dict(zip(of("n", 400).names, of("n", 400).columns(rows), strict=True))
    assert named["x.mean"].tolist() == [1, 1, 1]
    assert named["x.std"].tolist() == [0, 0, 0]


@given(
    st.lists(st.lists(st.sampled_from([1, 2, 3, 7, 100, 3000, "free"]), max_size=4), min_size=1, max_size=64),
)
@settings(max_examples=80, deadline=None)
def test_features_are_bounded_and_named_once(shapes: list[list[int | str]]) -> None:
    inputs = [Input(name=f"i{place}", shape=("batch", *shape)) for place, shape in enumerate(shapes)]
    found = features(inputs)
    names = [name for one in found for name in one.names]
    assert len(set(names)) == len(names)
    elements = [len(one.names) for one in found if not one.channels]
    assert sum(elements) <= ALL_ELEMENTS
    assert max(elements, default=0) <= MAX_ELEMENTS
    assert all(len(one.names) <= MAX_CHANNELS * len(STATISTICS) for one in found if one.channels)
    for one in found:
        if one.shape is not None and math.prod(one.shape) <= 3000:
            rows = np.ones((2, math.prod(one.shape)), dtype=np.float32)
            assert one.columns(rows).shape == (len(one.names), 2)
