"""The variables that CANN's tools run with, built by ourselves and not by sourcing a shell script.

Here belongs what `set_env.sh` exports, and what is ours: private folders for what tools leave behind, the driver's
libraries, stub libraries for `atc` alone, and which Python CANN uses. Not here: finding the installation
(`installation.py`), or the grammar of its script (`shell_variables.py`).

Without these variables tools fail in ways that name something else: an ASCEND_OPP_PATH of another package gives E20002,
none gives E10001 about --host_env_os; stub libraries in front break pyACL (`undefined symbol: aclprofSetConfig`); a
`python3` without CANN's packages gives EC0010.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from resources.ascend.cann.environment import installed_files as files
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.environment.shell_variables import exported

PYTHON = "ASCEND_PYTHON"
"""Names the Python that CANN uses: a folder with a `python3` in it, or that interpreter."""

MAX_COMPILERS = 8
"""TE_PARALLEL_COMPILER's own default; each compiles one operator and takes some hundred MB."""

_LIBRARIES = (
    "lib64",
    "lib64/plugin/opskernel",
    "lib64/plugin/nnengine",
    "opp/built-in/op_impl/ai_core/tbe/op_tiling/lib/linux/{arch}",
    "tools/aml/lib64",
    "tools/aml/lib64/plugin",
    "{arch}-linux/lib64",
    "runtime/lib64",
)
_PROGRAMS = ("bin", "compiler/ccec_compiler/bin", "tools/ccec_compiler/bin", "tools/profiler/bin", "{arch}-linux/bin")
_MODULES = ("python/site-packages", "opp/built-in/op_impl/ai_core/tbe")
_STUBS = (
    "{arch}-linux/devlib",
    "devlib",
    "devlib/linux/{arch}",
    "runtime/lib64/stub",
    "{arch}-linux/lib64/stub",
    "runtime/lib64/stub/linux/{arch}",
)
_STUB_NAMES = frozenset({"devlib", "stub"})
_HAL = "libascend_hal.so*"
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def variables(
    found: Installation,
    *,
    work: Path,
    devices: Sequence[int] = (),
    for_atc: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """What a child gets beside the clean environment of `resources/process.py`.

    `work`: a private folder; logs, caches and temporary files go there. `devices`: logical ids for
    ASCEND_RT_VISIBLE_DEVICES, ascending; none leaves it unset. `for_atc`: stub libraries stand for a driver that is
    missing, at the end of the search path, and compilers are bounded by the cores. `environ`: ours; of it only PATH and
    ASCEND_PYTHON count, and PYTHON* variables are emptied, which to Python is the same as unset.
    """
    home = found.home
    script = _script(found)
    made = {name: "" for name in environ if name.startswith("PYTHON")}
    made |= {
        "ASCEND_HOME_PATH": str(home),
        "ASCEND_TOOLKIT_HOME": str(home),
        "ASCEND_AICPU_PATH": str(home),
        "ASCEND_OPP_PATH": str(home / "opp"),
        "TOOLCHAIN_HOME": str(home / "toolkit"),
        "PATH": _joined(_programs(found, script, environ)),
        "PYTHONPATH": _joined(_own(found, script, "PYTHONPATH", _MODULES)),
        "LD_LIBRARY_PATH": _joined(_libraries(found, script, environ, for_atc=for_atc)),
        **dict.fromkeys(("ASCEND_WORK_PATH", "ASCEND_CACHE_PATH", "ASCEND_PROCESS_LOG_PATH", "TMPDIR"), str(work)),
    }
    if for_atc:
        made["TE_PARALLEL_COMPILER"] = str(max(1, min(MAX_COMPILERS, len(os.sched_getaffinity(0)))))
    if devices:
        made["ASCEND_RT_VISIBLE_DEVICES"] = ",".join(str(number) for number in sorted(devices))
    return made


def interpreter(found: Installation, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The `python3` that CANN's tools find, None where there is none."""
    path = shutil.which("python3", path=_joined(_programs(found, _script(found), environ)))
    return Path(path) if path else None


def has_driver_library(found: Installation) -> bool:
    """Whether libascend_hal.so is in the driver's folders."""
    return any(files.listed(folder, _HAL) for folder in found.driver_libraries)


def stubs(found: Installation) -> tuple[Path, ...]:
    """The folders of stub libraries that hold a libascend_hal.so, which stands for the driver's while compiling."""
    return tuple(folder for folder in _below(found, _STUBS) if files.listed(folder, _HAL))


def _script(found: Installation) -> dict[str, str]:
    """What the installation's own script exports, as if it had been written for this very folder."""
    if found.script is None:
        return {}
    pinned = ("ASCEND_TOOLKIT_HOME", "ASCEND_HOME_PATH", "version_dirpath", "INSTALL_DIR")
    return exported(files.text(found.script), dict.fromkeys(pinned, str(found.home)), found.arch)


def _own(found: Installation, script: Mapping[str, str], name: str, ours: Sequence[str]) -> Iterable[Path]:
    """The script's folders of one variable that are the installation's and no stubs, then ours that it leaves out."""
    said = (Path(entry) for entry in script.get(name, "").split(":") if entry.startswith("/"))
    inside = (path for path in said if path.is_relative_to(found.home) and ".." not in path.parts)
    yield from (path for path in inside if not _STUB_NAMES & set(path.parts) and files.is_folder(path))
    yield from _below(found, ours)


def _below(found: Installation, folders: Sequence[str]) -> list[Path]:
    paths = (found.home / folder.format(arch=found.arch) for folder in folders)
    return [path for path in paths if files.is_folder(path)]


def _libraries(
    found: Installation, script: Mapping[str, str], environ: Mapping[str, str], *, for_atc: bool
) -> Iterable[Path]:
    yield from _own(found, script, "LD_LIBRARY_PATH", _LIBRARIES)
    yield from found.driver_libraries
    python = _named_python(environ)
    if python is not None and files.listed(python.parent / "lib", "libpython3*.so*"):
        yield python.parent / "lib"
    if for_atc and not has_driver_library(found):
        yield from stubs(found)


def _programs(found: Installation, script: Mapping[str, str], environ: Mapping[str, str]) -> Iterable[Path]:
    yield from _own(found, script, "PATH", _PROGRAMS)
    if (python := _named_python(environ)) is not None:
        yield python
    # Our own virtual environment has no reason to hold CANN's Python packages, and its numpy is too new for them.
    ours = {Path(sys.prefix) / "bin", Path(sys.executable).parent} if sys.prefix != sys.base_prefix else set()
    inherited = (Path(entry) for entry in (environ.get("PATH") or _DEFAULT_PATH).split(":") if entry.startswith("/"))
    yield from (path for path in inherited if path not in ours)


def _named_python(environ: Mapping[str, str]) -> Path | None:
    """The folder of the Python that ASCEND_PYTHON names; TBE looks for `python3` there by that name."""
    value = environ.get(PYTHON, "")
    if not value:
        return None
    named = Path(value).absolute()
    return named if files.is_folder(named) else named.parent


def _joined(paths: Iterable[Path]) -> str:
    return ":".join(dict.fromkeys(map(str, paths)))
