"""Input shapes: sizes that nobody stated, names that the model does not have, and shapes that it does not take.

Not here: which sizes fit (`diagnosis/sizes.py`), or shapes that depend on data (`dynamic.py`).
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ascend_assets.diagnosis.case import Case, Observation, Value
from ascend_assets.diagnosis.observers import Kind
from ascend_assets.diagnosis.observers.said import SAID, errors, fact
from ascend_assets.diagnosis.offers import offer
from ascend_assets.diagnosis.sizes import Sizes, settle
from ascend_assets.diagnosis.telling import plain
from ascend_assets.remedies.kinds import DropOptions, Remedy, SetInputShapes
from resources.onnx_files.shapes import declared, inputs
from resources.onnx_files.structure import shown

if TYPE_CHECKING:
    from resources.ascend.toolchain import Diagnostic

_SHAPE = ("inputs", "shape", "assumed")
MAKES = {
    "input_open": Kind(_SHAPE, ("set_input_shapes",)),
    "input_name": Kind(("wrong", *_SHAPE, *SAID), ("drop_options", "set_input_shapes")),
    "input_rank": Kind(("given", *_SHAPE, *SAID), ("set_input_shapes",)),
    "input_axis": Kind(("given", *_SHAPE, *SAID), ("set_input_shapes",)),
    "input_unfitting": Kind(("given", *_SHAPE, *SAID), ("set_input_shapes",)),
    "input_grammar": Kind(("given", *SAID)),
    "input_no_tensor": Kind(("inputs", *SAID)),
}

_OPEN = re.compile(r"Value \[?-1\]? for parameter \[?(?P<name>.{1,1024}?)\]? is invalid\. Reason: maybe")
_RANGE = re.compile(
    r"^Input \[(?P<name>.{1,1024}?)\] cannot be given that shape\. Reason: (?P<reason>.{1,500})", re.DOTALL
)
_FED = re.compile(r"input (?P<name>.{1,1024}?) is no tensor")
_CONTRADICT = ("contradict each other", "hold nothing", "would take")


class _Inputs:
    """One case's inputs and the sizes that are proposed for them; the search runs once, and only if it is asked for."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.names = tuple(value.name for value in inputs(case.model)) if case.model is not None else ()

    @cached_property
    def sizes(self) -> Sizes:
        """Every input's shape, with what was given and fits."""
        given = {name: dims for name, dims in self.case.options.input_shape.items() if name in self.names}
        return self.settled(given)

    @cached_property
    def free(self) -> Sizes:
        """Every input's shape, whatever was given."""
        return self.settled({})

    def settled(self, given: Mapping[str, Sequence[int]]) -> Sizes:
        """Every input's shape, with what is given."""
        return Sizes({}, (), 0) if self.case.model is None else settle(self.case.model, given)

    def offered(self, sizes: Sizes, *, drop: bool = False) -> dict[str, Remedy]:
        """The remedy that states a shape for every input; `drop`: what was given is left out before."""
        shapes = offer(SetInputShapes, shapes=sizes.shapes, assumed=sizes.assumed) if self._whole(sizes) else {}
        return {**offer(DropOptions, options=("input_shape",)), **shapes} if drop and shapes else shapes

    def _whole(self, sizes: Sizes) -> bool:
        return (
            bool(self.names)
            and set(sizes.shapes) == set(self.names)
            and all(dim > 0 for dims in sizes.shapes.values() for dim in dims)
        )

    def values(self, sizes: Sizes) -> dict[str, Value]:
        """What texts name: the inputs, an `--input_shape` that fits, and which of it is only usual."""
        shape = ";".join(f"{shown(name)}:{','.join(map(str, dims))}" for name, dims in sizes.shapes.items())
        return {
            "inputs": ", ".join(map(shown, self.names)) or "-",
            "shape": shape or "<input>:1,3,224,224",
            "assumed": int(bool(sizes.assumed) or not self._whole(sizes)),
        }


