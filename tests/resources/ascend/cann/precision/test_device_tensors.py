"""Converted dumps: found by name, out of the device's layouts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from device_double import floats, to_fractal_nz, to_nc1hwc0
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from resources.ascend.cann.precision import device_tensors
from resources.ascend.cann.precision.device_tensors import aligned, index

SIZES = st.integers(1, 40)
SMALL = st.integers(1, 6)


def same(found: "NDArray[Any] | None", expected: NDArray[Any]) -> bool:
    return found is not None and found.shape == expected.shape and bool(np.array_equal(found, expected))


@given(SMALL, SIZES, SMALL, SMALL, st.sampled_from([4, 16, 32]))
def test_channels_in_blocks_are_put_together(n: int, c: int, h: int, w: int, c0: int) -> None:
    array = floats((n, c, h, w))
    assert same(aligned(to_nc1hwc0(array, c0), array.shape), array)


@given(st.lists(st.integers(2, 4), max_size=2), SIZES, SIZES)
def test_matrices_in_blocks_are_put_together(outer: list[int], m: int, n: int) -> None:
    array = floats((*outer, m, n))
    assert same(aligned(to_fractal_nz(array), array.shape), array)


def test_channels_last_are_moved() -> None:
    array = floats((2, 3, 5, 4))
    assert same(aligned(array.transpose(0, 2, 3, 1), array.shape), array)


def test_ones_are_no_difference() -> None:
    array = floats((2, 3))
    assert same(aligned(array.reshape(2, 3, 1, 1), (2, 3)), array)
    assert same(aligned(array.reshape(1, 2, 3), (2, 3)), array)
    assert same(aligned(array, (2, 3)), array)


def test_a_vector_behind_channels_in_blocks() -> None:
    array = floats((2, 20))
    assert same(aligned(to_nc1hwc0(array.reshape(2, 20, 1, 1)), (2, 20)), array)


@given(st.lists(st.integers(0, 5), max_size=6), st.lists(st.integers(0, 5), max_size=6))
def test_any_two_shapes_fit_or_do_not(held: list[int], wanted: list[int]) -> None:
    found = aligned(np.zeros(held, np.float16), tuple(wanted))
    assert found is None or found.shape == tuple(wanted)


def save(folder: Path, name: str, array: NDArray[Any]) -> None:
    np.save(folder / name, array)


def test_files_are_found_by_operator_and_the_last_run_counts(tmp_path: Path) -> None:
    save(tmp_path, "Conv2D.m_conv_1.3.1682067845380164.output.0.npy", np.ones(2))
    save(tmp_path, "Conv2D.m_conv_1.3.1682067845380999.output.0.npy", np.full(2, 7.0))
    save(tmp_path, "Conv2D.m_conv_1.3.1682067845380164.input.1.npy", np.zeros(3))
    (tmp_path / "convert_failed_file_list.txt").touch()
    found = index(tmp_path)
    assert len(found.files) == 2
    assert same(_array(found.load("m/conv.1", "output", 0, (2,))), np.full(2, 7.0))
    assert same(_array(found.load("m/conv.1", "input", 1, (3,))), np.zeros(3))
    assert found.load("m/conv.1", "output", 1, (2,)) == "its dump was not converted"


def _array(found: "NDArray[Any] | str") -> NDArray[Any]:
    assert not isinstance(found, str), found
    return found


def test_a_hash_stands_for_a_name_too_long_for_a_file(tmp_path: Path) -> None:
    long = "n" * 240
    save(tmp_path, "0a1b2c.npy", np.ones(2))
    (tmp_path / "mapping.csv").write_text(f"0a1b2c.npy,Conv2D.{long}.3.1682067845380164.output.0.npy\nodd line\n")
    assert same(_array(index(tmp_path).load(long, "output", 0, (2,))), np.ones(2))


def test_a_hash_of_the_devices_own_is_looked_up_in_its_folder(tmp_path: Path) -> None:
    dumped, converted = tmp_path / "dump", tmp_path / "converted"
    dumped.mkdir()
    converted.mkdir()
    (dumped / "mapping.csv").write_text(f"123456,Conv2D.{'n' * 300}.3.1682067845380164\n" + '"' * 200_000)
    save(converted, "123456.output.0.npy", np.ones(2))
    assert same(_array(index(converted, dumped).load("n" * 300, "output", 0, (2,))), np.ones(2))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cannot be read"),
        (b"\x93NUMPY\x01\x00", "cannot be read"),
        (b"hello", "cannot be read"),
        (b"\x93NUMPY\x01\x00\x06\x00{'a'}\n", "cannot be read"),
    ],
)
def test_a_damaged_file_is_a_reason(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "Conv2D.c.3.1682067845380164.output.0.npy").write_bytes(data)
    found = index(tmp_path).load("c", "output", 0, (2,))
    assert isinstance(found, str)
    assert words in found


@given(st.binary(max_size=200), st.integers(0, 150))
def test_any_bytes_are_a_tensor_or_a_reason(tmp_path_factory: pytest.TempPathFactory, data: bytes, keep: int) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    folder.mkdir(exist_ok=True)
    path = folder / "Conv2D.c.3.1682067845380164.output.0.npy"
    np.save(path, np.ones(4))
    path.write_bytes(path.read_bytes()[:keep] + data)
    found = index(folder).load("c", "output", 0, (4,))
    assert isinstance(found, str) or found.shape == (4,)


def test_objects_and_other_shapes_are_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "Conv2D.c.3.1682067845380164.output.0.npy"
    np.save(tmp_path / name, np.array([{}, {}], dtype=object))
    assert "cannot be read" in str(index(tmp_path).load("c", "output", 0, (2,)))
    save(tmp_path, name, np.array(["a", "b"]))
    assert "only numbers and booleans are read" in str(index(tmp_path).load("c", "output", 0, (2,)))
    save(tmp_path, name, np.ones((3, 5)))
    assert index(tmp_path).load("c", "output", 0, (2,)) == "the device holds it as [3, 5], which is no layout of [2]"
    monkeypatch.setattr(device_tensors, "MAX_TENSOR_BYTES", 10)
    assert "larger than 10 bytes" in str(index(tmp_path).load("c", "output", 0, (2,)))
