"""Whether an edited model still computes the same as the original, in FP32.

Both run on the same inputs, without graph optimisations, which could hide or make a difference; 16-bit floats are
widened. Here belongs the comparison. Not here: running what ONNX Runtime cannot (`reference.py`), or how far a device
is from FP32 (`resources/ascend/metrics.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from resources.onnx_files import reference
from resources.onnx_files.sessions import check_inputs, open_session, run_session, serialized, session_options
from resources.onnx_files.signature import signature
from resources.onnx_files.structure import shown
from resources.onnx_files.widen import widened

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    from numpy.typing import NDArray

    Tensors = Mapping[str, NDArray[Any]]

TOLERANCE = 1e-4
"""The largest relative Euclidean distance of two outputs that count as the same.

FP32 rounds by 6e-8, and summing in another order adds up to some 1e-5 over hundreds of layers; one rounding to FP16 is
5e-4. So this is more than a faithful edit needs and less than the device does by itself.
"""

ELEMENTWISE = 10.0
"""How many tolerances of the output's largest element a single one may be off: a wrong one among millions of right
ones moves no distance."""

_CHUNK = 1 << 20
"""Elements that are held in double precision at a time."""


@dataclass(frozen=True)
class Equivalence:
    """The answer. `worst`: the largest relative Euclidean distance of an output, infinite where it was not judged.

    `output`: the output that `worst` and `why` are about; empty where they are about the whole model.
    """

    equal: bool
    worst: float
    output: str
    why: str

    def __bool__(self) -> bool:
        """Whether the two compute the same."""
        return self.equal


def compare(
    before: "onnx.ModelProto",
    after: "onnx.ModelProto",
    inputs: "Tensors | Sequence[Tensors]",
    *,
    tolerance: float = TOLERANCE,
) -> Equivalence:
    """Hold `after` against `before` on one batch of inputs, or on several. What cannot be judged is not equal.

    Every output: its name, its shape, its type (a float may be of another width), its relative Euclidean distance,
    each of its elements. Integers, booleans and strings are equal or not. NaN and infinity count as equal where the
    original has the same in the same place.
    """
    return Original(before, inputs).compare(after, tolerance=tolerance)


class Original:
    """A model's own results, found once, for many edits to be held against."""

    def __init__(self, model: "onnx.ModelProto", inputs: "Tensors | Sequence[Tensors]") -> None:
        self._signature = signature(model)
        self._batches: tuple[Tensors, ...] = (inputs,) if isinstance(inputs, Mapping) else tuple(inputs)
        self._unknown = ""
        self._results: list[dict[str, NDArray[Any]]] = []
        try:
            self._results = _results(model, self._batches)
        except ValueError as error:
            self._unknown = f"the original cannot be computed: {error}"

    def compare(self, after: "onnx.ModelProto", *, tolerance: float = TOLERANCE) -> Equivalence:
        """Hold an edited model against the original. What cannot be judged is not equal."""
        changed = self._unknown or self._interface(after)
        if changed:
            return _not_judged(changed)
        try:
            results = _results(after, self._batches)
        except ValueError as error:
            return _not_judged(f"the edited model cannot be computed: {error}")
        pairs = list(zip(self._results, results, strict=True))
        found = [_output(name, was[name], now[name], tolerance) for was, now in pairs for name in was]
        refused = [each for each in found if not each.equal]
        return max(refused or found, key=lambda each: each.worst)

    def _interface(self, after: "onnx.ModelProto") -> str:
        """How names of inputs or outputs differ; empty where they do not."""
        now = signature(after)
        for what, old, new in (
            ("inputs", self._signature.inputs, now.inputs),
            ("outputs", self._signature.outputs, now.outputs),
        ):
            had, has = {tensor.name for tensor in old}, {tensor.name for tensor in new}
            if had != has:
                names = ", ".join(shown(name) for name in sorted(had ^ has)[:3])
                return f"the {what} differ: {names}"
        if not self._batches or not self._signature.outputs:
            return "there is nothing to compare: no inputs were given, or the model has no outputs"
        return ""


def _not_judged(why: str, output: str = "") -> Equivalence:
    return Equivalence(equal=False, worst=math.inf, output=output, why=why)


def _results(model: "onnx.ModelProto", batches: "Sequence[Tensors]") -> "list[dict[str, NDArray[Any]]]":
    """The outputs for each batch, in FP32. Raises `ValueError` where neither ONNX Runtime nor onnx can run it."""
    wide = widened(model)
    feeds = [_feeds(wide, batch) for batch in batches]
    try:
        session = _session(wide)
    except ValueError as error:
        try:
            return reference.run(wide, feeds)
        except reference.NotRun as other:
            raise ValueError(f"{error}; {other}") from error
    names = [output.name for output in session.get_outputs()]
    return [run_session(session, names, feed) for feed in feeds]


