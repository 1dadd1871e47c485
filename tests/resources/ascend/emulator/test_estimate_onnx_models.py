"""The clock on ONNX's own models: each is timed, or refused by name."""

import warnings
from pathlib import Path

import onnx
import pytest
from onnx.backend.test.loader import load_model_tests

from resources.ascend.emulator.estimate import profile
from resources.ascend.emulator.geometry import ShapeUnknownError
from resources.ascend.options import CompileOptions

P3 = CompileOptions(soc_version="Ascend310P3")
LIGHT = sorted((Path(onnx.__file__).parent / "backend" / "test" / "data" / "light").glob("*.onnx"))


@pytest.mark.parametrize("path", LIGHT, ids=lambda path: path.stem)
def test_weights_that_are_computed_from_constants_count_as_weights(path: Path) -> None:
    model = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    found = profile(model, P3, 1)
    assert 0.1 < found.latency_ms.p50 < 5
    assert "ConstantOfShape" not in {op.op for op in found.ops}


def test_every_operator_of_onnx_is_timed_or_its_missing_shape_is_named() -> None:
    with warnings.catch_warnings():
        # ONNX computes its expected results, infinities included, as the cases are collected.
        warnings.simplefilter("ignore", RuntimeWarning)
        cases = load_model_tests(kind="node")
    refused = []
    for case in cases:
        assert case.model is not None
        model = onnx.shape_inference.infer_shapes(case.model, data_prop=True)
        try:
            assert profile(model, P3, 1).latency_ms.p50 > 0, case.name
        except ShapeUnknownError as error:
            refused.append(f"{case.name}: {error}")
    assert len(cases) > 1000
    assert len(refused) <= 10, refused
    assert all("is not known" in why for why in refused)
