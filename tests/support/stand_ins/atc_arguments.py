"""How the stand-in `atc` reads its command line.

Here belong the flags that it knows, their spellings, what is required and what excludes what, and the content of
option files. Written from ATC's documentation, without the code that is under test. Not here: judging the model.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stand_ins import aipp
from stand_ins.tree import Tree

_FLAGS_TEXT = """
framework model output soc_version mode om json display_model_info input_format input_shape input_shape_range
dynamic_batch_size dynamic_image_size dynamic_dims precision_mode precision_mode_v2 modify_mixlist keep_dtype
customize_dtypes op_precision_mode op_select_implmode optypelist_for_implmode output_type out_nodes
input_fp16_nodes insert_op_conf enable_small_channel fusion_switch_file op_compiler_cache_mode
op_compiler_cache_dir deterministic deterministic_level log op_debug_level debug_dir buffer_optimize
external_weight jit_compile sparsity virtual_type aicore_num core_type disable_reuse_memory
compression_optimize_conf mdl_bank_path op_bank_path check_report status_check shape_generalized_build_mode
host_env_os host_env_cpu is_input_adjust_hw_layout is_output_adjust_hw_layout weight quant_dumpable
"""
FLAGS = frozenset(_FLAGS_TEXT.split())
SINCE_8 = frozenset({"external_weight", "deterministic", "status_check", "jit_compile", "quant_dumpable"})
"""Flags that the stand-in of the oldest generation does not have, so that a version range has something to meet."""

_PATH = re.compile(r"[\w\u4e00-\u9fff./~-]+")
_GEARS = ("dynamic_batch_size", "dynamic_image_size", "dynamic_dims")
_SIMPLE = ("input_format", "precision_mode", "precision_mode_v2")


@dataclass(frozen=True)
class Message:
    """One message of ATC. `more`: lines of the TraceBack. `newer`: the wording of the 9.x sources where it differs."""

    code: str
    text: str
    more: tuple[str, ...] = ()
    cause: str = ""
    solution: str = ""
    title: str = "Invalid_Argument"
    newer: str = ""


class Wrong(Exception):
    """The command line is refused, for these reasons."""

    def __init__(self, *messages: Message) -> None:
        self.messages = messages
        super().__init__(*(message.text for message in messages))


class UnknownFlag(Exception):
    """A flag that this version does not have."""


@dataclass(frozen=True)
class Call:
    """A command line that was understood. `options` are those that the emulator knows, by its names."""

    values: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> Path:
        return Path(self.values["model"])

    @property
    def output(self) -> Path:
        return Path(self.values["output"])

    @property
    def fuses(self) -> bool:
        """Whether fusion is on: a switch file may turn all of it off."""
        switches = self.values.get("fusion_switch_file")
        return not (switches and re.search(r'ALL"?\s*:\s*"?off', Path(switches).read_text(encoding="utf-8")))


def split(argv: Sequence[str], tree: Tree) -> dict[str, str]:
    """Flags and their values: `--a_b=v`, `-a_b=v`, `--a-b v`. Raises `UnknownFlag`."""
    values: dict[str, str] = {}
    left = list(argv)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            raise UnknownFlag(word)
        name, equals, value = word.lstrip("-").partition("=")
        name = name.replace("-", "_")
        if name not in FLAGS or (tree.generation == "7" and name in SINCE_8):
            raise UnknownFlag(name)
        if not equals:
            value = left.pop(0) if left and not left[0].startswith("-") else "true"
        values[name] = value
    return values


def understood(values: dict[str, str], tree: Tree) -> Call:
    """What is asked for. Raises `Wrong`."""
    _required(values, tree)
    _legal(values, tree)
    _exclusions(values)
    if "insert_op_conf" in values and any(values.get(name) for name in _GEARS):
        raise Wrong(Message("E19999", "The stand-in has no AIPP before gears."))
    options: dict[str, Any] = {"soc_version": values["soc_version"]}
    options |= {name: values[name] for name in _SIMPLE if name in values}
    if "input_shape" in values:
        options["input_shape"] = _shapes(values["input_shape"])
    for name, read in _READERS.items():
        if name in values:
            options[_NAMES.get(name, name)] = read(values[name])
    if "aipp" in options:
        # The device then computes it in one operator with the first convolution.
        options["aipp_fused"] = values.get("enable_small_channel") == "1"
    return Call(values, options)


def _required(values: dict[str, str], tree: Tree) -> None:
    frameworks = "0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(Onnx)"
    missing = [name for name in ("framework", "model", "output", "soc_version") if not values.get(name)]
    if not missing:
        return
    if "soc_version" in missing and (tree.generation == "7" or missing == ["soc_version"]):
        typo = "requied" if tree.generation != "9" else "required"
        text = f"The {typo} parameter [soc_version] for ATC is empty. Another possible reason is that the value of "
        raise Wrong(
            Message(
                "E10054", f'{text}some parameters is not enclosed by quotation marks ("").', title="Missing_Argument"
            )
        )
    if "framework" in missing:
        raise Wrong(Message("E10007", f"[--framework] is required. The value must be [{frameworks}]."))
    raise Wrong(Message("E10004", f"Value for [--{missing[0]}] is empty."))


def _legal(values: dict[str, str], tree: Tree) -> None:
    if values["framework"] != "5":
        raise Wrong(Message("E10001", f"Value [{values['framework']}] for parameter [--framework] is invalid."))
    for name in ("model", "output", "insert_op_conf", "keep_dtype", "modify_mixlist", "fusion_switch_file"):
        if name in values and not _PATH.fullmatch(values[name]):
            text = f"Value [{values[name]}] for parameter [--{name}] is invalid. Reason: the path is invalid."
            raise Wrong(Message("E10001", text))
    legal = {"", "debug", "info", "warning", "error", "null"}
    if values.get("log", "") not in legal:
        raise Wrong(Message("E10010", f"Value [{values['log']}] for parameter [--log] is invalid."))
    if values["soc_version"] not in socs(tree):
        raise Wrong(Message("E19999", "SetRTSocVersion failed.[FUNC:Initialize][FILE:gelib.cc][LINE:111]"))


def socs(tree: Tree) -> set[str]:
    """The SoC versions that the installation knows, and the old name for one of them."""
    names = {path.stem for path in tree.home.glob("*-linux/data/platform_config/*.ini")}
    return {*names, "Ascend910"} if "Ascend910A" in names else names


def _exclusions(values: dict[str, str]) -> None:
    gears = [name for name in _GEARS if values.get(name)]
    if len(gears) > 1:
        names = ", ".join(f"--{name}" for name in gears)
        raise Wrong(Message("E10009", f"[{names}] are mutually exclusive."))
    if "precision_mode" in values and "precision_mode_v2" in values:
        raise Wrong(Message("E10056", "[--precision_mode] and [--precision_mode_v2] are mutually exclusive."))


def _shapes(text: str) -> dict[str, list[int]]:
    shapes = {}
    for part in text.split(";"):
        name, colon, dims = part.rpartition(":")
        try:
            shapes[name] = [int(dim) for dim in dims.split(",") if dim]
        except ValueError:
            colon = ""
        if not colon or not name:
            raise Wrong(Message("E10002", f"Value [{text}] for parameter [--input_shape] is invalid."))
    return shapes


def _numbers(text: str) -> list[int]:
    try:
        return [int(number) for number in text.split(",")]
    except ValueError:
        raise Wrong(Message("E10001", f"Value [{text}] for parameter [dynamic] is invalid.")) from None


def _lists(text: str) -> list[list[int]]:
    return [_numbers(part) for part in text.split(";")]


def _lines(path: str) -> list[str]:
    return [line.strip() for line in _file(path).splitlines() if line.strip()]


def _mixlist(path: str) -> dict[str, list[str]]:
    given = json.loads(_file(path))
    moved = {}
    for colour in ("black", "white"):
        for action in ("add", "remove"):
            moved[f"{colour}_to_{action}"] = given.get(f"{colour}-list", {}).get(f"to-{action}", [])
    return moved


def _aipp(path: str) -> list[dict[str, Any]]:
    try:
        return aipp.read(_file(path))
    except aipp.NotAipp as error:
        raise Wrong(Message(*error.args)) from error


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        raise Wrong(Message("E10001", f"Value [{path}] is invalid. Reason: the file does not exist.")) from None


_READERS: dict[str, Callable[[str], Any]] = {
    "dynamic_batch_size": _numbers,
    "dynamic_image_size": _lists,
    "dynamic_dims": _lists,
    "keep_dtype": _lines,
    "modify_mixlist": _mixlist,
    "insert_op_conf": _aipp,
}
_NAMES = {"insert_op_conf": "aipp"}
