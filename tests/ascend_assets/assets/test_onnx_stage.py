"""An export is done when the file loads and takes what `defs.yaml` declares, and not before."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ascend_assets.assets.onnx import BadExport, EntryFailed, ExportError, export, mismatches
from ascend_assets.spec import Input, ModelSpec, PythonSource
from resources.onnx_files import TensorType

ENTRY = """\
import argparse, pathlib, shutil
parser = argparse.ArgumentParser()
parser.add_argument("--output", type=pathlib.Path, required=True)
output = parser.parse_args().output
here = pathlib.Path(__file__).parent
{body}
"""
COPIES = 'shutil.copy(here / "made.onnx", output / "model.onnx")'


def model(name: str = "x", dtype: int = TensorProto.FLOAT) -> onnx.ModelProto:
    weight = numpy_helper.from_array(np.arange(32, dtype=np.float32).reshape(8, 4), "w")
    nodes = [
        helper.make_node("Cast", [name], ["f"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["f", "w"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, dtype, ["batch", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 4])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def spec(**changes: Any) -> ModelSpec:
    fields: dict[str, Any] = {
        "name": "sample",
        "task": "test",
        "source": {"python": "export.py", "timeout_minutes": 1},
        "inputs": [{"name": "x", "shape": ["batch", 8]}],
        "targets": [{"soc_version": "Ascend310P3"}],
    }
    return ModelSpec.model_validate({**fields, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sample"
    folder.mkdir()
    onnx.save(model(), folder / "made.onnx")
    np.savez(folder / "data.npz", x=np.zeros((3, 8), np.float32), labels=np.zeros(3, int))
    return folder


def entry(folder: Path, *body: str) -> None:
    (folder / "export.py").write_text(ENTRY.format(body="\n".join(body)))


def test_entry_is_run_and_its_lines_are_heard(folder: Path, tmp_path: Path) -> None:
    entry(folder, COPIES, 'shutil.copy(here / "data.npz", output / "evaluation.npz")', 'print("half way")')
    lines: list[str] = []
    found = export(spec(), folder, tmp_path / "out", on_line=lines.append)
    assert lines == ["half way"]
    assert found.onnx.read_bytes() == (folder / "made.onnx").read_bytes()
    assert [tensor.name for tensor in found.signature.inputs] == ["x"]
    assert found.evaluation is not None
    assert found.evaluation.read_bytes() == (folder / "data.npz").read_bytes()


def test_entry_sees_no_secrets(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    entry(folder, COPIES, "import os", 'print("AWS_SECRET_ACCESS_KEY" in os.environ)')
    lines: list[str] = []
    export(spec(), folder, tmp_path / "out", on_line=lines.append)
    assert lines == ["False"]


def test_onnx_source_is_copied_byte_by_byte(folder: Path, tmp_path: Path) -> None:
    described = spec(source={"onnx": "made.onnx"}, evaluation={"metric": "top1", "data": "data.npz"})
    found = export(described, folder, tmp_path / "out")
    assert found.onnx.read_bytes() == (folder / "made.onnx").read_bytes()
    assert found.evaluation is not None
    assert found.evaluation.read_bytes() == (folder / "data.npz").read_bytes()


def test_model_without_evaluation_has_none(folder: Path, tmp_path: Path) -> None:
    assert export(spec(source={"onnx": "made.onnx"}), folder, tmp_path / "out").evaluation is None


def test_external_weights_are_brought_into_one_file(folder: Path, tmp_path: Path) -> None:
    onnx.save(model(), folder / "split.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    found = export(spec(source={"onnx": "split.onnx"}), folder, tmp_path / "out")
    alone = onnx.load(found.onnx, load_external_data=False)
    np.testing.assert_array_equal(numpy_helper.to_array(alone.graph.initializer[0]).ravel(), np.arange(32))


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (["raise SystemExit('no licence')"], EntryFailed, r"(?s)failed with exit code 1.*no licence"),
        (["1 / 0"], EntryFailed, "(?s)exit code 1.*ZeroDivisionError"),
        (["import os, signal", "os.kill(os.getpid(), signal.SIGKILL)"], EntryFailed, "SIGKILL"),
        ([], EntryFailed, r"left no model\.onnx in DIR"),
        (['(output / "model.onnx").mkdir()'], EntryFailed, r"left no model\.onnx"),
        (['(output / "model.onnx").write_bytes(b"")'], BadExport, "is empty"),
        (['(output / "model.onnx").write_bytes(b"PK\\x03\\x04 zip")'], BadExport, "ZIP archive"),
        (['(output / "model.onnx").write_bytes((here / "made.onnx").read_bytes()[:40])'], BadExport, r"model\.onnx"),
        ([COPIES, '(output / "evaluation.npz").write_bytes(b"no")'], BadExport, "not an .npz file"),
    ],
)
def test_entry_that_does_not_deliver_is_named(
    folder: Path, tmp_path: Path, body: list[str], error: type[ExportError], message: str
) -> None:
    entry(folder, *body)
    with pytest.raises(error, match=message):
        export(spec(), folder, tmp_path / "out")


def test_entry_that_hangs_is_stopped_with_its_children(folder: Path, tmp_path: Path) -> None:
    entry(folder, "import subprocess", 'subprocess.run(["sleep", "60"])')
    a_second: Any = 1 / 60
    hasty = spec().model_copy(
        update={"source": PythonSource.model_construct(python="export.py", timeout_minutes=a_second)}
    )
    started = time.monotonic()
    with pytest.raises(EntryFailed, match=r"stopped after 0\.0166667 minutes: .*raise source\.timeout_minutes"):
        export(hasty, folder, tmp_path / "out")
    assert time.monotonic() - started < 50


@pytest.mark.parametrize("field", ["python", "onnx"])
def test_source_that_is_not_there_is_named(folder: Path, tmp_path: Path, field: str) -> None:
    with pytest.raises(EntryFailed, match=f"source.{field}: the model's folder holds no file gone"):
        export(spec(source={field: "gone"}), folder, tmp_path / "out")


def test_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    onnx.save(model(), tmp_path / "elsewhere.onnx")
    (folder / "link.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(BadExport, match="leads out of the model's folder"):
        export(spec(source={"onnx": "link.onnx"}), folder, tmp_path / "out")


def test_file_with_other_inputs_than_declared_lists_every_difference(folder: Path, tmp_path: Path) -> None:
    onnx.save(model("pixels"), folder / "made.onnx")
    with pytest.raises(BadExport, match=r"no input 'x'; its input 'pixels' is not declared: correct `inputs`"):
        export(spec(source={"onnx": "made.onnx"}), folder, tmp_path / "out")


def test_file_with_another_type_than_declared(folder: Path, tmp_path: Path) -> None:
    onnx.save(model(dtype=TensorProto.INT64), folder / "made.onnx")
    with pytest.raises(BadExport, match="input 'x' is int64, declared float32"):
        export(spec(source={"onnx": "made.onnx"}), folder, tmp_path / "out")


def test_declared_evaluation_must_come_from_somewhere(folder: Path, tmp_path: Path) -> None:
    entry(folder, COPIES)
    with pytest.raises(BadExport, match=r"let the entry write evaluation\.npz, or name an \.npz"):
        export(spec(evaluation={"metric": "top1"}), folder, tmp_path / "out")


IMAGED = {
    "inputs": [{"name": "x", "shape": ["batch", 3, 4, 6]}],
    "targets": [{"soc_version": "Ascend310P3", "aipp": [{"aipp_mode": "static", "input_format": "RGB888_U8"}]}],
    "source": {"onnx": "made.onnx"},
}


@pytest.fixture
def imaged(folder: Path) -> Path:
    """A folder whose model takes images that AIPP prepares."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4, 6])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3, 4, 6])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(made, folder / "made.onnx")
    return folder


