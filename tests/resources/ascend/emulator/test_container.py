"""The emulator's `.om`: its own magic, whole or absent, and read only when every bit is right."""

import hashlib
import os
import shlex
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from resources.ascend import spelling
from resources.ascend.emulator import container
from resources.ascend.emulator.container import EmulatedOm
from resources.ascend.options import CompileOptions, MixList
from resources.ascend.toolchain import NotLoadable, OmInfo, ToolchainIdentity
from resources.onnx_files import Signature, TensorType

SOC = "Ascend310P3"
GRAPH = helper.make_model(helper.make_graph([], "g", [], [])).SerializeToString()
HEADER = 56


def sample(**options: object) -> EmulatedOm:
    toolchain = ToolchainIdentity(name="emulator", version="1", cann="8.1.RC1", origin="emulated")
    chosen = CompileOptions.model_validate({"soc_version": SOC, "input_shape": {"x": [1, 3]}, **options})
    info = OmInfo(identity="0" * 64, onnx_sha256="a" * 64, options=chosen, toolchain=toolchain)
    kinds = (TensorType(name="x", dtype="float32", shape=(1, -1)),)
    return EmulatedOm(info, Signature(inputs=kinds, outputs=kinds), GRAPH, GRAPH * 3)


def refusal(path: Path, soc: str = SOC) -> str:
    with pytest.raises(NotLoadable) as caught:
        container.read(path, soc)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    container.write(tmp_path / "m.om", sample())
    assert container.read(tmp_path / "m.om", SOC) == sample()


def test_the_same_content_gives_the_same_bytes() -> None:
    assert container.encode(sample()) == container.encode(sample())


def test_no_real_tool_takes_it_for_a_real_one() -> None:
    assert not container.encode(sample()).startswith(b"IMOD")


def test_only_the_file_is_left(tmp_path: Path) -> None:
    container.write(tmp_path / "m.om", sample())
    container.write(tmp_path / "m.om", sample(precision_mode="force_fp16"))
    assert [path.name for path in tmp_path.iterdir()] == ["m.om"]
    assert container.read(tmp_path / "m.om", SOC).info.options.precision_mode == "force_fp16"


class TestIdentity:
    BASE = ("a" * 64, (), CompileOptions(soc_version=SOC), "1")

    @pytest.mark.parametrize(
        "changed",
        [
            ("b" * 64, *BASE[1:]),
            (BASE[0], ("c" * 64,), *BASE[2:]),
            (*BASE[:2], CompileOptions(soc_version="Ascend310P1"), "1"),
            (*BASE[:2], CompileOptions(soc_version=SOC, keep_dtype=("a",)), "1"),
            (*BASE[:3], "2"),
        ],
    )
    def test_every_part_counts(self, changed: tuple[str, tuple[str, ...], CompileOptions, str]) -> None:
        assert container.identity(*changed) != container.identity(*self.BASE)
        assert container.identity(*changed) == container.identity(*changed)


class TestAnotherSoc:
    def test_the_command_in_the_refusal_parses_to_the_same_options(self, tmp_path: Path) -> None:
        path = tmp_path / "folder with spaces" / "m.om"
        path.parent.mkdir()
        container.write(path, sample(precision_mode="allow_mix_precision"))
        command = refusal(path, "Ascend910B3").split("rebuild it: ")[1].split(" (model.onnx")[0]
        expected = sample(soc_version="Ascend910B3", precision_mode="allow_mix_precision").info.options
        assert shlex.split(command) == spelling.command(expected, "model.onnx", path)

    def test_what_the_command_line_cannot_say_is_said(self, tmp_path: Path) -> None:
        mixed = sample(precision_mode="allow_mix_precision", keep_dtype=("n",), modify_mixlist=MixList())
        container.write(tmp_path / "m.om", mixed)
        assert "keep_dtype and modify_mixlist" in refusal(tmp_path / "m.om", "Ascend910B3")

    def test_two_names_of_one_soc_are_one(self, tmp_path: Path) -> None:
        container.write(tmp_path / "m.om", sample(soc_version="Ascend910A"))
        assert container.read(tmp_path / "m.om", "Ascend910").info.options.soc_version == "Ascend910A"


