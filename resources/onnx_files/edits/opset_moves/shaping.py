"""Resize, Upsample, Pad and Split, whose inputs say what an attribute or a convention said before.

Here belong operators that need shapes to be written in the other form. Not here: attributes that became inputs and no
more (`inputs.py`).
"""

from typing import Any

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

_ROI, _SCALES, _SIZES, _AXES = 1, 2, 3, 3


def _attributes(site: Site, *without: str) -> dict[str, Any]:
    return {e.name: site.attribute(e.name) for e in site.node.attribute if e.name not in without}


def _pad_axes_down(site: Site) -> None:
    """From opset 18 on paddings may be given for some axes only."""
    inputs = [site.input(index) for index in range(_AXES)]
    if site.has(_AXES):
        rank = site.rank(0)
        axes = [axis % rank for axis in site.ints(_AXES, "axes")]
        given = site.ints(1, "paddings")
        whole = [0] * (2 * rank)
        for place, axis in enumerate(axes):
            whole[axis], whole[rank + axis] = given[place], given[len(axes) + place]
        inputs[1] = site.write.ints(whole)
    site.write.op("Pad", *inputs, out=site.out(), **_attributes(site))


def _split_down(site: Site) -> None:
    """`num_outputs` of opset 18 cuts with a smaller last part; before, parts without sizes are equal."""
    parts, inputs = len(site.node.output), list(site.node.input[:2])
    if site.attribute("num_outputs") is not None:
        axis = int(site.attribute("axis", 0))
        size = site.shape(0)[axis]
        if size < 0:
            raise EditError("the size that it cuts is not fixed")
        each = -(-size // parts)
        if size != each * parts:
            inputs = [inputs[0], site.write.ints([each] * (parts - 1) + [size - each * (parts - 1)])]
    site.write.ops("Split", *inputs, outs=list(site.node.output), **_attributes(site, "num_outputs"))


def _split_up(site: Site) -> None:
    others = _attributes(site)
    if not site.has(1):
        others["num_outputs"] = len(site.node.output)
    site.write.ops("Split", *site.node.input, outs=list(site.node.output), **others)


def _resize_18_down(site: Site) -> None:
    """Opset 18 brought antialiasing, axes and the keeping of the aspect ratio."""
    if site.attribute("antialias", 0) and not _only_enlarges(site):
        raise EditError("it smooths what it makes smaller (antialias), which came with opset 18")
    if site.attribute("keep_aspect_ratio_policy", "stretch") != "stretch" and site.has(_SIZES):
        raise EditError("it keeps the aspect ratio, which came with opset 18")
    inputs = [site.input(index) for index in range(_SIZES + 1)]
    axes = site.attribute("axes")
    if axes is not None:
        rank = site.rank(0)
        if site.attribute("coordinate_transformation_mode") == "tf_crop_and_resize":
            raise EditError("it crops along chosen axes, which came with opset 18")
        places = [axis % rank for axis in axes]
        inputs[_ROI] = ""
        _on_all_axes(site, inputs, places)
    others = _attributes(site, "antialias", "axes", "keep_aspect_ratio_policy")
    site.write.op("Resize", *inputs, out=site.out(), **others)


def _on_all_axes(site: Site, inputs: list[str], places: list[int]) -> None:
    import numpy as np

    if site.has(_SIZES):
        sizes = list(site.static(0))
        for place, size in zip(places, site.ints(_SIZES, "sizes"), strict=True):
            sizes[place] = size
        inputs[_SIZES] = site.write.ints(sizes)
    else:
        scales = np.ones(site.rank(0), np.float32)
        scales[places] = site.value(_SCALES, "scales").ravel()
        inputs[_SCALES] = site.write.constant(scales)


def _only_enlarges(site: Site) -> bool:
    if site.has(_SCALES):
        return bool((site.value(_SCALES, "scales") >= 1).all())
    axes = site.attribute("axes") or range(site.rank(0))
    sizes, dims = site.ints(_SIZES, "sizes"), site.static(0)
    return all(size >= dims[axis] for axis, size in zip(axes, sizes, strict=True))


def _resize_13_down(site: Site) -> None:
    """Opset 11 wants all inputs before the last one, empty ones as empty tensors."""
    import numpy as np

    inputs = [site.input(0), site.input(_ROI), site.input(_SCALES), site.input(_SIZES)]
    for index in (_ROI, _SCALES):
        inputs[index] = inputs[index] or site.write.constant(np.zeros(0, np.float32))
    site.write.op("Resize", *inputs, out=site.out(), **_attributes(site))


def _resize_11_down(site: Site) -> None:
    """Opset 10 knows scales alone, and coordinates without a shift."""
    mode = site.attribute("mode", "nearest")
    asymmetric = site.attribute("coordinate_transformation_mode", "half_pixel") == "asymmetric"
    floor = mode != "nearest" or site.attribute("nearest_mode", "round_prefer_floor") == "floor"
    if site.has(_SIZES) or not asymmetric or not floor or mode == "cubic":
        raise EditError("only nearest (floor) and linear by scales with asymmetric coordinates exist before opset 11")
    site.write.op("Resize", site.input(0), site.input(_SCALES), out=site.out(), mode=mode)


def _resize_11_up(site: Site) -> None:
    import numpy as np

    mode = site.attribute("mode", "nearest")
    site.write.op(
        "Resize",
        site.input(0),
        site.write.constant(np.zeros(0, np.float32)),
        site.input(1),
        out=site.out(),
        mode=mode,
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _upsample_up(site: Site) -> None:
    site.write.op("Resize", site.input(0), site.input(1), out=site.out(), mode=site.attribute("mode", "nearest"))


DOWN: dict[tuple[str, int], Body] = {
    ("Pad", 18): _pad_axes_down,
    ("Split", 18): _split_down,
    ("Resize", 18): _resize_18_down,
    ("Resize", 13): _resize_13_down,
    ("Resize", 11): _resize_11_down,
}
UP: dict[tuple[str, int], Body] = {
    ("Split", 18): _split_up,
    ("Resize", 11): _resize_11_up,
    ("Upsample", 10): _upsample_up,
}
