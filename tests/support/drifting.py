"""Production that drifts: a released model's samples, written as the serving side writes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ascend_assets.drift import grids
from ascend_assets.drift.judge import Compared
from ascend_assets.drift.summary import summary
from resources.production.samples import write_feedback, write_samples


def compared(reference: NDArray[Any], production: NDArray[Any], *, integer: bool = False, name: str = "x") -> Compared:
    """One feature on both sides."""
    cells = grids.grid(reference, integer=integer)
    finite = reference[np.isfinite(reference)].astype(np.float64)
    scale = float(finite.std()) if len(finite) else 0.0
    return Compared(name, cells, scale, summary(cells, reference), summary(cells, production))


def write(
    folder: Path,
    inputs: dict[str, NDArray[Any]],
    predictions: NDArray[Any],
    *,
    labels: NDArray[Any] | None = None,
    version: str = "1.0.0",
    name: str = "a",
    until: datetime | None = None,
) -> None:
    """Samples a millisecond apart, the last at `until`, and feedback to all of them where there are labels."""
    rows = len(predictions)
    last = until or datetime.now(UTC)
    requests = [f"{name}-{number}" for number in range(rows)]
    at = [last - timedelta(milliseconds=rows - number) for number in range(rows)]
    columns = {"request_id": requests, "at": at, "version": [version] * rows, "prediction": predictions}
    write_samples(folder, {**columns, **{f"in_{name}": values for name, values in inputs.items()}})
    if labels is not None:
        write_feedback(folder, {"request_id": requests, "label": labels, "at": [last] * rows})
