"""What a compiled model takes: names, order, types, shapes, and which gear a set of inputs is of.

Here belong the pure decisions before a device is touched. Not here: how a tool is told (`ais_bench.py`), or how an
`.om` is read (`om_file.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Literal

from resources.ascend import gears
from resources.ascend.options import CompileOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from resources.ascend.cann.om.om_file import OmFile
    from resources.ascend.cann.om.om_ports import Port

    Arrays = dict[str, NDArray[Any]]

Mode = Literal["static", "dymbatch", "dymhw", "dymdims", "dymshape"]
"""How ais_bench calls the ways in which a model's shapes are open."""
Shape = tuple[int, ...]

_HIDDEN = ("ascend_mbatch_shape_data", "ascend_dynamic_aipp_data")
"""Inputs that GE adds for gears and dynamic AIPP; the runtime fills them."""
_IMAGE = 4
_SHOWN_GEARS = 20


@dataclass(frozen=True)
class Setting:
    """The shapes of one call, by input in the model's order. `gear`: the values that the runtime is told."""

    mode: Mode
    shapes: Mapping[str, Shape]
    gear: tuple[int, ...] = ()

    @property
    def batch(self) -> int:
        """Samples of one call: the first input's first axis, as ais_bench takes it; 1 for a scalar."""
        first = next(iter(self.shapes.values()), ())
        return first[0] if first else 1


def settings(om: "OmFile", options: CompileOptions) -> tuple[Setting, ...]:
    """Every gear, in the order given; the one shape of a static model; -1 axes where any shape will do."""
    wanted = _wanted(om, options)
    ordered = {name: wanted[name] for name in options.input_shape if name in wanted} | wanted
    mode, values = _mode(options), gears.values(options)
    if values:
        filled = gears.shapes(options.model_copy(update={"input_shape": ordered}))
        return tuple(
            Setting(mode, {name: shapes[name] for name in wanted}, gear)
            for shapes, gear in zip(filled, values, strict=True)
        )
    opened = any(dim < 0 for shape in wanted.values() for dim in shape)
    return (Setting("dymshape" if opened else "static", wanted),)


def largest(om: "OmFile", options: CompileOptions) -> Setting:
    """The gear with the most elements; the only setting of a model without gears."""
    return max(settings(om, options), key=lambda setting: sum(map(prod, setting.shapes.values())))


def setting_of(om: "OmFile", options: CompileOptions, arrays: "Mapping[str, NDArray[Any]]") -> Setting:
    """The setting that these inputs are of. Raises `ValueError` that names the input, or lists the gears."""
    ports = {port.name: port for port in om.inputs}
    known = settings(om, options)
    for setting in known:
        if all(_takes(ports.get(name), shape, arrays[name]) for name, shape in setting.shapes.items()):
            return Setting(setting.mode, _given(setting, arrays), setting.gear)
    if len(known) > 1:
        raise ValueError(_no_gear(om, known, arrays))
    wanted = known[0].shapes
    name = next(name for name in wanted if not _takes(ports.get(name), wanted[name], arrays[name]))
    raise ValueError(f"input {name!r} of {om.path} has shape {arrays[name].shape}; {_shown(wanted[name])} is wanted")


def checked_inputs(om: "OmFile", options: CompileOptions, inputs: "Mapping[str, NDArray[Any]]") -> "Arrays":
    """The inputs in the model's order, in C order and native byte order, each with the type and shape that it takes.

    The `.om` decides, and the options where it does not tell: an AIPP input is uint8 NHWC as the `.om` has it. NaN is
    let through. Raises `ValueError`, before any device is touched, naming the input, what it is and what is wanted.
    """
    ports = {port.name: port for port in om.inputs}
    wanted = _wanted(om, options) or dict.fromkeys(inputs, ())
    missing, unknown = [n for n in wanted if n not in inputs], [n for n in inputs if n not in wanted]
    if missing or unknown:
        raise ValueError(
            f"{om.path} takes the inputs {', '.join(map(repr, wanted))}"
            + (f"; missing: {', '.join(map(repr, missing))}" if missing else "")
            + (f"; not its own: {', '.join(map(repr, unknown))}" if unknown else "")
        )
    arrays = {name: _plain(om, ports.get(name), name, inputs[name]) for name in wanted}
    if om.inputs or options.input_shape:
        setting_of(om, options, arrays)
    return arrays


