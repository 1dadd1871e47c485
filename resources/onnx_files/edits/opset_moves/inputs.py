"""Attributes that became inputs in a later opset, and back.

Here belong those that carry the same values in either form. Not here: operators that also mean something else.
"""

from dataclasses import dataclass
from typing import Any, Literal

from resources.onnx_files.edits import EditError
from resources.onnx_files.edits.site import Body, Site

Kind = Literal["ints", "int", "floats", "scalar"]


@dataclass(frozen=True)
class _Moved:
    """An attribute and the place of the input that it became. `scalar`: one number of the data's type."""

    attribute: str
    index: int
    kind: Kind = "ints"
    default: float | None = None


_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")
_TABLE: dict[tuple[str, int], tuple[_Moved, ...]] = {
    ("Squeeze", 13): (_Moved("axes", 1),),
    ("Unsqueeze", 13): (_Moved("axes", 1),),
    ("Split", 13): (_Moved("split", 1),),
    ("Slice", 10): (_Moved("starts", 1), _Moved("ends", 2), _Moved("axes", 3)),
    ("Clip", 11): (_Moved("min", 1, "scalar"), _Moved("max", 2, "scalar")),
    ("Pad", 11): (_Moved("pads", 1), _Moved("value", 2, "scalar", 0.0)),
    ("TopK", 10): (_Moved("k", 1, "int"),),
    ("Upsample", 9): (_Moved("scales", 1, "floats"),),
    ("DFT", 20): (_Moved("axis", 2, "int", 1),),
    ("ReduceSum", 13): (_Moved("axes", 1),),
    **{(f"Reduce{kind}", 18): (_Moved("axes", 1),) for kind in _REDUCTIONS},
}
_STEPS = 4


def _down(moved: tuple[_Moved, ...]) -> Body:
    def body(site: Site) -> None:
        attributes = _kept(site)
        if site.node.op_type == "Slice" and site.has(_STEPS) and any(n != 1 for n in site.ints(_STEPS, "steps")):
            raise EditError("it takes steps other than 1, which came with opset 10")
        for move in moved:
            if site.has(move.index):
                values = site.value(move.index, move.attribute).ravel().tolist()
                attributes[move.attribute] = values if move.kind in {"ints", "floats"} else values[0]
        if attributes.pop("noop_with_empty_axes", 0) and not attributes.get("axes"):
            site.write.op("Identity", site.input(0), out=site.out())
            return
        if not attributes.get("axes", True):
            del attributes["axes"]  # an empty list of axes means all of them, as none does
        _write(site, [site.input(0)], attributes)

    return body


def _up(moved: tuple[_Moved, ...]) -> Body:
    def body(site: Site) -> None:
        attributes = _kept(site)
        inputs = [site.input(0)] + [""] * max(move.index for move in moved)
        for move in moved:
            value = attributes.pop(move.attribute, move.default)
            if value is not None:
                inputs[move.index] = _given(site, move, value)
        _write(site, inputs, attributes)

    return body


def _given(site: Site, move: _Moved, value: "float | list[int] | list[float]") -> str:
    import numpy as np

    if move.kind == "ints":
        return site.write.constant(np.asarray(value, np.int64))
    if move.kind == "floats":
        return site.write.constant(np.asarray(value, np.float32))
    if move.kind == "int":
        # TopK takes a vector of one, DFT a scalar.
        shape = (1,) if site.node.op_type == "TopK" else ()
        return site.write.constant(np.asarray(value, np.int64).reshape(shape))
    return site.write.scalar(float(np.asarray(value)), site.dtype(0))


def _kept(site: Site) -> dict[str, Any]:
    return {entry.name: site.attribute(entry.name) for entry in site.node.attribute}


def _write(site: Site, inputs: list[str], attributes: dict[str, Any]) -> None:
    site.write.ops(site.node.op_type, *inputs, outs=list(site.node.output), **attributes)


DOWN: dict[tuple[str, int], Body] = {key: _down(moved) for key, moved in _TABLE.items()}
UP: dict[tuple[str, int], Body] = {key: _up(moved) for key, moved in _TABLE.items()}
