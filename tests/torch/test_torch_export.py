"""PyTorch models become ONNX files that ATC can take; torch alone is needed."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn
from torch_samples import Calls, ExporterContract, Network

from ascend_assets.assets import onnx as onnx_stage
from ascend_assets.export import torch_export, torch_exporters
from ascend_assets.spec import ModelSpec

ROOT = Path(__file__).resolve().parents[2]


class TestTorchscript(ExporterContract):
    exporter = "torchscript"


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
