"""Evaluation data, and the task metric that is computed on it.

Here belong reading a model's `evaluation.npz` into typed arrays, cutting it into batches, and the metrics. Not here:
what runs the model (the toolchain), or whether a drop is small enough (`gates/precision.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ascend_assets.images import Images
from ascend_assets.records import TaskMetric
from ascend_assets.spec import Input
from resources import npz
from resources.onnx_files.roles import MASK

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]
    """One batch of named inputs to named outputs; the metric is about the first output."""

LABELS = "labels"
HIGHER_IS_BETTER = {"top1": True, "top5": True, "mean_absolute_error": False}
_PLACES = {"top1": 1, "top5": 5}


class EvaluationError(Exception):
    """Base of what is wrong with an evaluation. The message says what to do."""


class BadEvaluationData(EvaluationError):
    """A file of evaluation data that is unreadable, unsafe, or not about this model's inputs."""


class MetricNotApplicable(EvaluationError):
    """A metric that outputs and labels of these shapes and types do not allow."""


@dataclass(frozen=True, eq=False)
class EvaluationData:
    """Samples along the first axis of every array. `inputs` by name; `labels` what the model should answer.

    `images`: target -> input -> what the target takes in place of that input, the same samples in the same order.
    """

    inputs: "Mapping[str, Array]"
    labels: "Array"
    images: "Mapping[str, Mapping[str, Array]]" = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return len(self.labels)

    def taken_by(self, target: str) -> "EvaluationData":
        """The same samples as a target takes them: images where it takes some."""
        return EvaluationData({**self.inputs, **self.images.get(target, {})}, self.labels)


class Named(Protocol):
    """An input, as far as samples of it go. `dtype` as numpy spells it."""

    @property
    def name(self) -> str:
        """Its name in the graph."""
        ...

    @property
    def dtype(self) -> str:
        """Its element type."""
        ...


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch of exactly the model's size. Only its first `valid` samples are data, the rest is padding."""

    inputs: "Mapping[str, Array]"
    labels: "Array"
    valid: int


def load(
    path: Path, inputs: Sequence[Input], images: Sequence[Images] = (), *, max_bytes: int = npz.MAX_BYTES
) -> EvaluationData:
    """Read an `.npz` that holds one array per input, samples along the first axis, and `labels`.

    For each of `images` it holds these too, in one of the arrays that they name. Nothing in it is executed. Raises
    `BadEvaluationData` if it holds other arrays than these, if they have other types or shapes, or if sample counts
    differ.
    """
    try:
        arrays = npz.read(path, max_bytes=max_bytes)
    except npz.BadNpz as error:
        raise BadEvaluationData(str(error)) from error
    own = {LABELS, *(i.name for i in inputs)}
    keys = {each: _array_of(path, each, arrays.keys() - own) for each in images}
    expected = own.union(keys.values())
    if set(arrays) != expected:
        raise BadEvaluationData(
            f"{path}: holds the arrays {sorted(arrays)}, but must hold {sorted(expected)}: one per input, and labels"
            + (", and images for aipp" if images else "")
        )
    for declared in inputs:
        _check_input(path, declared, arrays[declared.name])
    for each, key in keys.items():
        if not each.fits(arrays[key]):
            raise BadEvaluationData(
                f"{path}: array {key!r} is {arrays[key].dtype.name} of shape {arrays[key].shape}, but target "
                f"{each.target} takes {each.words}"
            )
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if min(counts.values()) == 0 or len(set(counts.values())) > 1:
        raise BadEvaluationData(f"{path}: needs the same number of samples, one or more, in every array; has {counts}")
    shown: dict[str, dict[str, Array]] = {}
    for each, key in keys.items():
        shown.setdefault(each.target, {})[each.input] = arrays[key]
    return EvaluationData({i.name: arrays[i.name] for i in inputs}, arrays[LABELS], shown)


