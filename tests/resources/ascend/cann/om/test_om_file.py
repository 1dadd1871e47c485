"""A real `.om` says what it is, without its weights being read; anything else is refused with what it is."""

import os
import struct
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from om_samples import HEADER, OmSample, Tensor, attribute, chunk, om_bytes, text, write_om

from resources.ascend.cann.om import om_file, om_model, om_ports
from resources.ascend.cann.om.om_file import OmFile, read
from resources.ascend.cann.om.om_ports import Port
from resources.ascend.emulator.container import MAGIC as EMULATED
from resources.ascend.toolchain import NotLoadable

COMMAND = "atc --framework=5 --model=m.onnx --output=m --soc_version=Ascend310P3"
SAMPLE = OmSample(
    name="resnet",
    command_line=COMMAND,
    inputs=(Tensor("image", shape=(1, 3, 8, 8)), Tensor("scale", "float16", ())),
    outputs=(Tensor("scores", shape=(1, 5), node="Gemm_5"), Tensor("Identity:0", "int64", (1,), node="ArgMax_6")),
    weights=b"w" * 100,
)
INPUTS = (Port("image", "float32", (1, 3, 8, 8), 768), Port("scale", "float16", (), 2))
OUTPUTS = (Port("scores", "float32", (1, 5), 20), Port("Identity:0", "int64", (1,), 8))


def opened(tmp_path: Path, data: bytes) -> OmFile:
    path = tmp_path / "m.om"
    path.write_bytes(data)
    return read(path)


def refused(tmp_path: Path, data: bytes) -> str:
    with pytest.raises(NotLoadable) as caught:
        opened(tmp_path, data)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'm.om'}: ")
    return said


def with_header(data: bytes, **changes: object) -> bytes:
    """The same file with other values in its header, by their place in it."""
    places = {"size": 1, "length": 4, "encrypted": 5, "kind": 7, "name": 9, "models": 13, "model_length": 16}
    values = list(HEADER.unpack(data[:256]))
    for name, value in changes.items():
        values[places[name]] = value
    return HEADER.pack(*values) + data[256:]


@pytest.mark.parametrize("old", [False, True], ids=["64-bit tables", "32-bit tables"])
@pytest.mark.parametrize("sub_models", [1, 3])
def test_a_file_says_what_it_is(tmp_path: Path, *, old: bool, sub_models: int) -> None:
    # An old header does not say how many models follow: it holds one.
    om = opened(tmp_path, om_bytes(replace(SAMPLE, old=old, sub_models=1 if old else sub_models)))
    assert (om.name, om.soc_version, om.atc_version) == ("resnet", "Ascend310P3", "7.7.0.1.238")
    assert om.command_line == COMMAND
    assert (om.memory_bytes, om.weight_bytes, om.dynamic) == (1024, 100, False)
    assert (om.inputs, om.outputs) == (INPUTS, OUTPUTS)
    assert om.read_by == "protobuf"
    assert om.header.old is old
    assert om.attributes["attr_model_out_nodes_name"] == ("Gemm_5:0:scores", "ArgMax_6:0:Identity:0")
    assert {part.sub_model for part in om.partitions} == set(range(1 if old else sub_models))


def test_what_the_root_does_not_tell_its_sub_models_may(tmp_path: Path) -> None:
    told = {"soc_version": "Ascend910B3", "atc_version": "9.0.0.0.1", "memory_size": "1"}
    data = om_bytes(replace(SAMPLE, sub_models=3, attributes={"soc_version": None}, sub_attributes=told))
    om = opened(tmp_path, data)
    assert (om.soc_version, om.atc_version) == ("Ascend910B3", SAMPLE.atc_version)
    assert (om.name, om.memory_bytes) == ("resnet", 1024)


def test_partitions_lie_where_they_say(tmp_path: Path) -> None:
    data = om_bytes(SAMPLE)
    om = opened(tmp_path, data)
    (weights,) = (part for part in om.partitions if part.name == "weights")
    assert data[weights.offset : weights.offset + weights.size] == SAMPLE.weights
    assert om.partitions[-1].offset + om.partitions[-1].size == len(data) == om.size


@pytest.mark.parametrize("inout_info", [True, False], ids=["own partition", "from the graph"])
def test_inputs_and_outputs_are_told_in_two_places(tmp_path: Path, *, inout_info: bool) -> None:
    om = opened(tmp_path, om_bytes(replace(SAMPLE, inout_info=inout_info)))
    assert (om.inputs, om.outputs) == (INPUTS, OUTPUTS)


