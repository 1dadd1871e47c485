"""Profiling a program with msprof: collect, export, find the tables.

Here belong msprof's command lines and the tree it leaves. Not here: the tables (`op_summary.py`, `prof_tables.py`), or
what is profiled (`profile.py`).

The program is given after the options where msprof takes it so (CANN 8 and later), else as `--application`, whose text
those versions part at blanks without a thought for quotes, and whose second word after a python must be a script's path
(msprof's input_parser.cpp). Older versions leave raw data that a second call exports. ASCEND_RT_VISIBLE_DEVICES must
not be set while profiling, so that the program is told its device by its number.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from resources.ascend.cann.environment.symptoms import explain
from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.errors import BadOutput, ToolFailed
from resources.ascend.cann.profiling.csv_table import Row, read
from resources.ascend.cann.site import Site
from resources.output import last_lines
from resources.process import Completed, ProcessError, ProcessTimeout

PROFILE_SECONDS = 1800.0
EXPORT_SECONDS = 900.0
MAX_TABLE_BYTES = 1 << 28
"""Some 400,000 tasks: fifteen runs of the largest models have a fifth of that."""
MAX_FOLDERS = 64

_OPTIONS = (
    "--ascendcl=on",
    "--task-time=on",
    "--ai-core=on",
    "--aic-mode=task-based",
    "--aic-metrics=PipeUtilization",
)
_RUN_MODULE = """import runpy, sys
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
_SLICE = re.compile(r"_slice_(?P<number>\d{1,6})_(?P<time>[^/]*)\.csv$")
_POSITIONAL = Version.parse("8.0.RC1")
"""The first line of releases whose manual gives the program after the options."""


def collect(site: Site, command: Sequence[str | Path], cwd: Path, *, failed: Callable[[str, str], Exception]) -> Path:
    """Run `command` under msprof in the private folder `cwd`; the PROF folder with its exported tables.

    `failed(what, log)`: the exception for what went wrong under msprof by its log. Raises that where there is no
    profile or no table of operators, and `ToolFailed` without msprof, or when it cannot be run or takes too long. The
    exit code alone is no failure: a program may fall over at its end, when all has been written.
    """
    program = site.installation.program("msprof")
    if program is None:
        raise ToolFailed(f"{site.installation.home} has no msprof: install the toolkit to profile")
    folder = cwd / "profile"
    folder.mkdir()
    site.say("msprof: profiling the operators")
    version = site.installation.version
    words = list(map(str, command)) if _positional(version) else _by_script(command, cwd)
    done = _run(site, arguments(program, version, folder, words), cwd, PROFILE_SECONDS)
    log = f"{done.stdout}\n{done.stderr}"
    found = _with_operators(folder)
    if found is None:
        raise failed(f"msprof ended with exit code {done.returncode} and left no profile", log)
    if not tables(found, "op_summary"):
        exported = _run(site, [program, "--export=on", f"--output={found}"], cwd, EXPORT_SECONDS)
        log = f"{log}\n{exported.stdout}\n{exported.stderr}"
    if not tables(found, "op_summary"):
        raise failed(f"msprof (exit code {done.returncode}) exported no op_summary", log)
    return found


def arguments(program: Path, version: str, output: Path, command: Sequence[str | Path]) -> list[str]:
    """The whole argument vector. `version`: CANN's, external. Raises `ToolFailed` for a word that cannot be told."""
    argv = [str(program), f"--output={output}", *_OPTIONS]
    words = [str(word) for word in command]
    if _positional(version):
        return [*argv, *words]
    parted = next((word for word in words if len(word.split()) != 1), None)
    if parted is not None:
        raise ToolFailed(
            f"msprof of CANN {version} cannot be told the word {parted!r}: it takes none with blanks in it"
        )
    return [*argv, f"--application={' '.join(words)}"]


def _by_script(command: Sequence[str | Path], cwd: Path) -> list[str]:
    """The same command, with `-m module` as a script in `cwd` that runs the module."""
    python, *words = map(str, command)
    if words[:1] != ["-m"]:
        return [python, *words]
    script = cwd / "run_module.py"
    script.write_text(_RUN_MODULE)
    return [python, str(script), *words[1:]]


def profiles(folder: Path) -> list[Path]:
    """The PROF folders below `folder`, the oldest first, the newest `MAX_FOLDERS` of them. No links."""
    found = [path for path in folder.glob("PROF_*") if path.is_dir() and not path.is_symlink()]
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))[-MAX_FOLDERS:]


def tables(profile: Path, name: str) -> list[Path]:
    """The exported CSV files of one kind, in the folder of either generation, the newest last.

    Regular files within the profile only: no links, and nothing that a linked folder leads to.
    """
    inside = profile.resolve()
    found = [
        path
        for pattern in ("mindstudio_profiler_output", "device_*/summary", "*/mindstudio_profiler_output", "summary")
        for path in profile.glob(f"{pattern}/{name}_*.csv")
        if path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(inside)
    ]
    return sorted(set(found), key=lambda path: (path.stat().st_mtime_ns, path.name))


def rows(profile: Path, name: str) -> Iterator[Row]:
    """Every row of the newest table of one kind; none where there is no such table. Raises `BadOutput`."""
    found = _slices(tables(profile, name))
    size = sum(path.stat().st_size for path in found)
    if size > MAX_TABLE_BYTES:
        raise BadOutput(f"{found[-1].name}: {size:,} bytes, {MAX_TABLE_BYTES:,} are read: profile fewer runs")
    for path in found:
        yield from read(path)


def _slices(found: Sequence[Path]) -> list[Path]:
    """The newest table. Of one that msprof cut into `<name>_slice_<number>_<time>.csv` all of that time, in order."""
    if not found:
        return []
    newest = _SLICE.search(found[-1].name)
    if newest is None:
        return [found[-1]]
    cut = [(path, match) for path in found if (match := _SLICE.search(path.name))]
    whole = {int(match["number"]): path for path, match in cut if match["time"] == newest["time"]}
    return [whole[number] for number in sorted(whole)]


def _with_operators(folder: Path) -> Path | None:
    """The newest profile with its tables, else with a device's data, else of all: each process leaves one."""
    found = profiles(folder)[::-1]
    exported = (path for path in found if tables(path, "op_summary"))
    raw = (path for path in found if any(path.glob("device_*")))
    return next((path for choice in (exported, raw, found) for path in choice), None)


def _positional(version: str) -> bool:
    try:
        return Version.parse(version) >= _POSITIONAL
    except ValueError:
        return True


def _run(site: Site, argv: Sequence[str | Path], cwd: Path, timeout: float) -> Completed:
    try:
        return site.run(argv, cwd=cwd, timeout=timeout)
    except ProcessTimeout as error:
        log = f"{error.completed.stdout}\n{error.completed.stderr}"
        raise ToolFailed(f"msprof did not end within {timeout:g} s; it said:\n{last_lines(log)}", log) from error
    except ProcessError as error:
        known = explain(str(error))
        raise ToolFailed(f"msprof: {error}" + "".join(f"; {each.remedy}" for each in known[:1])) from error
