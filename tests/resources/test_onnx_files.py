"""Whatever is called an ONNX file is read, or refused in one line, in bounded time and memory."""

import os
import pickle
import resource
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import classifier, field, model, nested, relu_chain, unfolding, value, varint, weight

from resources import onnx_files
from resources.onnx_files import InvalidOnnx, NotOnnx, OnnxFileError, OnnxLimits, UnsafeOnnx

SMALL = classifier().SerializeToString()


def save(folder: Path, content: onnx.ModelProto | bytes, name: str = "m.onnx") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def refusal(path: Path, expected: type[OnnxFileError], limits: OnnxLimits = onnx_files.DEFAULT) -> str:
    """The message of the refusal, which is one line and names the file."""
    with pytest.raises(OnnxFileError) as caught:
        onnx_files.load(path, limits=limits)
    assert type(caught.value) is expected
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 600
    return message


class TestGoodFiles:
    def test_what_was_saved_comes_back(self, tmp_path: Path) -> None:
        assert onnx_files.load(save(tmp_path, SMALL)).SerializeToString() == SMALL

    def test_external_data_beside_the_model_is_brought_in(self, tmp_path: Path) -> None:
        path = tmp_path / "m.onnx"
        onnx.save(classifier(), path, save_as_external_data=True, location="w.bin", size_threshold=0)
        assert onnx_files.external_files(onnx_files.parse(path), tmp_path) == (tmp_path / "w.bin",)
        loaded = onnx_files.load(path)
        assert [w.raw_data for w in loaded.graph.initializer] == [w.raw_data for w in classifier().graph.initializer]
        assert not any(w.external_data for w in loaded.graph.initializer)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((3, 5), np.float32),
            np.zeros((0,), np.float32),
            np.array(1.5, np.float64),
            np.zeros((7,), np.float16),
            np.zeros((2, 2), np.complex64),
            np.array([True, False]),
            np.array(["a", "b"], dtype=object),
        ],
    )
    def test_tensors_of_every_kind_of_storage(self, tmp_path: Path, array: "np.ndarray[Any, Any]") -> None:
        tensor = numpy_helper.from_array(array, "t")
        node = helper.make_node("Identity", ["t"], ["y"])
        spelled = helper.make_tensor("t", tensor.data_type, array.shape, array.ravel().tolist())
        for one in (tensor, spelled):
            onnx_files.load(save(tmp_path, model([node], [], [value("y", None, tensor.data_type)], [one])))

    def test_four_bit_tensors_share_bytes(self, tmp_path: Path) -> None:
        tensor = helper.make_tensor("t", TensorProto.INT4, [5], [1, 2, 3, 4, 5])
        node = helper.make_node("Identity", ["t"], ["y"])
        onnx_files.load(save(tmp_path, model([node], [], [value("y", None, TensorProto.INT4)], [tensor])))

    def test_a_subgraph_may_use_what_is_made_around_it(self, tmp_path: Path) -> None:
        onnx_files.load(save(tmp_path, nested(3)))


