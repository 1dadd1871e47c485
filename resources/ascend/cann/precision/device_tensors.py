"""The tensors that a device dumped, as the ONNX graph has them.

Here belong finding a converted dump, and undoing the device's layouts, which a NumPy file keeps: NC1HWC0 holds 16 (or
32, or 4) channels together, FRACTAL_NZ holds matrices in blocks, and both pad (msaccucmp's format conversions). A file
does not say which it is; the shape that the reference has does. Not here: converting (`msaccucmp.py`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.precision.dump import MAX_FILES, parse_name
from resources.ascend.cann.precision.golden import spelled
from resources.npz import BadNpz, read_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_TENSOR_BYTES = 8 << 30
"""A larger file is not read."""

_MAPPING = "mapping.csv"
_MAX_REASON = 300
_BLOCKS = frozenset({4, 8, 16, 32, 64})
"""Elements that the device holds together: 16 of FP16, more of narrower types, 4 channels of images."""
_MAX_MAPPING_BYTES = 64 << 20
_SUFFIX = re.compile(r"(?P<dump>.+)\.(?P<kind>input|output)\.(?P<number>\d{1,6})\.npy", re.DOTALL)

Key = tuple[str, str, int]
"""An operator's name as dumps spell it, `input` or `output`, and the place."""


@dataclass(frozen=True)
class DeviceTensors:
    """Converted dumps, by what they are. Of several runs the last counts.

    `operators`: type and timestamp of each operator, by its name as dumps spell it.
    """

    files: Mapping[Key, Path]
    operators: Mapping[str, tuple[str, int]] = field(default_factory=dict)

    def joined(self, others: "DeviceTensors") -> "DeviceTensors":
        """These and what only `others` has."""
        return DeviceTensors({**others.files, **self.files}, {**others.operators, **self.operators})

    def load(self, op: str, kind: str, number: int, shape: tuple[int, ...]) -> "NDArray[Any] | str":
        """One tensor in the shape that ONNX gives it, or why there is none, in words."""
        path = self.files.get((spelled(op), kind, number))
        if path is None:
            return "its dump was not converted"
        try:
            array = read_array(path, max_bytes=MAX_TENSOR_BYTES)
        except BadNpz as error:
            return f"its converted dump cannot be read: {str(error)[:_MAX_REASON]}"
        found = aligned(array, shape)
        return (
            f"the device holds it as {list(array.shape)}, which is no layout of {list(shape)}"
            if found is None
            else found
        )


def index(folder: Path, dumped: Path | None = None) -> DeviceTensors:
    """The converted dumps in a folder, made of the dump files in `dumped`.

    Files whose names are too long have hashes for names, which `mapping.csv` of either folder gives back. Raises
    `BadOutput` for more files than a network makes.
    """
    names = _mapping(folder / _MAPPING)
    originals = _mapping(dumped / _MAPPING) if dumped else {}
    files: dict[Key, tuple[int, Path]] = {}
    operators: dict[str, tuple[str, int]] = {}
    for count, entry in enumerate(os.scandir(folder)):
        if count > 16 * MAX_FILES:
            raise BadOutput(f"{folder}: more files than any network makes: see what wrote there")
        match = _SUFFIX.fullmatch(names.get(entry.name, entry.name))
        dump = parse_name(originals.get(match["dump"], match["dump"])) if match else None
        if match is None or dump is None or not entry.is_file(follow_symlinks=False):
            continue
        key = (spelled(dump.name or dump.op_type), match["kind"], int(match["number"]))
        if key not in files or files[key][0] < dump.timestamp:
            files[key] = (dump.timestamp, Path(entry.path))
            operators[key[0]] = (dump.op_type, dump.timestamp)
    return DeviceTensors({key: path for key, (_, path) in files.items()}, operators)


def _mapping(path: Path) -> dict[str, str]:
    """Short name -> full name, by lines `short,full`."""
    if not path.is_file() or path.stat().st_size > _MAX_MAPPING_BYTES:
        return {}
    pairs = (line.partition(",") for line in path.read_text(errors="replace").splitlines())
    return {short.strip(): full.strip() for short, comma, full in pairs if comma}


def aligned(array: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any] | None":
    """A device's array in the shape of the ONNX tensor: as it is, or out of NC1HWC0, FRACTAL_NZ or NHWC.

    None when it is none of these. A shape that several could have made is read as the first of them; one that differs
    in dimensions of 1 alone, and is no layout, is the same.
    """
    if array.shape == shape:
        return array
    for undo in (_from_nc1hwc0, _from_fractal_nz, _from_nhwc):
        found = undo(array, shape)
        if found is not None:
            return found
    return array.reshape(shape) if _without_ones(array.shape) == _without_ones(shape) else None


def _without_ones(dims: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dim for dim in dims if dim != 1)


def _from_nc1hwc0(array: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any] | None":
    if array.ndim != 5 or not 1 <= len(shape) <= 4:  # noqa: PLR2004 - dimensions of the layouts
        return None
    batch, c1, height, width, c0 = array.shape
    wanted = shape if len(shape) == 4 else None  # noqa: PLR2004
    if len(shape) == 2 and height == width == 1:  # noqa: PLR2004
        wanted = (*shape, 1, 1)
    if (
        wanted is None
        or c0 not in _BLOCKS
        or wanted[0] != batch
        or wanted[2:] != (height, width)
        or -(-wanted[1] // c0) != c1
    ):
        return None
    return array.transpose(0, 1, 4, 2, 3).reshape(batch, c1 * c0, height, width)[:, : wanted[1]].reshape(shape)


def _from_fractal_nz(array: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any] | None":
    if array.ndim < 4:  # noqa: PLR2004
        return None
    *outer, n1, m1, m0, n0 = array.shape
    rows, columns = (1, 1, *shape)[-2:]
    if m0 not in _BLOCKS or n0 not in _BLOCKS or -(-rows // m0) != m1 or -(-columns // n0) != n1:
        return None
    if tuple(outer) != shape[:-2] and _without_ones(tuple(outer)) != _without_ones(shape[:-2]):
        return None
    places = list(range(len(outer)))
    last = len(places)
    matrix = array.transpose(*places, last + 1, last + 2, last, last + 3).reshape(*outer, m1 * m0, n1 * n0)
    return matrix[..., :rows, :columns].reshape(shape)


def _from_nhwc(array: "NDArray[Any]", shape: tuple[int, ...]) -> "NDArray[Any] | None":
    if array.ndim != len(shape) or array.ndim < 3:  # noqa: PLR2004
        return None
    moved = array.transpose(0, array.ndim - 1, *range(1, array.ndim - 1))
    return moved if moved.shape == shape else None
