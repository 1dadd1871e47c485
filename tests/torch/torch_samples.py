"""Small PyTorch models, and what every exporter must keep, for the tests beside it."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from ascend_assets.export import torch_export, torch_exporters
from ascend_assets.export.torch_exporters import Exporter


class Network(nn.Module):  # type: ignore[misc] # torch is Any to a checker that has no torch
    """Convolution, batch normalisation, GELU, layer normalisation, dropout: what models are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.GELU())
        self.head = nn.Sequential(nn.LayerNorm(8), nn.Dropout(0.5), nn.Linear(8, 5))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(image).mean((2, 3)))
        return logits


class Calls(nn.Module):  # type: ignore[misc] # torch is Any to a checker that has no torch
    """A module whose forward is the function it is given."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.function(*inputs)


def infer(path: Path, **inputs: torch.Tensor) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    return outputs


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


class ExporterContract:
    """What holds for whichever exporter was chosen."""

    exporter: Exporter

    @pytest.mark.parametrize("example_batch", [1, 2])
    def test_exported_file_answers_as_the_model_does_at_any_batch(
        self, network: Network, tmp_path: Path, example_batch: int
    ) -> None:
        path = torch_export.export(
            network,
            torch.randn(example_batch, 3, 16, 16),
            tmp_path / "model.onnx",
            input_names=["image"],
            output_names=["logits"],
            exporter=self.exporter,
        )
        image = torch.randn(5, 3, 16, 16)
        with torch.no_grad():
            expected = network.eval()(image).numpy()
        np.testing.assert_allclose(infer(path, image=image)[0], expected, atol=1e-5)

    def test_graph_is_what_atc_reads(self, network: Network, tmp_path: Path) -> None:
        path = torch_export.export(
            network,
            torch.randn(2, 3, 16, 16),
            tmp_path / "model.onnx",
            input_names=["image"],
            output_names=["logits"],
            exporter=self.exporter,
        )
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert [(o.domain, o.version) for o in model.opset_import] == [
            ("", torch_exporters.DEFAULT_OPSET[self.exporter])
        ]
        assert model.ir_version == 8
        assert not model.functions
        assert dims(model.graph.input[0]) == ["batch", 3, 16, 16]
        assert dims(model.graph.output[0]) == ["batch", 5]
        assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]

    def test_all_shapes_are_fixed_without_dynamic_axes(self, network: Network, tmp_path: Path) -> None:
        path = torch_export.export(
            network,
            torch.randn(2, 3, 16, 16),
            tmp_path / "m.onnx",
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={},
            exporter=self.exporter,
        )
        assert dims(onnx.load(path).graph.input[0]) == [2, 3, 16, 16]

    def test_several_inputs_and_outputs_keep_their_names_and_order(self, tmp_path: Path) -> None:
        model = Calls(lambda a, b: (a + b, {"difference": a - b}))
        path = torch_export.export(
            model,
            [torch.randn(2, 4), torch.randn(2, 4)],
            tmp_path / "m.onnx",
            input_names=["left", "right"],
            output_names=["sum", "difference"],
            exporter=self.exporter,
        )
        left, right = torch.full((3, 4), 5.0), torch.full((3, 4), 2.0)
        found = infer(path, left=left, right=right)
        assert [float(output[0, 0]) for output in found] == [7.0, 3.0]
