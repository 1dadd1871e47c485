"""What a model takes is decided before a device is touched, and a wrong input is named."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ais_bench_fake import om
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from om_samples import Tensor

from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.om.om_ports import Port
from resources.ascend.cann.running.model_inputs import checked_inputs, largest, setting_of, settings
from resources.ascend.options import CompileOptions


def options(**changed: Any) -> CompileOptions:
    return CompileOptions(soc_version="Ascend310P3", **changed)


def image(*shape: int, dtype: str = "float32") -> NDArray[Any]:
    return np.zeros(shape, dtype)


STATIC = options(input_shape={"image": (1, 3, 4, 4)})
BATCHES = options(input_shape={"image": (-1, 3, 4, 4)}, dynamic_batch_size=(1, 8, 4))
SIZES = options(input_shape={"image": (1, 3, -1, -1)}, dynamic_image_size=((4, 4), (8, 4)))
DIMS = options(input_shape={"a": (1, -1), "b": (-1, 2)}, dynamic_dims=((4, 6), (8, 12)))


@pytest.fixture
def static(tmp_path: Path) -> OmFile:
    return om(tmp_path, (Tensor("image", "float32", (1, 3, 4, 4)),))


def test_inputs_come_in_the_models_order(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("b", "int64", (2,)), Tensor("a", "float32", (1,))))
    given_ = {"a": image(1), "b": image(2, dtype="int64")}
    assert list(checked_inputs(held, options(), given_)) == ["b", "a"]


def test_arrays_become_plain(static: OmFile) -> None:
    twisted = np.arange(48, dtype=">f4").reshape(4, 4, 3, 1).T
    (array,) = checked_inputs(static, STATIC, {"image": twisted}).values()
    assert array.flags.c_contiguous
    assert array.dtype == np.dtype("float32")
    np.testing.assert_array_equal(array, twisted)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({}, "'image'.*missing: 'image'"),
        ({"picture": image(1, 3, 4, 4)}, "missing: 'image'; not its own: 'picture'"),
        ({"image": image(1, 3, 4, 4), "mask": image(1)}, "'image'; not its own: 'mask'"),
        ({"image": image(2, 3, 4, 4)}, r"'image' .* \(2, 3, 4, 4\); \(1, 3, 4, 4\) is wanted"),
        ({"image": image(48)}, r"'image' .* \(48,\)"),
        ({"image": image(1, 3, 4, 4, dtype="float64")}, "'image' .* float64; float32 is wanted"),
        ({"image": image(1, 3, 0, 4)}, "'image' .* holds nothing"),
        ({"image": np.array([{}])}, "'image' .* object"),
        ({"image": np.array(["x"])}, "'image' .* numbers are wanted"),
        ({"image": np.zeros((1, 3, 4, 4), np.complex64)}, "'image' .* complex64"),
    ],
)
def test_a_wrong_input_is_named(static: OmFile, inputs: dict[str, NDArray[Any]], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        checked_inputs(static, STATIC, inputs)


def test_the_file_decides_where_the_options_say_otherwise(tmp_path: Path) -> None:
    aipp = om(tmp_path, (Tensor("image", "uint8", (1, 4, 4, 3)),))
    assert checked_inputs(aipp, STATIC, {"image": image(1, 4, 4, 3, dtype="uint8")})
    with pytest.raises(ValueError, match=r"\(1, 4, 4, 3\) is wanted"):
        checked_inputs(aipp, STATIC, {"image": image(1, 3, 4, 4, dtype="uint8")})


def test_the_options_decide_where_the_file_tells_nothing(static: OmFile) -> None:
    silent = OmFile(static.path, static.name, static.header, static.size, ())
    assert list(checked_inputs(silent, STATIC, {"image": image(1, 3, 4, 4)})) == ["image"]
    with pytest.raises(ValueError, match="image"):
        checked_inputs(silent, STATIC, {"image": image(2, 3, 4, 4)})
    assert list(checked_inputs(silent, options(), {"x": image(2)})) == ["x"]


def test_a_type_that_numpy_does_not_know_is_not_checked(static: OmFile) -> None:
    importlib.import_module("ml_dtypes")  # which teaches numpy the name
    ports = (Port("image", "bfloat16", (1, 2), 4),)
    held = OmFile(static.path, static.name, static.header, static.size, (), inputs=ports)
    assert checked_inputs(held, options(), {"image": image(1, 2, dtype="uint16")})


def test_a_yuv_image_has_fewer_bytes_than_its_shape_says(static: OmFile) -> None:
    ports = (Port("image", "uint8", (1, 4, 4, 3), 24),)
    held = OmFile(static.path, static.name, static.header, static.size, (), inputs=ports)
    assert checked_inputs(held, STATIC, {"image": image(1, 6, 4, 1, dtype="uint8")})
    with pytest.raises(ValueError, match="image"):
        checked_inputs(held, STATIC, {"image": image(1, 5, 4, 1, dtype="uint8")})


def test_what_the_runtime_fills_is_not_asked_for(tmp_path: Path) -> None:
    ports = (Tensor("image", "float32", (-1, 3, 4, 4)), Tensor("ascend_mbatch_shape_data", "int32", (1,)))
    held = om(tmp_path, ports)
    assert list(checked_inputs(held, BATCHES, {"image": image(8, 3, 4, 4)})) == ["image"]


def test_a_scalar_has_no_batch(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("x", "float32", ()),))
    checked = checked_inputs(held, options(), {"x": np.float32(2)})  # type: ignore[dict-item]
    assert checked["x"].shape == ()
    assert setting_of(held, options(), checked).batch == 1


@pytest.mark.parametrize(
    ("compiled", "port", "shapes", "gears", "biggest"),
    [
        (STATIC, (1, 3, 4, 4), [(1, 3, 4, 4)], [()], 0),
        (BATCHES, (-1, 3, 4, 4), [(1, 3, 4, 4), (8, 3, 4, 4), (4, 3, 4, 4)], [(1,), (8,), (4,)], 1),
        (BATCHES, (8, 3, 4, 4), [(1, 3, 4, 4), (8, 3, 4, 4), (4, 3, 4, 4)], [(1,), (8,), (4,)], 1),
        (BATCHES, (-1, 4, 4, 3), [(1, 4, 4, 3), (8, 4, 4, 3), (4, 4, 4, 3)], [(1,), (8,), (4,)], 1),
        (BATCHES, (8, 4, 4, 3), [(1, 4, 4, 3), (8, 4, 4, 3), (4, 4, 4, 3)], [(1,), (8,), (4,)], 1),
        (SIZES, (1, 3, -1, -1), [(1, 3, 4, 4), (1, 3, 8, 4)], [(4, 4), (8, 4)], 1),
        (SIZES, (1, 8, 4, 3), [(1, 4, 4, 3), (1, 8, 4, 3)], [(4, 4), (8, 4)], 1),
    ],
)
def test_gears_fill_what_is_open_whatever_the_layout(
    tmp_path: Path,
    compiled: CompileOptions,
    port: tuple[int, ...],
    shapes: list[tuple[int, ...]],
    gears: list[tuple[int, ...]],
    biggest: int,
) -> None:
    held = om(tmp_path, (Tensor("image", "float32", port),))
    found = settings(held, compiled)
    assert [setting.shapes["image"] for setting in found] == shapes
    assert [setting.gear for setting in found] == gears
    assert largest(held, compiled) == found[biggest]
    for setting in found:
        assert setting_of(held, compiled, {"image": image(*setting.shapes["image"])}) == setting


@pytest.mark.parametrize(
    ("compiled", "port", "shapes"),
    [
        (BATCHES, (8, 6, 6, 4), [(1, 6, 6, 4), (8, 6, 6, 4), (4, 6, 6, 4)]),
        (SIZES, (1, 8, 4, 4), [(1, 4, 4, 4), (1, 8, 4, 4)]),
    ],
)
def test_gears_of_images_have_the_size_and_the_channels_before_aipp(
    tmp_path: Path, compiled: CompileOptions, port: tuple[int, ...], shapes: list[tuple[int, ...]]
) -> None:
    held = om(tmp_path, (Tensor("image", "uint8", port),))
    assert [setting.shapes["image"] for setting in settings(held, compiled)] == shapes


def test_images_of_yuv_are_known_by_their_bytes_in_every_gear(tmp_path: Path) -> None:
    """GE tells three channels for YUV420SP, and half the bytes of that."""
    held = om(tmp_path, (Tensor("image", "float32", (-1, 3, 4, 4)),))
    yuv = replace(held, inputs=(Port("image", "uint8", (8, 4, 4, 3), 8 * 24),))
    for batch in (1, 8, 4):
        given_ = {"image": image(batch, 6, 4, 1, dtype="uint8")}
        assert setting_of(yuv, BATCHES, given_).shapes["image"] == (batch, 4, 4, 3)
    with pytest.raises(ValueError, match="of no gear"):
        checked_inputs(yuv, BATCHES, {"image": image(2, 6, 4, 1, dtype="uint8")})


def test_dims_fill_the_options_order_and_come_out_in_the_models(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("b", "float32", (-1, 2)), Tensor("a", "float32", (1, -1))))
    first, second = settings(held, DIMS)
    assert (first.mode, dict(first.shapes)) == ("dymdims", {"b": (6, 2), "a": (1, 4)})
    assert list(second.shapes) == ["b", "a"]
    assert second.batch == 12


def test_inputs_of_no_gear_hear_of_the_gears(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("image", "float32", (-1, 3, 4, 4)),))
    with pytest.raises(ValueError, match=r"given 'image' \(2, 3, 4, 4\); the gears are 'image' \(1, 3, 4, 4\); .*8"):
        checked_inputs(held, BATCHES, {"image": image(2, 3, 4, 4)})


def test_inputs_of_two_gears_are_of_none(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("a", "float32", (1, -1)), Tensor("b", "float32", (-1, 2))))
    with pytest.raises(ValueError, match="of no gear"):
        checked_inputs(held, DIMS, {"a": image(1, 4), "b": image(12, 2)})


def test_many_gears_are_not_all_listed(tmp_path: Path) -> None:
    many = options(input_shape={"image": (-1, 1)}, dynamic_batch_size=tuple(range(1, 101)))
    held = om(tmp_path, (Tensor("image", "float32", (-1, 1)),))
    with pytest.raises(ValueError, match="and 80 more"):
        checked_inputs(held, many, {"image": image(200, 1)})


def test_open_shapes_take_any(tmp_path: Path) -> None:
    held = om(tmp_path, (Tensor("ids", "int64", (1, -1)),))
    compiled = options(input_shape={"ids": (1, -1)})
    setting = setting_of(held, compiled, checked_inputs(held, compiled, {"ids": image(1, 77, dtype="int64")}))
    assert (setting.mode, dict(setting.shapes)) == ("dymshape", {"ids": (1, 77)})
    with pytest.raises(ValueError, match=r"\(1, any\)"):
        checked_inputs(held, compiled, {"ids": image(2, 77, dtype="int64")})


SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)


@given(SHAPES, SHAPES)
@examples(max_examples=100, deadline=None)
def test_a_shape_is_taken_if_and_only_if_it_is_the_ports(port: tuple[int, ...], given_: tuple[int, ...]) -> None:
    held = OmFile(Path("m.om"), "m", None, 0, (), inputs=(Port("x", "float32", port, 0),))  # type: ignore[arg-type]
    try:
        checked_inputs(held, options(), {"x": image(*given_)})
    except ValueError as error:
        assert "'x'" in str(error)  # noqa: PT017 - both outcomes are right, each for its shapes
        assert given_ != port
    else:
        assert given_ == port
