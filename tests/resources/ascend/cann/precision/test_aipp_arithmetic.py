"""What AIPP makes of an image: swap, crop, colours, mean and scale, padding, in this order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from resources.ascend.aipp import StaticAipp
from resources.ascend.cann.precision.aipp_arithmetic import prepared

RGB: NDArray[np.uint8] = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
SHAPE = (2, 3, 4, 6)


def aipp(**fields: Any) -> StaticAipp:
    return StaticAipp.model_validate({"input_format": "RGB888_U8", **fields})


def test_an_image_comes_out_as_nchw() -> None:
    made = prepared(aipp(), RGB, SHAPE)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, RGB.transpose(0, 3, 1, 2))


def test_each_channel_has_its_mean_minimum_and_scale_after_the_swap() -> None:
    op = aipp(rbuv_swap_switch=True, mean_chn=(10, 20), min_chn=(0.5,), var_reci_chn=(0.5, 0.25, 2))
    red, green, blue = RGB.transpose(3, 0, 1, 2).astype(float)
    wanted = np.stack([(blue - 10.5) * 0.5, (green - 20) * 0.25, red * 2], axis=1)
    np.testing.assert_array_equal(prepared(op, RGB, SHAPE), wanted)


def test_padding_comes_last_and_is_not_scaled() -> None:
    sizes = {"src_image_size_w": 6, "src_image_size_h": 4}
    crop = {"crop": True, "load_start_pos_h": 1, "load_start_pos_w": 2, "crop_size_h": 2, "crop_size_w": 3}
    pad = {"padding": True, "left_padding_size": 1, "bottom_padding_size": 2, "padding_value": 7.0}
    made = prepared(aipp(**sizes, **crop, **pad, var_reci_chn=(2, 2, 2)), RGB, (2, 3, 4, 4))
    np.testing.assert_array_equal(made[:, :, :2, 1:], RGB[:, 1:3, 2:5].transpose(0, 3, 1, 2) * 2.0)
    assert (made[:, :, 2:] == 7).all()
    assert (made[:, :, :, 0] == 7).all()


def test_results_have_the_precision_of_fp16() -> None:
    made = prepared(aipp(var_reci_chn=(1 / 3, 1 / 3, 1 / 3)), RGB, SHAPE)
    np.testing.assert_array_equal(made, made.astype(np.float16))
    np.testing.assert_allclose(made, RGB.transpose(0, 3, 1, 2) / 3, rtol=1e-3)


def test_yuv_has_one_colour_for_four_pixels() -> None:
    """Rows of brightness, then rows of U and V in turn."""
    image = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [10, 20, 30, 40]], np.uint8).reshape(1, 3, 4, 1)
    made = prepared(aipp(input_format="YUV420SP_U8"), image, (1, 3, 2, 4))
    np.testing.assert_array_equal(made[0, 0], [[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(made[0, 1], [[10, 10, 30, 30]] * 2)
    np.testing.assert_array_equal(made[0, 2], [[20, 20, 40, 40]] * 2)
    swapped = prepared(aipp(input_format="YUV420SP_U8", rbuv_swap_switch=True), image, (1, 3, 2, 4))
    np.testing.assert_array_equal(swapped[:, [0, 2, 1]], made)


@given(st.integers(16, 235))
def test_grey_stays_grey(level: int) -> None:
    """BT.601, whose black is 16 and white 235; the factors are 298/256, and fractions are cut off."""
    image = np.concatenate([np.full((1, 4, 4, 1), level), np.full((1, 2, 4, 1), 128)], axis=1).astype(np.uint8)
    made = prepared(aipp(input_format="YUV420SP_U8", csc_switch=True), image, (1, 3, 4, 4))
    wanted = (level - 16) * 255 / 219
    np.testing.assert_allclose(made, wanted, atol=2)


def test_a_matrix_of_its_own_replaces_the_default() -> None:
    image = np.concatenate([np.full((1, 2, 2, 1), 100), np.full((1, 1, 2, 1), 90)], axis=1).astype(np.uint8)
    matrix = ((256, 0, 0), (0, 256, 0), (0, 0, -256))
    made = prepared(
        aipp(input_format="YUV420SP_U8", csc_switch=True, matrix=matrix, input_bias=(1, 2, 3)), image, (1, 3, 2, 2)
    )
    np.testing.assert_array_equal(made[0, :, 0, 0], [99, 88, 0])


def test_grey_images_have_one_channel() -> None:
    made = prepared(aipp(input_format="YUV400_U8", mean_chn=(1,)), RGB[..., :1], (2, 1, 4, 6))
    np.testing.assert_array_equal(made, RGB[..., :1].transpose(0, 3, 1, 2) - 1.0)


@pytest.mark.parametrize(
    ("op", "images", "shape", "says"),
    [
        (aipp(), RGB.astype(np.float32), SHAPE, "images are float32"),
        (aipp(), RGB[:1], SHAPE, r"uint8 of \(2, 4, 6, 3\) is wanted"),
        (aipp(), RGB, (2, 1, 4, 6), r"makes \(2, 3, 4, 6\) of them, and the model takes \(2, 1, 4, 6\)"),
        (aipp(csc_switch=True), RGB, SHAPE, "converts RGB888_U8 is not published"),
        (aipp(input_format="XRGB8888_U8"), np.zeros((2, 4, 6, 4), np.uint8), SHAPE, "XRGB8888_U8 is not published"),
    ],
)
def test_what_is_not_computed_is_said(op: StaticAipp, images: NDArray[Any], shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        prepared(op, images, shape)
