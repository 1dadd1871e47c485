"""Untrusted `.npz` and `.npy` files in, numpy arrays out.

Here belongs reading the archive within bounds and without pickle. Not here: which arrays a file must hold
(`ascend_assets/evaluation.py`).
"""

import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from resources.regular_files import open_regular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

MAX_BYTES = 2**30
MAX_ARRAYS = 256
_MAX_HEADER = 10_000
_KINDS = "biuf"


class BadNpz(Exception):
    """A file that is no readable `.npz` or `.npy`. One line: which file, what is wrong, what to do."""


def read(path: Path, *, max_bytes: int = MAX_BYTES) -> "Arrays":
    """Every array of the file, by name, in the file's order.

    `max_bytes` bounds the file and, together, the arrays that come out of it. Only numbers and booleans are read: an
    array of objects is a pickle, and a pickle is a program. Raises `BadNpz`.
    """
    try:
        if not path.is_file():
            raise BadNpz(f"{path}: no such file: write it with numpy.savez")
        if path.stat().st_size > max_bytes:
            raise BadNpz(f"{path}: larger than {max_bytes:,} bytes: keep fewer samples")
        with zipfile.ZipFile(path) as archive:
            return _arrays(path, archive, max_bytes)
    except zipfile.BadZipFile as error:
        raise BadNpz(f"{path}: not an .npz file or damaged ({error}): write it with numpy.savez") from error
    except (OSError, EOFError, RuntimeError, NotImplementedError, zlib.error) as error:
        raise BadNpz(f"{path}: cannot be read ({error}): write it again with numpy.savez") from error


def read_array(path: Path, *, max_bytes: int = MAX_BYTES) -> "NDArray[Any]":
    """The one array of a `.npy` file, of at most `max_bytes`, read-only and within the bounds of `read`.

    Raises `BadNpz`.
    """
    try:
        file, size = open_regular(path)
        with file:
            if size > max_bytes:
                raise BadNpz(f"{path}: larger than {max_bytes:,} bytes")
            return _array(file, size)
    except (OSError, EOFError, ValueError) as error:
        raise BadNpz(f"{path}: no readable .npy file: {error}") from error


def _arrays(path: Path, archive: zipfile.ZipFile, max_bytes: int) -> "Arrays":
    members = archive.infolist()
    if len(members) > MAX_ARRAYS:
        raise BadNpz(f"{path}: holds {len(members):,} arrays; {MAX_ARRAYS} is the limit")
    # zipfile never hands out more than the size that a member states, so the stated sizes are a bound.
    if sum(member.file_size for member in members) > max_bytes:
        raise BadNpz(f"{path}: unpacks to more than {max_bytes:,} bytes: keep fewer samples")
    arrays: Arrays = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename or name in arrays:
            raise BadNpz(f"{path}: {member.filename!r} is no array of its own: write the file with numpy.savez")
        with archive.open(member) as file:
            try:
                arrays[name] = _array(file, member.file_size)
            except ValueError as error:
                raise BadNpz(f"{path}: array {name!r}: {error}") from error
    return arrays


def _array(file: IO[bytes], size: int) -> "NDArray[Any]":
    """Read one `.npy`, whose header is not believed about how much there is to allocate."""
    import numpy as np
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    readers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"is in .npy format {version[0]}.{version[1]}; 1.0 and 2.0 are read: use plain arrays")
    try:
        shape, fortran, dtype = readers[version](file, max_header_size=_MAX_HEADER)
    except (SyntaxError, tokenize.TokenError, MemoryError, RecursionError) as error:  # of numpy's parser
        raise ValueError(f"has a header that is damaged ({type(error).__name__})") from error
    if dtype.hasobject:
        raise ValueError("holds Python objects, which only a pickle can carry and which is never opened: use numbers")
    if dtype.kind not in _KINDS:
        raise ValueError(f"has dtype {dtype}; only numbers and booleans are read")
    claimed = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or claimed > size:
        raise ValueError(f"claims shape {shape} of {dtype}, {claimed:,} bytes, where the file has {size:,}")
    data = file.read(claimed + 1)
    if len(data) != claimed:
        raise ValueError(f"has {len(data):,} bytes where its shape {shape} of {dtype} takes {claimed:,}")
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")
