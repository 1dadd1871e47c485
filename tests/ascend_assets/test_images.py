"""Which images a target with AIPP takes, and what their arrays in evaluation data are called."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from ascend_assets import evaluation, images
from ascend_assets.images import BadImages, Images
from ascend_assets.spec import Input, ModelSpec, Target
from resources.ascend.aipp import StaticAipp
from resources.ascend.cann.precision import aipp_arithmetic

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
IMAGE = Input(name="image", shape=("batch", 3, 224, 160))
MASK = Input(name="mask", dtype="bool", shape=("batch", 3))
RGB = {"aipp_mode": "static", "input_format": "RGB888_U8"}


def target(*aipp: dict[str, Any], **given: Any) -> Target:
    return Target.model_validate({"soc_version": "Ascend310P3", "batch": 2, "aipp": aipp, **given})


def taken(target: Target, names: tuple[str, ...] = ("image", "mask")) -> tuple[Images, ...]:
    return images.of_target(target, (IMAGE, MASK), names)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ({}, (2, 224, 160, 3)),
        ({"input_format": "XRGB8888_U8"}, (2, 224, 160, 4)),
        ({"input_format": "YUV400_U8"}, (2, 224, 160, 1)),
        ({"input_format": "YUV420SP_U8"}, (2, 336, 160, 1)),
        ({"src_image_size_h": 256, "src_image_size_w": 200}, (2, 256, 200, 3)),
        ({"input_format": "YUV420SP_U8", "src_image_size_h": 256, "src_image_size_w": 200}, (2, 384, 200, 1)),
    ],
)
def test_an_image_is_of_the_size_and_format_before_aipp(given: dict[str, Any], shape: tuple[int, ...]) -> None:
    (found,) = taken(target({**RGB, **given}))
    assert (found.input, found.shape) == ("image", shape)


def test_a_target_without_aipp_takes_none() -> None:
    assert taken(target()) == ()


def test_the_largest_gear_counts() -> None:
    sized = target(RGB, dynamic_image_size=[[64, 32], [128, 32]], input_shape={"image": [1, 3, -1, -1]})
    assert taken(sized)[0].shape == (1, 128, 32, 3)


def test_an_input_is_counted_in_the_files_order() -> None:
    """`defs.yaml` may name the inputs in another one."""
    (found,) = taken(target({**RGB, "related_input_rank": 1}), names=("mask", "image"))
    assert found.input == "image"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (target({**RGB, "related_input_rank": 2}), r"Ascend310P3: aipp stands before input 2, which .*'mask'\]"),
        (target({**RGB, "related_input_name": "picture"}), "'picture', which the model does not have"),
        (target({**RGB, "related_input_rank": 1}), r"input 'mask' of shape \(2, 3\) in NCHW"),
        (target(RGB, input_format="ND"), "in ND, and prepares images in NCHW alone"),
    ],
)
def test_aipp_before_no_image_is_named(given: Target, says: str) -> None:
    with pytest.raises(BadImages, match=says):
        taken(given)


def test_every_targets_images_are_told_apart() -> None:
    spec = ModelSpec.model_validate(
        {
            "name": "m",
            "task": "t",
            "source": {"onnx": "m.onnx"},
            "inputs": [IMAGE, MASK],
            "targets": [target(RGB, name="edge"), target(RGB, name="rack"), target(name="plain")],
        }
    )
    found = images.of_model(spec, ("image", "mask"))
    assert [each.arrays for each in found] == [
        ("image.image.edge", "image.image"),
        ("image.image.rack", "image.image"),
    ]


def test_what_the_device_takes_stands_in_place_of_the_input() -> None:
    given = target(RGB)
    found = taken(given)
    assert images.taken((IMAGE, MASK), found) == (Input(name="image", dtype="uint8", shape=(2, 224, 160, 3)), MASK)
    options = given.options((IMAGE, MASK))
    assert images.taken_shapes(options, found) == {"image": (2, 224, 160, 3), "mask": (2, 3)}
    assert images.taken_shapes(options, ()) == images.batch_shapes(options)


@pytest.mark.parametrize(
    ("array", "fits"),
    [
        (np.zeros((9, 224, 160, 3), np.uint8), True),
        (np.zeros((9, 224, 160, 3), np.int8), False),
        (np.zeros((9, 3, 224, 160), np.uint8), False),
        (np.zeros((), np.uint8), False),
    ],
)
def test_an_array_holds_images_of_that_size(array: Any, *, fits: bool) -> None:
    (found,) = taken(target(RGB))
    assert found.fits(array) is fits


def block(language: str, word: str) -> str:
    """The documentation's example that has a word in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    (found,) = (each for each in blocks if word in each)
    return str(found)


def test_the_documentations_data_are_what_its_target_takes_and_makes(tmp_path: Path) -> None:
    (fields,) = yaml.safe_load(block("yaml", "aipp:"))["targets"]
    documented = Target.model_validate({**fields, "batch": 3})
    pictures = np.random.default_rng(4).integers(0, 256, (3, 256, 256, 3), np.uint8)
    given = {"np": np, "read_images": lambda: pictures, "output": tmp_path, "labels": np.arange(3)}
    exec(block("python", "x.image"), given)  # noqa: S102 - our own documentation
    x = Input(name="x", shape=("batch", 3, 224, 224))
    data = evaluation.load(tmp_path / "evaluation.npz", (x,), images.of_target(documented, (x,), ("x",)))
    (op,) = documented.aipp
    assert isinstance(op, StaticAipp)
    made = aipp_arithmetic.prepared(op, data.taken_by(documented.key).inputs["x"], (3, 3, 224, 224))
    np.testing.assert_allclose(made, data.inputs["x"], atol=2e-3)