def observe(case: Case) -> Iterator[Observation]:
    """Open sizes first, then what a compiler has against the shapes that it was given."""
    fed = _Inputs(case)
    yield from _open(case, fed)
    for item in errors(case, "E10016"):
        if "input_shape" in item.message:
            yield _named(fed, item)
    for item in errors(case, "E10049", "EX0003", "EX0005"):
        yield from _refused(case, fed, item)
    for item in errors(case, "E10002", "E10011", "E10012"):
        yield fact("input_grammar", item, values={"given": _given(case)})


def _open(case: Case, fed: _Inputs) -> Iterator[Observation]:
    messages = {found["name"]: item for item in errors(case, "E10001") if (found := _OPEN.search(item.message))}
    stated = set(case.options.input_shape) | set(case.options.input_shape_range)
    unsaid = tuple(dict.fromkeys((*case.open_inputs, *messages, *_unstated(case, stated))))
    if not unsaid:
        return
    values, remedies = fed.values(fed.sizes), fed.offered(fed.sizes)
    values = {**values, "inputs": ", ".join(shown(name) for name in unsaid[:20])}
    said = False
    for item in messages.values():
        said = True
        yield fact("input_open", item, values=values, remedies=remedies)
    if not said:
        says = f"nobody states the sizes of {values['inputs']}"
        from_ = "options" if case.open_inputs else "graph"
        yield Observation("input_open", says, tuple(case.open_inputs), values, remedies, from_)


def _unstated(case: Case, stated: set[str]) -> Iterator[str]:
    for value in inputs(case.model) if case.model is not None else ():
        dims = declared(value)
        if value.name not in stated and (dims is None or None in dims):
            yield value.name


def _named(fed: _Inputs, item: "Diagnostic") -> Observation:
    """A name that the model does not have: the shape that was meant for one of its inputs is given to that one."""
    given = fed.case.options.input_shape
    wrong = [name for name in given if name not in fed.names]
    left = [name for name in fed.names if name not in given]
    meant = {name: given[wrong_name] for wrong_name in wrong if (name := _meant(wrong_name, left))}
    sizes = fed.settled({**{name: given[name] for name in fed.names if name in given}, **meant})
    values = {"wrong": ", ".join(map(shown, wrong)) or "-", **fed.values(sizes)}
    return fact("input_name", item, values=values, remedies=fed.offered(sizes, drop=True))


def _meant(wrong: str, left: Sequence[str]) -> str:
    """The input that a wrong name stands for: the only one left, or the only one spelled much like it."""
    if len(left) == 1:
        return left[0]
    near = difflib.get_close_matches(wrong.casefold(), [name.casefold() for name in left], n=2, cutoff=0.75)
    return next((name for name in left if name.casefold() == near[0]), "") if len(near) == 1 else ""


def _refused(case: Case, fed: _Inputs, item: "Diagnostic") -> Iterator[Observation]:
    no_tensor = _FED.search(item.message)
    axis = _RANGE.match(item.message)
    if item.code == "EX0005" and no_tensor:
        yield fact("input_no_tensor", item, values={"inputs": plain(no_tensor["name"])})
    elif item.code == "E10049" or (axis and "is fixed to" in axis["reason"]):
        # What the file fixes is kept; what was given for other axes stays.
        kind = "input_rank" if item.code == "E10049" else "input_axis"
        yield fact(kind, item, values={"given": _given(case), **fed.values(fed.sizes)}, remedies=fed.offered(fed.sizes))
    elif axis or any(words in item.message for words in _CONTRADICT):
        sizes = fed.free
        yield fact(
            "input_unfitting", item, values={"given": _given(case), **fed.values(sizes)}, remedies=fed.offered(sizes)
        )


def _given(case: Case) -> str:
    shapes = case.options.input_shape.items()
    return ";".join(f"{shown(name)}:{','.join(map(str, dims))}" for name, dims in shapes) or "none"