def _array_of(path: Path, images: Images, held: AbstractSet[str]) -> str:
    """The array that holds a target's images. Raises `BadEvaluationData` where there is none."""
    found = next((key for key in images.arrays if key in held), None)
    if found is None:
        raise BadEvaluationData(f"{path}: {images.missing}")
    return found


def _check_input(path: Path, declared: Input, array: "Array") -> None:
    if array.dtype.name != declared.dtype:
        raise BadEvaluationData(
            f"{path}: array {declared.name!r} is {array.dtype.name}, the input is {declared.dtype}: "
            f"save it with .astype({declared.dtype!r})"
        )
    fits = array.ndim == len(declared.shape) > 0 and all(
        isinstance(want, str) or have == want for have, want in zip(array.shape[1:], declared.shape[1:], strict=True)
    )
    if not fits:
        shape = ", ".join(map(str, ("samples", *declared.shape[1:])))
        raise BadEvaluationData(f"{path}: array {declared.name!r} has shape {array.shape}, but must have ({shape})")


def batches(data: EvaluationData, batch: int) -> Iterator[Batch]:
    """Consecutive batches of exactly `batch` samples; the last one is filled up with its last sample."""
    import numpy as np

    if batch < 1:
        raise ValueError(f"batch must be 1 or more, but is {batch}")
    for start in range(0, data.samples, batch):
        rows = np.minimum(np.arange(start, start + batch), data.samples - 1)
        yield Batch(
            inputs={name: array[rows] for name, array in data.inputs.items()},
            labels=data.labels[rows],
            valid=min(batch, data.samples - start),
        )


