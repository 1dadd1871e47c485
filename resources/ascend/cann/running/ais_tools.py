"""Which of ais_bench's forms is installed here: its Python session, its command, or `msit benchmark`.

Here belongs asking the machine, once for an installation and bounded in time. Not here: how each is called
(`ais_bench.py`).

ais_bench is two wheels, `ais_bench` and `aclruntime`, of which the second fits one CANN and one python: so every
`python3` on PATH is asked, in order, and importing happens in a child, because a wrong aclruntime may crash.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.environment.installation import Installation
from resources.ascend.cann.errors import ToolFailed
from resources.ascend.cann.running import session_worker
from resources.ascend.cann.running.ais_bench import Kind, Tool
from resources.ascend.cann.site import Site
from resources.process import Completed, ProcessError, clean_environment

INSTALL = (
    "install ais_bench for the python3 that CANN's tools use: the wheels aclruntime-*.whl (of this CANN version and "
    "this python) and ais_bench-*.whl of the Ascend tools repository; or `pip install msit`, `msit install benchmark`"
)
PROBE_SECONDS = 120.0
MAX_PYTHONS = 4
_WIDE = ("/usr/bin/env", "COLUMNS=400")
"""The newest ais_bench cuts its flags to the terminal's width, which for a pipe is 80."""
_FLAG = re.compile(r"--[A-Za-z][\w-]*")
_SHOWN = 300


@dataclass(frozen=True)
class AisTools:
    """What there is. `python` has a session that can be imported, empty where none has; `why_not`: what was tried."""

    python: str
    command: Tool | None
    version: str
    why_not: tuple[str, ...] = ()

    def require_command(self) -> Tool:
        """The command. Raises `ToolFailed` with what was tried, and how to install it."""
        if self.command is None:
            raise ToolFailed(f"there is no ais_bench here ({'; '.join(self.why_not)}): {INSTALL}")
        return self.command


def find_tools(site: Site) -> AisTools:
    """Ask the machine; the answer is kept for as long as this process lives, unless there was nothing."""
    with tempfile.TemporaryDirectory(prefix="ascend-ais-") as name:
        path = clean_environment(child_environment.variables(site.installation, work=Path(name))).get("PATH", "")
    found = _asked(site.installation, site.root, path)
    if not found.python and found.command is None:
        _asked.cache_clear()
    return found


@lru_cache(maxsize=16)
def _asked(installation: Installation, root: Path, path: str) -> AisTools:
    site, tried = Site(installation, root=root), list[str]()
    session = ""
    with tempfile.TemporaryDirectory(prefix="ascend-ais-") as name:
        work = Path(name)
        shutil.copyfile(session_worker.__file__, work / "session_worker.py")
        for python in _programs("python3", path)[:MAX_PYTHONS]:
            has, imports, version = _probed(site, python, work, tried)
            session = session or (python if imports else "")
            if not has:
                continue
            tool = _command(site, "ais_bench", (python, "-m", "ais_bench"), version, work, tried)
            if tool is not None:
                return AisTools(session, tool, version, tuple(tried))
        for msit in _programs("msit", path)[:1]:
            tool = _command(site, "msit", (msit, "benchmark"), "", work, tried)
            if tool is not None:
                return AisTools(session, tool, "", tuple(tried))
    return AisTools(session, None, "", (*tried, "neither a python3 that has it nor msit is on PATH"))


def _programs(name: str, path: str) -> list[str]:
    """Every program of that name on PATH, in order, once for each folder, whatever links lead to it."""
    folders: dict[str, str] = {}
    for folder in filter(os.path.isabs, path.split(os.pathsep)):
        folders.setdefault(os.path.realpath(folder), folder)
    found = (shutil.which(name, path=folder) for folder in folders.values())
    return [program for program in found if program]


def _probed(site: Site, python: str, work: Path, tried: list[str]) -> tuple[bool, bool, str]:
    """Whether this python has ais_bench, whether its session can be imported, and its version."""
    done = _ran(site, [python, "session_worker.py", "probe"], work, tried)
    if done is None:
        return False, False, ""
    told: dict[str, object] = {}
    for line in done.stdout.splitlines():
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            continue  # not the probe's
        told |= answer if isinstance(answer, dict) else {}
    has, imports = told.get("ais_bench") is True, told.get("session") is True
    if not has:
        tried.append(f"{python} has no ais_bench")
    elif not imports:
        why = str(told.get("error", "")).strip().splitlines()[-1:] or [f"it ended with exit code {done.returncode}"]
        tried.append(f"{python} cannot import ais_bench's session: {why[0][:_SHOWN]}")
    return has, imports, str(told.get("version", ""))[:_SHOWN]


def _command(
    site: Site, kind: Kind, prefix: tuple[str, ...], version: str, work: Path, tried: list[str]
) -> Tool | None:
    """The command if its help names the model's flag, which it does only where all it needs is there."""
    done = _ran(site, [*_WIDE, *prefix, "--help"], work, tried)
    if done is None:
        return None
    flags = frozenset(_FLAG.findall(done.stdout))
    if done.returncode == 0 and {"--model", "--om-model"} & flags:
        return Tool(kind, prefix, flags, version)
    said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["nothing"]
    tried.append(f"`{' '.join(prefix)} --help` ended with exit code {done.returncode} and said {said[0][:_SHOWN]}")
    return None


def _ran(site: Site, argv: Sequence[str], work: Path, tried: list[str]) -> Completed | None:
    try:
        return site.run(argv, cwd=work, timeout=PROBE_SECONDS)
    except ProcessError as error:
        tried.append(str(error).splitlines()[0][:_SHOWN])
        return None
