"""A model of two layers that is trained by nobody: small enough for a test, real enough for every stage."""

from pathlib import Path

import numpy as np
import onnx

from benchmarks.two_layers import labels, two_layers

DEFS_YAML = """\
type: ascend_assets.component.AscendModel
attributes:
  name: tiny
  task: classification
  source: {onnx: model.onnx}
  inputs:
    - {name: x, shape: [batch, 8]}
  targets:
    - {soc_version: Ascend310P3, batch: 4}
  evaluation: {metric: top1, data: evaluation.npz}
  owners: [team:vision]
"""


def write_tiny(folder: Path, *, seed: int = 0, scale: float = 1.0) -> None:
    """Write model, evaluation data and definition. `scale` multiplies the first layer: 1e6 overflows FP16."""
    folder.mkdir(parents=True, exist_ok=True)
    model = two_layers(seed, scale)
    onnx.save(model, folder / "model.onnx")
    rng = np.random.default_rng(7)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    np.savez(folder / "evaluation.npz", x=x, labels=labels(x, seed, scale))
    (folder / "defs.yaml").write_text(DEFS_YAML)