def samples_for_comparison(
    data: EvaluationData | None,
    inputs: "Sequence[Named]",
    shapes: Mapping[str, Sequence[int]],
    *,
    seed: int = 0,
    bounds: Mapping[str, tuple[int, int]] | None = None,
) -> "dict[str, Array]":
    """One batch to compare layers on, the same for the same seed.

    `shapes`: what each input is compiled for, without open dimensions (`Target.options(inputs).input_shape`).
    Evaluation samples are drawn without replacement, and repeated only if there are fewer than the batch. Without data:
    standard normal numbers for floats, 0 to 9 for integers, which are a valid index into most tables, 0 to 255 for
    uint8; within `bounds`, where the graph tells some of an input (`resources/onnx_files/roles.py`). Raises
    `BadEvaluationData` where samples do not fit the shape that the model is compiled for.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    if data is None:
        known = bounds or {}
        return {i.name: _random(rng, i.dtype, tuple(shapes[i.name]), known.get(i.name)) for i in inputs}
    batch = shapes[inputs[0].name][0]
    rows = np.resize(rng.permutation(data.samples), batch)
    drawn = {i.name: data.inputs[i.name][rows] for i in inputs}
    for name, array in drawn.items():
        if array.shape != tuple(shapes[name]):
            raise BadEvaluationData(
                f"evaluation samples of {name!r} make a batch of shape {array.shape}, but the target is compiled for "
                f"{tuple(shapes[name])}: give samples of that shape, or that shape in the target's input_shape"
            )
    return drawn


def _random(
    rng: "np.random.Generator", dtype: str, shape: tuple[int, ...], bounds: tuple[int, int] | None = None
) -> "Array":
    import numpy as np

    if bounds == MASK:
        mask = np.asarray(rng.integers(0, 2, shape), dtype=dtype)
        mask[..., :1] = 1  # where everything is masked no model says anything
        return mask
    if dtype.startswith(("float", "bfloat")):
        return np.asarray(rng.standard_normal(shape), dtype=dtype)
    top = {"bool": 2, "uint8": 256}.get(dtype, 10)
    if bounds is not None:
        top = max(1, min(top, bounds[1] + 1))
    return np.asarray(rng.integers(0, top, shape), dtype=dtype)


def score(metric: str, output: "Array", labels: "Array") -> "NDArray[np.float64]":
    """The metric of each sample, shape (samples,); its mean is the metric.

    `top1`, `top5`: `output` (samples, classes, ...) of scores, `labels` (samples, ...) of class numbers; 1 where the
    label is among the best one or five, the lower class first among equals, averaged over what follows the classes. A
    NaN among a sample's scores makes it wrong. `mean_absolute_error`: |output - label| averaged over all but the first
    axis; shapes may differ by axes of length 1. Raises `MetricNotApplicable`.
    """
    import numpy as np

    if metric not in HIGHER_IS_BETTER:
        raise MetricNotApplicable(f"{metric!r} is no metric; allowed: {', '.join(HIGHER_IS_BETTER)}")
    if output.ndim == 0 or len(output) != len(labels):
        raise MetricNotApplicable(
            f"{metric}: an output of shape {output.shape} for {len(labels)} labels: the first axis must be the samples"
        )
    each = _absolute_error(output, labels) if metric == "mean_absolute_error" else _hits(metric, output, labels)
    means: NDArray[np.float64] = each.reshape(len(labels), -1).mean(axis=1, dtype=np.float64)
    return means


def _hits(metric: str, output: "Array", labels: "Array") -> "Array":
    import numpy as np

    places = _PLACES[metric]
    classes = output.shape[1] if output.ndim > 1 else 0
    if classes <= places:
        raise MetricNotApplicable(
            f"{metric} needs scores of more than {places} classes along axis 1; the output has shape {output.shape}"
        )
    if labels.shape != output.shape[:1] + output.shape[2:] or labels.dtype.kind not in "iu":
        raise MetricNotApplicable(
            f"{metric} needs integer labels of shape {output.shape[:1] + output.shape[2:]}; "
            f"they are {labels.dtype.name} of shape {labels.shape}"
        )
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise MetricNotApplicable(
            f"{metric}: labels run from {labels.min()} to {labels.max()}; {classes} classes exist"
        )
    index = np.expand_dims(labels.astype(np.int64), 1)
    own = np.take_along_axis(output, index, axis=1)
    lower = np.arange(classes).reshape(-1, *(1,) * (output.ndim - 2)) < index
    ahead = (output > own) | ((output == own) & lower)
    hits: Array = (ahead.sum(axis=1) < places) & ~np.isnan(output).any(axis=1)
    return hits


def _absolute_error(output: "Array", labels: "Array") -> "Array":
    import numpy as np

    def flat(array: "Array") -> tuple[int, ...]:
        return tuple(dim for dim in array.shape[1:] if dim != 1)

    if flat(output) != flat(labels):
        raise MetricNotApplicable(
            f"mean_absolute_error needs labels of the output's shape {output.shape}; they have {labels.shape}"
        )
    errors: Array = np.abs(output.astype(np.float64) - labels.astype(np.float64).reshape(output.shape))
    return errors


def task_metric(
    reference: "Run",
    device: "Run",
    data: EvaluationData,
    metric: str,
    *,
    batch: int,
    taken: EvaluationData | None = None,
) -> TaskMetric:
    """Run both sides over all of the data, batch by batch, and compute the metric of each.

    `taken`: the same samples as the device takes them, where that is not how the reference does (images for AIPP). The
    metric is about the first output that the reference names. Raises `MetricNotApplicable`.
    """
    import numpy as np

    scores: dict[str, list[Array]] = {"reference": [], "device": []}
    for part, given in zip(batches(data, batch), batches(taken or data, batch), strict=True):
        expected = reference(part.inputs)
        name = next(iter(expected))
        outputs = {"reference": expected[name], "device": device(given.inputs)[name]}
        for side, output in outputs.items():
            if output.ndim == 0 or len(output) != batch:
                raise MetricNotApplicable(
                    f"{metric}: output {name!r} has shape {output.shape} for a batch of {batch}: "
                    "its first axis must be the samples"
                )
            scores[side].append(score(metric, output[: part.valid], part.labels[: part.valid]))
    means = {side: float(np.concatenate(parts).mean()) for side, parts in scores.items()}
    return TaskMetric(name=metric, higher_is_better=HIGHER_IS_BETTER[metric], samples=data.samples, **means)
