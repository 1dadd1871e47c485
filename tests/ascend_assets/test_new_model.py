"""`ascend add`: from an ONNX file to a model that loads; or nothing at all."""

import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ascend_assets import models, new_model
from ascend_assets.assets import onnx as onnx_stage
from ascend_assets.new_model import AddError, BadArgument, ModelExists, NotWritten, UnusableModel, add
from ascend_assets.spec import ModelSpec

Dims = Sequence[int | str | None] | None


def write(path: Path, inputs: dict[str, tuple[Dims, int]]) -> Path:
    """A model that takes these inputs and ignores all but their number."""
    weight = numpy_helper.from_array(np.arange(6, dtype=np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["y"])],
        "g",
        [helper.make_tensor_value_info(name, dtype, dims) for name, (dims, dtype) in inputs.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [6])],
        [weight],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7), path)
    return path


def image(path: Path, dims: Dims = ("N", 3, 8, 8)) -> Path:
    return write(path, {"image": (dims, TensorProto.FLOAT)})


def added(tmp_path: Path, onnx_file: Path, **changes: Any) -> ModelSpec:
    arguments = {"name": "net", "soc": ["Ascend310P3"], "defs": tmp_path / "defs"}
    return models.load(add(onnx_file, **{**arguments, **changes}))


def test_added_model_loads_and_can_be_exported(tmp_path: Path) -> None:
    source = image(tmp_path / "resnet.onnx")
    spec = added(tmp_path, source, soc=["Ascend310P3", "Ascend910B3"], task="classification", owners=["team:vision"])
    assert spec.name == "net"
    assert spec.task == "classification"
    assert spec.owners == ("team:vision",)
    assert [target.soc_version for target in spec.targets] == ["Ascend310P3", "Ascend910B3"]
    assert [(i.name, i.dtype, i.shape) for i in spec.inputs] == [("image", "float32", ("n", 3, 8, 8))]
    exported = onnx_stage.export(spec, tmp_path / "defs" / "net", tmp_path / "out")
    assert exported.onnx.read_bytes() == source.read_bytes()
    assert sorted(path.name for path in (tmp_path / "defs" / "net").iterdir()) == ["defs.yaml", "model.onnx"]
    assert [path.name for path in (tmp_path / "defs").iterdir()] == ["net"]


def test_comments_are_valid_once_their_marks_are_removed(tmp_path: Path) -> None:
    added(tmp_path, image(tmp_path / "m.onnx"))
    lines = (tmp_path / "defs" / "net" / "defs.yaml").read_text().splitlines()
    fields = ("evaluation:", "  metric:", "  data:", "gates:", "  latency_p99_ms:", "owners:", "precision_mode: allow")
    uncommented = [
        line.replace("# ", "", 1)
        if line.lstrip().startswith("# ") and line.split("# ", 1)[1].startswith(fields)
        else line
        for line in lines
    ]
    spec = ModelSpec.model_validate(yaml.safe_load("\n".join(uncommented))["attributes"])
    assert spec.evaluation is not None
    assert spec.gates
    assert spec.owners
    assert spec.targets[0].precision_mode == "allow_mix_precision"


@pytest.mark.parametrize(
    ("dims", "shape", "batch"),
    [
        (("batch", 3), ("batch", 3), 1),
        (("N", 3), ("n", 3), 1),
        (("unk__6", 3), ("batch", 3), 1),
        (("?", 3), ("batch", 3), 1),
        ((None, 3), ("batch", 3), 1),
        (("batch size", 3), ("batch_size", 3), 1),
        ((4, 3), (4, 3), 4),
        ((7,), (7,), 1),
        ((), (), 1),
    ],
)
def test_dimensions_are_declared_by_legal_names(tmp_path: Path, dims: Dims, shape: tuple[Any, ...], batch: int) -> None:
    spec = added(tmp_path, image(tmp_path / "m.onnx", dims))
    assert spec.inputs[0].shape == shape
    assert spec.targets[0].batch == batch
    assert spec.targets[0].input_shape == {}


def test_open_dimensions_that_are_no_batch_get_a_size_to_be_written(tmp_path: Path) -> None:
    source = write(
        tmp_path / "m.onnx",
        {"ids": (("batch", "seq len"), TensorProto.INT64), "scale": ((1,), TensorProto.FLOAT16)},
    )
    spec = added(tmp_path, source)
    assert [(i.name, i.dtype, i.shape) for i in spec.inputs] == [
        ("ids", "int64", ("batch", "seq_len")),
        ("scale", "float16", (1,)),
    ]
    assert spec.targets[0].input_shape == {"ids": (1, 1)}
    assert "# seq_len: 1 stands for a size" in (tmp_path / "defs" / "net" / "defs.yaml").read_text()


def test_external_weights_come_along(tmp_path: Path) -> None:
    folder = tmp_path / "from"
    folder.mkdir()
    source = image(folder / "m.onnx")
    onnx.save(onnx.load(source), source, save_as_external_data=True, location="w.bin", size_threshold=0)
    spec = added(tmp_path, source)
    (folder / "w.bin").unlink()
    exported = onnx_stage.export(spec, tmp_path / "defs" / "net", tmp_path / "out")
    np.testing.assert_array_equal(numpy_helper.to_array(onnx.load(exported.onnx).graph.initializer[0]), np.arange(6))


