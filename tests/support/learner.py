"""A model that can be trained again in a second, and a production whose world changes.

Samples have eight numbers. In the old world the first four say the class, in the new one the last four; the others are
noise. A linear model learns both, if it is shown both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sandbox import Sandbox

from ascend_assets.production import gathering
from ascend_assets.production.records import ProductionRecord
from ascend_assets.spec import ModelSpec
from resources.production.samples import write_feedback, write_samples

World = Literal["old", "new"]
Array = NDArray[Any]

CLASSES = 4

DEFS_YAML = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {python: train.py, timeout_minutes: 2}
  inputs:
    - {name: x, shape: [batch, 8]}
  targets:
    - {soc_version: Ascend310P3, batch: 4}
  evaluation: {metric: top1}
  gates: {task_metric_drop: 0.05}
  production:
    environment: dev
    drift: {minimum_samples: 100, consecutive: 1}
  retraining: {minimum_labelled: 200, cool_down_hours: 24}
  requirements: {python: requirements.txt}
  owners: [team:vision]
"""

REQUIREMENTS = "numpy==2.4.6\nonnx==1.23.2\n"

TRAIN_PY = '''\
"""Least squares on eight numbers."""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 4


def drawn(seed, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    x = rng.normal(0, 0.15, (count, 8)).astype(np.float32)
    x[np.arange(count), labels] += 1
    return x, labels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    x, labels = drawn(1, 400)
    if arguments.data:
        with np.load(arguments.data, allow_pickle=False) as more:
            x, labels = np.concatenate([x, more["x"]]), np.concatenate([labels, more["labels"]])
    ones = np.ones((len(x), 1))
    weights = np.linalg.lstsq(np.hstack([x, ones]), np.eye(CLASSES)[labels], rcond=None)[0].astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "weight", "bias"], ["logits"], name="linear")],
        "learner",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [
            numpy_helper.from_array(np.ascontiguousarray(weights[:8]), "weight"),
            numpy_helper.from_array(np.ascontiguousarray(weights[8]), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, arguments.output / "model.onnx")
    x, labels = drawn(2, 200)
    np.savez(arguments.output / "evaluation.npz", x=x, labels=labels)


main()
'''


@dataclass(frozen=True)
class Learner:
    """The sandbox with the model in it, and its production's folder."""

    sandbox: Sandbox
    folder: Path

    @property
    def spec(self) -> ModelSpec:
        return self.sandbox.spec

    def produce(self, world: World, count: int = 600, *, seed: int = 11, labels: Array | None = None) -> None:
        """Samples of the last minutes, and feedback that says what was right, or `labels`."""
        x, right = samples(world, count, seed)
        write(self.folder, {"x": x}, right if labels is None else labels, prefix=f"{world}{seed}")

    def gathered(self) -> ProductionRecord:
        return gathering.gather(self.sandbox.tools(), self.spec, self.folder)


def write_learner(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "defs.yaml").write_text(DEFS_YAML)
    (folder / "train.py").write_text(TRAIN_PY)
    (folder / "requirements.txt").write_text(REQUIREMENTS)


def samples(world: World, count: int, seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    x = rng.normal(0, 0.15, (count, 8)).astype(np.float32)
    x[np.arange(count), labels + (CLASSES if world == "new" else 0)] += 1
    return x, labels


def write(folder: Path, inputs: Mapping[str, Array], labels: Array, *, prefix: str, version: str = "1.0.0") -> None:
    """Samples, one every second until now, each with feedback."""
    count, now = len(labels), datetime.now(UTC)
    ids = [f"{prefix}-{number:06}" for number in range(count)]
    at = [now - timedelta(seconds=count - number) for number in range(count)]
    columns = {"request_id": ids, "at": at, "version": [version] * count, "prediction": np.zeros(count, np.int64)}
    write_samples(folder, {**columns, **{f"in_{name}": array for name, array in inputs.items()}})
    write_feedback(folder, {"request_id": ids, "label": labels.astype(np.int64), "at": at})
