"""A model runs in FP32 whatever IR version its exporter wrote, and is not changed by it."""

import numpy as np
import onnx
import pytest

from benchmarks.two_layers import two_layers
from resources.onnx_files.sessions import reference, serialized


@pytest.mark.parametrize("version", [3, 8, 10, 11, onnx.IR_VERSION])
def test_every_ir_version_that_onnx_reads_is_run(version: int) -> None:
    model = two_layers()
    model.ir_version = version
    assert reference(model).run({"x": np.ones((2, 8), np.float32)})["logits"].shape == (2, 4)
    assert model.ir_version == version


def test_nothing_but_the_version_differs() -> None:
    model = two_layers()
    model.ir_version = onnx.IR_VERSION
    read = onnx.load_from_string(serialized(model))
    assert read.ir_version < onnx.IR_VERSION
    read.ir_version = onnx.IR_VERSION
    assert read == model
