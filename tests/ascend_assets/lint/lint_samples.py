"""A model's folder and ONNX files for the lint rules, and a stand-in for trivy."""

import json
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from ascend_assets.spec import ModelSpec


def spec(**fields: Any) -> ModelSpec:
    content: dict[str, Any] = {
        "name": "sample",
        "task": "classification",
        "source": {"python": "train.py"},
        "inputs": [{"name": "x", "shape": ["batch", 3]}],
        "targets": [{"soc_version": "Ascend310P3", "batch": 8}],
        "requirements": {"python": "requirements.txt"},
    }
    return ModelSpec.model_validate({**content, **fields})


def graph_model(
    nodes: Sequence[onnx.NodeProto] | None = None,
    *,
    opset: int = 17,
    shape: Sequence[int | str | None] = ("batch", 3),
    dtype: int = TensorProto.FLOAT,
    initializers: Sequence[onnx.TensorProto] = (),
    domains: Sequence[str] = (),
    output: Sequence[int | str | None] = ("n", "m"),
) -> onnx.ModelProto:
    """`x -> Relu -> y`, or the nodes given."""
    made = nodes if nodes is not None else [helper.make_node("Relu", ["x"], ["y"], name="relu")]
    graph = helper.make_graph(
        made,
        "sample",
        [helper.make_tensor_value_info("x", dtype, list(shape))],
        [helper.make_tensor_value_info("y", dtype, list(output))],
        initializer=list(initializers),
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9)


def save(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def write(folder: Path, **files: str) -> Path:
    """Files by name; `__` in a name is a dot."""
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder


def trivy_report(*vulnerabilities: dict[str, str], packages: Sequence[str] = ("numpy",)) -> str:
    """What trivy's documentation calls a JSON report, as far as lint reads it."""
    result = {
        "Target": "requirements.txt",
        "Class": "lang-pkgs",
        "Type": "pip",
        "Packages": [{"Name": name, "Version": "1.0"} for name in packages],
        "Vulnerabilities": list(vulnerabilities),
    }
    return json.dumps({"SchemaVersion": 2, "ArtifactType": "filesystem", "Results": [result]})


def vulnerability(severity: str, name: str = "CVE-2026-0001") -> dict[str, str]:
    return {
        "VulnerabilityID": name,
        "PkgName": "numpy",
        "InstalledVersion": "1.0",
        "FixedVersion": "1.1",
        "Severity": severity,
        "Title": "reads beyond the end",
    }


def stand_in_trivy(folder: Path, report: str, *, before: str = "") -> str:
    """A program that takes trivy's arguments, leaves its own account of how it was called, and writes `report`."""
    program = folder / "trivy"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, os, pathlib, sys\n"
        f"account = pathlib.Path({str(folder / 'called.json')!r})\n"
        "called = {'argv': sys.argv[1:], 'cwd': os.getcwd(), 'listing': os.listdir('.'), 'env': dict(os.environ)}\n"
        "account.write_text(json.dumps(called))\n"
        f"{before}\n"
        f"pathlib.Path(sys.argv[sys.argv.index('--output') + 1]).write_text({report!r})\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


def called(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "called.json").read_text())
    return content
