"""onnx: the model as one ONNX file, trained or exported from its source, with its evaluation data.

Here belong running a model's own Python entry and checking what comes out: an export is not done until the file loads
and takes the inputs that `defs.yaml` declares. Not here: reading ONNX safely (`resources/onnx_files`), or judging
the graph (`gates/lint.py`).
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ascend_assets import evaluation, images
from ascend_assets.assets import remedied
from ascend_assets.hub.settings import HUB_FOLDER
from ascend_assets.records import OnnxRecord, SourceRecord
from ascend_assets.spec import HubSource, Input, ModelSpec, PythonSource
from ascend_assets.stage import Order, Tools
from resources import onnx_files, process, tarball
from resources.onnx_files import Signature, TensorType
from resources.onnx_files.copy import copy_whole

if TYPE_CHECKING:
    from onnx import ModelProto

MODEL_FILE = "model.onnx"
EVALUATION_FILE = "evaluation.npz"
TRAINED_FOLDER = "trained"
"""Where, among the frozen files, those of a challenger lie, or of a candidate that is repaired: never trained again."""


class ExportError(Exception):
    """Base of why there is no ONNX file. The message says what happened and what to do."""


class EntryFailed(ExportError):
    """A model's Python entry that is missing, failed, took too long or left no model."""


class BadExport(ExportError):
    """A file that came out and that cannot be used, or is not what `defs.yaml` describes."""


@dataclass(frozen=True)
class Exported:
    """One ONNX file with its weights inside, what it takes and gives, and the evaluation data that came with it."""

    onnx: Path
    signature: Signature
    evaluation: Path | None


def make(tools: Tools, key: str, _order: Order, *, source: SourceRecord, spec: ModelSpec) -> OnnxRecord:
    """Export the candidate's frozen files, and carry out the remedies of the model's file and of the repair.

    Raises `EntryFailed`, `BadExport`, `RemedyNotApplied`.
    """
    remedies = (*spec.remedies, *(source.repair.graph if source.repair else ()))
    with tools.scratch() as scratch:
        folder = tarball.unpack(tools.blobs.path(source.archive), scratch / spec.name)
        frozen = folder / TRAINED_FOLDER
        # A model's own folder may have one of that name, which means nothing.
        trained = frozen if source.training or (source.repair and runs_code(spec)) else None
        exported = export(spec, folder, scratch / "exported", on_line=tools.say, trained=trained)
        record = OnnxRecord(
            key=key,
            made_from={"source": source.data_version},
            file=tools.keep(exported.onnx, f"{spec.name}.onnx"),
            signature=exported.signature,
            evaluation=tools.keep(exported.evaluation, EVALUATION_FILE) if exported.evaluation else None,
            repair=source.repair,
        )
        if not remedies:
            return record
        tools.say(f"{len(remedies)} remedies: {', '.join(dict.fromkeys(remedy.kind for remedy in remedies))}")
        made = remedied.apply(spec, exported.onnx, remedies, exported.evaluation, scratch / "remedied.onnx")
        found = {"file": tools.keep(made, f"{spec.name}.onnx"), "exported": record.file, "remedies": remedies}
        signature = onnx_files.signature(_model(spec, made))
        return record.model_copy(update={**found, "signature": signature})


def runs_code(spec: ModelSpec) -> bool:
    """Whether the model's own code makes the ONNX file, so that the next run of it may make another one."""
    return isinstance(spec.source, PythonSource) or (
        isinstance(spec.source, HubSource) and spec.source.python is not None
    )


def export(
    spec: ModelSpec,
    folder: Path,
    output: Path,
    *,
    on_line: Callable[[str], None] | None = None,
    data: Path | None = None,
    trained: Path | None = None,
) -> Exported:
    """Make the model's ONNX file from `folder`, its unpacked sources, in `output`, a folder of the caller's own.

    A Python source is run as `python FILE --output DIR`, for at most its `timeout_minutes`; each line that it prints
    goes to `on_line`. With `data` it is given `--data FILE`: samples to train on as well; the entry of a model from a
    hub `--hub DIR`. `trained`: a folder where it left its files before, which are taken as they are. External data is
    brought into the file. Raises `EntryFailed` or `BadExport`.
    """
    output.mkdir(parents=True, exist_ok=True)
    if trained is not None:
        found, written = _inside(trained, MODEL_FILE, "trained"), trained / EVALUATION_FILE
    elif isinstance(spec.source, PythonSource):
        made = _run(spec.source, folder, output / "written", on_line, {"--data": data})
        found, written = made / MODEL_FILE, made / EVALUATION_FILE
    elif isinstance(spec.source, HubSource) and spec.source.python is not None:
        entry = PythonSource(python=spec.source.python, timeout_minutes=spec.source.timeout_minutes)
        made = _run(entry, folder, output / "written", on_line, {"--hub": folder / HUB_FOLDER})
        found, written = made / MODEL_FILE, made / EVALUATION_FILE
    elif isinstance(spec.source, HubSource):
        found, written = _inside(folder, f"{HUB_FOLDER}/{spec.source.onnx}", "source.onnx"), None
    else:
        found, written = _inside(folder, spec.source.onnx, "source.onnx"), None
    model = _model(spec, found)
    copy_whole(model, found, output / MODEL_FILE)
    signature = onnx_files.signature(model)
    return Exported(
        onnx=output / MODEL_FILE,
        signature=signature,
        evaluation=_evaluation(
            spec, signature, folder, written, output / EVALUATION_FILE, declared_first=trained is None
        ),
    )


