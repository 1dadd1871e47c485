"""Running `atc`: from an ONNX file and options to an `.om`, or to every reason against it.

Here belongs the order of one compilation: what is known to be refused is refused first, `atc` runs in a private folder
within its time, and a model is taken only if the exit code, the success line and the file itself agree. Not here: the
command line (`command.py`), the folder (`atc_workspace.py`), reading what was said (`atc_log.py`), or what a failure
means (`atc_outcome.py`).
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.ascend.cann import text
from resources.ascend.cann.compiling import atc_log, atc_outcome, codes, plog
from resources.ascend.cann.compiling.atc_outcome import Run
from resources.ascend.cann.compiling.atc_workspace import OUTPUT, Workspace, prepare
from resources.ascend.cann.compiling.fusion_result import FusionResult
from resources.ascend.cann.compiling.node_names import NodeNames
from resources.ascend.cann.environment import symptoms
from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.errors import BadOutput, NoInstallation, ToolFailed
from resources.ascend.cann.om import om_file, om_identity
from resources.ascend.cann.options.command import arguments
from resources.ascend.cann.options.objections import objections
from resources.ascend.cann.options.option_files import OptionFile, option_files
from resources.ascend.cann.site import Site
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import (
    Compiled,
    CompileRefused,
    CompileReport,
    Diagnostic,
    NotLoadable,
    OmInfo,
    ToolchainIdentity,
)
from resources.onnx_files import OnnxFileError
from resources.output import last_lines
from resources.process import Completed, ProcessTimeout, ProgramMissing
from resources.store.durable import put_whole

LOG_CHARACTERS = 256 * 1024
"""What a report keeps of the console: a quarter of it from the start, the rest from the end, where errors stand."""
SAY_SECONDS = 5.0
"""Progress is told at most so often."""


@dataclass(frozen=True)
class Conversion:
    """A compilation, and what the fusion passes did in it (None where `atc` does not tell)."""

    compiled: Compiled
    fusion: FusionResult | None


def convert(
    site: Site,
    onnx: Path,
    options: CompileOptions,
    output: Path,
    *,
    identity: ToolchainIdentity,
    timeout: float = 3600.0,
) -> Conversion:
    """Compile `onnx` and write `output`, whole or not at all. No device is needed. `timeout` in seconds.

    `identity`: the toolchain in force. External data counts by the ONNX file that names it, not by its own content.
    Raises `CompileRefused` with every reason, about ONNX nodes; `ToolFailed` when it is not the model's fault, `atc`
    took too long, or its file is not what was asked for; `NoInstallation` where there is no `atc`. Whatever is raised,
    `output` is what it was before.
    """
    program = _program(site)
    warned = _warnings_before(site, options)
    files = option_files(options)
    with tempfile.TemporaryDirectory(prefix="ascend-atc-") as private:
        workspace = _prepared(Path(private).resolve(), onnx, files)
        argv: list[Path | str] = [program, *arguments(options, workspace.model, OUTPUT, files)]
        site.say(f"atc compiles for {options.soc_version}")
        run = _understood(_completed(site, argv, workspace, onnx, timeout), workspace)
        names = NodeNames.of(workspace.nodes)
        if not run.succeeded:
            raise atc_outcome.failure(run, names)
        om, info = _checked(run, workspace, options, identity)
        fusion = _fusion(site, workspace)
        _put(om, output)
    warnings = (*warned, *atc_outcome.on_onnx((*run.log.warnings, *run.log.errors), names))
    return Conversion(Compiled(info, CompileReport(warnings=warnings, log=run.console)), fusion)


def _program(site: Site) -> Path:
    found = site.installation
    program = found.program("atc")
    if program is None:
        raise NoInstallation(
            f"CANN {found.version} at {found.home} is a {found.kind} without atc: install the toolkit to compile"
        )
    return program


def _warnings_before(site: Site, options: CompileOptions) -> tuple[Diagnostic, ...]:
    """The warnings that are known before `atc` runs. Raises `CompileRefused` for what it would refuse."""
    found = site.installation
    against = objections(options, _version(found.version), found.soc_versions)
    if all(codes.is_warning(item.code) for item in against):
        return against
    raise _refused(against)


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None  # objections that depend on the version are then not made


def _refused(diagnostics: tuple[Diagnostic, ...]) -> CompileRefused:
    lines = ["atc was not started, for it would fail:"]
    for item in diagnostics:
        lines.append(f"{item.code}: {item.message}")
        lines += [f"        Possible Cause: {item.cause}"] if item.cause else []
        lines += [f"        Solution: {item.solution}"] if item.solution else []
    return CompileRefused(diagnostics, "\n".join(lines))


def _prepared(folder: Path, onnx: Path, files: Mapping[str, OptionFile]) -> Workspace:
    try:
        return prepare(folder, onnx, {file.name: file.content.encode() for file in files.values()})
    except FileNotFoundError as error:
        raise _unreadable(onnx, f"{onnx} does not exist") from error
    except OnnxFileError as error:
        raise _unreadable(onnx, str(error).replace(str(folder / "given.onnx"), str(onnx))) from error
    except OSError as error:
        why = f"{onnx}: cannot be copied into atc's folder {folder} ({error.strerror})"
        raise ToolFailed(f"{why}: may it be read, and is there space on the disk?") from error


def _unreadable(onnx: Path, cause: str) -> CompileRefused:
    message = f"Failed to load the model from [{onnx}]."
    return _refused((Diagnostic(code="E10041", message=message, cause=cause, solution="Give a valid ONNX file."),))


def _completed(site: Site, argv: list[Path | str], workspace: Workspace, onnx: Path, timeout: float) -> Completed:
    try:
        return site.run(
            argv, cwd=workspace.folder, timeout=timeout, for_atc=True, on_line=_progress(site.say, time.monotonic)
        )
    except ProcessTimeout as error:
        log = _console(error.completed, workspace)
        raise ToolFailed(_took_too_long(onnx, timeout, site.installation.arch, log), log) from error
    except ProgramMissing as error:
        raise ToolFailed(f"{argv[0]} cannot be started: install the toolkit again; {error}") from error


def _progress(say: Callable[[str], None], clock: Callable[[], float]) -> Callable[[str], None]:
    """What is told of each line of the console: now and then, how long it has taken and what was said last."""
    started = told = clock()

    def line(raw: str) -> None:
        nonlocal told
        now = clock()
        if now - told < SAY_SECONDS:
            return
        told = now
        shown = text.clean(raw)[-1].strip(" .-\\|/")[:120]
        say(f"atc: {now - started:.0f} s" + (f": {shown}" if shown else ""))

    return line


def _took_too_long(onnx: Path, timeout: float, arch: str, log: str) -> str:
    arm = " on ARM, bind it to the cores of one node (numactl -C 16-31 --localalloc);" if arch == "aarch64" else ""
    said = last_lines(log)
    return (
        f"atc took longer than {timeout:g} s for {onnx.name} and was stopped: give it more time or more cores, for "
        f"TE_PARALLEL_COMPILER follows them (1 to 8);{arm} force_fp32 is slow to compile"
        + (f"; it said:\n{said}" if said else "")
    )


def _understood(completed: Completed, workspace: Workspace) -> Run:
    """Everything that the run says, from all places where it says it."""
    said = _said(completed)
    log = atc_log.parse(said)
    console = _console(completed, workspace)
    if completed.returncode == 0 and log.succeeded and not log.failed:
        return Run(0, log, console)
    errors = plog.errors(workspace.folder)
    try:
        unparsed = workspace.unparsed()
    except BadOutput as error:
        errors, unparsed = (*errors, str(error)), ()
    return Run(completed.returncode, log, console, errors, symptoms.explain("\n".join([said, *errors])), unparsed)


def _said(completed: Completed) -> str:
    return "\n".join(filter(None, (completed.stdout, completed.stderr)))


def _console(completed: Completed, workspace: Workspace) -> str:
    """The cleaned console text, bounded, without the name of the folder that is gone by now."""
    shown = "\n".join(text.clean(_said(completed))).strip().replace(str(workspace.folder), ".")
    if len(shown) <= LOG_CHARACTERS:
        return shown
    head, tail = LOG_CHARACTERS // 4, LOG_CHARACTERS - LOG_CHARACTERS // 4
    return f"{shown[:head]}\n... {len(shown) - LOG_CHARACTERS} characters left out ...\n{shown[-tail:]}"


def _checked(
    run: Run, workspace: Workspace, options: CompileOptions, identity: ToolchainIdentity
) -> tuple[Path, OmInfo]:
    """The one file that was made, if it is what was asked for. Raises `ToolFailed`."""
    oms = workspace.oms()
    if len(oms) != 1:
        found = " and ".join(path.name for path in oms) or "none"
        raise ToolFailed(f"atc reported success, but instead of one .om there is {found}: try again", run.console)
    try:
        om = om_file.read(oms[0])
        info = om_identity.info(om, identity)
    except NotLoadable as error:
        why = str(error).replace(f"{workspace.folder}/", "")
        raise ToolFailed(f"atc reported success, but its file cannot be used: {why}", run.console) from error
    made, asked = om.soc_version, options.soc_version
    if om_identity.same_soc(made) != om_identity.same_soc(asked):
        raise ToolFailed(f"atc reported success, but compiled for {made or 'no SoC'} and not for {asked}", run.console)
    if info.onnx_sha256 != workspace.onnx_sha256:
        what = f"names {info.onnx_sha256} as its model and not {workspace.onnx_sha256}"
        raise ToolFailed(f"atc reported success, but its file {what}", run.console)
    # Who compiled it is known here, however the file spells its version; so is what was in the option files.
    return oms[0], info.model_copy(update={"options": options, "toolchain": identity})


def _fusion(site: Site, workspace: Workspace) -> FusionResult | None:
    try:
        return workspace.fusion()
    except BadOutput as error:
        site.say(f"atc: what its fusion passes did is not known: {error}")
        return None


def _put(om: Path, output: Path) -> None:
    try:
        put_whole(output, om)
    except OSError as error:
        raise ToolFailed(f"{output}: cannot be written ({error.strerror}): is the disk full?") from error
