"""PyTorch models become ONNX files that ATC can take; run in an environment with the `torch` extra."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from ascend_assets.assets import onnx as onnx_stage
from ascend_assets.export import torch_export, torch_exporters
from ascend_assets.export.torch_exporters import Exporter
from ascend_assets.spec import ModelSpec

ROOT = Path(__file__).resolve().parents[2]
EXPORTERS: tuple[Exporter, ...] = ("torchscript", "dynamo")


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


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    network = Network()
    network.train()
    for _ in range(3):  # batch normalisation has statistics of its own
        network(torch.randn(4, 3, 16, 16))
    return network


def infer(path: Path, **inputs: torch.Tensor) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    outputs: list[Any] = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    return outputs


def dims(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("exporter", EXPORTERS)
@pytest.mark.parametrize("example_batch", [1, 2])
def test_exported_file_answers_as_the_model_does_at_any_batch(
    network: Network, tmp_path: Path, exporter: Exporter, example_batch: int
) -> None:
    path = torch_export.export(
        network,
        torch.randn(example_batch, 3, 16, 16),
        tmp_path / "model.onnx",
        input_names=["image"],
        output_names=["logits"],
        exporter=exporter,
    )
    image = torch.randn(5, 3, 16, 16)
    with torch.no_grad():
        expected = network.eval()(image).numpy()
    np.testing.assert_allclose(infer(path, image=image)[0], expected, atol=1e-5)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_graph_is_what_atc_reads(network: Network, tmp_path: Path, exporter: Exporter) -> None:
    path = torch_export.export(
        network,
        torch.randn(2, 3, 16, 16),
        tmp_path / "model.onnx",
        input_names=["image"],
        output_names=["logits"],
        exporter=exporter,
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", torch_exporters.DEFAULT_OPSET[exporter])]
    assert model.ir_version == 8
    assert not model.functions
    assert dims(model.graph.input[0]) == ["batch", 3, 16, 16]
    assert dims(model.graph.output[0]) == ["batch", 5]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("opset", torch_exporters.OPSETS)
def test_every_offered_opset_is_kept(tmp_path: Path, opset: int) -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10))
    path = torch_export.export(
        network,
        torch.randn(1, 1, 8, 8),
        tmp_path / "m.onnx",
        input_names=["image"],
        output_names=["logits"],
        opset=opset,
    )
    assert [o.version for o in onnx.load(path).opset_import] == [opset]


def test_same_model_exports_to_the_same_bytes(network: Network, tmp_path: Path) -> None:
    paths = [
        torch_export.export(
            network, torch.randn(1, 3, 16, 16), tmp_path / name, input_names=["image"], output_names=["logits"]
        )
        for name in ("a.onnx", "b.onnx")
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_each_module_keeps_its_mode(network: Network, tmp_path: Path) -> None:
    network.body.eval()
    torch_export.export(
        network, torch.randn(1, 3, 16, 16), tmp_path / "m.onnx", input_names=["image"], output_names=["logits"]
    )
    assert (network.training, network.body.training, network.head.training) == (True, False, True)


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_all_shapes_are_fixed_without_dynamic_axes(network: Network, tmp_path: Path, exporter: Exporter) -> None:
    path = torch_export.export(
        network,
        torch.randn(2, 3, 16, 16),
        tmp_path / "m.onnx",
        input_names=["image"],
        output_names=["logits"],
        dynamic_axes={},
        exporter=exporter,
    )
    assert dims(onnx.load(path).graph.input[0]) == [2, 3, 16, 16]


@pytest.mark.parametrize("exporter", EXPORTERS)
def test_several_inputs_and_outputs_keep_their_names_and_order(tmp_path: Path, exporter: Exporter) -> None:
    model = Calls(lambda a, b: (a + b, {"difference": a - b}))
    path = torch_export.export(
        model,
        [torch.randn(2, 4), torch.randn(2, 4)],
        tmp_path / "m.onnx",
        input_names=["left", "right"],
        output_names=["sum", "difference"],
        exporter=exporter,
    )
    left, right = torch.full((3, 4), 5.0), torch.full((3, 4), 2.0)
    found = infer(path, left=left, right=right)
    assert [float(output[0, 0]) for output in found] == [7.0, 3.0]


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


def test_second_domain_is_named_with_its_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def foreign(job: torch_exporters.Job, path: Path) -> None:
        domain = "pkg.onnxscript.torch_lib.common"
        node = onnx.helper.make_node("Cast", ["x"], ["y"], name="cast", domain=domain)
        info = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, ["batch", 8]) for n in "xy"]
        graph = onnx.helper.make_graph([node], "g", info[:1], info[1:])
        opsets = [onnx.helper.make_opsetid("", job.opset), onnx.helper.make_opsetid(domain, 1)]
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets), path)

    monkeypatch.setitem(torch_exporters._WRITERS, "dynamo", foreign)
    message = r"opset_import\[1\]\.domain is 'pkg\.onnxscript\.torch_lib\.common'.*E16005"
    with pytest.raises(torch_export.NotAtcSafe, match=message):
        torch_export.export(
            Calls(lambda x: x),
            torch.randn(2, 8),
            tmp_path / "m.onnx",
            input_names=["x"],
            output_names=["y"],
            exporter="dynamo",
        )


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


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(lambda x: x + random.random(), id="random"),  # noqa: S311
        pytest.param(lambda x: x.reshape(1, -1) if len(x) == 2 else x.reshape(-1, 4), id="shape"),
        pytest.param(lambda x: x.sum() + x * len(x.tolist()), id="batch baked in"),
    ],
)
def test_graph_that_computes_something_else_is_no_export(tmp_path: Path, function: Any) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"the file before")
    with pytest.raises(torch_export.OutputsDiffer):
        torch_export.export(Calls(function), torch.randn(2, 4), path, input_names=["x"], output_names=["y"])
    assert path.read_bytes() == b"the file before"


def test_exporter_that_gives_up_is_named_with_the_way_out(tmp_path: Path) -> None:
    def refuses(_: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError("no such kernel")

    with pytest.raises(torch_export.ExporterFailed, match=r"no such kernel; try exporter='dynamo'"):
        torch_export.export(
            Calls(refuses), torch.randn(2, 4), tmp_path / "m.onnx", input_names=["x"], output_names=["y"]
        )


WITHOUT_ONNXSCRIPT = """\
import sys
sys.modules["onnxscript"] = None
import torch
from ascend_assets.export.torch_export import ExporterFailed, export
def attempt(exporter):
    names = {"input_names": ["x"], "output_names": ["y"]}
    return export(torch.nn.ReLU(), torch.randn(2, 4), sys.argv[1], exporter=exporter, **names)
