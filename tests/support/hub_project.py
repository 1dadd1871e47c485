"""The tiny model of a sandbox as one that comes from a hub on loopback."""

import json
from pathlib import Path
from typing import Any

import pytest
from hub_server import FakeHub
from sandbox import Sandbox

from benchmarks.two_layers import two_layers

HUB_MODEL = "somebody/tiny"
SOURCE = "source: {onnx: model.onnx}"


def hub_files(seed: int = 0, **config: Any) -> dict[str, bytes]:
    """What a version of the tiny model has on the hub."""
    return {
        "model.onnx": two_layers(seed).SerializeToString(),
        "config.json": json.dumps({"hidden_size": 16, "num_labels": 4, **config}).encode(),
        "README.md": b"# tiny",
    }


def come_from_hub(sandbox: Sandbox, source: str = "") -> None:
    """Rewrite defs.yaml and commit. `source`: more fields of the source."""
    path = sandbox.model / "defs.yaml"
    text = path.read_text()
    assert SOURCE in text
    files = "files: [model.onnx, config.json]"
    fields = source if "onnx:" in source or "python:" in source else f"onnx: model.onnx, {source}".rstrip(", ")
    path.write_text(text.replace(SOURCE, f"source: {{modelscope: {HUB_MODEL}, since: v1.0.0, {files}, {fields}}}"))
    (sandbox.model / "model.onnx").unlink()
    sandbox.commit("the model comes from the hub")


def use_hub(monkeypatch: pytest.MonkeyPatch, fake: FakeHub, folder: Path) -> None:
    """Make this process's hub the fake one, and its state a folder of the test's own."""
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", fake.endpoint)
    monkeypatch.setenv("ASCEND_STATE", str(folder / "state"))
    monkeypatch.setenv("ASCEND_TRIGGERS", str(folder / "no-triggers.yaml"))
