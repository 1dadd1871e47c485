"""The emulator as a toolchain: where there is no NPU.

Here belong the six verbs of `resources/ascend/toolchain.py`, each handed to the module that does it. Everything it
says carries the origin `emulated`. Not here: any rule or arithmetic.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resources.ascend import gears
from resources.ascend.emulator import container
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import (
    Comparison,
    Compiled,
    NotLoadable,
    OmInfo,
    Profile,
    ToolchainError,
    ToolchainIdentity,
)
from resources.digests import sha256_file

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from resources.ascend.emulator.infer import Session
    from resources.ascend.toolchain import Run, Tensors

CANN = "8.1.RC1"
"""The release whose tables and messages are emulated."""

_OPEN_SESSIONS = 2
_LIBRARIES = ("onnx", "onnxruntime", "numpy")


class NotWritten(ToolchainError):
    """The compiled model could not be written: no space, no permission, no such folder."""


class WrongOnnx(ToolchainError):
    """The ONNX file is not the one that the `.om` was compiled from."""


def _sources(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Everything that decides a result: code and tables below `resources/ascend`, and the reading of ONNX files."""
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        if entry.is_dir() and entry.name in {"ascend", "emulator", "tables", "onnx_files"}:
            found += _sources(entry, f"{name}/")
        elif name.startswith(("ascend/", "onnx_files/")) and name.endswith((".py", ".csv", ".json")):
            found.append((name, entry.read_bytes()))
    return sorted(found)


@cache
def _version() -> str:
    """Digest of the emulator's sources and tables and of the libraries' versions: no change can be forgotten."""
    digest = hashlib.sha256()
    for name, content in _sources(files("resources")):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    for library in _LIBRARIES:
        digest.update(f"{library} {version(library)}\n".encode())
    return digest.hexdigest()[:16]


class Emulator:
    """A `Toolchain` on a CPU. Keeps the last two opened models ready to run; not for several threads at once."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[str | int, ...], tuple[OmInfo, Session]] = OrderedDict()

    def describe(self) -> ToolchainIdentity:
        """Name, version and origin. The version changes with every change of the emulator's code or tables."""
        return ToolchainIdentity(name="emulator", version=_version(), cann=CANN, origin="emulated")

    def compile(self, onnx: Path, options: CompileOptions, output: Path) -> Compiled:
        """Write the compiled model to `output`, whole or not at all.

        Raises `CompileRefused` with every reason, `NotWritten` when the file cannot be written.
        """
        from resources.ascend.emulator.compile import compile_model

        om, report = compile_model(onnx, options, self.describe())
        try:
            container.write(output, om)
        except OSError as error:
            reason = error.strerror or str(error)
            raise NotWritten(f"{output}: cannot be written ({reason}): make room or choose another folder") from error
        return Compiled(om.info, report)

    def open(self, om: Path, soc_version: str) -> OmInfo:
        """Read what an `.om` is. Raises `NotLoadable`."""
        return container.read(om, soc_version).info

    def infer(self, om: Path, soc_version: str, inputs: "Tensors") -> "dict[str, NDArray[Any]]":
        """Run one batch with the device's rounding. Raises `NotLoadable`, and `ValueError` for a wrong input."""
        info, session = self._session(om, soc_version)
        _gear(info.options, inputs)
        return session.run(inputs)

    @contextmanager
    def session(self, om: Path, soc_version: str) -> "Iterator[Run]":
        """Load once, run many batches. Raises `NotLoadable`; the function, what `infer` raises."""
        self._session(om, soc_version)
        yield partial(self.infer, om, soc_version)

    def compare(
        self, om: Path, soc_version: str, onnx: Path, inputs: "Tensors", *, options: CompileOptions | None = None
    ) -> Comparison:
        """Compare every layer with FP32 ONNX on the same inputs. The `.om` holds all options: `options` are not needed.

        Raises `NotLoadable`, `WrongOnnx` when `onnx` is not what the `.om` was compiled from, and `ValueError` for a
        wrong input.
        """
        from resources.ascend.emulator.compare import compare
        from resources.onnx_files import load, with_shapes

        del options
        info = self.open(om, soc_version)
        if sha256_file(onnx) != info.onnx_sha256:
            raise WrongOnnx(
                f"{onnx}: not the file that {om} was compiled from (sha256 {info.onnx_sha256}): give that one"
            )
        shapes = _gear(info.options, inputs) or info.options.input_shape
        model = with_shapes(load(onnx), shapes, None, in_place=True)
        return compare(model, info.options, inputs)

    def profile(self, om: Path, soc_version: str) -> Profile:
        """Estimate the time of one batch; of the largest gear where there are gears. Raises `NotLoadable`."""
        from resources.ascend.emulator.estimate import profile
        from resources.onnx_files import with_shapes

        held = container.read(om, soc_version)
        options = held.info.options
        model = _structure(om, held.structure)
        biggest = gears.largest(options)
        if biggest:
            model = with_shapes(model, biggest, None, in_place=True)
        return profile(model, options, _batch(model))

    def _session(self, om: Path, soc_version: str) -> "tuple[OmInfo, Session]":
        """A model ready to run: opened again whenever the file is another one."""
        from resources.ascend.emulator.infer import Session

        try:
            status = om.stat()
        except OSError as error:
            raise NotLoadable(f"{om}: cannot be opened ({error.strerror}): compile the model first") from error
        key = (str(om), soc_version, status.st_ino, status.st_size, status.st_mtime_ns)
        if key not in self._sessions:
            held = container.read(om, soc_version)
            self._sessions[key] = (held.info, Session(held.lowered))
            while len(self._sessions) > _OPEN_SESSIONS:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        return self._sessions[key]


def _structure(om: Path, data: bytes) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise NotLoadable(f"{om}: holds no readable graph: compile the model again") from error
    return model


def _batch(model: "onnx.ModelProto") -> int:
    """Samples in one inference: the first dimension of the first input, 1 for a scalar."""
    from resources.onnx_files.shapes import declared, inputs

    for value in inputs(model):
        return next(iter(declared(value) or ()), None) or 1
    return 1


def _gear(options: CompileOptions, inputs: "Tensors") -> Mapping[str, Sequence[int]] | None:
    """The gear that the inputs are of; None without gears. Raises `ValueError` listing the gears for any other size."""
    choices = gears.shapes(options)
    if not choices:
        return None
    for shapes in choices:
        if all(name in inputs and tuple(inputs[name].shape) == tuple(shape) for name, shape in shapes.items()):
            return shapes
    given = {name: list(inputs[name].shape) for name in options.input_shape if name in inputs}
    listed = " or ".join(str({name: list(shape) for name, shape in shapes.items()}) for shapes in choices)
    raise ValueError(f"inputs {given} are of no gear: the model was compiled for {listed}")