def test_evaluation_for_a_target_with_aipp_needs_images(imaged: Path, tmp_path: Path) -> None:
    described = spec(**IMAGED, evaluation={"metric": "mean_absolute_error", "data": "data.npz"})
    data: dict[str, Any] = {"x": np.zeros((2, 3, 4, 6), np.float32), "labels": np.zeros((2, 3, 4, 6))}
    np.savez(imaged / "data.npz", **data)
    with pytest.raises(BadExport, match=r"no images for target Ascend310P3.*'x.image': uint8 of shape \(samples, 4, 6"):
        export(described, imaged, tmp_path / "without")
    np.savez(imaged / "data.npz", **(data | {"x.image": np.zeros((2, 4, 6, 3), np.uint8)}))
    assert export(described, imaged, tmp_path / "with").evaluation


def test_aipp_before_no_image_is_named_without_evaluation_too(imaged: Path, tmp_path: Path) -> None:
    wrong = {"aipp_mode": "static", "input_format": "RGB888_U8", "related_input_rank": 1}
    described = spec(**{**IMAGED, "targets": [{"soc_version": "Ascend310P3", "aipp": [wrong]}]})
    with pytest.raises(BadExport, match="target Ascend310P3: aipp stands before input 1"):
        export(described, imaged, tmp_path / "out")


def test_evaluation_with_pickles_is_refused(folder: Path, tmp_path: Path) -> None:
    np.savez(folder / "data.npz", x=np.zeros((1, 8), np.float32), labels=np.array([{}]))
    described = spec(source={"onnx": "made.onnx"}, evaluation={"metric": "top1", "data": "data.npz"})
    with pytest.raises(BadExport, match="Python objects"):
        export(described, folder, tmp_path / "out")


@pytest.mark.parametrize(
    ("declared", "found", "agrees"),
    [
        (("batch", 8), (-1, 8), True),
        ((4, 8), (-1, 8), True),
        ((4, 8), (4, 8), True),
        (("batch", 8), None, True),
        ((), (), True),
        (("batch", 8), (4, 8), False),
        (("batch", 8), (-1, 9), False),
        (("batch", 8), (-1, 8, 1), False),
    ],
)
def test_shape_agrees_where_it_can_be_compiled_as_declared(
    declared: tuple[int | str, ...], found: tuple[int, ...] | None, *, agrees: bool
) -> None:
    inputs = (Input(name="x", shape=declared),)
    assert (mismatches(inputs, (TensorType(name="x", dtype="float32", shape=found),)) == ()) is agrees