def mismatches(declared: tuple[Input, ...], found: tuple[TensorType, ...]) -> tuple[str, ...]:
    """Everything in which a file's inputs differ from the declared ones; nothing if they agree.

    A dimension that is open in the file may be declared as a number: it is compiled for that number.
    """
    by_name = {tensor.name: tensor for tensor in found}
    names = {tensor.name for tensor in declared}
    absent = tuple(f"the file has no input {i.name!r}" for i in declared if i.name not in by_name)
    surplus = tuple(f"its input {tensor.name!r} is not declared" for tensor in found if tensor.name not in names)
    differing = (_difference(i, by_name[i.name]) for i in declared if i.name in by_name)
    return (*absent, *surplus, *filter(None, differing))


def _difference(declared: Input, found: TensorType) -> str:
    if declared.dtype != found.dtype:
        return f"input {declared.name!r} is {found.dtype}, declared {declared.dtype}"
    if found.shape is None:
        return ""
    fits = len(declared.shape) == len(found.shape) and all(
        have in (-1, want) for want, have in zip(declared.shape, found.shape, strict=True)
    )
    if fits:
        return ""
    shapes = ("?" if dim == -1 else str(dim) for dim in found.shape)
    return f"input {declared.name!r} has shape [{', '.join(shapes)}], declared [{', '.join(map(str, declared.shape))}]"


def _run(
    source: PythonSource,
    folder: Path,
    into: Path,
    on_line: Callable[[str], None] | None,
    given: Mapping[str, Path | None],
) -> Path:
    """Run an entry, with those of `given`, option -> path, that are there."""
    entry = _inside(folder, source.python, "source.python")
    into.mkdir()
    options = {option: path.resolve() for option, path in given.items() if path is not None}
    command = " ".join([f"python {source.python} --output DIR", *(f"{option} PATH" for option in options)])
    argv = [sys.executable, str(entry), "--output", str(into.resolve())]
    argv += [word for option, path in options.items() for word in (option, str(path))]
    try:
        process.run(argv, cwd=folder, limits=process.Limits(timeout=source.timeout_minutes * 60), on_line=on_line)
    except process.ProcessTimeout as error:
        raise EntryFailed(
            f"`{command}` was stopped after {source.timeout_minutes:g} minutes: make it faster, or raise "
            "source.timeout_minutes in defs.yaml"
        ) from error
    except process.ProcessError as error:
        what = str(error).removeprefix(f"{argv[0]} ")
        raise EntryFailed(f"`{command}` {what}\nCorrect it; run by hand in the model's folder, it says more") from error
    if not (into / MODEL_FILE).is_file():
        raise EntryFailed(f"`{command}` ended well but left no {MODEL_FILE} in DIR: write the model there")
    return into


def _inside(folder: Path, name: str, field: str) -> Path:
    """A file of the model's folder, links followed and not let out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadExport(f"{field}: {name} leads out of the model's folder: put the file itself there")
    if not path.is_file():
        raise EntryFailed(f"{field}: the model's folder holds no file {name}: add it, or correct defs.yaml")
    return path


def _model(spec: ModelSpec, path: Path) -> "ModelProto":
    try:
        model = onnx_files.load(path)
    except onnx_files.OnnxFileError as error:
        raise BadExport(str(error)) from error
    wrong = mismatches(spec.inputs, onnx_files.signature(model).inputs)
    if wrong:
        raise BadExport(f"{path.name}: {'; '.join(wrong)}: correct `inputs` in defs.yaml, or the export")
    return model


def _evaluation(
    spec: ModelSpec,
    signature: Signature,
    folder: Path,
    written: Path | None,
    target: Path,
    *,
    declared_first: bool = True,
) -> Path | None:
    """The folder's own evaluation data where `defs.yaml` names some, else what the entry wrote; checked and copied.

    A challenger's own comes first: it is of the world that it was trained for. What targets with AIPP need is looked at
    even without any: it would else be missed after hours of compiling.
    """
    try:
        wanted = images.of_model(spec, [given.name for given in signature.inputs])
    except images.BadImages as error:
        raise BadExport(str(error)) from error
    declared = spec.evaluation.data if spec.evaluation and declared_first else None
    if declared:
        path = _inside(folder, declared, "evaluation.data")
    elif written is not None and written.is_file():
        path = written
    elif spec.evaluation:
        raise BadExport(
            f"defs.yaml has `evaluation` but no data came: let the entry write {EVALUATION_FILE}, or name an .npz of "
            "the model's folder in evaluation.data"
        )
    else:
        return None
    try:
        evaluation.load(path, spec.inputs, wanted)
    except evaluation.EvaluationError as error:
        raise BadExport(str(error)) from error
    shutil.copyfile(path, target)
    return target