def test_what_nobody_tells_is_empty(tmp_path: Path) -> None:
    om = opened(tmp_path, om_bytes(replace(SAMPLE, inout_info=False, graph=False)))
    assert om.inputs == om.outputs == ()


def test_outputs_without_onnx_names_are_called_as_ge_calls_them(tmp_path: Path) -> None:
    nameless = {"attr_model_out_nodes_name": None}
    om = opened(tmp_path, om_bytes(replace(SAMPLE, inout_info=False, attributes=nameless)))
    assert [port.name for port in om.outputs] == ["output_0_Gemm_5_0", "output_1_ArgMax_6_0"]


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("Gemm_5:0:scores", "scores"),
        ("Gemm_5:0:Identity:0", "Identity:0"),
        ("Gemm_5:0", "Gemm_5:0"),
        ("scores", "scores"),
        ("结点:1:输出", "输出"),
    ],
)
def test_an_output_is_called_as_in_the_onnx_graph(node: str, name: str) -> None:
    assert om_ports.output_name(node) == name


def test_an_open_dimension_is_said(tmp_path: Path) -> None:
    om = opened(tmp_path, om_bytes(replace(SAMPLE, dynamic=True, inputs=(Tensor("x", shape=(-1, 3)),))))
    assert om.dynamic
    assert om.inputs == (Port("x", "float32", (-1, 3), 0),)


def test_a_name_longer_than_the_headers_is_whole(tmp_path: Path) -> None:
    om = opened(tmp_path, om_bytes(replace(SAMPLE, name="n" * 60)))
    assert (om.name, om.header.name) == ("n" * 60, "n" * 31)


@pytest.mark.parametrize("keep", [0, 3, 100, 255, 256, 400, 900])
def test_a_truncated_file_says_so(tmp_path: Path, keep: int) -> None:
    data = om_bytes(SAMPLE)
    said = refused(tmp_path, data[:keep])
    if keep >= 256:
        assert f"says that it has {len(data):,} bytes and has {keep:,}: truncated" in said


def test_what_was_added_is_noticed(tmp_path: Path) -> None:
    data = om_bytes(SAMPLE)
    said = refused(tmp_path, data + b"x")
    assert f"says that it has {len(data):,} bytes and has {len(data) + 1:,}" in said


def test_no_number_in_a_file_is_believed(tmp_path: Path) -> None:
    data = om_bytes(SAMPLE)
    table = data[256:260]
    assert table == struct.pack("<I", 5)
    assert "claims 4,294,967,295 partitions" in refused(tmp_path, data[:256] + b"\xff" * 4 + data[260:])
    huge = data[:272] + b"\x00" * 8 + struct.pack("<Q", 2**63) + data[288:]
    assert "bytes where" in refused(tmp_path, huge)
    assert "holds 4,294,967,295 models" in refused(tmp_path, with_header(data, models=2**32 - 1))
    assert "header has 257 bytes" in refused(tmp_path, with_header(data, size=257))
    assert "breaks off at byte" in refused(tmp_path, with_header(data, models=2))


def test_partitions_must_fill_the_file(tmp_path: Path) -> None:
    data = om_bytes(SAMPLE) + b"rest"
    payload = len(data) - 256
    assert "its partitions end at byte" in refused(tmp_path, with_header(data, model_length=payload))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (EMULATED + bytes(100), "compiled by the emulator and cannot run on a device"),
        (b"PK\x03\x04" + bytes(100), "zip archive"),
        (b"\x08\x08\x12\x07pytorch", "looks like an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "web page"),
        (b'{"name": "m"}', "JSON"),
        (b"\x1b[31mhello", "is no .om: it begins with"),
    ],
)
def test_what_is_no_om_is_called_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    assert said in refused(tmp_path, data)


def test_an_encrypted_file_says_so(tmp_path: Path) -> None:
    assert "is encrypted" in refused(tmp_path, om_bytes(replace(SAMPLE, encrypted=True)))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", Path("a\0b")):
        with pytest.raises(NotLoadable, match="cannot be read"):
            read(path)