def _session(model: "onnx.ModelProto") -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = session_options(arena=False)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return open_session(serialized(model), options)


def _feeds(model: "onnx.ModelProto", batch: "Tensors") -> "dict[str, NDArray[Any]]":
    """The batch in the types that the model takes. Raises `ValueError` for an array that is missing or changes."""
    import numpy as np

    feeds: dict[str, NDArray[Any]] = {}
    takes = signature(model).inputs
    for tensor in takes:
        if tensor.name not in batch:
            raise ValueError(f"no array is given for input {shown(tensor.name)}")
        array = np.asarray(batch[tensor.name])
        if tensor.dtype not in {array.dtype.name, "string"}:
            array = _cast(tensor.name, array, tensor.dtype)
        feeds[tensor.name] = array
    check_inputs(
        {each.name: (feeds[each.name].dtype.name, each.shape or feeds[each.name].shape) for each in takes}, feeds
    )
    return feeds


def _cast(name: str, array: "NDArray[Any]", dtype: str) -> "NDArray[Any]":
    import numpy as np

    try:
        wanted = np.dtype(dtype)
        with np.errstate(all="ignore"):
            cast = array.astype(wanted)
            # 16-bit floats are of numpy's kind V; between floats rounding is allowed, between others nothing is.
            kept = wanted.kind == "f" and array.dtype.kind in "fV"
            same = kept or bool((cast.astype(array.dtype) == array).all())
    except TypeError as error:
        raise ValueError(f"input {shown(name)} is of type {dtype}, which no array of numbers has") from error
    if not same:
        raise ValueError(f"input {shown(name)}: values given as {array.dtype.name} do not fit {dtype}")
    return cast


def _output(name: str, was: object, now: object, tolerance: float) -> Equivalence:
    """One output of one batch."""
    import numpy as np

    if not isinstance(was, np.ndarray) or not isinstance(now, np.ndarray):
        return _not_judged(f"output {shown(name)} is no tensor", name)
    if was.shape != now.shape:
        return _not_judged(f"output {shown(name)} was {list(was.shape)} and is {list(now.shape)}", name)
    if was.dtype.kind == "f" and now.dtype.kind == "f":
        return _floats(name, was.reshape(-1), now.reshape(-1), tolerance)
    if was.dtype != now.dtype:
        return _not_judged(f"output {shown(name)} was of {was.dtype.name} and is of {now.dtype.name}", name)
    wrong = int(np.count_nonzero(was != now))
    if wrong:
        return _not_judged(f"{wrong} of {was.size} elements of output {shown(name)} differ", name)
    return Equivalence(equal=True, worst=0.0, output=name, why=f"output {shown(name)} is the same")


def _floats(name: str, was: "NDArray[Any]", now: "NDArray[Any]", tolerance: float) -> Equivalence:
    import numpy as np

    finite = np.isfinite(was)
    if not np.array_equal(was[~finite], now[~finite], equal_nan=True) or not np.isfinite(now[finite]).all():
        wrong = "infinite or no number in other places than before"
        return _not_judged(f"output {shown(name)} is {wrong}", name)
    if was.size and not finite.any():
        return _not_judged(f"output {shown(name)} has no finite element, so that nothing can be compared", name)
    distance, furthest = _distances(was[finite], now[finite])
    why = f"output {shown(name)}: relative distance {distance:.2g}, single elements off by up to {furthest:.2g}"
    # NaN fails.
    equal = distance <= tolerance and furthest <= ELEMENTWISE * tolerance
    limits = f"; allowed are {tolerance:.2g} and {ELEMENTWISE * tolerance:.2g}"
    return Equivalence(equal=equal, worst=max(distance, 0.0), output=name, why=why if equal else why + limits)


def _distances(was: "NDArray[Any]", now: "NDArray[Any]") -> tuple[float, float]:
    """|now - was| / |was| in the Euclidean norm, and the largest difference over the largest magnitude."""
    import numpy as np

    squares, apart, largest, furthest = 0.0, 0.0, 0.0, 0.0
    for start in range(0, was.size, _CHUNK):
        y = was[start : start + _CHUNK].astype(np.float64)
        difference = np.abs(now[start : start + _CHUNK].astype(np.float64) - y)
        squares += float(np.dot(y, y))
        apart += float(np.dot(difference, difference))
        largest = max(largest, float(np.abs(y).max()))
        furthest = max(furthest, float(difference.max()))
    return math.sqrt(_ratio(apart, squares)), _ratio(furthest, largest)


def _ratio(part: float, whole: float) -> float:
    if whole:
        return part / whole
    return math.inf if part else 0.0
