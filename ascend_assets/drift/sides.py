"""Both sides of every comparison: the evaluation data summarised, and production's samples, read once.

Here belongs filling the summaries. Not here: reading Parquet (`samples.py`), or judging (`judge.py`).
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ascend_assets.drift import grids
from ascend_assets.drift.accuracy import Kind, Tally, tally
from ascend_assets.drift.features import Features
from ascend_assets.drift.judge import Compared
from ascend_assets.drift.samples import Chunk
from ascend_assets.drift.summary import summary, summary_of_sorted
from ascend_assets.evaluation import EvaluationData

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHUNK_BYTES = 16 * 2**20
"""Of the evaluation data at a time: statistics of large inputs take several times as much memory as these."""

_MOST_THREADS = 4


@dataclass(frozen=True)
class Answered:
    """Predictions on both sides, and how right they are. Only production's rows that the release answered count."""

    compared: Compared
    reference: Tally
    production: Tally


@dataclass(frozen=True)
class Sides:
    """Every feature on both sides. `answered` is None where the release's answers are not known.

    `rows`: production's. `fresh`: those newer than the look before that counted.
    """

    compared: tuple[Compared, ...]
    answered: Answered | None
    rows: int = 0
    fresh: int = 0
    newest: datetime | None = None


@dataclass
class _Filling:
    """Production's side as it grows."""

    compared: list[Compared]
    answered: Answered | None
    rows: int = 0
    fresh: int = 0
    newest: datetime | None = field(default=None)


def of_reference(wanted: Sequence[Features], data: EvaluationData) -> tuple[Compared, ...]:
    """Each feature of the evaluation data; production's side is empty."""
    with _threads() as threads:
        return tuple(threads.map(lambda one: _feature(one[0], one[1], integer=one[2]), _columns(wanted, data)))


def of_answers(kind: Kind, answers: "NDArray[Any]", labels: "NDArray[Any]") -> Answered:
    """The release's answers (samples,) to the evaluation data, which is labelled with one value for each sample."""
    flat = labels.reshape(len(answers), -1)
    right = tally(kind, answers, flat[:, 0]) if flat.shape[1] == 1 else Tally()
    return Answered(_feature("prediction", answers, integer=kind == "class"), right, Tally())


def filled(
    known: Sequence[Compared], answered: Answered | None, kind: Kind, found: Iterator[Chunk], since: datetime | None
) -> Sides:
    """Both sides, production's from its chunks. `since`: the newest sample of the look before that counted."""
    filling = _Filling(list(known), answered)
    with _threads() as threads:
        for chunk in found:
            columns = [column for block in chunk.columns for column in block]
            filling.compared = list(threads.map(_with, filling.compared, columns))
            if filling.answered is not None:
                filling.answered = _with_answers(filling.answered, chunk, kind)
            _count(filling, chunk, since)
    return Sides(tuple(filling.compared), filling.answered, filling.rows, filling.fresh, filling.newest)


def _threads() -> ThreadPoolExecutor:
    """Features are summarised side by side: numpy sorts and searches outside Python's lock."""
    return ThreadPoolExecutor(min(_MOST_THREADS, os.cpu_count() or 1))


def _count(filling: _Filling, chunk: Chunk, since: datetime | None) -> None:
    import numpy as np

    rows = len(chunk.at)
    if rows:
        filling.rows += rows
        newest = chunk.at.max().astype("datetime64[us]").item().replace(tzinfo=UTC)
        filling.newest = max(filling.newest or newest, newest)
        start = np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us") if since else None
        filling.fresh += rows if start is None else int(np.count_nonzero(chunk.at > start))


def _with(one: Compared, values: "NDArray[Any]") -> Compared:
    return replace(one, production=one.production + summary(one.grid, values))


def _with_answers(answered: Answered, chunk: Chunk, kind: Kind) -> Answered:
    import numpy as np

    own = chunk.predictions[chunk.own]
    labels = chunk.labels[chunk.own]
    there = ~np.isnan(labels)
    more = tally(kind, own[there], labels[there])
    return replace(answered, compared=_with(answered.compared, own), production=answered.production + more)


def _columns(wanted: Sequence[Features], data: EvaluationData) -> "Iterator[tuple[str, NDArray[Any], bool]]":
    """Each feature's name, its values (n,), and whether they are integers."""
    import numpy as np

    for one in wanted:
        rows = data.inputs[one.input].reshape(data.samples, -1)
        at_once = max(1, _CHUNK_BYTES // max(1, 8 * rows.shape[1]))
        parts = [one.columns(rows[start : start + at_once]) for start in range(0, len(rows), at_once)]
        for name, values in zip(one.names, np.concatenate(parts, axis=1), strict=True):
            yield name, values, one.integer


def _feature(name: str, values: "NDArray[Any]", *, integer: bool) -> Compared:
    import numpy as np

    ordered = np.sort(values)
    cells = grids.grid_of_sorted(ordered, integer=integer)
    finite = ordered[np.isfinite(ordered)].astype(np.float64, copy=False)
    scale = float(finite.std()) if len(finite) else 0.0
    return Compared(name, cells, scale, summary_of_sorted(cells, ordered), summary(cells, values[:0]))