@pytest.mark.parametrize("name", ["null", "yes", "on", "n"])
def test_name_that_means_something_else_in_yaml_stays_a_name(tmp_path: Path, name: str) -> None:
    assert added(tmp_path, image(tmp_path / "m.onnx", (name, 3)), name=name).name == name


@pytest.mark.parametrize("name", ["", "Net", "1net", "net-1", "../net", "net/x", "a" * 64, "net\n", "näht"])
def test_name_outside_the_pattern_is_refused_with_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadArgument, match=r"must match \^\[a-z\]"):
        added(tmp_path, image(tmp_path / "m.onnx"), name=name)
    assert not (tmp_path / "defs").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"soc": ["Ascend999"]}, "Ascend999.*Ascend310P3"),
        ({"soc": []}, "one SoC version or more"),
        ({"soc": ["Ascend310P3", "Ascend310P3"]}, "each SoC version once"),
        ({"owners": ["nobody"]}, "owners"),
        ({"task": ""}, "task"),
        ({"task": "x" * 201}, "task"),
    ],
)
def test_argument_that_makes_no_model_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        added(tmp_path, image(tmp_path / "m.onnx"), **changes)
    assert not (tmp_path / "defs" / "net").exists()


def test_existing_model_is_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "defs" / "net"
    folder.mkdir(parents=True)
    (folder / "train.py").write_text("months of work")
    with pytest.raises(ModelExists, match=r"exists already: give another name, or remove that folder first"):
        added(tmp_path, image(tmp_path / "m.onnx"))
    assert [path.name for path in folder.iterdir()] == ["train.py"]


def test_of_two_at_once_one_wins(tmp_path: Path) -> None:
    source = image(tmp_path / "m.onnx")
    outcomes: list[type[BaseException] | None] = []

    def attempt() -> None:
        try:
            add(source, name="net", soc=["Ascend310P3"], defs=tmp_path / "defs")
        except AddError as error:
            outcomes.append(type(error))
        else:
            outcomes.append(None)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, [None, *[ModelExists] * 5]))
    assert models.load(tmp_path / "defs" / "net").name == "net"


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "has no input"),
        ({"x": (None, TensorProto.FLOAT)}, "'x' states no shape"),
        ({"x": ((0, 3), TensorProto.FLOAT)}, "1 or more"),
        ({"x": ((1,), TensorProto.STRING)}, "'x' is of type string; allowed: float32"),
        ({"x": ((1,), TensorProto.COMPLEX64)}, "complex64; allowed"),
    ],
)
def test_inputs_that_cannot_be_declared(tmp_path: Path, inputs: dict[str, tuple[Dims, int]], message: str) -> None:
    with pytest.raises(UnusableModel, match=message):
        added(tmp_path, write(tmp_path / "m.onnx", inputs))
    assert not (tmp_path / "defs").exists()


@pytest.mark.parametrize("content", [None, b"", b"<html>", b"PK\x03\x04"])
def test_file_that_is_no_onnx(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnusableModel, match=str(path)):
        added(tmp_path, path)


def test_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_model, "copy_whole", full)
    with pytest.raises(NotWritten, match="No space left on device"):
        added(tmp_path, image(tmp_path / "m.onnx"))
    assert list((tmp_path / "defs").iterdir()) == []


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_killed_process_leaves_no_model_and_a_clean_tree(tmp_path: Path) -> None:
    source = image(tmp_path / "m.onnx")
    defs = tmp_path / "project" / "defs"
    dying = f"""
import os, pathlib, signal
from ascend_assets import new_model
new_model._sync = lambda folder: os.kill(os.getpid(), signal.SIGKILL)
new_model.add(pathlib.Path({str(source)!r}), name="net", soc=["Ascend310P3"], defs=pathlib.Path({str(defs)!r}))
"""
    assert subprocess.run([sys.executable, "-c", dying], check=False, timeout=60).returncode == -signal.SIGKILL
    assert models.folders(defs) == ()
    git(tmp_path / "project", "init", "-q")
    assert git(tmp_path / "project", "status", "--porcelain") == ""
    assert models.load(add(source, name="net", soc=["Ascend310P3"], defs=defs)).name == "net"


def test_defs_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "defs").write_text("")
    with pytest.raises(NotWritten, match="cannot be written"):
        added(tmp_path, image(tmp_path / "m.onnx"))


# Protobuf strings are UTF-8.
hostile = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40) | st.sampled_from(
    [
        "null",
        "1e5",
        "yes",
        "2001-01-01",
        "- x",
        "x: y",
        "#",
        "]",
        "'",
        '"',
        "&a",
        "*a",
        "!tag",
        "\u2028",
        "\x85",
        "a,b",
        "😀",
    ]
)


@settings(max_examples=80, deadline=None)
@given(name=hostile, symbol=hostile, task=hostile)
def test_any_name_in_the_graph_survives_the_yaml(name: str, symbol: str, task: str) -> None:
    inputs = (new_model.Declared(name, "float32", (new_model.dimension(0, symbol), 2)),)
    text = new_model.render("net", task, inputs, ["Ascend310P3"], [])
    spec = ModelSpec.model_validate(yaml.safe_load(text)["attributes"])
    assert (spec.inputs[0].name, spec.task) == (name, task)
