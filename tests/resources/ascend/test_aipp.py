"""AIPP's fields hold what ATC's template of the file allows, and what would have no effect is refused."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from resources.ascend.aipp import Aipp, DynamicAipp, StaticAipp

ADAPTER: TypeAdapter[StaticAipp | DynamicAipp] = TypeAdapter(Aipp)
SOURCE = {"src_image_size_w": 256, "src_image_size_h": 128}
CROP = {**SOURCE, "crop": True, "crop_size_w": 224, "crop_size_h": 112}


def static(**given: Any) -> StaticAipp:
    found = ADAPTER.validate_python({"aipp_mode": "static", "input_format": "RGB888_U8", **given})
    assert isinstance(found, StaticAipp)
    return found


def refusal(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        static(**given)
    return str(caught.value)


class TestMode:
    def test_it_must_be_said(self) -> None:
        with pytest.raises(ValidationError, match="aipp_mode"):
            ADAPTER.validate_python({"input_format": "RGB888_U8"})

    def test_a_static_one_needs_its_format(self) -> None:
        with pytest.raises(ValidationError, match="input_format"):
            ADAPTER.validate_python({"aipp_mode": "static"})

    def test_a_dynamic_one_needs_its_largest_size_and_takes_no_more(self) -> None:
        found = ADAPTER.validate_python({"aipp_mode": "dynamic", "max_src_image_size": 150528})
        assert isinstance(found, DynamicAipp)
        for wrong in ({}, {"max_src_image_size": 0}, {"max_src_image_size": 9, "crop": True}):
            with pytest.raises(ValidationError):
                ADAPTER.validate_python({"aipp_mode": "dynamic", **wrong})

    def test_rank_and_name_exclude_each_other(self) -> None:
        assert "exclude each other" in refusal(related_input_rank=0, related_input_name="x")
        assert "greater than or equal to 0" in refusal(related_input_rank=-1)


class TestRanges:
    @pytest.mark.parametrize(
        "given",
        [
            {"input_format": "NV12"},
            {"src_image_size_w": 4097},
            {"src_image_size_w": 1},
            {"src_image_size_h": -1},
            {"crop": True, **SOURCE, "load_start_pos_w": 4096},
            {"padding": True, **SOURCE, "left_padding_size": 33},
            {"padding": True, **SOURCE, "padding_value": 65505.0},
            {"csc_switch": True, "matrix": [[1, 2, 3], [4, 5, 6], [7, 8, 32677]]},
            {"csc_switch": True, "matrix": [[1, 2, 3], [4, 5, 6]]},
            {"csc_switch": True, "matrix": [[1, 2, 3], [4, 5, 6], [7, 8, 0.5]]},
            {"csc_switch": True, "input_bias": [0, 0, 256]},
            {"csc_switch": True, "input_bias": [0, 0]},
            {"mean_chn": [1, 2, 3, 4, 5]},
            {"mean_chn": [1.5]},
            {"mean_chn": [256]},
            {"min_chn": [-1.0]},
            {"min_chn": [255.5]},
            {"var_reci_chn": [float("nan")]},
            {"var_reci_chn": [float("inf")]},
            {"var_reci_chn": [-65505.0]},
            {"resize": True},
        ],
    )
    def test_what_is_outside_is_refused(self, given: dict[str, Any]) -> None:
        assert refusal(**given)

    @pytest.mark.parametrize(
        "given",
        [
            {"src_image_size_w": 4096, "src_image_size_h": 1},
            {"src_image_size_w": 0, "src_image_size_h": 0},
            {"padding": True, **SOURCE, "left_padding_size": 32, "padding_value": -65504.0},
            {"csc_switch": True, "matrix": [[-32677, 0, 0], [0, 0, 0], [0, 0, 32676]], "output_bias": [16, 128, 255]},
            {"mean_chn": [0, 255], "min_chn": [0.0, 255.0], "var_reci_chn": [-65504.0, 0.0]},
        ],
    )
    def test_the_bounds_are_inside(self, given: dict[str, Any]) -> None:
        assert static(**given)

    def test_a_scale_that_fp16_loses_is_refused(self) -> None:
        assert "0 in FP16" in refusal(var_reci_chn=[1e-9])
        assert static(var_reci_chn=[0.00392157]).var_reci_chn == (0.00392157,)


class TestInput:
    @pytest.mark.parametrize(
        ("given", "name"),
        [({}, "x"), ({"related_input_rank": 1}, "y"), ({"related_input_name": "y"}, "y")],
    )
    def test_it_stands_before_one_of_them(self, given: dict[str, Any], name: str) -> None:
        assert static(**given).stands_before(("x", "y")) == name

    @pytest.mark.parametrize(
        ("given", "says"),
        [({"related_input_rank": 2}, r"input 2, which .* it has \['x', 'y'\]"), ({"related_input_name": "z"}, "'z'")],
    )
    def test_or_before_none_of_them(self, given: dict[str, Any], says: str) -> None:
        with pytest.raises(ValueError, match=says):
            static(**given).stands_before(("x", "y"))


class TestImage:
    @pytest.mark.parametrize(
        ("kind", "shape"),
        [
            ("RGB888_U8", (6, 4, 3)),
            ("XRGB8888_U8", (6, 4, 4)),
            ("YUV400_U8", (6, 4, 1)),
            ("YUV420SP_U8", (9, 4, 1)),
        ],
    )
    def test_its_bytes_are_those_of_its_format(self, kind: str, shape: tuple[int, ...]) -> None:
        assert static(input_format=kind).image(6, 4) == shape
        sized = static(input_format=kind, src_image_size_h=6, src_image_size_w=4)
        assert sized.image(100, 100) == shape


class TestWithoutEffect:
    @pytest.mark.parametrize(
        ("given", "switch"),
        [
            ({"crop_size_w": 8}, "crop"),
            ({"load_start_pos_h": 0}, "crop"),
            ({"left_padding_size": 1}, "padding"),
            ({"padding_value": 1.0}, "padding"),
            ({"input_bias": [0, 0, 0]}, "csc_switch"),
            ({"matrix": [[1, 2, 3]] * 3}, "csc_switch"),
        ],
    )
    def test_a_value_needs_its_switch(self, given: dict[str, Any], switch: str) -> None:
        assert f"unless {switch} is true" in refusal(**given)


class TestGeometry:
    def test_a_crop_lies_inside_its_source(self) -> None:
        assert static(**CROP, load_start_pos_w=32, load_start_pos_h=16)
        assert "does not fit src_image_size_w" in refusal(**CROP, load_start_pos_w=33)
        assert "does not fit src_image_size_h" in refusal(**CROP, load_start_pos_h=17)
        assert "does not fit" in refusal(crop=True, **SOURCE, load_start_pos_w=256)

    @pytest.mark.parametrize("switch", ["crop", "padding"])
    def test_crop_and_padding_need_the_size_of_the_source(self, switch: str) -> None:
        assert "src_image_size_w is needed" in refusal(**{switch: True})

    def test_what_is_padded_after_a_crop_needs_the_size_of_the_crop(self) -> None:
        assert "crop_size_w is needed" in refusal(crop=True, padding=True, **SOURCE)

    def test_yuv_has_even_sizes(self) -> None:
        assert "even size" in refusal(input_format="YUV420SP_U8", src_image_size_w=225, src_image_size_h=224)
        assert static(src_image_size_w=225, src_image_size_h=223)

    def test_an_odd_start_is_told(self) -> None:
        yuv = {**CROP, "input_format": "YUV420SP_U8"}
        assert static(**yuv, load_start_pos_w=1).odd_start
        assert not static(**yuv, load_start_pos_w=2).odd_start
        assert not static(**CROP, load_start_pos_w=1).odd_start

    @pytest.mark.parametrize(
        ("given", "result"),
        [
            ({}, (0, 0)),
            (SOURCE, (128, 256)),
            (CROP, (112, 224)),
            ({**SOURCE, "padding": True, "left_padding_size": 1, "top_padding_size": 2}, (130, 257)),
            ({**CROP, "padding": True, "right_padding_size": 4, "bottom_padding_size": 8}, (120, 228)),
        ],
    )
    def test_its_result_is_height_and_width(self, given: dict[str, Any], result: tuple[int, int]) -> None:
        assert static(**given).result == result