def _wanted(om: "OmFile", options: CompileOptions) -> dict[str, Shape]:
    """Each input's shape in the model's order, -1 where a gear or the caller chooses."""
    ports = [port for port in om.inputs if not port.name.startswith(_HIDDEN)]
    if not ports:
        return {name: tuple(dims) for name, dims in options.input_shape.items()}
    return {port.name: _template(port, options.input_shape.get(port.name)) for port in ports}


def _template(port: "Port", given: Sequence[int] | None) -> Shape:
    shape = tuple(port.shape)
    if given is None or any(dim < 0 for dim in shape):
        return shape
    if not shape:
        return tuple(given)
    if all(dim >= 0 for dim in given):
        return shape
    # Gears, of which the file holds the largest: the options know which axes are open. AIPP turns NCHW to NHWC, and
    # takes images of other sizes and channels than the model.
    if len(given) != _IMAGE or _fits(tuple(given), shape):
        return tuple(given)
    turned: Shape = (given[0], given[2], given[3], given[1])
    if port.dtype == "uint8" and len(shape) == _IMAGE:
        turned = tuple(want if want < 0 else have for want, have in zip(turned, shape, strict=True))
    return turned if _fits(turned, shape) else tuple(given)


def _fits(template: Shape, shape: Shape) -> bool:
    return len(template) == len(shape) and all(want in (-1, dim) for want, dim in zip(template, shape, strict=True))


def _takes(port: "Port | None", shape: Shape, array: "NDArray[Any]") -> bool:
    if _fits(shape, array.shape):
        return True
    # A YUV image for AIPP has fewer bytes than its shape says: half a byte of colour for each pixel.
    if port is None or port.dtype != "uint8" or array.dtype.name != "uint8" or port.size <= 0:
        return False
    held = prod(port.shape)
    # The file tells the bytes of the largest gear.
    return port.size != held > 0 and array.nbytes * held == port.size * prod(shape)


def _given(setting: Setting, arrays: "Mapping[str, NDArray[Any]]") -> dict[str, Shape]:
    if setting.mode == "dymshape":
        return {name: arrays[name].shape for name in setting.shapes}
    return dict(setting.shapes)


def _mode(options: CompileOptions) -> Mode:
    if options.dynamic_batch_size:
        return "dymbatch"
    return "dymhw" if options.dynamic_image_size else "dymdims"


def _plain(om: "OmFile", port: "Port | None", name: str, given: "NDArray[Any]") -> "NDArray[Any]":
    import numpy as np

    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"input {name!r} of {om.path} is {array.dtype}; numbers are wanted")
    wanted = plain_dtype(port)
    if wanted is not None and array.dtype.name != wanted.name:
        raise ValueError(f"input {name!r} of {om.path} is {array.dtype.name}; {wanted.name} is wanted")
    if not array.size:
        raise ValueError(f"input {name!r} of {om.path} has shape {array.shape}, which holds nothing")
    return np.asarray(array, dtype=array.dtype.newbyteorder("="), order="C")


def plain_dtype(port: "Port | None") -> "np.dtype[Any] | None":
    """The type that the `.om` tells, as numpy has it; None where it tells none, or one such as bfloat16.

    Other libraries may teach numpy that name: it is None all the same, so that what is checked does not depend on them.
    """
    import numpy as np

    if port is None or not port.dtype:
        return None
    try:
        found = np.dtype(port.dtype)
    except TypeError:
        return None
    return found if found.isbuiltin == 1 else None


def _no_gear(om: "OmFile", known: Sequence[Setting], arrays: "Mapping[str, NDArray[Any]]") -> str:
    given = ", ".join(f"{name!r} {_shown(arrays[name].shape)}" for name in known[0].shapes)
    listed = "; ".join(
        ", ".join(f"{name!r} {_shown(shape)}" for name, shape in setting.shapes.items())
        for setting in known[:_SHOWN_GEARS]
    )
    more = f"; and {len(known) - _SHOWN_GEARS} more" if len(known) > _SHOWN_GEARS else ""
    return f"the inputs of {om.path} are of no gear: given {given}; the gears are {listed}{more}"


def _shown(shape: Sequence[int]) -> str:
    return f"({', '.join('any' if dim < 0 else str(dim) for dim in shape)})"
