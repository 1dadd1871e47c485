"""A model's folder from an ONNX file: what `ascend add` does.

Here belong reading the graph's inputs into a `defs.yaml` that a person goes on editing, and creating the folder whole
or not at all. Not here: command-line words (`cli/`), or what the fields mean (`spec.py`).
"""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import yaml

from ascend_assets import models
from ascend_assets.spec import NAME, Input
from resources import onnx_files
from resources.ascend import soc as socs
from resources.onnx_files.copy import copy_whole

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

MODEL_FILE = "model.onnx"
_DTYPES: tuple[str, ...] = get_args(Input.model_fields["dtype"].annotation)


class AddError(Exception):
    """Base of why no model was added. One line: what is wrong and what to do. Nothing was written."""


class BadArgument(AddError):
    """A name, a SoC, a task or an owner that cannot be used."""


class ModelExists(AddError):
    """There is a model of that name already."""


class UnusableModel(AddError):
    """An ONNX file that cannot be read, or whose inputs cannot be declared."""


class NotWritten(AddError):
    """The folder could not be written: a full disk, or no right to."""


@dataclass(frozen=True)
class Declared:
    """An input as the graph states it; a text is an open dimension, by the name that `defs.yaml` gives it."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]


def add(
    onnx: Path,
    *,
    name: str,
    soc: Sequence[str],
    defs: Path,
    task: str = "inference",
    owners: Sequence[str] = (),
) -> Path:
    """Create `defs/<name>` with a copy of the ONNX file and a `defs.yaml`, and return the folder.

    `soc`: one target for each SoC version. Weights in other files are brought into the copy. An open dimension keeps
    the name it has in the graph where that is a legal one; the first open one of axis 0 is the batch. The folder
    appears whole or not at all, and an existing one is never touched. Raises an `AddError`.
    """
    _check(name, soc, defs)
    try:
        model = onnx_files.load(onnx)
    except onnx_files.OnnxFileError as error:
        raise UnusableModel(str(error)) from error
    inputs = declared_inputs(onnx, model)
    text = render(name, task, inputs, soc, owners)
    try:
        defs.mkdir(parents=True, exist_ok=True)
        # Hidden, because Dagster loads every folder here but those.
        with tempfile.TemporaryDirectory(prefix=".adding-", dir=defs) as scratch:
            # What a killed process leaves here must not make the working tree dirty.
            (Path(scratch) / ".gitignore").write_text("*\n", encoding="utf-8")
            staged = Path(scratch) / name
            staged.mkdir()
            copy_whole(model, onnx, staged / MODEL_FILE)
            (staged / models.FILE_NAME).write_text(text, encoding="utf-8")
            _check_loads(staged)
            _sync(staged)
            _publish(staged, defs / name)
    except OSError as error:
        raise NotWritten(f"{defs}: cannot be written ({error.strerror or error}): free space or give access") from error
    except onnx_files.OnnxFileError as error:
        raise UnusableModel(str(error)) from error
    return defs / name


def _check(name: str, soc: Sequence[str], defs: Path) -> None:
    if not re.fullmatch(NAME, name):
        raise BadArgument(
            f"name {name!r}: must match {NAME}: a lower-case letter, then lower-case letters, digits and _, 63 at most"
        )
    if os.path.lexists(defs / name):
        raise _exists(defs / name)
    if not soc:
        raise BadArgument("soc: give one SoC version or more, Ascend310P3 for example")
    if len(set(soc)) != len(soc):
        raise BadArgument(f"soc: {', '.join(soc)}: give each SoC version once")
    for version in soc:
        try:
            socs.soc(version)
        except socs.UnknownSocError as error:
            raise BadArgument(f"soc: {error}") from error


def _exists(folder: Path) -> ModelExists:
    return ModelExists(f"{folder}: exists already: give another name, or remove that folder first")


def declared_inputs(path: Path, model: "ModelProto") -> tuple[Declared, ...]:
    """What the graph takes. Raises `UnusableModel` for an input that `defs.yaml` cannot declare."""
    weights = {weight.name for weight in model.graph.initializer}
    declared = {tensor.name: tensor for tensor in onnx_files.signature(model).inputs}
    inputs = tuple(
        _input(path, value, declared[value.name].dtype) for value in model.graph.input if value.name not in weights
    )
    if not inputs:
        raise UnusableModel(f"{path}: has no input: a model without one computes the same every time")
    return inputs


def _input(path: Path, value: "ValueInfoProto", dtype: str) -> Declared:
    if dtype not in _DTYPES:
        raise UnusableModel(f"{path}: input {value.name!r} is of type {dtype}; allowed: {', '.join(_DTYPES)}")
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        raise UnusableModel(f"{path}: input {value.name!r} states no shape: export the model with its input shapes")
    shape = tuple(
        dim.dim_value if dim.HasField("dim_value") else dimension(axis, dim.dim_param)
        for axis, dim in enumerate(kind.shape.dim)
    )
    if any(isinstance(dim, int) and dim < 1 for dim in shape):
        raise UnusableModel(f"{path}: input {value.name!r} has shape {list(shape)}: every dimension must be 1 or more")
    return Declared(value.name, dtype, shape)


def dimension(axis: int, symbol: str) -> str:
    """The graph's own name where `defs.yaml` allows it; many exporters write things like `unk__12` or `?`."""
    name = re.sub(r"\W+", "_", symbol, flags=re.ASCII).strip("_").lower()
    if re.fullmatch(NAME, name) and not name.startswith("unk_"):
        return name
    return "batch" if axis == 0 else f"dim_{axis}"