class TestNoOnnx:
    def test_missing_file(self, tmp_path: Path) -> None:
        assert "No such file" in refusal(tmp_path / "gone.onnx", NotOnnx)

    def test_folder(self, tmp_path: Path) -> None:
        refusal(tmp_path, NotOnnx)

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.onnx")
        assert "regular file" in refusal(tmp_path / "pipe.onnx", NotOnnx)

    def test_a_name_with_a_null_byte(self) -> None:
        with pytest.raises(NotOnnx):
            onnx_files.load(Path("a\0b.onnx"))

    def test_empty(self, tmp_path: Path) -> None:
        assert "is empty" in refusal(save(tmp_path, b""), NotOnnx)

    @pytest.mark.parametrize(
        ("content", "word"),
        [
            (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
            (b'{"model": "none"}', "JSON"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
            (pickle.dumps({"weights": list(range(100))}), "pickle"),
            (b"\x10\0\0\0\0\0\0\0" + b'{"__metadata__":{}}', "safetensors"),
            (b"\x20\0\0\0TFL3" + b"\0" * 50, "TensorFlow Lite"),
            (b"IMOD\0\x01\0\0" + b"\0" * 248, "Ascend .om"),
            (b"\x1f\x8b\x08" + b"\0" * 50, "gzip"),
            (b"just some words in a file that someone renamed", "ONNX"),
        ],
    )
    def test_pretenders_are_told_what_they_are(self, tmp_path: Path, content: bytes, word: str) -> None:
        assert word in refusal(save(tmp_path, content), NotOnnx)

    def test_a_pytorch_checkpoint(self, tmp_path: Path) -> None:
        path = tmp_path / "m.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("data.pkl", b"x")
        assert "torch.onnx.export" in refusal(path, NotOnnx)

    def test_another_protobuf(self, tmp_path: Path) -> None:
        refusal(save(tmp_path, onnx.OperatorSetProto(magic="x").SerializeToString()), NotOnnx)

    def test_truncated_anywhere(self, tmp_path: Path) -> None:
        for cut in range(0, len(SMALL), 97):
            path = save(tmp_path, SMALL[:cut])
            with pytest.raises(OnnxFileError):
                onnx_files.load(path)


class TestContradictions:
    @pytest.mark.parametrize(
        ("spoilt", "word"),
        [
            (relu_chain(("x", "a"), ("c", "b"), ("b", "c"), ("c", "y")), "cycle"),
            (relu_chain(("a", "a"), ("x", "y")), "cycle"),
            (relu_chain(("a", "y"), ("x", "a")), "comes before"),
            (relu_chain(("x", "a"), ("ghost", "y")), "nothing makes"),
            (relu_chain(("x", "y"), ("x", "y")), "made twice"),
            (relu_chain(("x", "x")), "made twice"),
            (model([], [value("x", [1])], [value("y", [1])]), "made by no node"),
            (model([helper.make_node("", ["x"], ["y"])], [value("x", [1])], [value("y", [1])]), "no operator"),
        ],
    )
    def test_data_flow(self, tmp_path: Path, spoilt: onnx.ModelProto, word: str) -> None:
        assert word in refusal(save(tmp_path, spoilt), InvalidOnnx)

    @pytest.mark.parametrize(
        ("dims", "dtype", "data"),
        [
            ([7], 1, b"\0" * 24),
            ([-1], 1, b""),
            ([2], 99, b"\0" * 8),
            ([2], 1, b""),
            ([2], 1, b"\0" * 9),
            ([1] * 40, 1, b"0000"),
        ],
    )
    def test_weights_are_as_large_as_they_claim(self, tmp_path: Path, dims: list[int], dtype: int, data: bytes) -> None:
        spoilt = classifier()
        spoilt.graph.initializer[0].CopyFrom(TensorProto(name="w", dims=dims, data_type=dtype, raw_data=data))
        refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_an_attribute_without_a_type(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.graph.node[0].attribute.add().name = "odd"
        assert "without a type" in refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_a_split_into_a_billion(self, tmp_path: Path) -> None:
        node = helper.make_node("Split", ["x"], ["y"], num_outputs=10**9)
        opsets = [helper.make_opsetid("", 18)]
        spoilt = model([node], [value("x", [4])], [value("y", [4])], opset_imports=opsets)
        assert "1,000,000,000" in refusal(save(tmp_path, spoilt), InvalidOnnx)

    @pytest.mark.parametrize("equation", ["ij=,->i", "...>i", "...j...", "a1,b->ab", "ij->i->j", "ij->i,j", "i.j"])
    def test_an_equation_that_onnx_never_finishes_reading(self, tmp_path: Path, equation: str) -> None:
        node = helper.make_node("Einsum", ["x"], ["y"], equation=equation)
        refusal(save(tmp_path, model([node], [value("x", [3, 3])], [value("y", None)])), InvalidOnnx)

    @pytest.mark.parametrize("equation", ["ij->ji", "ii", " ...ij , ...jk -> ...ik ", "bhwc,hkc->bhwk", "->", "i,->i"])
    def test_equations_that_it_reads(self, tmp_path: Path, equation: str) -> None:
        node = helper.make_node("Einsum", ["x", "x"], ["y"], equation=equation)
        onnx_files.load(save(tmp_path, model([node], [value("x", [3, 3])], [value("y", None)])))

    def test_a_newer_ir_version_says_what_can_be_read(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.ir_version = 10**9
        assert str(onnx.IR_VERSION) in refusal(save(tmp_path, spoilt), InvalidOnnx)

    def test_names_cannot_break_the_line(self, tmp_path: Path) -> None:
        spoilt = relu_chain(("x", "a"), ("ghost\nATC run success", "y"))
        assert r"ghost\nATC" in refusal(save(tmp_path, spoilt), InvalidOnnx)


class TestLimits:
    def test_a_length_that_claims_gigabytes(self, tmp_path: Path) -> None:
        assert "claims 3,000,000,000" in refusal(save(tmp_path, b"\x08\x08\x3a" + varint(3 * 10**9)), NotOnnx)

    def test_a_tensor_that_claims_gigabytes(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.graph.initializer[0].dims[:] = [2**20, 2**20, 3, 3]
        refusal(save(tmp_path, spoilt), UnsafeOnnx)

    def test_an_input_that_claims_gigabytes(self, tmp_path: Path) -> None:
        spoilt = model([helper.make_node("Relu", ["x"], ["y"])], [value("x", [1, 2**30, 2**30])], [value("y", None)])
        refusal(save(tmp_path, spoilt), UnsafeOnnx)

    def test_a_file_above_the_limit_is_not_read(self, tmp_path: Path) -> None:
        path = tmp_path / "big.onnx"
        with path.open("wb") as file:
            file.truncate(3 * 2**30)
        started = time.monotonic()
        assert "external data" in refusal(path, UnsafeOnnx)
        assert time.monotonic() - started < 1

    def test_millions_of_empty_nodes_cost_neither_time_nor_memory(self, tmp_path: Path) -> None:
        """20 MB that protobuf would turn into gigabytes."""
        bomb = b"\x08\x08" + field(7, b"\x0a\x00" * 10_000_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        assert "fields" in refusal(save(tmp_path, bomb), UnsafeOnnx)
        assert time.monotonic() - started < 10
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 500e6

    def test_packed_numbers_that_grow_when_parsed(self, tmp_path: Path) -> None:
        tensor = field(5, field(7, b"\0" * 2000))
        limits = OnnxLimits(packed_bytes=1000)
        refusal(save(tmp_path, b"\x08\x08" + field(7, tensor)), UnsafeOnnx, limits)

    def test_names_of_megabytes(self, tmp_path: Path) -> None:
        spoilt = classifier()
        spoilt.graph.node[0].name = "n" * 2_000_000
        refusal(save(tmp_path, spoilt), UnsafeOnnx)

    def test_graphs_within_graphs(self, tmp_path: Path) -> None:
        assert "nested" in refusal(save(tmp_path, nested(12)), UnsafeOnnx)

    def test_deeper_than_protobuf_itself_reads(self, tmp_path: Path) -> None:
        content = b""
        for _ in range(200):
            content = field(1, field(5, field(6, content)))
        refusal(save(tmp_path, b"\x08\x08" + field(7, content)), NotOnnx)

    def test_functions_that_call_themselves(self, tmp_path: Path) -> None:
        spoilt = unfolding(2)
        spoilt.functions[1].node[0].op_type, spoilt.functions[1].node[0].domain = "F0", "local"
        assert "calls itself" in refusal(save(tmp_path, spoilt), UnsafeOnnx)

    def test_functions_that_unfold_into_a_billion_nodes(self, tmp_path: Path) -> None:
        assert "unfolds" in refusal(save(tmp_path, unfolding(30)), UnsafeOnnx)


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


class TestSignature:
    def test_names_types_and_shapes(self) -> None:
        found = onnx_files.signature(classifier("N"))
        assert [(t.name, t.dtype, t.shape) for t in found.inputs] == [("x", "float32", (-1, 3, 8, 8))]
        assert [(t.name, t.dtype, t.shape) for t in found.outputs] == [("y", "float32", (-1, 5))]

    def test_symbols_are_not_part_of_it(self) -> None:
        assert onnx_files.signature(classifier("N")) == onnx_files.signature(classifier("batch"))
        assert onnx_files.signature(classifier("N")) != onnx_files.signature(classifier(1))

    def test_weights_that_are_listed_as_inputs_are_left_out(self) -> None:
        content = classifier()
        content.graph.input.append(value("w", [64, 3, 3, 3]))
        assert onnx_files.signature(content) == onnx_files.signature(classifier())

    def test_unknown_rank_and_odd_types(self) -> None:
        text = value("s", None, TensorProto.STRING)
        several = helper.make_tensor_sequence_value_info("q", TensorProto.FLOAT, None)
        found = onnx_files.signature(model([], [text, several], []))
        assert [(t.dtype, t.shape) for t in found.inputs] == [("string", None), ("sequence", None)]


def corrupted(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, byte in edits:
        changed[position % len(changed)] = byte
    return bytes(changed)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, len(SMALL)), st.integers(0, 255)), min_size=1, max_size=6))
def test_flipped_bits_are_refused_or_harmless(tmp_path: Path, edits: list[tuple[int, int]]) -> None:
    """Whatever the bits say, the outcome is a model that can be looked at, or a named refusal."""
    path = save(tmp_path, corrupted(SMALL, edits))
    try:
        loaded = onnx_files.load(path)
    except OnnxFileError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, a long message never is
        return
    onnx_files.findings(loaded, tmp_path)
    onnx_files.checker_error(loaded)
    onnx_files.signature(loaded)
    try:
        onnx_files.with_shapes(loaded, None, 1)
    except onnx_files.ShapeError as error:
        assert "\n" not in str(error)  # noqa: PT017


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from([b"", b"\x08\x08", b"\x08\x08\x3a"]), tail=st.binary(max_size=300))
def test_any_bytes_are_refused_or_read(tmp_path: Path, head: bytes, tail: bytes) -> None:
    path = save(tmp_path, head + tail)
    try:
        onnx_files.load(path)
    except OnnxFileError as error:
        assert str(path) in str(error)  # noqa: PT017


def test_importing_the_reader_loads_no_heavy_library() -> None:
    code = "import sys, resources.onnx_files; print(sorted({'onnx', 'numpy', 'onnxruntime'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_weight_sample_is_used_by_the_classifier() -> None:
    """The samples hold what the tests assume: a convolution weight of 64 x 3 x 3 x 3 in raw bytes."""
    assert weight("w", 64, 3, 3, 3).raw_data == classifier().graph.initializer[0].raw_data
