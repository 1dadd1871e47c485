"""Whatever is called an ONNX file is read, or refused in one line, in bounded time and memory."""

import os
import pickle
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_samples import classifier, field, model, nested, refusal, save, unfolding, value, varint, weight

from resources import onnx_files
from resources.onnx_files import NotOnnx, OnnxFileError, OnnxLimits, UnsafeOnnx

SMALL = classifier().SerializeToString()


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
        assert time.monotonic() - started < 30

    def test_millions_of_empty_nodes_cost_neither_time_nor_memory(self, tmp_path: Path) -> None:
        """20 MB that protobuf would turn into gigabytes."""
        bomb = b"\x08\x08" + field(7, b"\x0a\x00" * 10_000_000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        assert "fields" in refusal(save(tmp_path, bomb), UnsafeOnnx)
        assert time.monotonic() - started < 60
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
