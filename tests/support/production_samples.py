"""Production of a test's own: samples and feedback of the tiny model, right ones and wrong ones."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from sandbox import Sandbox

from ascend_assets.spec import ModelSpec

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PRODUCTION = "  production: {environment: dev, ranges: {x: [-10, 10]}}\n"


def in_production(sandbox: Sandbox, text: str = PRODUCTION) -> ModelSpec:
    """The tiny model, now with production."""
    path = sandbox.model / "defs.yaml"
    path.write_text(path.read_text() + text)
    return sandbox.spec


def samples(
    rows: int = 10, *, first: int = 0, at: datetime = NOW - timedelta(hours=1), seed: int = 0, **other: Any
) -> dict[str, Any]:
    """Columns of right samples, a second apart. `other` replaces columns."""
    rng = np.random.default_rng(seed)
    return {
        "request_id": [f"r{first + n:06d}" for n in range(rows)],
        "at": [at + timedelta(seconds=n) for n in range(rows)],
        "version": ["1.0.0"] * rows,
        "in_x": rng.normal(size=(rows, 8)).astype(np.float32),
        "prediction": rng.integers(0, 4, size=rows),
        "score": rng.random(rows),
        **other,
    }


def feedback(
    requests: Sequence[str], labels: Sequence[int], *, at: datetime = NOW - timedelta(minutes=5)
) -> dict[str, Any]:
    """Columns of right feedback."""
    return {"request_id": list(requests), "label": list(labels), "at": [at] * len(requests)}


def folder(root: Path) -> Path:
    """The tiny model's folder in dev."""
    return root / "tiny" / "dev"
