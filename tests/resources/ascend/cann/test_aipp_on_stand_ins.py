"""Every verb takes images where AIPP stands before an input, on all releases of stand-ins."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from cann_cases import SOCS, on_stand_ins
from hypothesis import given
from hypothesis import strategies as st
from imaged import AIPP, BATCH, SIDE, images, model, preprocessed
from numpy.typing import NDArray
from stand_ins import aipp as stand_in
from stand_ins.installing import Release
from stand_ins.sharing import RELEASES, shared, variables

from resources.ascend.aipp import StaticAipp
from resources.ascend.cann.options.option_files import option_files
from resources.ascend.cann.precision.aipp_arithmetic import prepared
from resources.ascend.cann.toolchain import Cann
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import CompileRefused
from resources.onnx_files.sessions import reference

FEW: NDArray[np.uint8] = images()[:BATCH]


class Place:
    """A model file and the toolchain of one release."""

    def __init__(self, release: Release, folder: Path) -> None:
        self.soc, _ = SOCS[release]
        self.toolchain: Cann = on_stand_ins(release)
        self.onnx, self.om = folder / "model.onnx", folder / "model.om"
        onnx.save(model(), self.onnx)

    def compile(self, *aipp: dict[str, Any], **changes: Any) -> CompileOptions:
        fields = {"soc_version": self.soc, "input_shape": {"x": (BATCH, 3, SIDE, SIDE)}, "aipp": aipp or (AIPP,)}
        options = CompileOptions.model_validate({**fields, **changes})
        self.toolchain.compile(self.onnx, options, self.om)
        return options

    def distance(self, options: CompileOptions, pictures: NDArray[np.uint8]) -> float:
        compared = self.toolchain.compare(self.om, self.soc, self.onnx, {"x": pictures}, options=options)
        assert compared.first_bad_layer is None
        return compared.outputs[0].relative_euclidean_distance


def place(release: Release, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = shared(release)
    made.mend()
    for name, value in variables(made).items():
        monkeypatch.setenv(name, value)
    return Place(release, folder)


@pytest.mark.parametrize("release", RELEASES)
def test_images_are_run_compared_and_timed(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place(release, tmp_path, monkeypatch)
    options = here.compile()
    (made,) = here.toolchain.infer(here.om, here.soc, {"x": FEW}).values()
    (wanted,) = reference(model()).run({"x": preprocessed(FEW)}).values()
    np.testing.assert_allclose(made, wanted, atol=0.02 * float(np.abs(wanted).max()))
    assert here.distance(options, FEW) < 1e-2
    assert here.toolchain.profile(here.om, here.soc).batch == BATCH


@pytest.fixture
def middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return place("8.1", tmp_path, monkeypatch)


def test_what_the_device_fused_away_is_computed_for_the_reference(middle: Place) -> None:
    """A small first convolution takes AIPP into its own operator, so that a dump has nothing of it."""
    options = middle.compile(enable_small_channel=True)
    assert middle.distance(options, FEW) < 1e-2


@pytest.mark.parametrize("fused", [False, True])
def test_yuv_of_a_camera_is_half_a_byte_of_colour_for_each_pixel(middle: Place, *, fused: bool) -> None:
    options = middle.compile({**AIPP, "input_format": "YUV420SP_U8", "csc_switch": True}, enable_small_channel=fused)
    pictures = np.random.default_rng(1).integers(0, 256, (BATCH, 18, 12, 1), np.uint8)
    assert middle.distance(options, pictures) < 1e-2


def test_wrong_images_are_named_before_a_device_is_touched(middle: Place) -> None:
    middle.compile()
    with pytest.raises(ValueError, match=r"input 'x' of .* is float32; uint8 is wanted"):
        middle.toolchain.infer(middle.om, middle.soc, {"x": preprocessed(FEW)})
    with pytest.raises(ValueError, match=r"\(4, 12, 12, 3\) is wanted"):
        middle.toolchain.infer(middle.om, middle.soc, {"x": FEW.transpose(0, 3, 1, 2)})
    assert not shared("8.1").calls("ais_bench")


def test_a_comparison_needs_the_options_for_the_file_does_not_hold_them(middle: Place) -> None:
    middle.compile()
    with pytest.raises(ValueError, match="of which the file keeps a digest alone: give the options"):
        middle.toolchain.compare(middle.om, middle.soc, middle.onnx, {"x": FEW})


@st.composite
def operators(draw: st.DrawFn) -> dict[str, Any]:
    """An operator on images of 8 times 12 pixels."""
    flags, small = st.booleans(), st.integers(0, 4)
    op: dict[str, Any] = {
        "aipp_mode": "static",
        "input_format": draw(st.sampled_from(["RGB888_U8", "YUV420SP_U8"])),
        "rbuv_swap_switch": draw(flags),
        "src_image_size_h": 8,
        "src_image_size_w": 12,
        "mean_chn": draw(st.lists(st.integers(0, 255), max_size=3)),
        "min_chn": draw(st.lists(st.floats(0, 8, width=16), max_size=3)),
        "var_reci_chn": draw(st.lists(st.floats(0.0625, 2, width=16), max_size=3)),
    }
    op["csc_switch"] = op["input_format"] == "YUV420SP_U8" and draw(flags)
    if draw(flags):
        size = {"crop_size_h": 2, "crop_size_w": 6}
        op |= {"crop": True, "load_start_pos_h": draw(st.sampled_from([0, 2, 4])), "load_start_pos_w": 2, **size}
    if draw(flags):
        sides = {f"{side}_padding_size": draw(small) for side in ("top", "bottom", "left", "right")}
        op |= {"padding": True, "padding_value": 3.5, **sides}
        if not op.get("crop"):
            op |= {"crop": True, "crop_size_h": 8, "crop_size_w": 12}
    return op


@given(operators(), st.integers(0, 2**32 - 1))
def test_what_is_computed_here_is_what_the_file_says_to_atc(fields: dict[str, Any], seed: int) -> None:
    """Two readings of ATC's template agree: ours, and the stand-ins' of the file that we write."""
    options = CompileOptions.model_validate({"soc_version": "Ascend310P3", "aipp": [fields]})
    (op,) = options.aipp
    assert isinstance(op, StaticAipp)
    height, width = op.result
    shape = (2, 3, height, width)
    pictures = np.random.default_rng(seed).integers(0, 256, (2, *op.image(height, width)), np.uint8)
    made = stand_in.before(stand_in.read(option_files(options)["insert_op_conf"].content), [("x", shape)])
    np.testing.assert_array_equal(prepared(op, pictures, shape), stand_in.prepare(made, "x", pictures))


@pytest.mark.parametrize(
    ("aipp", "code"),
    [
        ({**AIPP, "crop_size_w": 6}, "E70014"),
        ({**AIPP, "related_input_rank": 1}, "E10052"),
        ({"aipp_mode": "dynamic", "max_src_image_size": 1000}, "E19999"),
    ],
)
def test_what_atc_refuses(middle: Place, aipp: dict[str, Any], code: str) -> None:
    with pytest.raises(CompileRefused, match=code):
        middle.compile(aipp)
