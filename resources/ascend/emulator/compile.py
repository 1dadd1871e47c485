"""From an ONNX file and options to what an emulated `.om` holds, or to every reason against it.

Here belongs the order: read, refuse, infer shapes, refuse again, lower. Not here: any of these steps, or writing the
file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from resources.ascend.emulator import messages, operators, refusals
from resources.ascend.emulator.container import EmulatedOm, identity
from resources.ascend.emulator.registration import canonical_soc
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import CompileRefused, CompileReport, Diagnostic, OmInfo, ToolchainIdentity
from resources.digests import sha256_file
from resources.onnx_files import OnnxFileError, ShapeError, complete, external_files, parse, signature, with_shapes
from resources.onnx_files.shapes import without_weights

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Source:
    """A loaded model and the digests of the files that it came from."""

    model: "onnx.ModelProto"
    sha256: str
    external: tuple[str, ...]


def compile_model(
    path: Path, options: CompileOptions, toolchain: ToolchainIdentity
) -> tuple[EmulatedOm, CompileReport]:
    """Compile the ONNX file at `path`: the same files, options and toolchain give the same bytes.

    Raises `CompileRefused` with every reason that can be found in one pass, and the console text.
    """
    options = options.model_copy(update={"soc_version": canonical_soc(options.soc_version)})
    source = _source(path)
    diagnostics = judge(source.model, options)
    if refusals.refused(diagnostics):
        raise _refusal(diagnostics)
    om = _lowered(source, options, toolchain)
    return om, CompileReport(warnings=diagnostics, log=messages.render(diagnostics, ok=True))


def judge(model: "onnx.ModelProto", options: CompileOptions) -> tuple[Diagnostic, ...]:
    """Every reason against a loaded model, and the warnings.

    Fixes the shapes of `model` in place where the options allow it: the caller owns it, and weights are not copied.
    """
    first = refusals.judge(model, options)
    try:
        with_shapes(model, options.input_shape, None, in_place=True)
    except ShapeError as error:
        # What is wrong with the shapes has been said in ATC's words, unless only inference found it.
        return first if refusals.refused(first) else (*first, messages.diagnostic("EX0005", error))
    return (*first, *operators.judge(model, options))


def _refusal(diagnostics: tuple[Diagnostic, ...]) -> CompileRefused:
    return CompileRefused(diagnostics, messages.render(diagnostics, ok=False))


def _source(path: Path) -> Source:
    try:
        model = parse(path)
        digests = tuple(sha256_file(file) for file in external_files(model, path.parent))
        complete(model, path)
        return Source(model, sha256_file(path), digests)
    except (OnnxFileError, OSError) as error:
        diagnostic = messages.diagnostic("E10041", path, cause=str(error), solution="Give a valid ONNX file.")
        raise _refusal((diagnostic,)) from error


def _lowered(source: Source, options: CompileOptions, toolchain: ToolchainIdentity) -> EmulatedOm:
    lowered, structure = _graphs(source.model, options)
    info = OmInfo(
        identity=identity(source.sha256, source.external, options, toolchain.version),
        onnx_sha256=source.sha256,
        options=options,
        toolchain=toolchain,
    )
    return EmulatedOm(info, signature(source.model), structure, lowered)


def _graphs(model: "onnx.ModelProto", options: CompileOptions) -> tuple[bytes, bytes]:
    """The graph that runs and the graph that is counted. What the CPU cannot run is refused here, not later."""
    from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

    from resources.ascend.emulator.infer import Session
    from resources.ascend.emulator.lower import lower

    try:
        lowered = lower(model, options).SerializeToString(deterministic=True)
        structure = without_weights(model).SerializeToString(deterministic=True)
        Session(lowered)
    except EncodeError as error:
        reason = "compiled, it is larger than protobuf's 2 GB"
        raise _refusal((messages.diagnostic("EX0005", reason, solution="Compile a smaller model."),)) from error
    except ValueError as error:
        raise _refusal((messages.diagnostic("EX0005", error),)) from error
    return lowered, structure
