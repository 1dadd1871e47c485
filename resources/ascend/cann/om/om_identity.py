"""What an `.om` was compiled from, and whether it may run here.

Here belong the identity of the work, taken from the file's own command line, and the refusals before a device is
touched: another SoC, a newer CANN, one that is too old. ATC's documentation says that an `.om` runs only on the SoC
that it names, on the CANN that compiled it and on those of up to four later release cycles. Not here: reading the file
(`om_file.py`), or atc's spelling (`command.py`).
"""

import re
import shlex
from collections.abc import Mapping, Sequence

from resources.ascend import spelling
from resources.ascend.cann.environment import releases
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import BadOutput
from resources.ascend.cann.om.om_file import OmFile
from resources.ascend.cann.options.command import ParsedCommand, parse_command_line
from resources.ascend.options import CompileOptions
from resources.ascend.toolchain import NotLoadable, OmInfo, ToolchainIdentity
from resources.digests import canonical_json, sha256_bytes

MOST_CYCLES = 4
"""Later release cycles whose CANN still runs an `.om`."""
UNKNOWN = "unknown"
NAME = "cann"

_SAME_SOC = {"Ascend910": "Ascend910A"}
"""CANN silently takes the one for the other (GE's platform_utils.cc)."""
_SOC_FLAG = re.compile(r"(-{1,2}soc[-_]version)(?:=.*)?", re.DOTALL)


def identity(
    onnx_sha256: str, options: Sequence[str], files: Mapping[str, str], soc_version: str, compiler: str
) -> str:
    """Sha256 that names the work.

    `options`: atc's arguments but for model, output, SoC and files. `files`: flag -> digest of the file that it names.
    `compiler`: CANN's version as the compiler writes it into the `.om` (`7.7.0.1.238`).
    """
    parts = {
        "onnx": onnx_sha256,
        "options": list(options),
        "files": dict(files),
        "soc": soc_version,
        "toolchain": {"name": NAME, "version": compiler},
    }
    return sha256_bytes(canonical_json(parts))


def info(om: OmFile, toolchain: ToolchainIdentity) -> OmInfo:
    """What a file says about itself, from its own bytes alone; `toolchain` is the one in force here.

    Raises `NotLoadable` for a file whose command line does not name everything by its digest, as it is when this
    toolchain did not compile it.
    """
    said = parsed(om)
    nameless = [f"--{flag}" for flag, digest in sorted(said.files.items()) if not digest]
    if not said.onnx_sha256 or nameless:
        lacking = f"no digest for {' and '.join(nameless) or 'its model'}" if om.command_line else "nothing"
        raise NotLoadable(
            f"{om.path}: nobody can say what it was compiled from, for its command line names {lacking}: this "
            f"toolchain did not compile it. `ascend om {shlex.quote(str(om.path))}` shows what it says. To use it, "
            f"compile its ONNX model with this toolchain; its own command was: {_same_command(om) or 'not kept'}"
        )
    options = [f"--{flag}={value}" for flag, value in spelling.spelt(said.options).items() if flag != "soc_version"]
    others = [f"--{flag}={value}" for flag, value in sorted(said.unknown.items())]
    soc_version = said.options.soc_version
    compiler = om.atc_version or UNKNOWN
    return OmInfo(
        identity=identity(said.onnx_sha256, [*options, *others], said.files, soc_version, compiler),
        onnx_sha256=said.onnx_sha256,
        options=said.options,
        toolchain=made_by(om, toolchain),
    )


def parsed(om: OmFile) -> ParsedCommand:
    """A file's command line; one that cannot be read says nothing, as a foreign one does."""
    try:
        return parse_command_line(om.command_line)
    except BadOutput:
        return ParsedCommand("", CompileOptions(soc_version=""))


def made_by(om: OmFile, toolchain: ToolchainIdentity) -> ToolchainIdentity:
    """The toolchain that compiled a file: the one in force if the file names its version, else as the file says."""
    if toolchain.name == NAME and om.atc_version and om.atc_version in {*toolchain.version.split(), toolchain.cann}:
        return toolchain
    cann = releases.release(om.atc_version) or UNKNOWN
    return ToolchainIdentity(name=NAME, version=om.atc_version or UNKNOWN, cann=cann, origin="measured")


def require_runnable(om: OmFile, soc_version: str, installation: Installation) -> None:
    """Refuse what a device would refuse, or run wrongly. Raises `NotLoadable` with the command that rebuilds it."""
    require_made_for(om, soc_version)
    why = unfit(om.atc_version, installation)
    if why:
        raise NotLoadable(f"{om.path}: {why}; rebuild it: {rebuild(om, soc_version)}")


def require_made_for(om: OmFile, soc_version: str) -> None:
    """Refuse a file for another SoC. Raises `NotLoadable`."""
    made_for = om.soc_version
    if same_soc(made_for) != same_soc(soc_version):
        words = f"made for {made_for}" if made_for else "it does not say for which SoC it was made"
        raise NotLoadable(f"{om.path}: {words}, not for {soc_version}; rebuild it: {rebuild(om, soc_version)}")


def unfit(compiler: str, installation: Installation) -> str:
    """Why a file of that compiler cannot run on the installed CANN; empty where it can, or where nobody can tell."""
    before, after = releases.minor(compiler), here(installation)
    if before is None or after is None:
        return ""
    apart = releases.cycles(before, after)
    name = f"CANN {releases.release(compiler) or UNKNOWN} (compiler {compiler})"
    if apart < 0:
        return f"compiled by {name}, which is newer than the installed {installation.version}: only older ones run"
    if apart > MOST_CYCLES:
        return (
            f"compiled by {name}, at least {apart} release cycles before the installed {installation.version}: "
            f"a .om runs on at most {MOST_CYCLES} later ones"
        )
    return ""


def here(installation: Installation) -> releases.Minor | None:
    """The installed release cycle; None where it cannot be told."""
    return releases.minor(installation.internal) or releases.minor(installation.version)


def same_soc(name: str) -> str:
    """The name that CANN takes a SoC's name for."""
    return _SAME_SOC.get(name, name)


def rebuild(om: OmFile, soc_version: str) -> str:
    """The atc command that makes the same model for a SoC, ready for a shell, and what to mind with it."""
    said = parsed(om)
    if not said.onnx_sha256:
        return _same_command(om, soc_version) or f"compile its model for {soc_version}"
    options = said.options.model_copy(update={"soc_version": soc_version})
    others = [f"--{flag}={value}" for flag, value in sorted(said.unknown.items())]
    command = shlex.join([*spelling.command(options, "model.onnx", om.path.name), *others])
    kept = [f"--{flag} (sha256 {digest or UNKNOWN}...)" for flag, digest in sorted(said.files.items())]
    extra = f", with the same {' and '.join(kept)}" if kept else ""
    return f"{command}{extra} (model.onnx is the file with the sha256 {said.onnx_sha256})"


def _same_command(om: OmFile, soc_version: str = "") -> str:
    """A file's own command, with another SoC if one is given; empty where the file does not tell it."""
    words: list[str] = []
    given = iter(om.command_line.split())
    for word in given:
        flag = _SOC_FLAG.fullmatch(word) if soc_version else None
        if flag and "=" not in word:
            next(given, None)
        words.append(f"{flag[1]}={soc_version}" if flag else word)
    return shlex.join(words)
