"""The private folder that `atc` runs in, and what lies in it.

Here belong placing the ONNX file, its external data and the option files, each named by its content, and finding what
`atc` left behind. `atc` stores its command line in the `.om`, so that these names are the model's identity. Every path
on the command line is relative: `atc` takes letters, digits, `_`, `-` and `.` alone, and a temporary folder may have
others. Not here: running `atc` (`atc.py`), or what an option file says (`option_files.py`).
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.cann.compiling import check_result, fusion_result
from resources.ascend.cann.compiling.check_result import FailedOp
from resources.ascend.cann.compiling.fusion_result import FusionResult
from resources.digests import sha256_file
from resources.onnx_files import DEFAULT, InvalidOnnx, UnsafeOnnx, parse
from resources.onnx_files.safety import external, is_external
from resources.onnx_files.structure import check
from resources.onnx_files.walk import scopes, tensors
from resources.regular_files import open_regular

if TYPE_CHECKING:
    from onnx import ModelProto

OUTPUT = "out/model"
"""What `--output` says; the last part is also the name that the `.om` gives its model."""


@dataclass(frozen=True)
class Workspace:
    """A prepared folder. `model` is the ONNX file's name in it, `nodes` its nodes as (name, op), outer before inner."""

    folder: Path
    onnx_sha256: str
    nodes: tuple[tuple[str, str], ...]

    @property
    def model(self) -> str:
        """What `--model` says."""
        return f"{self.onnx_sha256}.onnx"

    def oms(self) -> tuple[Path, ...]:
        """Every `.om` that `atc` wrote; `_<os>_<arch>` is added to the name of one that depends on its host."""
        return tuple(sorted((self.folder / OUTPUT).parent.glob("*.om")))

    def fusion(self) -> FusionResult | None:
        """What the fusion passes did, None if `atc` left no file about it. Raises `BadOutput`."""
        content = _content(self._named("fusion_result.json"), fusion_result.MAX_BYTES)
        return None if content is None else fusion_result.parse(content)

    def unparsed(self) -> tuple[FailedOp, ...]:
        """The operators that `atc` could not parse, none if it left no file about them. Raises `BadOutput`."""
        content = _content(self._named("check_result.json"), check_result.MAX_BYTES)
        return () if content is None else check_result.parse(content)

    def _named(self, name: str) -> Path | None:
        """The file of that name here or, where ASCEND_WORK_PATH sends it, below (`FE/<pid>/fusion_result.json`)."""
        found = (path for path in sorted(self.folder.rglob(name)) if not path.is_symlink())
        return next(found, None)


def prepare(folder: Path, onnx: Path, files: Mapping[str, bytes]) -> Workspace:
    """Put everything that `atc` reads into the empty `folder`. `files`: name -> content of the option files.

    Raises `OnnxFileError` for a file that is no ONNX model, or whose external data lies outside its own folder or under
    a name that is taken here, and `OSError`.
    """
    given = folder / "given.onnx"
    # A copy, not a link: what atc runs must not be able to change the file that was given.
    shutil.copyfile(onnx, given)
    digest = sha256_file(given)
    model = parse(given)
    for finding in check(model, DEFAULT):
        raise InvalidOnnx(f"{finding.message}; export the model again")
    for location, source in _external(model, onnx.parent):
        target = folder / location
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy_new(source, target)
    workspace = Workspace(folder, digest, tuple((n.name, n.op_type) for s in scopes(model) for n in s.graph.node))
    try:
        (folder / OUTPUT).parent.mkdir()
    except FileExistsError as error:
        raise UnsafeOnnx("its external data lies in a file or folder called out: rename that") from error
    for name, content in files.items():
        with (folder / name).open("xb") as file:
            file.write(content)
    given.rename(folder / workspace.model)
    return workspace


def _external(model: "ModelProto", folder: Path) -> Iterator[tuple[str, Path]]:
    """(name as the model says, file) of external data, each name once. Raises `OnnxFileError` outside `folder`."""
    seen: set[str] = set()
    for _, tensor in tensors(model):
        if is_external(tensor):
            source = external(tensor, folder).path
            location = next(entry.value for entry in tensor.external_data if entry.key == "location")
            if location not in seen:
                seen.add(location)
                yield location, source


def _copy_new(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as data, target.open("xb") as copy:
            shutil.copyfileobj(data, copy, 1024 * 1024)
    except FileExistsError as error:
        raise UnsafeOnnx(f"its external data lies in a file called {target.name}: rename that") from error


def _content(path: Path | None, limit: int) -> bytes | None:
    if path is None:
        return None
    file, _ = open_regular(path)
    with file:
        return file.read(limit + 1)
