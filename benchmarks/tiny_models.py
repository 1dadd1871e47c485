"""Models that cost next to nothing, by the folder: what benchmarks of everything around a model are made with.

Here belong their files. Not here: what is measured on them.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from ascend_assets import models
from ascend_assets.new_model import Declared, render
from benchmarks.two_layers import labels, two_layers

PLAIN = "plain"
SHIPPED = "shipped"
KINDS = (PLAIN, SHIPPED)
_INPUT = Declared("x", "float32", ("batch", 8))
_EVALUATION = "  evaluation: {metric: top1, data: evaluation.npz}\n"


def names(count: int) -> tuple[str, ...]:
    """`m_0000` and so on."""
    return tuple(f"m_{number:04}" for number in range(count))


def definition(name: str, kind: str = PLAIN) -> str:
    """The text of a defs.yaml: as `ascend add` writes it for one target, or digits_cnn's under another name."""
    if kind == SHIPPED:
        text = (models.DEFS / "digits_cnn" / models.FILE_NAME).read_text(encoding="utf-8")
        return text.replace("name: digits_cnn", f"name: {name}")
    return render(name, "classification", (_INPUT,), ("Ascend310P3",), ("team:vision",))


def write_definitions(folder: Path, count: int, kind: str = PLAIN) -> tuple[str, ...]:
    """So many models' files and nothing beside them, to be loaded and not built; their names."""
    for name in names(count):
        (folder / name).mkdir(parents=True)
        (folder / name / models.FILE_NAME).write_text(definition(name, kind), encoding="utf-8")
    return names(count)


def write_models(folder: Path, wanted: Sequence[str], *, seed: int = 0) -> None:
    """Models that can be built, of the same weights and evaluation data; their defs.yaml stay where there are some."""
    model, x = two_layers(seed), np.random.default_rng(7).normal(size=(64, 8)).astype(np.float32)
    for name in wanted:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        onnx.save(model, str(place / "model.onnx"))
        np.savez(place / "evaluation.npz", x=x, labels=labels(x, seed))
        if not (place / models.FILE_NAME).exists():
            (place / models.FILE_NAME).write_text(definition(name) + _EVALUATION, encoding="utf-8")


def copy_shipped(folder: Path, name: str = "digits_cnn") -> None:
    """A shipped model with all of its own code."""
    shutil.copytree(models.DEFS / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
