"""Production's labelled samples as training data, split so that nobody is ever judged by what was trained on.

Here belong reading the labelled rows, the split, and writing arrays with a digest of their own. Not here: how samples
came together and were validated (`production/`), or what is trained.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ascend_assets.evaluation import LABELS, EvaluationData
from ascend_assets.spec import Input
from resources.production.samples import INPUT, LABEL, REQUEST

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_BYTES = 512 * 1024**2
"""Bytes of samples that are taken, in memory; the newest are."""
_ROWS_AT_ONCE = 16_384
_SALT = b"held out\0"
_FIRST_TIME = (1980, 1, 1, 0, 0, 0)


class TrainingDataError(Exception):
    """Samples that nothing can be trained on. The message says what to do."""


class NotEnoughLabelled(TrainingDataError):
    """Fewer labelled samples than the model's file asks for."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled samples: ids, and inputs and labels in the same order. `refused`: rows whose label is no class."""

    ids: tuple[str, ...]
    data: EvaluationData
    refused: int = 0

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Split:
    """Samples to train on, and samples to judge by. `repeated`: left out of training, for they are to judge by."""

    trained_on: EvaluationData
    held_out: EvaluationData
    repeated: int


def read(path: Path, inputs: Iterable[Input], classes: int | None = None) -> Labelled:
    """The labelled rows of a file of production's samples, oldest first.

    Inputs have their declared shapes, samples along the first axis; labels are int64. Labels below 0, or not below
    `classes` where that is known, are left out and counted. Raises `TrainingDataError` where an input has an open
    dimension beside the batch, or the file holds something else.
    """
    import pyarrow as pa
    from pyarrow import parquet

    declared = tuple(inputs)
    shapes = {one.name: _shape(one) for one in declared}
    columns = [REQUEST, LABEL, *(INPUT + one.name for one in declared)]
    try:
        with parquet.ParquetFile(path) as file:
            missing = [name for name in columns if name not in file.schema_arrow.names]
            if missing:
                raise TrainingDataError(f"production's samples have no {', '.join(missing)}: gather them again")
            kept, refused = _newest(file.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False), classes)
        table = pa.Table.from_batches(kept) if kept else file.schema_arrow.empty_table().select(columns)
        arrays = {one.name: _array(table[INPUT + one.name], one, shapes[one.name]) for one in declared}
        labels = table[LABEL].to_numpy().astype("int64")
    except (pa.ArrowException, OSError, ValueError) as error:
        raise TrainingDataError(f"production's samples cannot be used: {error}") from error
    return Labelled(tuple(table[REQUEST].to_pylist()), EvaluationData(arrays, labels), refused)


def is_held_out(request_id: str, share: float) -> bool:
    """Whether a sample is to judge by: decided by its id alone, so that it never changes sides.

    A later challenger is not trained on what an earlier one was judged by, as long as `share` is not made smaller.
    """
    drawn = int.from_bytes(sha256(_SALT + request_id.encode(errors="surrogatepass")).digest()[:8], "big")
    return drawn < share * 2**64


def split(labelled: Labelled, share: float, original: EvaluationData | None = None) -> Split:
    """Split by `is_held_out`. What equals a held-out input, or one of the `original` data, is not trained on.

    Raises `TrainingDataError` where one side would be empty.
    """
    import numpy as np

    held = np.array([is_held_out(one, share) for one in labelled.ids], dtype=bool)
    held_out = _taken(labelled.data, held)
    known = {*_digests(held_out), *(_digests(original) if original is not None else ())}
    rest = _taken(labelled.data, ~held)
    fresh = np.array([digest not in known for digest in _digests(rest)], dtype=bool)
    trained_on = _taken(rest, fresh) if rest.samples else rest
    if not held_out.samples or not trained_on.samples:
        raise TrainingDataError(
            f"of {len(labelled)} labelled samples {held_out.samples} are to judge by and {trained_on.samples} to train "
            "on: both are needed; let more labels arrive, or change retraining.held_out"
        )
    return Split(trained_on, held_out, int((~fresh).sum()))


