"""How ais_bench is called, in each of its spellings.

Here belongs the command line: `python3 -m ais_bench` (underscores and camels, in the newest dashes and camels) and
`msit benchmark` (dashes), as their argument parsers define it. Not here: which of them is installed (`ais_tools.py`),
what it prints (`ais_summary.py`), or what its failures mean (`ais_failures.py`).
"""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from resources.ascend.cann.errors import ToolFailed
from resources.ascend.cann.running.model_inputs import Setting

Kind = Literal["ais_bench", "msit"]

_AIS_BENCH = {
    "model": "--model",
    "dirname": "--output_dirname",
    "warmup": "--warmup_count",
    "dymbatch": "--dymBatch",
    "dymhw": "--dymHW",
    "dymdims": "--dymDims",
    "dymshape": "--dymShape",
    "sizes": "--outputSize",
    "acl_json": "--acl_json_path",
    "energy": "--energy_consumption",
    "npu": "--npu_id",
}
_MSIT = {
    "model": "--om-model",
    "dirname": "--output-dirname",
    "warmup": "--warmup-count",
    "dymbatch": "--dym-batch",
    "dymhw": "--dym-hw",
    "dymdims": "--dym-dims",
    "dymshape": "--dym-shape",
    "sizes": "--output-size",
    "acl_json": "--acl-json-path",
    "energy": "--energy-consumption",
    "npu": "--npu-id",
}
_SPELLING: Mapping[Kind, Mapping[str, str]] = MappingProxyType({"ais_bench": _AIS_BENCH, "msit": _MSIT})

_PATH = re.compile(r"[A-Za-z0-9_./-]+")
"""What both spellings allow in a path; a comma would divide it besides."""
_NAME = re.compile(r"[A-Za-z0-9_./-]+")
"""What they allow in an input's name where its shape is told."""


@dataclass(frozen=True)
class Tool:
    """A command that can be run. `prefix`: program and first arguments; `flags`: those that its help names."""

    kind: Kind
    prefix: tuple[str, ...]
    flags: frozenset[str] = frozenset()
    version: str = ""

    @property
    def name(self) -> str:
        """The tool in words, with its version as far as it tells."""
        name = "ais_bench" if self.kind == "ais_bench" else "msit benchmark"
        return f"{name} {self.version}".rstrip()

    @property
    def tells_energy(self) -> bool:
        """Whether it can read the card's power while it runs."""
        return {self.flag("energy"), self.flag("npu")} <= self.flags

    def flag(self, what: str) -> str:
        """How it spells one of the flags: with dashes where its help names that spelling.

        The newest ais_bench takes `--output-dirname` alone, though a sentence of its help says `--output_dirname`.
        """
        own = _SPELLING[self.kind][what]
        dashed = own.replace("_", "-")
        return dashed if dashed in self.flags else own

    @property
    def energy_argument(self) -> list[str]:
        """The flag that has the power read: a switch where there is one to the contrary, else it takes a value."""
        flag = self.flag("energy")
        return [flag] if flag.replace("--", "--no-", 1) in self.flags else [flag, "1"]


@dataclass(frozen=True)
class Request:
    """One call. Every path is absolute: relative ones break under the profiler.

    `device`: the id that the process sees. `inputs`: one file per input, in the model's order; none lets the tool make
    zeros. Results go to `output/name/`, the summary to `output/name_summary.json`. `energy_of`: the NPU id whose power
    is read. `output_bytes`: room for each output, where shapes are open. `acl_json`: what the runtime dumps.
    """

    model: Path
    output: Path
    name: str
    setting: Setting
    device: int = 0
    inputs: tuple[Path, ...] = ()
    loops: int = 1
    warmup: int = 0
    energy_of: int | None = None
    output_bytes: tuple[int, ...] = ()
    acl_json: Path | None = None


def arguments(tool: Tool, request: Request) -> list[str]:
    """The whole argument vector.

    Raises `ToolFailed` for a path or an input's name that the tool would refuse or misread.
    """
    argv = [
        *tool.prefix,
        *(tool.flag("model"), _path(request.model)),
        *("--device", str(request.device)),
        *("--output", _path(request.output)),
        *(tool.flag("dirname"), request.name),
        *("--outfmt", "NPY"),
        *("--loop", str(request.loops)),
        *(tool.flag("warmup"), str(request.warmup)),
    ]
    if request.inputs:
        argv += ["--input", ",".join(map(_path, request.inputs))]
    if request.setting.mode != "static":
        argv += [tool.flag(request.setting.mode), gear_text(request.setting)]
    if request.output_bytes:
        argv += [tool.flag("sizes"), ",".join(map(str, request.output_bytes))]
    if request.acl_json is not None:
        argv += [tool.flag("acl_json"), _path(request.acl_json)]
    if request.energy_of is not None and tool.tells_energy:
        argv += [*tool.energy_argument, tool.flag("npu"), str(request.energy_of)]
    return argv


def gear_text(setting: Setting) -> str:
    """A gear as ais_bench takes it: `8`, `height,width`, or `name:1,3,...;name:...`; empty for a static model."""
    if setting.mode == "static":
        return ""
    if setting.mode in ("dymbatch", "dymhw"):
        return ",".join(map(str, setting.gear))
    for name in setting.shapes:
        if not _NAME.fullmatch(name):
            raise ToolFailed(
                f"ais_bench cannot be told the shape of input {name!r}: letters, digits and _ . / - are allowed; "
                "rename the input in the ONNX model"
            )
    return ";".join(f"{name}:{','.join(map(str, shape))}" for name, shape in setting.shapes.items())


def staged(om: Path, folder: Path) -> Path:
    """The model as `folder/model.om`: the tools want that ending, a file of our own, and nobody else who may write it.

    A hard link where the file is like that already, else a copy.
    """
    target = folder / "model.om"
    held = om.stat()
    ours = held.st_uid == os.geteuid() and held.st_gid in (os.getegid(), *os.getgroups()) and not held.st_mode & 0o022
    if ours:
        try:
            os.link(om.resolve(), target)
        except OSError:
            ours = False  # another file system, or one that knows no links
    if not ours:
        shutil.copyfile(om, target)
        target.chmod(0o600)
    return target


def _path(path: Path) -> str:
    text = str(path)
    if not path.is_absolute() or not _PATH.fullmatch(text):
        raise ToolFailed(
            f"ais_bench cannot be given the path {text!r}: it must be absolute, of letters, digits and _ . / - alone; "
            "set TMPDIR to such a folder"
        )
    return text
