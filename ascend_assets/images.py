"""The images that a target with AIPP takes in place of an input.

Here belong which inputs those are, what one image is, and what their arrays are called in evaluation data. Not here:
AIPP's options (`resources/ascend/aipp.py`), or reading evaluation data (`evaluation.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ascend_assets.spec import Input, ModelSpec, Target
from resources.ascend import gears
from resources.ascend.aipp import StaticAipp
from resources.ascend.options import CompileOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

_IMAGE_AXES = 4


class BadImages(Exception):
    """AIPP that does not go with the model's inputs. The message names the target and says what to do."""


@dataclass(frozen=True)
class Images:
    """What the target takes in place of `input`, uint8. `shape`: one batch of height, width and channels.

    `format`: AIPP's `input_format`.
    """

    target: str
    input: str
    format: str
    shape: tuple[int, int, int, int]

    @property
    def arrays(self) -> tuple[str, str]:
        """Their array in evaluation data: the target's own where there is one, else that of all targets."""
        return f"{self.input}.image.{self.target}", f"{self.input}.image"

    @property
    def words(self) -> str:
        """What the array must be."""
        return f"uint8 of shape (samples, {', '.join(map(str, self.shape[1:]))}), {self.format}"

    @property
    def missing(self) -> str:
        """What to do where evaluation data has no such array."""
        own, common = self.arrays
        return (
            f"has no images for target {self.target}, whose aipp prepares input {self.input!r}: save what "
            f"{self.input!r} was made from, the same samples in the same order, as array {common!r}: {self.words} "
            f"({own!r}, where another target takes others)"
        )

    def fits(self, array: "NDArray[Any]") -> bool:
        """Whether an array holds such images, any number of them."""
        return array.dtype.name == "uint8" and array.ndim > 0 and array.shape[1:] == self.shape[1:]


def of_model(spec: ModelSpec, names: Sequence[str]) -> tuple[Images, ...]:
    """The images of every target. `names`: the ONNX file's inputs in its order. Raises `BadImages`."""
    return tuple(images for target in spec.targets for images in of_target(target, spec.inputs, names))


def of_target(target: Target, inputs: tuple[Input, ...], names: Sequence[str]) -> tuple[Images, ...]:
    """The images of one target, none without AIPP. Raises `BadImages`."""
    options = target.options(inputs)
    return tuple(_images(target, options, op, names) for op in options.aipp if isinstance(op, StaticAipp))


def _images(target: Target, options: CompileOptions, op: StaticAipp, names: Sequence[str]) -> Images:
    try:
        name = op.stands_before(names)
    except ValueError as error:
        raise BadImages(f"target {target.key}: {error}: correct its related_input_rank") from error
    shape = batch_shapes(options).get(name, ())
    if len(shape) != _IMAGE_AXES or options.input_format != "NCHW":
        raise BadImages(
            f"target {target.key}: aipp stands before input {name!r} of shape {shape} in {options.input_format}, and "
            "prepares images in NCHW alone: correct its related_input_rank, or leave aipp out"
        )
    batch, _, height, width = shape
    return Images(target.key, name, op.input_format, (batch, *op.image(height, width)))


def batch_shapes(options: CompileOptions) -> dict[str, tuple[int, ...]]:
    """The shapes that one batch has: the compiled ones, those of the largest gear, or of the upper end of ranges."""
    return gears.largest(options) or gears.widest(options)


def taken(inputs: Iterable[Input], images: Iterable[Images]) -> tuple[Input, ...]:
    """The inputs as a target takes them: images where it takes some."""
    shown = {each.input: each for each in images}
    return tuple(Input(name=i.name, dtype="uint8", shape=shown[i.name].shape) if i.name in shown else i for i in inputs)


def taken_shapes(options: CompileOptions, images: Iterable[Images]) -> Mapping[str, tuple[int, ...]]:
    """`batch_shapes` of what the target takes."""
    return batch_shapes(options) | {each.input: each.shape for each in images}
