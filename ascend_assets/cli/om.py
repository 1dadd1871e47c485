"""`ascend om FILE`: what a real `.om` says about itself, and whether it may run here.

Here belongs laying it out. Not here: reading it (`resources/ascend/cann/om/om_file.py`), or refusing it
(`om_identity.py`). Nothing is loaded, and no device is touched.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ascend_assets.cli import options
from ascend_assets.cli.console import print_json, say, table

if TYPE_CHECKING:
    from resources.ascend.cann.environment.installation import Installation
    from resources.ascend.cann.om.om_file import OmFile
    from resources.ascend.cann.om.om_ports import Port

_ROWS = 40
"""Partitions, inputs or outputs that a person is shown; --json has all."""


@click.command(short_help="What a .om says about itself: SoC, CANN, command, inputs, outputs.")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@options.as_json
def om(*, file: Path, as_json: bool) -> None:
    """Read a .om of CANN: what it was made for and by what, its inputs and outputs, and whether it fits this machine.

    Exit code 2: it is damaged, truncated, or no .om of a device; the message says which.
    """
    from resources.ascend.cann.om import om_file

    found = om_file.read(file)
    here = _installed()
    if as_json:
        print_json(_as_json(found, here))
    else:
        _show(found, here)


def _installed() -> "Installation | None":
    from resources.ascend.cann.environment.installation import find
    from resources.ascend.cann.errors import NoInstallation

    try:
        return find()
    except NoInstallation:
        return None


def _fits(found: "OmFile", here: "Installation | None") -> tuple[bool | None, str]:
    """Whether its CANN fits the installed one, and a sentence. None: nobody can say."""
    from resources.ascend.cann.environment import releases
    from resources.ascend.cann.om import om_identity

    if here is None:
        return None, "there is no CANN on this machine to compare it with"
    why = om_identity.unfit(found.atc_version, here)
    if why:
        return False, f"{why}; rebuild it: {om_identity.rebuild(found, found.soc_version or '<SOC>')}"
    if here.soc_versions and found.soc_version and found.soc_version not in here.soc_versions:
        return False, f"the installed CANN {here.version} does not know {found.soc_version}"
    before, after = releases.minor(found.atc_version), om_identity.here(here)
    if before is None or after is None:
        return None, f"nobody can say how far its CANN is from the installed {here.version}: its version is not known"
    apart = releases.cycles(before, after)
    age = f"at least {apart} release cycle{'s' if apart > 1 else ''} older than" if apart else "of the same release as"
    return True, f"its CANN is {age} the installed {here.version}, which runs it on {found.soc_version or 'its SoC'}"


def _made_from(found: "OmFile") -> tuple[str, str]:
    """Sha256 of the ONNX model, empty for a file that was not compiled by this toolchain; and the command."""
    from resources.ascend.cann.om.om_identity import parsed

    return parsed(found).onnx_sha256, found.command_line


def _as_json(found: "OmFile", here: "Installation | None") -> dict[str, Any]:
    from dataclasses import asdict

    fits, why = _fits(found, here)
    digest, command = _made_from(found)
    return {
        "file": str(found.path),
        "size": found.size,
        "name": found.name,
        "soc_version": found.soc_version,
        "compiler": found.atc_version,
        "cann": _release(found),
        "onnx_sha256": digest,
        "command_line": command,
        "read_by": found.read_by,
        "dynamic": found.dynamic,
        "memory_bytes": found.memory_bytes,
        "weight_bytes": found.weight_bytes,
        "inputs": [asdict(port) for port in found.inputs],
        "outputs": [asdict(port) for port in found.outputs],
        "header": asdict(found.header),
        "partitions": [{**asdict(part), "name": part.name} for part in found.partitions],
        "fits_here": fits,
        "why": why,
    }


def _show(found: "OmFile", here: "Installation | None") -> None:
    fits, why = _fits(found, here)
    digest, command = _made_from(found)
    word = {True: "yes", False: "NO", None: "?"}[fits]
    unread = " (guessed: its description cannot be walked)" if found.read_by == "heuristic" else ""
    dynamic = ", shapes decided as it runs" if found.dynamic else ""
    memory = f"{found.weight_bytes:,} bytes of weights, {found.memory_bytes:,} beside them"
    for label, text in (
        ("file", f"{found.path} ({found.size:,} bytes)"),
        ("model", f"{found.name}{dynamic}"),
        ("SoC", f"{found.soc_version or 'not told'}{unread}"),
        ("CANN", f"{_release(found) or 'unknown'} (compiler {found.atc_version or 'not told'})"),
        ("memory", memory),
        ("made from", f"the ONNX model with the sha256 {digest}" if digest else "an ONNX model that it does not name"),
        ("made by", command or "a command that it does not tell"),
        ("fits here", f"{word}: {why}"),
    ):
        say(f"  {label:10} {text}")
    say()
    _ports("input", found.inputs)
    _ports("output", found.outputs)
    _partitions(found)


def _ports(word: str, ports: "tuple[Port, ...]") -> None:
    if not ports:
        say(f"{word}s: it does not tell them")
    else:
        rows = [(p.name, p.dtype, "x".join(map(str, p.shape)) or "scalar", f"{p.size:,}") for p in ports[:_ROWS]]
        table((word, "type", "shape", "bytes"), rows, wrap=0)
    _rest(len(ports))
    say()


def _partitions(found: "OmFile") -> None:
    rows = [(p.name, str(p.sub_model), f"{p.offset:,}", f"{p.size:,}") for p in found.partitions[:_ROWS]]
    table(("part", "of sub-model", "at byte", "bytes"), rows)
    _rest(len(found.partitions))


def _rest(count: int) -> None:
    if count > _ROWS:
        say(f"and {count - _ROWS:,} more: --json has all")


def _release(found: "OmFile") -> str:
    from resources.ascend.cann.environment import releases

    return releases.release(found.atc_version)
