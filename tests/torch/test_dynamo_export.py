"""The dynamo exporter's graphs become ones that ATC can take, or are refused; it needs onnxscript beside torch."""

from pathlib import Path

import pytest
import torch
from torch_samples import Calls, ExporterContract, Network

from ascend_assets.export import torch_export


class TestDynamo(ExporterContract):
    exporter = "dynamo"


def test_operator_that_atc_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    model = Calls(lambda x: torch.fft.fft(torch.complex(x, x)).real)
    with pytest.raises(torch_export.NotAtcSafe, match=r"no parser at opset 18 for DFT .*\(E19010\)"):
        torch_export.export(
            model,
            torch.randn(2, 8),
            tmp_path / "m.onnx",
            input_names=["x"],
            output_names=["y"],
            exporter="dynamo",
        )
    assert list(tmp_path.iterdir()) == []


def test_opset_that_dynamo_cannot_convert_to_is_said(network: Network, tmp_path: Path) -> None:
    with pytest.raises(torch_export.NotAtcSafe, match=r"opset is 18 where 17 was asked for"):
        torch_export.export(
            network,
            torch.randn(2, 3, 16, 16),
            tmp_path / "m.onnx",
            input_names=["image"],
            output_names=["logits"],
            opset=17,
            exporter="dynamo",
        )
