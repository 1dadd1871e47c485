"""Static AIPP as the stand-ins have it: the configuration file, what becomes of the input, what is made of an image.

Written from ATC's template and GE's sources (`aipp_op.cc`, the infershape of Aipp), without the code under test. Not
here: gears and dynamic AIPP, which no stand-in has.
"""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

Fields = dict[str, Any]

_BT601 = ((298, 516, 0), (298, -100, -208), (298, 0, 409))
_SCALE = {"mean_chn": 0.0, "min_chn": 0.0, "var_reci_chn": 1.0}


class NotAipp(Exception):
    """ATC's code and words for what is wrong."""


def read(text: str) -> list[Fields]:
    """The operators of a configuration file."""
    found = []
    for body in re.findall(r"aipp_op\s*\{(.*?)\}", text, re.DOTALL):
        fields = dict(re.findall(r'(\w+)\s*:\s*("[^"]*"|\S+)', body))
        op = {name: _value(value) for name, value in fields.items()}
        if op.get("aipp_mode") != "static" or op.get("input_format") not in {"RGB888_U8", "YUV420SP_U8"}:
            raise NotAipp("E19999", "The stand-in has static AIPP from RGB888_U8 and YUV420SP_U8 alone.")
        found.append(op)
    if not found:
        raise NotAipp("E10043", "The AIPP configuration file has no aipp_op.")
    return found


def _value(text: str) -> Any:
    if text in {"true", "false"}:
        return text == "true"
    return float(text) if re.fullmatch(r"[-+0-9.eE]+", text) else text.strip('"')


def before(ops: Sequence[Fields], inputs: Sequence[tuple[str, Sequence[int]]]) -> dict[str, Fields]:
    """Input -> the operator before it. `inputs`: names and shapes in the model's order."""
    found: dict[str, Fields] = {}
    for op in ops:
        rank = int(op.get("related_input_rank", 0))
        if rank >= len(inputs):
            raise NotAipp("E10052", f"Can not find the data node by aipp parameter related_input_rank {rank}")
        name, shape = inputs[rank]
        if len(shape) != len("NCHW") or _made(op, shape) != tuple(shape[2:]):
            raise NotAipp(
                "E70014", f"The data of [{name}] is {list(shape)}, AIPP makes {list(_made(op, shape))} of H W."
            )
        found[name] = {**op, "shape": list(shape)}
    return found


def _sizes(op: Fields, shape: Sequence[int]) -> tuple[int, int]:
    return int(op.get("src_image_size_h") or shape[2]), int(op.get("src_image_size_w") or shape[3])


def _made(op: Fields, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = []
    for size, axis, sides in zip(_sizes(op, shape), "hw", (("top", "bottom"), ("left", "right")), strict=True):
        kept = int(op.get(f"crop_size_{axis}") or size) if op.get("crop") else size
        padded = sum(int(op.get(f"{side}_padding_size", 0)) for side in sides) if op.get("padding") else 0
        sizes.append(kept + padded)
    return tuple(sizes)


def port(op: Fields) -> list[int]:
    """The shape of the images, as `aclmdlGetInputDims` tells it."""
    height, width = _sizes(op, op["shape"])
    yuv = op["input_format"] == "YUV420SP_U8"
    return [op["shape"][0], height * 3 // 2 if yuv else height, width, 1 if yuv else 3]


def prepare(ops: Mapping[str, Fields], name: str, array: "NDArray[Any]") -> "NDArray[Any]":
    """What the model gets for an input: itself where no AIPP stands before it."""
    import numpy as np

    op = ops.get(name)
    if op is None:
        return array
    pixels = _pixels(op, array.reshape(port(op))).astype(np.float64)
    if op.get("crop"):
        top, left = int(op.get("load_start_pos_h", 0)), int(op.get("load_start_pos_w", 0))
        height, width = _sizes(op, op["shape"])
        bottom, right = top + int(op.get("crop_size_h") or height), left + int(op.get("crop_size_w") or width)
        pixels = pixels[:, top:bottom, left:right]
    if op.get("csc_switch"):
        pixels = _colours(op, pixels)
    mean, low, scale = (
        np.array([op.get(f"{kind}_{channel}", default) for channel in range(3)]) for kind, default in _SCALE.items()
    )
    made = (pixels - mean - low) * scale
    if op.get("padding"):
        top, bottom, left, right = (int(op.get(f"{s}_padding_size", 0)) for s in ("top", "bottom", "left", "right"))
        sides = ((0, 0), (top, bottom), (left, right), (0, 0))
        made = np.pad(made, sides, constant_values=op.get("padding_value", 0.0))
    return np.asarray(made.transpose(0, 3, 1, 2).astype(np.float16), np.float32)


def _pixels(op: Fields, images: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    swap = bool(op.get("rbuv_swap_switch"))
    if op["input_format"] == "RGB888_U8":
        return images[..., ::-1] if swap else images
    height = images.shape[1] * 2 // 3
    pixels = np.empty((images.shape[0], height, images.shape[2], 3), np.uint8)
    pixels[..., 0] = images[:, :height, :, 0]
    for channel, first in ((1, 1), (2, 0)) if swap else ((1, 0), (2, 1)):
        plane = images[:, height:, first::2, 0]
        for row in (0, 1):
            for column in (0, 1):
                pixels[:, row::2, column::2, channel] = plane
    return pixels


def _colours(op: Fields, pixels: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    matrix = np.array([[op.get(f"matrix_r{r}c{c}", _BT601[r][c]) for c in range(3)] for r in range(3)])
    bias = np.array([op.get(f"input_bias_{channel}", default) for channel, default in enumerate((16, 128, 128))])
    return np.asarray(np.clip(np.floor((pixels - bias) @ matrix.T / 256), 0, 255))
