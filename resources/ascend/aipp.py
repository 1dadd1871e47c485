"""AIPP: the pre-processing of images that ATC puts before an input (`--insert_op_conf`), typed.

Fields, ranges and exclusions are those of ATC's template of the configuration file. The device works in this order:
swap of channels, crop, colour conversion, mean and scale, padding; per channel
`out = (in - mean_chn - min_chn) * var_reci_chn`. The input of the compiled model becomes uint8 (NHWC for RGB).
Fields that the template calls reserved (resize, rotation, single line, RAW) are left out: ATC takes no other value than
their default.
Here belong one operator's values. Not here: how it goes with other options (`options.py`), its text (`cann/`).
"""

import math
import struct
from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from resources.ascend.option_values import NodeName, Value

MAX_PADDING = 32
MAX_SIDE = 4096
FP16_BOUND = 65504.0

SourceFormat = Literal["YUV420SP_U8", "XRGB8888_U8", "RGB888_U8", "YUV400_U8"]


def _held_by_fp16(number: float) -> float:
    if not math.isfinite(number) or abs(number) > FP16_BOUND:
        raise ValueError(f"{number} is outside FP16, which ends at {FP16_BOUND:g}")
    if number and struct.unpack("<e", struct.pack("<e", number))[0] == 0:
        raise ValueError(f"{number} is 0 in FP16, in which AIPP computes")
    return number


Half = Annotated[float, AfterValidator(_held_by_fp16)]
Byte = Annotated[int, Field(ge=0, le=255)]
Coefficient = Annotated[int, Field(ge=-32677, le=32676)]
"""An element of the colour matrix, in 1/256; the bounds are those of ATC's template."""
Row = tuple[Coefficient, Coefficient, Coefficient]
Width = Annotated[int, Field(ge=0, le=MAX_SIDE)]
Padding = Annotated[int, Field(ge=0, le=MAX_PADDING)]
Start = Annotated[int, Field(ge=0, le=MAX_SIDE - 1)]
Minimum = Annotated[Half, Field(ge=0, le=255)]


class AippInput(Value):
    """Which input an AIPP operator stands before: by its rank from 0 (the default), or by its name.

    ATC's documentation keeps the name for Caffe models: with ONNX, give the rank.
    """

    related_input_rank: Annotated[int, Field(ge=0, le=1023)] | None = None
    related_input_name: NodeName | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.related_input_rank is not None and self.related_input_name is not None:
            raise ValueError("related_input_rank and related_input_name exclude each other: give one")
        return self

    def stands_before(self, names: Sequence[str]) -> str:
        """Which of the model's inputs it prepares, of `names` in the model's order. Raises `ValueError` for none."""
        name, rank = self.related_input_name, self.related_input_rank or 0
        if name is not None and name in names:
            return name
        if name is not None or rank >= len(names):
            what = f"input {rank}" if name is None else repr(name)
            raise ValueError(f"aipp stands before {what}, which the model does not have: it has {list(names)}")
        return names[rank]


class DynamicAipp(AippInput):
    """Parameters are given with every inference. `max_src_image_size`: bytes of the largest batch of images."""

    aipp_mode: Literal["dynamic"]
    max_src_image_size: Annotated[int, Field(ge=1, le=2**32 - 1)]