def evaluated(original: EvaluationData, held_out: EvaluationData, least: int) -> EvaluationData:
    """The evaluation data of the candidate: held-out samples, for these are the world that it will live in.

    The last of them, as many as the model's own evaluation data has, or `least` if that is more: so evaluating costs
    what it did. Where there are fewer than `least`, too few for anything to be compared with, they are added to the
    model's own.
    """
    import numpy as np

    if held_out.samples >= least:
        return _last(held_out, max(original.samples, least))
    inputs = {name: np.concatenate([array, held_out.inputs[name]]) for name, array in original.inputs.items()}
    labels = np.concatenate([original.labels, held_out.labels.astype(original.labels.dtype)])
    return EvaluationData(inputs, labels)


def npz_bytes(data: EvaluationData) -> bytes:
    """The samples as `.npz`, inputs by name and `labels`: the same samples give the same bytes."""
    import numpy as np

    sink = BytesIO()
    with ZipFile(sink, "w") as archive:
        for name, array in {**data.inputs, LABELS: data.labels}.items():
            info = ZipInfo(f"{name}.npy", _FIRST_TIME)
            info.compress_type = ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
    return sink.getvalue()


def _newest(batches: "Iterator[pa.RecordBatch]", classes: int | None) -> "tuple[deque[pa.RecordBatch], int]":
    """The rows with a usable label, as many of the last as fit, and how many labels are no class."""
    from pyarrow import compute

    kept: deque[pa.RecordBatch] = deque()
    held = refused = 0
    for batch in batches:
        labelled = batch.filter(compute.is_valid(batch.column(LABEL)))
        label = labelled.column(LABEL)
        usable = compute.greater_equal(label, 0)
        if classes is not None:
            usable = compute.and_(usable, compute.less(label, classes))
        rows = labelled.filter(usable)
        refused += len(labelled) - len(rows)
        if len(rows):
            kept.append(rows)
            held += rows.nbytes
        while held > MOST_BYTES and len(kept) > 1:
            held -= kept.popleft().nbytes
    return kept, refused


def _shape(one: Input) -> tuple[int, ...]:
    rest = one.shape[1:]
    sizes = tuple(size for size in rest if isinstance(size, int))
    if len(sizes) != len(rest):
        raise TrainingDataError(
            f"input {one.name!r} has an open dimension beside the batch, so that samples make no array: "
            "retraining needs fixed sizes"
        )
    return sizes


def _array(column: "pa.ChunkedArray", one: Input, shape: tuple[int, ...]) -> "Array":
    values = column.combine_chunks()
    flat = values.flatten() if shape else values
    array: Array = flat.to_numpy(zero_copy_only=False).astype(one.dtype, copy=False).reshape(len(column), *shape)
    return array


def _taken(data: EvaluationData, chosen: "NDArray[np.bool_]") -> EvaluationData:
    return EvaluationData({name: array[chosen] for name, array in data.inputs.items()}, data.labels[chosen])


def _last(data: EvaluationData, count: int) -> EvaluationData:
    last = slice(max(0, data.samples - count), None)
    return EvaluationData({name: array[last] for name, array in data.inputs.items()}, data.labels[last])


def _digests(data: EvaluationData) -> list[bytes]:
    """A digest of each sample's inputs."""
    import numpy as np

    arrays: Mapping[str, Array] = {name: np.ascontiguousarray(data.inputs[name]) for name in sorted(data.inputs)}
    return [
        sha256(b"\0".join(array[row].tobytes() for array in arrays.values())).digest() for row in range(data.samples)
    ]


def require_enough(labelled: int, minimum: int) -> None:
    """Raise `NotEnoughLabelled` for fewer than the model's file asks for."""
    if labelled < minimum:
        raise NotEnoughLabelled(
            f"{labelled} labelled samples in production's window, and retraining.minimum_labelled asks for {minimum}: "
            "let more labels arrive, make production.window_hours longer, or ask for fewer"
        )
