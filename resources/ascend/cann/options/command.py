"""The command line of `atc`, there and back.

Our own names every file by its content (`option_files.py`), because atc stores the line in the `.om`: what a file was
compiled from and with can be read back from it. The line of an `.om` that someone else made is read as far as it goes.
atc joins its arguments with single spaces and keeps no quotes; so a value ends where the next option begins, and our
types refuse names with ' -' in them.
Here belong putting the line together and reading it. Not here: how values are spelt (`resources/ascend/spelling.py`),
what atc would say to them (`objections.py`), or running it (`atc.py`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from pydantic import ValidationError

from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.options.flags import RUN_FLAGS, RunOptions
from resources.ascend.cann.options.objections import objections
from resources.ascend.cann.options.option_files import OptionFile, digest_in, option_files
from resources.ascend.options import CompileOptions
from resources.ascend.spelling import FILE_OPTIONS, spelt

__all__ = ["ParsedCommand", "arguments", "objections", "option_files", "parse_command_line"]

MAX_LENGTH = 256 * 1024
"""Characters of a command line: twice what Linux lets one argument be."""

MAX_FLAGS = 512
"""Options of a command line: several times what atc has."""

_PATH = re.compile(r"[A-Za-z0-9_./\u4e00-\u9fa5-]+")
_START = re.compile(r"(?:(?<=\s)|\A)--?(?=[A-Za-z]{2})")
_TOKEN = re.compile(r"-{1,2}([A-Za-z][A-Za-z0-9_-]{1,63})(?:\s*=\s*|\s+|\Z)")
_OUR_MODEL = re.compile(r"(?:.*/)?([0-9a-f]{64})\.onnx", re.DOTALL)
_WHOLE = re.compile(r"-?[0-9]{1,12}")
_RANGE = re.compile(r"([0-9]{1,12})~([0-9]{1,12})")
_ONNX = "5"
_SHAPES = {"input_shape", "input_shape_range"}


@dataclass(frozen=True)
class ParsedCommand:
    """What a command line says.

    `onnx_sha256`: empty unless the model is named by its content, as ours are. `options`: all that are no files; SoC ""
    where none is named. `files`: flag -> the digits of the content's sha256, empty for a file of another name. `run`:
    flags that do not change the result. `unknown`: what is no option of ours, or has no value that is legal. Flags are
    written with '_'.
    """

    onnx_sha256: str
    options: CompileOptions
    files: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    output: str = ""
    run: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)


def arguments(
    options: CompileOptions, model: str, output: str, files: Mapping[str, OptionFile], *, run: RunOptions | None = None
) -> list[str]:
    """The arguments of `atc`, without the program. `files` are those of `option_files`, in atc's working folder.

    Raises `ValueError` for a path that ATC does not take, and for a file that is missing or left over.
    """
    for flag, path in (("model", model), ("output", output)):
        if not _PATH.fullmatch(path) or path.startswith("-"):
            raise ValueError(f"--{flag}={path[:200]!r}: ATC takes letters, digits and '_-./' in a path, and Chinese")
    needed = option_files(options).keys()
    if needed != files.keys():
        raise ValueError(f"files for {sorted(needed)} are needed, and {sorted(files)} are given")
    given = {"framework": _ONNX, "model": model, "output": output.removesuffix(".om"), **spelt(options)}
    own = [f"--{flag}={value}" for flag, value in given.items()]
    named = [f"--{flag}={files[flag].name}" for flag in FILE_OPTIONS if flag in files]
    return [*own, *named, *(run or RunOptions()).arguments()]


def parse_command_line(text: str) -> ParsedCommand:
    """Read a command line as atc stores it, or as a person typed it: `--a_b`, `-a_b`, `--a-b`, with quotes or without.

    What cannot be read as an option stands in `unknown`. Raises `BadOutput` for a text that is too large.
    """
    given = _given(text)
    files = {flag: digest_in(flag, given.pop(flag)) for flag in FILE_OPTIONS if flag in given}
    run = {flag: given.pop(flag) for flag in sorted(RUN_FLAGS & given.keys())}
    model, output = given.pop("model", ""), given.pop("output", "")
    ours = _OUR_MODEL.fullmatch(model)
    if given.get("framework") == _ONNX:
        del given["framework"]
    options, unknown = _options(given)
    return ParsedCommand(ours.group(1) if ours else "", options, files, model, output, run, unknown)


def _given(text: str) -> dict[str, str]:
    """Flag -> value. The last of two counts, as it does for atc."""
    if len(text) > MAX_LENGTH:
        raise BadOutput(f"a command line of {len(text)} characters: none has more than {MAX_LENGTH}")
    starts = [found.start() for found in _START.finditer(text)]
    if len(starts) > MAX_FLAGS:
        raise BadOutput(f"a command line with {len(starts)} options: none has more than {MAX_FLAGS}")
    given: dict[str, str] = {}
    for start, end in pairwise([*starts, len(text)]):
        token = text[start:end].strip()
        found = _TOKEN.match(token)
        if found:
            given[found.group(1).replace("-", "_")] = _unquoted(token[found.end() :])
    return given


def _unquoted(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _options(given: Mapping[str, str]) -> tuple[CompileOptions, dict[str, str]]:
    """What is legal as options, and the rest. One that does not go with those before it is part of the rest."""
    fields: dict[str, dict[str, Any]] = {}
    unknown: dict[str, str] = {}
    for flag, value in given.items():
        try:
            fields[flag] = _READERS[flag](value)
        except (KeyError, ValueError):
            unknown[flag] = value
    try:
        return _validated(fields.values()), unknown
    except ValidationError:
        pass
    kept: list[dict[str, Any]] = []
    for flag in (name for name in _READERS if name in fields):
        try:
            _validated([*kept, fields[flag]])
        except ValidationError:
            unknown[flag] = given[flag]
        else:
            kept.append(fields[flag])
    return _validated(kept), unknown


def _validated(parts: Iterable[Mapping[str, Any]]) -> CompileOptions:
    fields: dict[str, Any] = {"soc_version": ""}
    for part in parts:
        for name, value in part.items():
            # --input_shape and --input_shape_range both give shapes.
            fields[name] = {**fields.get(name, {}), **value} if name in _SHAPES else value
    return CompileOptions.model_validate(fields)


def _integer(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(f"{text[:80]!r} is no whole number")
    return int(text)


def _integers(text: str) -> tuple[int, ...]:
    return tuple(_integer(part) for part in text.split(","))


def _gears(text: str) -> tuple[tuple[int, ...], ...]:
    return tuple(_integers(part) for part in text.split(";"))


def _listed(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _dim(text: str) -> int | tuple[int, int]:
    found = _RANGE.fullmatch(text.strip())
    return (int(found.group(1)), int(found.group(2))) if found else _integer(text)


def _shapes(text: str) -> dict[str, Any]:
    """`x:1,3;y:1~10,3`, and the older `x:[1~10,3]`, as fixed shapes and shapes with ranges."""
    fixed: dict[str, Any] = {}
    ranged: dict[str, Any] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, colon, dims = (part.strip() for part in entry.rpartition(":"))
        if not colon or name in fixed or name in ranged:
            raise ValueError(f"{entry[:80]!r} is no shape of an input of its own")
        dims = dims.removeprefix("[").removesuffix("]")
        shape = tuple(_dim(part) for part in dims.split(",")) if dims else ()
        (fixed if all(isinstance(dim, int) for dim in shape) else ranged)[name] = shape
    return {"input_shape": fixed, "input_shape_range": ranged}


def _output_type(text: str) -> dict[str, Any]:
    if ":" not in text:
        return {"output_type": text}
    parts = (part.rpartition(":") for part in _listed(text, ";"))
    return {"output_type": {node: kind for node, _, kind in parts}}


def _cores(text: str) -> dict[str, Any]:
    return {"aicore_num": tuple(_integer(part) for part in text.split("|") if part)}


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(f"{text[:80]!r} is neither 0 nor 1")
    return text == "1"


def _field(name: str, read: Callable[[str], Any]) -> Callable[[str], dict[str, Any]]:
    return lambda text: {name: read(text)}


_READERS: dict[str, Callable[[str], dict[str, Any]]] = {
    **{name: _field(name, str) for name in ("soc_version", "input_format", "precision_mode", "precision_mode_v2")},
    "input_shape": _shapes,
    "input_shape_range": _shapes,
    "dynamic_batch_size": _field("dynamic_batch_size", _integers),
    "dynamic_image_size": _field("dynamic_image_size", _gears),
    "dynamic_dims": _field("dynamic_dims", _gears),
    "op_select_implmode": _field("op_select_implmode", str),
    "optypelist_for_implmode": _field("optypelist_for_implmode", lambda text: _listed(text, ",")),
    "out_nodes": _field("out_nodes", lambda text: _listed(text, ";")),
    "output_type": _output_type,
    "input_fp16_nodes": _field("input_fp16_nodes", lambda text: _listed(text, ";")),
    **{name: _field(name, _switch) for name in ("enable_small_channel", "deterministic", "sparsity", "virtual_type")},
    **{name: _field(name, _switch) for name in ("disable_reuse_memory", "status_check")},
    **{name: _field(name, _integer) for name in ("deterministic_level", "external_weight", "jit_compile")},
    **{name: _field(name, str) for name in ("buffer_optimize", "core_type", "host_env_os", "host_env_cpu")},
    "aicore_num": _cores,
}
"""How each flag that is no file is read, those first that others need."""
