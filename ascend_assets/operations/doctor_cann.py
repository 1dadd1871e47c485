"""Examining CANN: is a toolkit here, does it start, and has it what it needs to compile?

Here belong the installation, `atc`, its SoC versions, kernels and memory, and the order of what is looked at. Not here:
CANN's Python (`doctor_cann_python.py`) and the NPUs (`doctor_npu.py`). A machine without CANN gets one finding.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ascend_assets.operations import doctor_cann_python, doctor_npu
from ascend_assets.operations.finding import Finding
from resources.ascend import device_nodes
from resources.ascend.cann.environment import installed_files as files
from resources.ascend.cann.environment.installation import Installation, find, find_all
from resources.ascend.cann.environment.symptoms import explain
from resources.ascend.cann.errors import NoInstallation
from resources.ascend.cann.site import Site
from resources.output import last_lines
from resources.process import ProcessError

MEMORY = 2 * 1024**3
"""Bytes that atc wants to be available; with less it does not start (the graph engine's own check)."""

_GIB = 1024**3
_START_SECONDS = 60.0
_SHOWN = 6
_STARTED = re.compile(r"\bE100(?:07|54)\b|ATC start working now|--(?:framework|soc_version)\]? is required")
_KERNELS = "opp/built-in/op_impl/ai_core/tbe/kernel"
_NO_LIMIT = 2**60


def examine(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> tuple[Finding, ...]:
    """Look at CANN and the NPUs of the machine whose files begin at `root`. What is wrong is a finding, not an error.

    Nothing is needed, because the emulator works without it, unless ASCEND_TOOLCHAIN asks for CANN: then what compiling
    takes is.
    """
    needed = environ.get("ASCEND_TOOLCHAIN", "").strip().lower() == "cann"
    try:
        found = find(environ, root)
    except NoInstallation as error:
        return (_none(error, root, needed=needed),)
    with tempfile.TemporaryDirectory(prefix="ascend-doctor-") as folder:
        site, work = Site(found, root=root), Path(folder)
        findings = [_installation(found, find_all(environ, root), needed=needed)]
        if found.program("atc"):
            findings += [_atc(site, work, needed=needed), _soc_versions(found, needed=needed), _kernels(found)]
            findings += [_memory(root), *doctor_cann_python.compiling(site, work, environ, needed=needed)]
        findings += doctor_npu.examine(site)
        if device_nodes.npus(root):
            findings += doctor_cann_python.measuring(site)
    return tuple(findings)


def _none(error: NoInstallation, root: Path, *, needed: bool) -> Finding:
    wrong = [said for said in error.looked if not said.endswith(": not there")]
    npus = device_nodes.npus(root)
    said = f"none is installed, but this machine has {len(npus)} NPUs: " if npus else "none is installed: "
    said += "nothing can be compiled or measured, ASCEND_TOOLCHAIN asks for it" if needed else "models are emulated"
    if wrong:
        said += f". Looked at: {'; '.join(wrong)}"
    remedy = "where there is an NPU, install the CANN toolkit; if it is elsewhere: export ASCEND_HOME_PATH=its folder"
    return Finding("cann", ok=False, said=said, remedy=remedy, needed=needed)


def _installation(found: Installation, every: tuple[Installation, ...], *, needed: bool) -> Finding:
    compiler = f", compiler {found.internal}" if found.internal not in {"", found.version} else ""
    said = f"{found.kind} {found.version}{compiler}, {found.home}"
    by = found.found_by.replace(f"={found.home}", "", 1)
    if by != str(found.home):
        said += f" (by {by})"
    others = [f"{each.version} in {each.home}" for each in every if each.home != found.home]
    if others:
        said += f"; not used: {', '.join(others)}"
    if found.program("atc"):
        return Finding("cann", ok=True, said=said, needed=needed)
    remedy = "install the toolkit (Ascend-cann-toolkit) beside it, and let ASCEND_HOME_PATH name it"
    return Finding(
        "cann", ok=False, said=f"{said}: it has no atc, so nothing can be compiled", remedy=remedy, needed=needed
    )


def _atc(site: Site, work: Path, *, needed: bool) -> Finding:
    """Called without arguments, atc starts, loads its libraries and says what it misses: a test of itself."""
    program = site.installation.program("atc")
    assert program is not None  # noqa: S101 - asked before
    try:
        ended = site.run((program,), cwd=work, timeout=_START_SECONDS, for_atc=True)
    except ProcessError as error:
        said = str(error).splitlines()[0]
        remedy = f"see what it does: source {site.installation.script or 'set_env.sh'}; {program}"
        return Finding("atc", ok=False, said=f"it does not start: {said}", remedy=remedy, needed=needed)
    log = f"{ended.stdout}\n{ended.stderr}"
    if symptoms := explain(log):
        said = "; ".join(symptom.what for symptom in symptoms)
        return Finding("atc", ok=False, said=said, remedy=symptoms[0].remedy, needed=needed)
    if _STARTED.search(log):
        return Finding("atc", ok=True, said=f"{program} starts", needed=needed)
    said = f"exit code {ended.returncode}, and it said: {last_lines(log).strip() or 'nothing'}"
    remedy = "install the toolkit again; what it needs from the system is in CANN's installation guide"
    return Finding("atc", ok=False, said=said, remedy=remedy, needed=needed)


def _soc_versions(found: Installation, *, needed: bool) -> Finding:
    names = found.soc_versions
    if not names:
        said = f"{found.home} has no data/platform_config/*.ini: no target can be told to be legal"
        remedy = "install the whole toolkit (Ascend-cann-toolkit) of this version again"
        return Finding("soc versions", ok=False, said=said, remedy=remedy, needed=needed)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return Finding("soc versions", ok=True, said=f"{', '.join(names[:_SHOWN])}{more}", needed=needed)


def _kernels(found: Installation) -> Finding:
    folder = found.home / _KERNELS
    listed = (*files.listed(folder, "*"), *files.listed(folder / "config", "*"))
    names = sorted({path.name for path in listed if path.name != "config" and files.is_folder(path)})
    if names:
        return Finding("operator kernels", ok=True, said=f"for {', '.join(names)}", needed=False)
    said = "no package of operator kernels is installed: operators may be refused with EZ3003, or compile slowly"
    remedy = f"install Ascend-cann-kernels-<soc> of {found.version} (since 8.5 Ascend-cann-<soc>-ops)"
    return Finding("operator kernels", ok=False, said=said, remedy=remedy, needed=False)


def _memory(root: Path) -> Finding:
    free = min(_available(root), _cgroup(root))
    if free == _NO_LIMIT:
        return Finding("memory for atc", ok=True, said="not told by this system", needed=False)
    said = f"{free / _GIB:.1f} GiB available"
    if free >= MEMORY:
        return Finding("memory for atc", ok=True, said=said, needed=False)
    said += f", and atc wants {MEMORY / _GIB:.0f}"
    remedy = "end what else takes memory (ps aux --sort -rss | head), or raise the container's limit"
    return Finding("memory for atc", ok=False, said=said, remedy=remedy, needed=False)


def _available(root: Path) -> int:
    kilobytes = _number(r"^MemAvailable:\s+(\d{1,15}) kB", root / "proc" / "meminfo")
    return _NO_LIMIT if kilobytes is None else kilobytes * 1024


def _cgroup(root: Path) -> int:
    """What a container's limit leaves: file caches that the kernel can drop at once do not count as used."""
    group = root / "sys" / "fs" / "cgroup"
    limit, used = (_number(r"(\d{1,18})\s*\Z", group / name) for name in ("memory.max", "memory.current"))
    if limit is None or used is None:
        return _NO_LIMIT
    return limit - used + (_number(r"^inactive_file (\d{1,18})$", group / "memory.stat") or 0)


def _number(pattern: str, path: Path) -> int | None:
    found = re.search(pattern, files.text(path), re.ASCII | re.MULTILINE)
    return int(found[1]) if found else None
