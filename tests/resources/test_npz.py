"""Reading `.npz` files that nobody vouches for."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.lib import format as npy

from resources import npz

DTYPES = st.sampled_from(["float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool", ">f4"])


def member(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def claiming(shape: tuple[int, ...], dtype: str = "<f4", data: bytes = b"") -> bytes:
    """An array whose header says `shape`, whatever follows."""
    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + data


@settings(max_examples=60, deadline=None)
@given(array=DTYPES.flatmap(lambda d: arrays.arrays(d, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0))))
def test_what_numpy_saved_comes_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray[Any, Any]) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez_compressed(path, first=array, second=array.copy(order="F"))
    for name, found in npz.read(path).items():
        assert (found.dtype, found.shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found, array)


def test_order_of_the_file_is_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", z=np.zeros(1), a=np.ones(1))
    assert list(npz.read(tmp_path / "a.npz")) == ["z", "a"]


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (trap,))

    objects = np.array([Trap()], dtype=object)
    path = archive(tmp_path / "a.npz", {"x.npy": member(objects)})
    with pytest.raises(npz.BadNpz, match=r"array 'x': holds Python objects"):
        npz.read(path)
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(npz.BadNpz, match=r"not an \.npz file"):
        npz.read(tmp_path / "b.npz")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x.npy": claiming((2**40,))}, "claims shape"),
        ({"x.npy": claiming((2**70, 0))}, "claims shape|array 'x'"),
        ({"x.npy": claiming((4,), data=b"1234")}, "takes 16|claims shape"),
        ({"x.npy": claiming((1,), data=b"12345678")}, "has 5 bytes where"),
        ({"x.npy": claiming((-1,), data=b"1234")}, "claims shape"),
        ({"x.npy": member(np.array(["text"]))}, "only numbers and booleans"),
        ({"x.npy": member(np.zeros(2, dtype="c8"))}, "only numbers and booleans"),
        ({"x.npy": member(np.zeros(2, dtype=[("a", "f4")]))}, "only numbers and booleans"),
        ({"x.npy": b"\x93NUMPY\x03\x00" + struct.pack("<I", 4) + b"{}  "}, r"format 3\.0"),
        ({"x.npy": b"\x93NUMPY\x01\x00\x04\x00{}  "}, "array 'x'"),
        ({"x.npy": b""}, "array 'x'"),
        ({"readme.txt": b"hello"}, "no array of its own"),
        ({f"a{i}.npy": member(np.zeros(1)) for i in range(npz.MAX_ARRAYS + 1)}, "is the limit"),
    ],
)
def test_malformed_members_are_named(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(npz.BadNpz, match=message):
        npz.read(archive(tmp_path / "a.npz", members))


def test_size_is_bounded_before_anything_is_unpacked(tmp_path: Path) -> None:
    bomb = archive(tmp_path / "bomb.npz", {"x.npy": member(np.zeros(1_000_000, dtype="u1"))})
    assert bomb.stat().st_size < 10_000
    with pytest.raises(npz.BadNpz, match="unpacks to more than 10,000 bytes"):
        npz.read(bomb, max_bytes=10_000)
    with pytest.raises(npz.BadNpz, match="larger than 100 bytes"):
        npz.read(bomb, max_bytes=100)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(npz.BadNpz, match="no such file"):
            npz.read(path)


@settings(max_examples=150, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
def test_damage_is_refused_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, position: float, flip: int, *, cut: bool
) -> None:
    path = tmp_path_factory.mktemp("npz") / "a.npz"
    np.savez(path, x=np.arange(20, dtype="f4"), labels=np.arange(5))
    data = bytearray(path.read_bytes())
    at = int(position * len(data))
    if cut:
        data = data[:at]
    else:
        data[at] ^= flip
    path.write_bytes(data)
    try:
        found = npz.read(path)
    except npz.BadNpz as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right; a foreign exception is not
    else:
        assert sum(array.nbytes for array in found.values()) <= npz.MAX_BYTES


@pytest.mark.parametrize("header", [b"{'descr': (((", b"{'descr': '''", b"  x\n y", b"(" * 5000, b"-" * 9000 + b"1"])
def test_a_header_that_is_no_literal_is_named(tmp_path: Path, header: bytes) -> None:
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + bytes(8)
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(npz.BadNpz, match=r"a\.npy: .*header"):
        npz.read_array(path)
    with pytest.raises(npz.BadNpz, match=r"array 'x': .*header"):
        npz.read(archive(tmp_path / "a.npz", {"x.npy": content}))
