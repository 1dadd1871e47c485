"""What AIPP makes of an image, computed here.

For a device that keeps no result of AIPP: it may compute it in one operator with the first convolution (fusion pass
TbeAippConvReluMaxpoolingFusion). The order is that of ATC's template (swap of channels, crop, colours, mean and scale,
padding), the formulas and defaults are GE's (`aipp_op.cc`). Colours are integers of 1/256 as on the device, whose
rounding may differ by one level of 256. Refused is what is published in no formula: colours from RGB, XRGB8888_U8.
Not here: which results are missing (`aipp_inputs.py`).
"""

from typing import TYPE_CHECKING, Any

from resources.ascend.aipp import StaticAipp

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FROM_YUV = ((298, 516, 0), (298, -100, -208), (298, 0, 409))
_YUV_BIAS = (16, 128, 128)
_COLOURS = 3


def prepared(op: StaticAipp, images: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[np.float32]":
    """The model's input in FP16 steps. `images`: uint8 of `op.image`; `shape`: what the model takes, NCHW.

    Raises `ValueError` for images of another size, for options that are not computed, and where another shape comes
    out.
    """
    import numpy as np

    batch, channels, height, width = shape
    wanted = (batch, *op.image(height, width))
    if images.dtype != np.uint8 or images.size != np.prod(wanted):
        raise ValueError(f"images are {images.dtype.name} of shape {images.shape}; uint8 of {wanted} is wanted")
    planes = _swapped(op, _planes(op, images.reshape(wanted)))
    planes = _coloured(op, _cropped(op, planes, height, width))
    scaled = planes.astype(np.float64)
    for channel in range(planes.shape[-1]):
        mean, low, scale = (_of(v, channel, d) for v, d in ((op.mean_chn, 0), (op.min_chn, 0), (op.var_reci_chn, 1)))
        scaled[..., channel] = (scaled[..., channel] - mean - low) * scale
    made = _padded(op, scaled).transpose(0, 3, 1, 2)
    if made.shape != shape:
        raise ValueError(f"aipp makes {made.shape} of them, and the model takes {(batch, channels, height, width)}")
    with np.errstate(over="ignore"):
        return made.astype(np.float16).astype(np.float32)


def _of(values: tuple[float, ...], channel: int, default: float) -> float:
    return values[channel] if channel < len(values) else default


def _planes(op: StaticAipp, images: "NDArray[Any]") -> "NDArray[Any]":
    """Batch, height, width, channels. Colours of YUV420SP, one for four pixels, are repeated."""
    import numpy as np

    if op.input_format == "XRGB8888_U8":
        raise ValueError("which channels AIPP keeps of XRGB8888_U8 is not published: give images as RGB888_U8")
    if op.input_format != "YUV420SP_U8":
        return images
    batch, rows, width, _ = images.shape
    height = rows * 2 // 3
    colours = images[:, height:].reshape(batch, height // 2, width // 2, 2).repeat(2, axis=1).repeat(2, axis=2)
    return np.concatenate([images[:, :height], colours], axis=-1)


def _swapped(op: StaticAipp, planes: "NDArray[Any]") -> "NDArray[Any]":
    """Red for blue, or U for V."""
    if not op.rbuv_swap_switch or planes.shape[-1] != _COLOURS:
        return planes
    return planes[..., [0, 2, 1]] if op.input_format == "YUV420SP_U8" else planes[..., ::-1]


def _cropped(op: StaticAipp, planes: "NDArray[Any]", height: int, width: int) -> "NDArray[Any]":
    if not op.crop:
        return planes
    top, left = op.load_start_pos_h or 0, op.load_start_pos_w or 0
    return planes[:, top : top + (op.crop_size_h or height), left : left + (op.crop_size_w or width)]


def _coloured(op: StaticAipp, planes: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    if not op.csc_switch:
        return planes
    if op.input_format != "YUV420SP_U8":
        raise ValueError(f"the order of colours in which AIPP converts {op.input_format} is not published")
    matrix = np.array(op.matrix or _FROM_YUV, np.int64)
    centred = planes.astype(np.int64) - np.array(_YUV_BIAS if op.input_bias is None else op.input_bias)
    return np.asarray(np.clip(centred @ matrix.T >> 8, 0, 255))


def _padded(op: StaticAipp, planes: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    if not op.padding:
        return planes
    top, bottom = op.top_padding_size or 0, op.bottom_padding_size or 0
    left, right = op.left_padding_size or 0, op.right_padding_size or 0
    sides = ((0, 0), (top, bottom), (left, right), (0, 0))
    return np.pad(planes, sides, constant_values=op.padding_value or 0.0)
