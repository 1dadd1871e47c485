"""Resize in a form that a device computes as ONNX means it.

Sources: Huawei's operator list (scales and sizes have to be constant; nearest rounds its own way) and its case library
(inputs that are left out end in an internal error). Here belong the three forms. Not here: types (`insert_cast.py`).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from resources.onnx_files.edits import EditError, facts
from resources.onnx_files.edits.named import Names
from resources.onnx_files.edits.site import Body, Site, understood
from resources.onnx_files.edits.surgery import chosen, closed, opened, opset_of, refused, replace
from resources.onnx_files.edits.writer import Writer
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

How = Literal["constant_targets", "fill_inputs", "repeat"]
_ROI, _SCALES, _SIZES = 1, 2, 3
_INPUTS_SINCE = 11
"""The opset from which Resize has regions and sizes; before, scales are the second input."""


def rewrite_resize(model: "ModelProto", nodes: Iterable[str], how: How) -> "ModelProto":
    """The model with the named Resize nodes rewritten; each keeps its name.

    `constant_targets`: scales and sizes as constants. `fill_inputs`: inputs that are left out as empty tensors.
    `repeat`: nearest by whole factors as a broadcast, where that is the same. Raises `EditError` where a node cannot be
    written so, and where none needs it.
    """
    bones = opened(model)
    known, names, opset = facts.of_main(bones), Names(bones), opset_of(bones)
    new: dict[int, list[NodeProto]] = {}
    weights: list[TensorProto] = []
    reasons: list[str] = []
    for index, node in chosen(bones.graph, nodes, {"Resize", "Upsample"}).items():
        site = Site(node, known, Writer(names, opset, node.name))
        try:
            with understood():
                _BODIES[how](site)
        except EditError as error:
            reasons.append(f"{shown(node.name)}: {error}")
            continue
        new[index] = site.write.finish(node)
        weights.extend(site.write.weights)
    if reasons:
        raise refused(reasons, f"a Resize cannot be rewritten ({how})")
    replace(bones.graph, new, weights)
    return closed(bones, model, stale=())


def _again(site: Site, inputs: Sequence[str]) -> None:
    site.write.keep(site.node, inputs, site.node.output, site.node.attribute)


def _places(site: Site) -> tuple[int, int]:
    """Where scales and sizes stand among the inputs; sizes behind the last where there are none."""
    old = site.write.opset < _INPUTS_SINCE or site.node.op_type == "Upsample"
    return (1, _SIZES) if old else (_SCALES, _SIZES)


def _constant_targets(site: Site) -> None:
    inputs = list(site.node.input)
    for index in range(1, len(inputs)):
        if not inputs[index]:
            continue
        value = site.facts.value(inputs[index])
        if value is None and index == _SIZES and site.facts.static(site.out()) is not None and not _axes(site):
            inputs[index] = site.write.ints(site.facts.static(site.out()) or ())
        else:
            # Also a value that folding found is written down, for folding is what the device may not do.
            inputs[index] = site.write.constant(value if value is not None else site.value(index, "scales or sizes"))
    _again(site, inputs)


def _fill_inputs(site: Site) -> None:
    import numpy as np

    if site.write.opset < _INPUTS_SINCE or site.node.op_type == "Upsample":
        raise EditError(f"it has no more inputs before opset {_INPUTS_SINCE}: convert the opset")
    inputs = [site.input(index) for index in range(max(len(site.node.input), _SIZES))]
    if all(inputs):
        raise EditError("all of its inputs are given")
    for index, name in enumerate(inputs):
        if not name:
            empty = np.zeros(0, np.int64 if index == _SIZES else np.float32)
            inputs[index] = site.write.constant(empty)
    _again(site, inputs)


def _axes(site: Site) -> list[int]:
    return [int(axis) for axis in site.attribute("axes", [])]


def _targets(site: Site) -> Mapping[int, tuple[float, int]]:
    """Axis -> (scale, size after), for the axes that are resized; sizes as ONNX works them out."""
    dims = site.shape(0)
    axes = [axis % len(dims) for axis in _axes(site)] or list(range(len(dims)))
    scales, sizes = _places(site)
    if site.has(sizes):
        wanted = site.ints(sizes, "sizes")
        return {
            axis: (size / dims[axis], size)
            for axis, size in zip(axes, wanted, strict=True)
            if dims[axis] > 0 and size != dims[axis]
        }
    factors = [float(number) for number in site.value(scales, "scales").ravel()]
    return {
        axis: (factor, math.floor(dims[axis] * factor))
        for axis, factor in zip(axes, factors, strict=True)
        if factor != 1
    }


def _source(site: Site, place: int, scale: float, before: int, after: int) -> int:
    """The element that ONNX's nearest takes for `place` (Resize's definition)."""
    old = site.write.opset < _INPUTS_SINCE or site.node.op_type == "Upsample"
    mode = "asymmetric" if old else site.attribute("coordinate_transformation_mode", "half_pixel")
    rounding = "floor" if old else site.attribute("nearest_mode", "round_prefer_floor")
    where = {
        "asymmetric": place / scale,
        "half_pixel": (place + 0.5) / scale - 0.5,
        "half_pixel_symmetric": (place + 0.5) / scale - 0.5,
        "pytorch_half_pixel": (place + 0.5) / scale - 0.5 if after > 1 else 0.0,
        "align_corners": place * (before - 1) / (after - 1) if after > 1 else 0.0,
    }.get(mode)
    if where is None:
        raise EditError(f"its coordinates ({mode[:30]}) repeat nothing")
    taken = {
        "floor": math.floor(where),
        "ceil": math.ceil(where),
        "round_prefer_floor": math.ceil(where - 0.5),
        "round_prefer_ceil": math.floor(where + 0.5),
    }.get(rounding)
    if taken is None:
        raise EditError("its rounding is not known")
    return min(max(taken, 0), before - 1)


def _repeat(site: Site) -> None:
    if site.attribute("mode", "nearest") != "nearest":
        raise EditError("it is not nearest")
    if site.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise EditError("it keeps the aspect ratio")
    dims, factors = site.shape(0), dict[int, int]()
    for axis, (scale, after) in _targets(site).items():
        before = dims[axis]
        if before <= 0 or after % before or scale != after // before:
            raise EditError(f"axis {axis} does not grow by a whole factor of a known size")
        factors[axis] = after // before
        if any(_source(site, place, scale, before, after) != place // factors[axis] for place in range(after)):
            raise EditError(f"along axis {axis} it takes other elements than a repetition would")
    _broadcast(site, dims, factors)


def _broadcast(site: Site, dims: tuple[int, ...], factors: Mapping[int, int]) -> None:
    """A dimension of one behind each axis that grows, broadcast, and merged with it."""
    if not factors:
        site.write.op("Identity", site.input(0), out=site.out())
        return
    ones, wide = [], list[int]()
    for axis in range(len(dims)):
        wide.append(1)
        if axis in factors:
            ones.append(len(wide))
            wide.append(factors[axis])
    apart = site.write.unsqueeze(site.input(0), ones)
    spread = site.write.op("Expand", apart, site.write.ints(wide))
    first = min(factors)
    after = [0 if axis < first else dim * factors.get(axis, 1) for axis, dim in enumerate(dims)]
    if sum(dim < 0 for dim in after) > 1:
        raise EditError("more than one size behind the axes that grow is open: fix the input shapes")
    site.write.reshape(spread, [max(dim, -1) for dim in after], out=site.out())


_BODIES: dict[How, Body] = {
    "constant_targets": _constant_targets,
    "fill_inputs": _fill_inputs,
    "repeat": _repeat,
}