def damaged_model(sample: OmSample) -> bytes:
    """The same file with a description that breaks off inside its first field, and the attributes still in place."""
    data = om_bytes(sample)
    at = data.index(b"\x0a\x06resnet\x10\x01")
    return data[:at] + b"\x0b" + data[at + 1 :]


def test_what_cannot_be_walked_is_searched_for_what_matters(tmp_path: Path) -> None:
    om = opened(tmp_path, damaged_model(SAMPLE))
    assert om.read_by == "heuristic"
    assert (om.soc_version, om.atc_version, om.command_line) == ("Ascend310P3", "7.7.0.1.238", COMMAND)
    assert om.inputs == INPUTS, "they stand in a partition of their own"
    assert om.name == "resnet", "the header says it"


def test_a_key_inside_a_longer_one_is_not_taken_for_it(tmp_path: Path) -> None:
    other = {"soc_version": None, "short_soc_version": "Ascend310P"}
    assert opened(tmp_path, damaged_model(replace(SAMPLE, attributes=other))).soc_version == ""


def test_a_description_too_large_to_walk_is_searched_from_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(om_file, "MODEL_BYTES", 200)
    monkeypatch.setattr(om_model, "GUESS_BYTES", 400)
    om = opened(tmp_path, om_bytes(replace(SAMPLE, inputs=tuple(Tensor(f"x{i}") for i in range(20)))))
    assert (om.read_by, om.soc_version, om.command_line) == ("heuristic", "Ascend310P3", COMMAND)


def test_half_a_command_line_is_none(tmp_path: Path) -> None:
    long = "atc " + "x" * om_model.TEXT_BYTES
    assert opened(tmp_path, om_bytes(replace(SAMPLE, command_line=long))).command_line == ""


def test_a_broken_list_of_inputs_leaves_the_graphs(tmp_path: Path) -> None:
    data = om_bytes(SAMPLE)
    at = data.index(struct.pack("<II", 0, 0)[:4], 256 + 8 + 5 * 24)
    broken = data[: at + 4] + b"\xff\xff\xff\x7f" + data[at + 8 :]
    assert opened(tmp_path, broken).inputs == INPUTS


def test_weights_are_not_read(tmp_path: Path) -> None:
    """A file of 2 GB, most of it a hole: what is read of it fits in a few MB."""
    size = 2 * 1024**3
    head = om_bytes(replace(SAMPLE, weights=b""))
    at = 256
    count = struct.unpack_from("<I", head, at)[0]
    table = head[at + 8 : at + 8 + 24 * count]
    entry = struct.pack("<I4xQQ", 1, 0, size)
    rest = head[at + 8 + 24 * count :]
    payload = struct.pack("<I4x", count + 1) + table + entry + rest
    whole = with_header(head[:256], model_length=len(payload) + size) + payload
    path = tmp_path / "big.om"
    with path.open("wb") as file:
        file.write(whole)
        file.truncate(len(whole) + size)
    tracemalloc.start()
    om = read(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert om.size > size
    assert om.inputs == INPUTS
    assert peak < 4 * 1024**2


def test_operators_are_stepped_over() -> None:
    """Of an operator that is neither input nor output only the type is read, whatever else it holds."""
    op = chunk(6, text(1, "a") + text(2, "Add") + b"\x0b no field")
    data = text(1, "m") + chunk(7, op * 1000) + chunk(11, attribute("soc_version", "Ascend310P3"))
    described = om_model.model_def(memoryview(data))
    assert described.attributes == {"soc_version": "Ascend310P3"}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path: Path, data: st.DataObject) -> None:
    whole = bytearray(om_bytes(replace(SAMPLE, old=data.draw(st.booleans()))))
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "fuzz.om"
    path.write_bytes(bytes(whole[: data.draw(st.sampled_from([len(whole), len(whole), 300]))]))
    try:
        om = read(path)
    except NotLoadable:
        return
    assert om.partitions[-1].offset + om.partitions[-1].size == om.size


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=600))
def test_any_bytes_after_the_magic_are_read_or_refused_by_name(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "fuzz.om"
    path.write_bytes(b"IMOD" + rest)
    with pytest.raises(NotLoadable):
        read(path)


def test_a_written_file_is_the_same_as_its_bytes(tmp_path: Path) -> None:
    path = write_om(tmp_path / "w.om", name="resnet", command_line=COMMAND, inputs=SAMPLE.inputs)
    assert read(path).command_line == COMMAND
