"""External data stays in the folder, and a reviewer is told what is odd about a model."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import classifier, model, nested, refusal, relu_chain, save, unfolding, value

from resources import onnx_files
from resources.onnx_files import InvalidOnnx, OnnxLimits, UnsafeOnnx


class TestExternalData:
    def referring(self, folder: Path, location: str, **entries: str) -> Path:
        content = classifier()
        tensor = content.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in {"location": location, **entries}.items():
            tensor.external_data.add(key=key, value=text)
        return save(folder, content)

    @pytest.mark.parametrize(
        "location", ["/etc/passwd", "../secret.bin", "a/../../secret.bin", "", "C:\\w.bin", "a\0b"]
    )
    def test_outside_the_folder(self, tmp_path: Path, location: str) -> None:
        inside = tmp_path / "model"
        inside.mkdir()
        (tmp_path / "secret.bin").write_bytes(b"\0" * 10_000)
        path = self.referring(inside, location)
        refusal(path, UnsafeOnnx)
        (finding,) = onnx_files.findings(onnx_files.parse(path), inside)
        assert (finding.code, finding.severity) == ("external_data", "unsafe")

    @pytest.mark.parametrize("make", [Path.symlink_to, lambda link, to: link.symlink_to(to.parent)])
    def test_links_out_of_the_folder(self, tmp_path: Path, make: Callable[[Path, Path], None]) -> None:
        inside = tmp_path / "model"
        inside.mkdir()
        secret = tmp_path / "secret.bin"
        secret.write_bytes(b"\0" * 10_000)
        make(inside / "link", secret)
        location = "link" if (inside / "link").is_file() else "link/secret.bin"
        refusal(self.referring(inside, location), UnsafeOnnx)

    def test_devices(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        refusal(self.referring(tmp_path, "pipe"), UnsafeOnnx)

    @pytest.mark.parametrize(
        "entries",
        [{"offset": "9999"}, {"length": "1"}, {"offset": "-1"}, {"offset": "9" * 30}, {"length": "1e3"}],
    )
    def test_ranges_that_are_not_there(self, tmp_path: Path, entries: dict[str, str]) -> None:
        (tmp_path / "w.bin").write_bytes(b"\0" * 64 * 27 * 4)
        refusal(self.referring(tmp_path, "w.bin", **entries), InvalidOnnx)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        refusal(self.referring(tmp_path, "w.bin"), InvalidOnnx)

    def test_weights_beyond_what_one_model_can_hold(self, tmp_path: Path) -> None:
        (tmp_path / "w.bin").write_bytes(b"\0" * 64 * 27 * 4)
        refusal(self.referring(tmp_path, "w.bin"), UnsafeOnnx, OnnxLimits(file_bytes=5000))


class TestFindings:
    def codes(self, content: onnx.ModelProto) -> list[str]:
        return [finding.code for finding in onnx_files.findings(content, Path())]

    def test_a_good_model_has_none(self) -> None:
        assert self.codes(classifier()) == []

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_weights_that_are_no_numbers(self, tmp_path: Path, bad: float, dtype: type) -> None:
        array: np.ndarray[Any, Any] = np.ones(100, dtype)
        array[57] = bad
        node = helper.make_node("Identity", ["t"], ["y"])
        tensor = numpy_helper.from_array(array, "t")
        content = model([node], [value("x", [1])], [value("y", None, tensor.data_type)], [tensor])
        assert self.codes(onnx_files.load(save(tmp_path, content))) == ["non_finite_weight"]

    def test_bfloat16_weights(self) -> None:
        node = helper.make_node("Identity", ["t"], ["y"])
        tensor = TensorProto(name="t", data_type=TensorProto.BFLOAT16, dims=[2], raw_data=b"\x80\x3f\x80\x7f")
        content = model([node], [], [value("y", None, TensorProto.BFLOAT16)], [tensor])
        assert self.codes(content) == ["non_finite_weight"]

    def test_large_finite_weights_are_finite(self) -> None:
        content = classifier()
        huge = np.full(64 * 27, 3e38, np.float32)
        content.graph.initializer[0].raw_data = huge.tobytes()
        assert self.codes(content) == []

    def test_foreign_operators_and_functions(self) -> None:
        content = unfolding(2)
        content.graph.node[0].op_type = "Custom"
        assert self.codes(content) == ["unknown_domain", "local_function", "local_function"]

    def test_control_flow(self) -> None:
        assert set(self.codes(nested(2))) == {"control_flow"}

    def test_nothing_to_compute(self) -> None:
        assert self.codes(model([], [value("x", [1])], [])) == ["no_node", "no_output"]

    def test_a_broken_structure_is_all_that_is_said(self) -> None:
        content = relu_chain(("ghost", "y"))
        content.graph.node[0].domain = "custom"
        assert {(f.code, f.severity) for f in onnx_files.findings(content, Path())} == {("structure", "invalid")}

    def test_what_they_list_is_bounded(self) -> None:
        nodes = [helper.make_node("If", ["c"], [f"y{i}"]) for i in range(1000)]
        content = model(nodes, [value("c", [], TensorProto.BOOL)], [value("y0", None)])
        assert len(self.codes(content)) == 200

    def test_the_checkers_complaint_is_one_line(self) -> None:
        content = classifier()
        assert onnx_files.checker_error(content) == ""
        content.graph.node[1].op_type = "Reluu"
        error = onnx_files.checker_error(content)
        assert "Reluu" in error
        assert "\n" not in error
