"""The layer benchmark measures what it says."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from benchmarks import compare_layers
from benchmarks.compare_layers import measure, table

SMALL = (
    '<ir_version: 8, opset_import: ["" : 17]> '
    "agraph (float[1,3,8,8] x) => (float[1,3,8,8] y) { a = Exp(x) y = Relu(a) }"
)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "small.onnx"
    onnx.save(onnx.parser.parse_model(SMALL), path)
    monkeypatch.setattr(compare_layers, "inputs_of", lambda: {"x": np.zeros((1, 3, 8, 8), np.float32)})
    monkeypatch.setattr(compare_layers, "cold", compare_layers.cold_here)
    monkeypatch.setattr(compare_layers, "has_polygraphy", lambda: False)
    return path


def test_ratios_are_of_the_times_beside_them(small: Path) -> None:
    found = measure(small, rounds=1)
    for state in ("cold", "warm"):
        times = found[f"{state}_s"]
        assert found[f"{state}_ratio"] == times["ours"] / times["plain"]
        assert times["plain"] > 0
    assert json.loads(json.dumps(found)) == found


def test_without_polygraphy_the_table_says_how_to_get_it(small: Path) -> None:
    assert "python -m pip install polygraphy" in table(measure(small, rounds=1))


def test_with_polygraphy_the_table_has_its_row() -> None:
    times = {"plain": 1.0, "ours": 2.0, "polygraphy": 8.0}
    shown = table(
        {
            "megabytes": 100,
            "rounds": 1,
            "cold_s": times,
            "warm_s": times,
            "cold_ratio": 2.0,
            "warm_ratio": 2.0,
            "cold_polygraphy_to_ours": 4.0,
            "warm_polygraphy_to_ours": 4.0,
        }
    )
    assert "Polygraphy : ours                 4.00      4.00" in shown
    assert "ours : plain                      2.00      2.00   (goal: at most 4)" in shown
