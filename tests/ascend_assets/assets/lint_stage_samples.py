"""A small candidate's source and ONNX records with their files in a store, and the tools of a stage."""

from pathlib import Path

import onnx as onnx_package
from onnx import TensorProto, helper

from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.spec import ModelSpec
from ascend_assets.stage import Order, Tools
from resources.ascend.emulator.toolchain import Emulator
from resources.onnx_files.signature import signature
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry
from resources.store.blobs import Blobs
from resources.store.folder import FolderStore
from resources.tarball import pack
from resources.working_files import plain_members

FILES = {"train.py": "print('trained')\n", "requirements.txt": "numpy==2.4.6\n"}

MODEL = ModelSpec.model_validate(
    {
        "name": "sample",
        "task": "classification",
        "source": {"python": "train.py"},
        "inputs": [{"name": "x", "shape": ["batch", 3]}],
        "targets": [{"soc_version": "Ascend310P3", "batch": 8}],
        "requirements": {"python": "requirements.txt"},
    }
)


def tools(folder: Path) -> Tools:
    store = FolderStore(folder / "store")
    return Tools(
        blobs=Blobs(store), registry=Registry(store), ledger=Ledger(store), toolchain=Emulator(), repository=folder
    )


def order() -> Order:
    return Order()


def sources(folder: Path, **files: str) -> tuple[SourceRecord, OnnxRecord, Tools]:
    """`files` replace or add to `FILES`. The unpacked sources lie in `folder / "model"`."""
    model_folder = folder / "model"
    model_folder.mkdir()
    for name, content in {**FILES, **files}.items():
        (model_folder / name).write_text(content)
    box = tools(folder)
    archive = pack(plain_members(model_folder), folder / "source.tar")
    source = SourceRecord(
        key="1" * 64,
        made_from={},
        model="sample",
        candidate="20261120-1403-git-1a2b3c4d5e6f",
        commit="a" * 40,
        author="Ada <ada@example.org>",
        dirty=False,
        archive=box.keep(archive, "source.tar"),
    )
    model = relu()
    path = folder / "model.onnx"
    onnx_package.save(model, path)
    exported = OnnxRecord(
        key="2" * 64,
        made_from={"source": source.data_version},
        file=box.keep(path, "model.onnx"),
        signature=signature(model),
        evaluation=None,
    )
    return source, exported, box


def relu() -> onnx_package.ModelProto:
    """`x -> Relu -> y` with a dynamic batch."""
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], name="relu")],
        "sample",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
