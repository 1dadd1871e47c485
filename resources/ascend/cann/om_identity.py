"""What an `.om` was compiled from, and whether it may run here.

Here belong the identity of the work, taken from the file's own command line, and the refusals before a device is
touched: another SoC, a newer CANN, one that is too old. ATC's documentation says that an `.om` runs only on the SoC
that it names, on the CANN that compiled it and on those of up to four later release cycles. Not here: reading the file
(`om_file.py`), or atc's spelling (`command.py`).
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from resources.ascend.cann import releases
from resources.ascend.cann.installation import Installation
from resources.ascend.cann.om_file import OmFile
from resources.ascend.toolchain import NotLoadable, OmInfo, ToolchainIdentity
from resources.digests import canonical_json, sha256_bytes

if TYPE_CHECKING:
    from resources.ascend.cann.command import ParsedCommand

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

    `options`: atc's arguments but for model, output and files. `files`: option -> digest of the file that it names.
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

    Raises `NotLoadable` for a file whose command line names no digest, as it is when this toolchain did not compile it.
    """
    parsed = _parsed(om)
    if not parsed.onnx_sha256:
        raise NotLoadable(
            f"{om.path}: nobody can say which ONNX model it was compiled from: its command line "
            f"{'names no digest' if om.command_line else 'is missing'}, so this toolchain did not compile it. "
            f"`ascend om {shlex.quote(str(om.path))}` shows what it says; to use it here, compile its ONNX model: "
            f"{rebuild(om, om.soc_version or '<SOC>')}"
        )
    options = parsed.options.argv("", "")
    return OmInfo(
        identity=identity(
            parsed.onnx_sha256, _bare(options), parsed.files, parsed.options.soc_version, om.atc_version or UNKNOWN
        ),
        onnx_sha256=parsed.onnx_sha256,
        options=parsed.options,
        toolchain=made_by(om, toolchain),
    )


def made_by(om: OmFile, toolchain: ToolchainIdentity) -> ToolchainIdentity:
    """The toolchain that compiled a file: the one in force if the file names its version, else as the file says."""
    if toolchain.name == NAME and om.atc_version and om.atc_version in {*toolchain.version.split(), toolchain.cann}:
        return toolchain
    cann = releases.release(om.atc_version) or UNKNOWN
    return ToolchainIdentity(name=NAME, version=om.atc_version or UNKNOWN, cann=cann, origin="measured")


def require_runnable(om: OmFile, soc_version: str, installation: Installation) -> None:
    """Refuse what a device would refuse, or run wrongly. Raises `NotLoadable` with the command that rebuilds it."""
    made_for = om.soc_version
    if same_soc(made_for) != same_soc(soc_version):
        words = f"made for {made_for}" if made_for else "it does not say for which SoC it was made"
        raise NotLoadable(f"{om.path}: {words}, not for {soc_version}; rebuild it: {rebuild(om, soc_version)}")
    why = unfit(om.atc_version, installation)
    if why:
        raise NotLoadable(f"{om.path}: {why}; rebuild it: {rebuild(om, soc_version)}")


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
    parsed = _parsed(om)
    if not parsed.onnx_sha256:
        return _same_command(om.command_line, soc_version) or f"compile its model for {soc_version}"
    options = parsed.options.model_copy(update={"soc_version": soc_version})
    command = shlex.join(options.argv("model.onnx", om.path.name))
    kept = [f"--{flag} (sha256 {digest}...)" for flag, digest in sorted(parsed.files.items())]
    extra = f", with the same {' and '.join(kept)}" if kept else ""
    return f"{command}{extra} (model.onnx is the file with the sha256 {parsed.onnx_sha256})"


def _same_command(command_line: str, soc_version: str) -> str:
    """A foreign file's own command with another SoC; empty where it has none."""
    words: list[str] = []
    given = iter(command_line.split())
    for word in given:
        flag = _SOC_FLAG.fullmatch(word)
        if flag and "=" not in word:
            next(given, None)
        words.append(f"{flag[1]}={soc_version}" if flag else word)
    return shlex.join(words)


def _bare(argv: Sequence[str]) -> list[str]:
    """Arguments that are options of the compilation: neither the program nor a place nor the SoC."""
    places = ("--model=", "--output=", "--soc_version=")
    return [word for word in argv[1:] if not word.startswith(places)]


def _parsed(om: OmFile) -> "ParsedCommand":
    from resources.ascend.cann.command import parse_command_line

    return parse_command_line(om.command_line)