print(attempt("torchscript"))
try:
    attempt("dynamo")
except ExporterFailed as error:
    print(error)
"""


def test_without_onnxscript_torchscript_works_and_dynamo_says_what_to_install(tmp_path: Path) -> None:
    path = str(tmp_path / "m.onnx")
    argv = [sys.executable, "-c", WITHOUT_ONNXSCRIPT, path]
    done = subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == [
        path,
        "the dynamo exporter needs the package 'onnxscript': pip install 'ascend-assets[torch]'",
    ]


ENTRY = """\
import argparse
import torch
from ascend_assets.export.torch_export import export
parser = argparse.ArgumentParser()
parser.add_argument("--output")
output = parser.parse_args().output
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10))
export(model, torch.zeros(1, 1, 8, 8), f"{output}/model.onnx", input_names=["image"], output_names=["logits"])
"""


def test_model_whose_entry_is_pytorch_is_exported_as_a_candidates_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "train.py").write_text(ENTRY)
    fields = {
        "name": "net",
        "task": "classification",
        "source": {"python": "train.py"},
        "inputs": [{"name": "image", "shape": ["batch", 1, 8, 8]}],
        "targets": [{"soc_version": "Ascend310P3"}],
    }
    exported = onnx_stage.export(ModelSpec.model_validate(fields), folder, tmp_path / "out")
    assert [tensor.name for tensor in exported.signature.outputs] == ["logits"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_names": []}, "one for each of the 1 example inputs"),
        ({"input_names": ["x"], "output_names": ["x"]}, "different names"),
        ({"output_names": ["y", "z"]}, r"has 2 names, but forward\(\) returns 1"),
        ({"opset": 12}, "allowed: 13 to 18"),
        ({"opset": 19}, "allowed: 13 to 18"),
        ({"dynamic_axes": {"z": {0: "batch"}}}, "'z' is no input; allowed: x"),
        ({"dynamic_axes": {"x": {2: "width"}}}, "allowed: 0 to 1"),
        ({"example_inputs": [1, 2]}, "sequence of tensors"),
    ],
)
def test_wrong_arguments_say_what_is_allowed(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "example_inputs": torch.randn(2, 4),
        "path": tmp_path / "m.onnx",
        "input_names": ["x"],
        "output_names": ["y"],
    }
    with pytest.raises(torch_export.WrongArguments, match=message):
        torch_export.export(Calls(torch.relu), **{**arguments, **changes})


def test_torchscript_is_preferred_where_torch_has_it() -> None:
    assert torch_exporters.default_exporter() == "torchscript"