def render(name: str, task: str, inputs: Sequence[Declared], soc: Sequence[str], owners: Sequence[str]) -> str:
    """The text of `defs.yaml`: what is known as fields, what a person may add as comments."""
    return "\n".join(
        (
            f"type: {models.COMPONENT_TYPE}",
            "attributes:",
            f"  name: {scalar(name)}",
            f"  task: {scalar(task)}",
            "  source:",
            f"    onnx: {MODEL_FILE}",
            *input_lines(inputs),
            *_target_lines(inputs, soc),
            *_REST,
            *_owner_lines(owners),
            "",
        )
    )


_REST = (
    "  # What the task metric is computed on, and the gate `task_metric_drop` with it: an .npz in this folder with one",
    "  # array per input, samples along the first axis, and `labels`. Metrics: top1, top5, mean_absolute_error.",
    "  # evaluation:",
    "  #   metric: top1",
    "  #   data: evaluation.npz",
    "  # Limits of this model's own, one for all environments or one for each; the rest keep their defaults.",
    "  # gates:",
    "  #   latency_p99_ms: {dev: 20, staging: 10, prod: 10}",
)


def input_lines(inputs: Sequence[Declared]) -> tuple[str, ...]:
    """The lines of `inputs`."""
    return (
        "  # A dimension with a name is open; it becomes the target's batch unless its input_shape says otherwise.",
        "  inputs:",
        *(
            line
            for i in inputs
            for line in (
                f"    - name: {scalar(i.name)}",
                f"      dtype: {i.dtype}",
                f"      shape: [{', '.join(scalar(d) if isinstance(d, str) else str(d) for d in i.shape)}]",
            )
        ),
    )


def _target_lines(inputs: Sequence[Declared], soc: Sequence[str]) -> tuple[str, ...]:
    lines = [
        "  # precision_mode: force_fp16 is ATC's default; allow_mix_precision keeps sensitive operators in FP32.",
        "  targets:",
    ]
    for version in soc:
        lines.append(f"    - soc_version: {version}")
        lines.append(f"      batch: {common_batch(inputs)}")
        lines.extend(shape_lines(inputs))
        lines.append("      # precision_mode: allow_mix_precision")
    return tuple(lines)


def common_batch(inputs: Sequence[Declared]) -> int:
    """The batch that is fixed in the graph: the size that all inputs share on axis 0; 1 where it is open."""
    first = {i.shape[0] if i.shape else 1 for i in inputs}
    size = first.pop()
    return size if not first and isinstance(size, int) and all(len(i.shape) > 1 for i in inputs) else 1


def shape_lines(inputs: Sequence[Declared]) -> tuple[str, ...]:
    """A target's `input_shape`: sizes for open dimensions that are no batch. ATC wants each, and the graph has none."""
    batch = next((i.shape[0] for i in inputs if i.shape and isinstance(i.shape[0], str)), None)
    others = {i.name: i.shape for i in inputs if any(isinstance(dim, str) and dim != batch for dim in i.shape)}
    if not others:
        return ()
    names = sorted({dim for shape in others.values() for dim in shape if isinstance(dim, str) and dim != batch})
    return (
        f"      # {', '.join(names)}: 1 stands for a size that the graph leaves open. Write the sizes that you serve.",
        "      input_shape:",
        *(
            f"        {scalar(name)}: [{', '.join('1' if isinstance(dim, str) else str(dim) for dim in shape)}]"
            for name, shape in others.items()
        ),
    )


def _owner_lines(owners: Sequence[str]) -> tuple[str, ...]:
    if not owners:
        return ("  # Who is asked about this model: team:NAME or an e-mail address.", "  # owners: [team:vision]")
    return ("  owners:", *(f"    - {scalar(owner)}" for owner in owners))


def scalar(text: str) -> str:
    """A text as YAML, quoted where it must be, on one line."""
    dumped: str = yaml.safe_dump([text], default_flow_style=True, width=2**20, allow_unicode=False)
    return dumped.strip().removeprefix("[").removesuffix("]")


def _check_loads(staged: Path) -> None:
    """What was written must be a model: a task or an owner may still be none."""
    try:
        models.load(staged)
    except models.BadModel as error:
        raise BadArgument("; ".join(f"{p.field}: {p.message}" for p in error.problems)) from error


def _sync(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _publish(staged: Path, folder: Path) -> None:
    """Rename, which another `ascend add` of the same name may have done a moment before."""
    try:
        staged.rename(folder)
    except OSError as error:
        if os.path.lexists(folder):
            raise _exists(folder) from error
        raise
