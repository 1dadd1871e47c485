"""Operators whose meaning changed between opsets, under the same name or another.

Here belong Softmax and its kin, Dropout, GridSample, RoiAlign, BatchNormalization, Reshape, Shape, Constant, Gemm,
Scatter. Not here: Resize, Pad and Split (`shaping.py`), or attributes that only became inputs (`inputs.py`).
"""

from typing import Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_END = 2**31 - 1
"""Behind the last dimension of any shape."""


def _attributes(site: Site, *without: str) -> dict[str, Any]:
    return {e.name: site.attribute(e.name) for e in site.node.attribute if e.name not in without}


def _softmax_down(site: Site) -> None:
    """Before opset 13 all dimensions from `axis` on are one: the same only for the last, others are moved there."""
    rank = site.rank(0)
    axis = int(site.attribute("axis", -1)) % max(rank, 1)
    dims = site.shape(0)
    if all(dim == 1 for dim in dims[axis + 1 :]):
        site.write.op(site.node.op_type, site.input(0), out=site.out(), axis=axis)
        return
    order = [other for other in range(rank) if other != axis] + [axis]
    back = [order.index(other) for other in range(rank)]
    moved = site.write.op("Transpose", site.input(0), perm=order)
    done = site.write.op(site.node.op_type, moved, axis=rank - 1)
    site.write.op("Transpose", done, out=site.out(), perm=back)


def _softmax_up(site: Site) -> None:
    rank = site.rank(0)
    axis = int(site.attribute("axis", 1)) % max(rank, 1)
    if all(dim == 1 for dim in site.shape(0)[axis + 1 :]):
        site.write.op(site.node.op_type, site.input(0), out=site.out(), axis=axis)
        return
    flat = site.write.op("Flatten", site.input(0), axis=axis)
    done = site.write.op(site.node.op_type, flat, axis=-1)
    site.write.op("Reshape", done, site.write.op("Shape", site.input(0)), out=site.out())


def _dropout_down(site: Site) -> None:
    if site.has(2) and bool(site.value(2, "training mode").ravel()[0]):
        raise EditError("it is in training mode")
    if any(site.node.output[1:]):
        raise EditError("it hands out its mask, which is another before opset 12")
    ratio = float(site.value(1, "ratio").ravel()[0]) if site.has(1) else 0.5
    site.write.ops("Dropout", site.input(0), outs=list(site.node.output), ratio=ratio)


def _dropout_up(site: Site) -> None:
    ratio = site.write.scalar(float(site.attribute("ratio", 0.5)), 1)
    site.write.ops("Dropout", site.input(0), ratio, outs=list(site.node.output))


_GRID_WORDS = {"linear": "bilinear", "cubic": "bicubic", "nearest": "nearest"}


def _grid_down(site: Site) -> None:
    if site.rank(0) != 4:  # noqa: PLR2004 (N, C, H, W)
        raise EditError("it samples a volume, which came with opset 20")
    mode = _GRID_WORDS.get(site.attribute("mode", "linear"), "bilinear")
    inputs = (site.input(0), site.input(1))
    site.write.op("GridSample", *inputs, out=site.out(), mode=mode, **_attributes(site, "mode"))


def _grid_up(site: Site) -> None:
    mode = {old: new for new, old in _GRID_WORDS.items()}.get(site.attribute("mode", "bilinear"), "linear")
    inputs = (site.input(0), site.input(1))
    site.write.op("GridSample", *inputs, out=site.out(), mode=mode, **_attributes(site, "mode"))


def _roi_down(site: Site) -> None:
    if site.attribute("coordinate_transformation_mode", "half_pixel") != "output_half_pixel":
        raise EditError("its regions are shifted by half a pixel, which came with opset 16")
    others = _attributes(site, "coordinate_transformation_mode")
    site.write.op("RoiAlign", *site.node.input, out=site.out(), **others)


def _roi_up(site: Site) -> None:
    mode = "output_half_pixel"
    site.write.op(
        "RoiAlign", *site.node.input, out=site.out(), coordinate_transformation_mode=mode, **_attributes(site)
    )


def _norm_down(site: Site) -> None:
    if site.attribute("training_mode", 0):
        raise EditError("it is in training mode")
    site.write.op("BatchNormalization", *site.node.input, out=site.out(), **_attributes(site, "training_mode"))


def _norm_up(site: Site) -> None:
    if any(site.node.output[1:]):
        raise EditError("it hands out running statistics, which is training")
    site.write.op("BatchNormalization", *site.node.input, out=site.out(), **_attributes(site))


def _reshape_down(site: Site) -> None:
    if site.attribute("allowzero", 0) and 0 in site.ints(1, "target sizes"):
        raise EditError("it makes a dimension of size zero, which came with opset 14")
    site.write.op("Reshape", site.input(0), site.input(1), out=site.out())


def _shape_down(site: Site) -> None:
    start, end = int(site.attribute("start", 0)), site.attribute("end")
    if start == 0 and end is None:
        site.write.op("Shape", site.input(0), out=site.out())
        return
    whole = site.write.op("Shape", site.input(0))
    last = site.write.ints([_END if end is None else int(end)])
    site.write.op("Slice", whole, site.write.ints([start]), last, site.write.ints([0]), out=site.out())


def _constant_down(site: Site) -> None:
    from resources.onnx_files.edits.facts import literal

    tensor = literal(site.node)
    if tensor is None:
        raise EditError("it holds text or a sparse tensor")
    site.write.op("Constant", out=site.out(), value=tensor)


def _gemm_down(site: Site) -> None:
    bias = site.input(2) or site.write.scalar(0.0, site.dtype(0))
    site.write.op("Gemm", site.input(0), site.input(1), bias, out=site.out(), **_attributes(site))


def _scatter_up(site: Site) -> None:
    site.write.op("ScatterElements", *site.node.input, out=site.out(), **_attributes(site))


def _batch_up(site: Site) -> None:
    if not site.attribute("spatial", 1):
        raise EditError("it normalises each position by itself (spatial=0), which opset 9 took away")
    site.write.op("BatchNormalization", *site.node.input, out=site.out(), **_attributes(site, "spatial"))


DOWN: dict[tuple[str, int], Body] = {
    **{(kind, 13): _softmax_down for kind in ("Softmax", "LogSoftmax", "Hardmax")},
    ("Dropout", 12): _dropout_down,
    ("GridSample", 20): _grid_down,
    ("RoiAlign", 16): _roi_down,
    ("BatchNormalization", 14): _norm_down,
    ("Reshape", 14): _reshape_down,
    ("Shape", 15): _shape_down,
    ("Constant", 12): _constant_down,
    ("Gemm", 11): _gemm_down,
}
UP: dict[tuple[str, int], Body] = {
    **{(kind, 13): _softmax_up for kind in ("Softmax", "LogSoftmax", "Hardmax")},
    ("Dropout", 12): _dropout_up,
    ("GridSample", 20): _grid_up,
    ("RoiAlign", 16): _roi_up,
    ("BatchNormalization", 14): _norm_up,
    ("BatchNormalization", 9): _batch_up,
    ("Scatter", 11): _scatter_up,
}