class StaticAipp(AippInput):
    """Parameters are compiled in. What is not given keeps ATC's default.

    `src_image_size_w` and `_h`: pixels, 0 for the model's own. `matrix`: colour conversion in 1/256, row by row, with
    the biases of its input and output. `mean_chn`, `min_chn`, `var_reci_chn`: per channel, 1 to 4 of them.
    """

    aipp_mode: Literal["static"] = "static"
    input_format: SourceFormat
    src_image_size_w: Width | None = None
    src_image_size_h: Width | None = None
    crop: bool = False
    load_start_pos_w: Start | None = None
    load_start_pos_h: Start | None = None
    crop_size_w: Width | None = None
    crop_size_h: Width | None = None
    padding: bool = False
    left_padding_size: Padding | None = None
    right_padding_size: Padding | None = None
    top_padding_size: Padding | None = None
    bottom_padding_size: Padding | None = None
    padding_value: Half | None = None
    csc_switch: bool = False
    rbuv_swap_switch: bool = False
    ax_swap_switch: bool = False
    matrix: tuple[Row, Row, Row] | None = None
    input_bias: tuple[Byte, Byte, Byte] | None = None
    output_bias: tuple[Byte, Byte, Byte] | None = None
    mean_chn: Annotated[tuple[Byte, ...], Field(max_length=4)] = ()
    min_chn: Annotated[tuple[Minimum, ...], Field(max_length=4)] = ()
    var_reci_chn: Annotated[tuple[Half, ...], Field(max_length=4)] = ()

    @model_validator(mode="after")
    def _switched_on(self) -> Self:
        """What a switch turns on has no effect without it, and a value without effect is a mistake."""
        needs = {
            "crop": ("load_start_pos_w", "load_start_pos_h", "crop_size_w", "crop_size_h"),
            "padding": (*_SIDES, "padding_value"),
            "csc_switch": ("matrix", "input_bias", "output_bias"),
        }
        for switch, names in needs.items():
            given = [name for name in names if getattr(self, name) is not None]
            if given and not getattr(self, switch):
                raise ValueError(f"{', '.join(given)}: without effect unless {switch} is true")
        return self

    @model_validator(mode="after")
    def _geometry(self) -> Self:
        for axis in ("w", "h"):
            source, start, size = self._along(axis)
            if axis == "w" and source == 1:
                raise ValueError("src_image_size_w is 0 or 2 to 4096")
            if self.input_format == "YUV420SP_U8" and source % 2:
                raise ValueError(f"src_image_size_{axis} is {source}: YUV420SP_U8 needs an even size")
            if (self.crop or self.padding) and not source:
                raise ValueError(f"src_image_size_{axis} is needed with crop or padding")
            if self.crop and self.padding and not size:
                raise ValueError(f"crop_size_{axis} is needed where padding follows the crop")
            if self.crop and (start >= source or start + size > source):
                raise ValueError(
                    f"the crop from {start} of {size} does not fit src_image_size_{axis}, which is {source}"
                )
        return self

    def _along(self, axis: str) -> tuple[int, int, int]:
        names = (f"src_image_size_{axis}", f"load_start_pos_{axis}", f"crop_size_{axis}")
        source, start, size = (getattr(self, name) or 0 for name in names)
        return source, start, size

    @property
    def odd_start(self) -> bool:
        """Whether a crop of YUV420SP begins at an odd place, which all families but Ascend 950 refuse."""
        starts = (self.load_start_pos_w or 0, self.load_start_pos_h or 0)
        return self.input_format == "YUV420SP_U8" and any(start % 2 for start in starts)

    @property
    def result(self) -> tuple[int, int]:
        """Height and width after crop and padding; 0 where the model's own size is meant."""
        height, width = (self._side(axis) for axis in ("h", "w"))
        if not self.padding:
            return height, width
        left, right, top, bottom = (getattr(self, name) or 0 for name in _SIDES)
        return height + top + bottom, width + left + right

    def image(self, height: int, width: int) -> tuple[int, int, int]:
        """The array that one image is, uint8 of height, width and channels, as `aclmdlGetInputDims` tells it.

        `height` and `width`: the model's own, in pixels, for an operator that names no `src_image_size`. YUV420SP_U8 is
        one plane: the rows of brightness, then half as many of colour (GE's infershape of Aipp).
        """
        height, width = self.src_image_size_h or height, self.src_image_size_w or width
        if self.input_format == "YUV420SP_U8":
            return height * 3 // 2, width, 1
        return height, width, _CHANNELS[self.input_format]

    def _side(self, axis: str) -> int:
        source, _, size = self._along(axis)
        return size if self.crop else source


_CHANNELS = {"RGB888_U8": 3, "XRGB8888_U8": 4, "YUV400_U8": 1}
_SIDES = ("left_padding_size", "right_padding_size", "top_padding_size", "bottom_padding_size")

Aipp = Annotated[StaticAipp | DynamicAipp, Field(discriminator="aipp_mode")]
"""One `aipp_op`. `aipp_mode` must be written: `static` or `dynamic`."""
