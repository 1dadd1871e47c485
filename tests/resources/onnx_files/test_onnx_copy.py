"""A copy is one file: its bytes untouched where they suffice, its weights inside where they did not."""

from pathlib import Path

import onnx
from onnx_samples import model, value, weight

from resources import onnx_files
from resources.onnx_files.copy import copy_whole


def sample() -> onnx.ModelProto:
    node = onnx.helper.make_node("MatMul", ["x", "w"], ["y"])
    return model([node], [value("x", ["batch", 8])], [value("y", ["batch", 4])], [weight("w", 8, 4)])


def test_self_contained_file_keeps_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    # A field that no reader knows: parsing and writing anew might lose it, copying does not.
    path.write_bytes(sample().SerializeToString() + b"\xfa\x7f\x01x")
    copy_whole(onnx_files.load(path), path, tmp_path / "b.onnx")
    assert (tmp_path / "b.onnx").read_bytes() == path.read_bytes()


def test_external_weights_come_inside(tmp_path: Path) -> None:
    folder = tmp_path / "split"
    folder.mkdir()
    path = folder / "a.onnx"
    onnx.save(sample(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    copy_whole(onnx_files.load(path), path, tmp_path / "b.onnx")
    copied = onnx.load(tmp_path / "b.onnx", load_external_data=False)
    assert copied.graph.initializer[0].raw_data == sample().graph.initializer[0].raw_data
    assert not copied.graph.initializer[0].external_data