class TestForeignFiles:
    def test_a_real_om(self, tmp_path: Path) -> None:
        (tmp_path / "m.om").write_bytes(b"IMOD\0\x01\0\0" + b"\0" * 400)
        assert "real .om" in refusal(tmp_path / "m.om")

    @pytest.mark.parametrize("content", [b"", b"E", b"hello world" * 20, container.MAGIC, GRAPH])
    def test_something_else(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "m.om").write_bytes(content)
        refusal(tmp_path / "m.om")

    def test_missing_folder_pipe(self, tmp_path: Path) -> None:
        refusal(tmp_path / "none.om")
        refusal(tmp_path)
        os.mkfifo(tmp_path / "pipe.om")
        refusal(tmp_path / "pipe.om")

    def test_another_format(self, tmp_path: Path) -> None:
        data = bytearray(container.encode(sample()))
        data[8:12] = struct.pack("<I", 2)
        (tmp_path / "m.om").write_bytes(data)
        assert "format 2" in refusal(tmp_path / "m.om")

    def test_a_header_that_claims_gigabytes(self, tmp_path: Path) -> None:
        data = bytearray(container.encode(sample()))
        data[16:24] = struct.pack("<Q", 2**62)
        (tmp_path / "m.om").write_bytes(data)
        assert "claims" in refusal(tmp_path / "m.om")

    def test_a_sparse_file_of_gigabytes_is_not_read(self, tmp_path: Path) -> None:
        size = 6 * 2**30
        with (tmp_path / "m.om").open("wb") as file:
            file.write(struct.pack("<8sIIQ32s", container.MAGIC, 1, HEADER, size - HEADER, b""))
            file.truncate(size)
        started = time.monotonic()
        refusal(tmp_path / "m.om")
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            struct.pack("<QQQ", 2**63, 2**63, 0),
            struct.pack("<QQQ", 0, 0, 0),
            struct.pack("<QQQ", 2, 0, 0) + b"{}",
            struct.pack("<QQQ", 2, 0, 0) + b"\xff\xfe",
        ],
    )
    def test_a_payload_that_is_whole_and_makes_no_sense(self, tmp_path: Path, payload: bytes) -> None:
        digest = hashlib.sha256(payload).digest()
        head = struct.pack("<8sIIQ32s", container.MAGIC, 1, HEADER, len(payload), digest)
        (tmp_path / "m.om").write_bytes(head + payload)
        refusal(tmp_path / "m.om")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_noticed(tmp_path: Path, position: int, bit: int) -> None:
    data = bytearray(container.encode(sample()))
    data[position % len(data)] ^= 1 << bit
    (tmp_path / "m.om").write_bytes(data)
    refusal(tmp_path / "m.om")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.integers(0, 10**6))
def test_a_file_that_breaks_off_is_noticed(tmp_path: Path, kept: int) -> None:
    data = container.encode(sample())
    (tmp_path / "m.om").write_bytes(data[: kept % len(data)])
    refusal(tmp_path / "m.om")


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_container import container, large, sample
print("ready", flush=True)
while True:
    container.write(Path(sys.argv[2]), large())
    container.write(Path(sys.argv[2]), sample())
"""


def large() -> EmulatedOm:
    """A file of a few megabytes, whose writing takes a while."""
    graph = helper.make_graph([], "g", [], [], doc_string="a" * 4_000_000)
    return replace(sample(), lowered=helper.make_model(graph).SerializeToString())


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    """SIGKILL at ten moments of a loop of writes: what is there can always be read, and the next write cleans up."""
    path = tmp_path / "m.om"
    container.write(path, sample())
    for attempt in range(10):
        command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(path)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.005 + attempt * 0.007)
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
        child.stdout.close()
        assert container.read(path, SOC) in (sample(), large())
        assert {entry.name for entry in tmp_path.iterdir()} <= {"m.om", ".partial"}
    container.write(path, sample())
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.om"]


def test_a_folder_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.om"
    container.write(path, sample())
    (tmp_path / ".partial").write_bytes(b"in the way")
    with pytest.raises(OSError, match="exists"):
        container.write(path, sample(precision_mode="force_fp16"))
    assert container.read(path, SOC) == sample()
