"""Models whose export waits until a test lets it go on, or that a gate refuses: what faults happen to.

Here belongs writing them. Not here: the faults (`tests/k8s`).
"""

from dataclasses import dataclass
from pathlib import Path

from tiny import DEFS_YAML, write_tiny

_SOURCE = "source: {onnx: model.onnx}"
_HELD = "source: {python: train.py, timeout_minutes: 30}"
_TRAIN = '''\
"""Hands on the model that lies beside it, as soon as it may."""

import argparse
import os
import shutil
import time
from pathlib import Path

HOLD = Path({hold!r})

parser = argparse.ArgumentParser()
parser.add_argument("--output", type=Path, required=True)
output = parser.parse_args().output
with (HOLD / "began").open("a") as began:
    began.write(f"{{os.getpid()}}\\n")
while not (HOLD / "go").exists():
    time.sleep(0.05)
shutil.copy(Path(__file__).with_name("model.onnx"), output / "model.onnx")
shutil.copy(Path(__file__).with_name("evaluation.npz"), output / "evaluation.npz")
'''


@dataclass(frozen=True)
class Hold:
    """The reins of one model's export."""

    folder: Path

    def began(self) -> list[int]:
        """The process of every export that has begun, in order."""
        file = self.folder / "began"
        return [int(line) for line in file.read_text().splitlines()] if file.exists() else []

    def let_go(self) -> None:
        """From now on no export waits."""
        (self.folder / "go").touch()


def write_model(
    folder: Path,
    name: str,
    *,
    soc_version: str = "Ascend310P3",
    hold: Path | None = None,
    cann: str = "",
    p99_ms: float = 0.0,
) -> None:
    """A tiny model. `hold`: its export waits. `cann`: the versions that it wants. `p99_ms`: its limit of latency."""
    write_tiny(folder)
    text = DEFS_YAML.replace("name: tiny", f"name: {name}").replace("Ascend310P3", soc_version)
    if cann:
        text += f'  requirements: {{cann: "{cann}"}}\n'
    if p99_ms:
        text += f"  gates: {{latency_p99_ms: {p99_ms:.6f}}}\n"
    if hold is not None:
        hold.mkdir(parents=True, exist_ok=True)
        assert _SOURCE in text
        text = text.replace(_SOURCE, _HELD)
        (folder / "train.py").write_text(_TRAIN.format(hold=str(hold)))
    (folder / "defs.yaml").write_text(text)
