"""Examining what CANN needs from Python, and its tools that are Python packages.

Here belong the interpreter that `atc` compiles operators with, its packages, and ais_bench, msprof, msaccucmp and
msprof-analyze. Not here: the installation (`doctor_cann.py`).
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ascend_assets.operations.finding import Finding
from resources.ascend.cann.environment import child_environment
from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.errors import ToolFailed
from resources.ascend.cann.precision import msaccucmp
from resources.ascend.cann.running import ais_tools
from resources.ascend.cann.site import Site
from resources.process import ProcessError

MODULES = {
    "numpy": "'numpy<2'",
    "decorator": "decorator",
    "attr": "attrs",
    "psutil": "psutil",
    "scipy": "scipy",
    "sympy": "sympy",
    "cffi": "cffi",
    "google.protobuf": "protobuf",
    "absl": "absl-py",
    "cloudpickle": "cloudpickle",
    "ml_dtypes": "ml-dtypes",
    "tornado": "tornado",
}
"""What CANN's operator compiler imports, and what pip calls it (CANN's installation guide)."""

_ASK_SECONDS = 30.0
_NUMPY = (2, 0)
_PYTHON = (3, 13)
"""From here on frames' locals cannot be pickled, on which the operator compiler of CANN before 8.5 depends."""
_NEWER_PYTHON = (8, 5)

# Runs under CANN's Python, which may be as old as 3.7.
_ASK = """\
import importlib.util, json, sys
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
try:
    import numpy
    version = str(numpy.__version__)
except Exception:
    version = ""
print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], "numpy": version,
                  "missing": [name for name in sys.argv[1:] if not has(name)]}))
"""


@dataclass(frozen=True)
class _Told:
    python: str
    numpy: str
    missing: tuple[str, ...]


def compiling(site: Site, work: Path, environ: Mapping[str, str], *, needed: bool) -> Iterator[Finding]:
    """The Python that atc compiles operators with: one child is asked for everything."""
    name = "cann python"
    set_it = f"let {child_environment.PYTHON} name the folder of the python3 that has CANN's packages"
    program = child_environment.interpreter(site.installation, environ)
    if program is None:
        said = "there is no python3 on PATH: atc cannot compile an operator (EC0010)"
        yield Finding(name, ok=False, said=said, remedy=f"install one, or {set_it}", needed=needed)
        return
    named = environ.get(child_environment.PYTHON, "")
    if named and program.parent not in {Path(named).absolute(), Path(named).absolute().parent}:
        said = f"{child_environment.PYTHON}={named} has no python3 in it; {program} would be used"
        yield Finding(name, ok=False, said=said, remedy=set_it, needed=needed)
        return
    try:
        ended = site.run((program, "-c", _ASK, *MODULES), cwd=work, timeout=_ASK_SECONDS, check=True)
        told = _read(ended.stdout)
    except (ProcessError, ValueError) as error:
        said = f"{program} does not answer: {str(error).splitlines()[0]}"
        remedy = f"see what it says: {program} --version; or {set_it}"
        yield Finding(name, ok=False, said=said, remedy=remedy, needed=needed)
        return
    yield _judged(program, told, Version.parse(site.installation.version), needed=needed)


def _judged(program: Path, told: _Told, cann: Version, *, needed: bool) -> Finding:
    wanted = [MODULES[module] for module in told.missing]
    wrong = [f"has no {', '.join(told.missing)}"] if told.missing else []
    if _numbers(told.numpy) >= _NUMPY:
        wrong.append(f"has numpy {told.numpy}, which is too new")
        wanted.append(MODULES["numpy"])
    another = f"let {child_environment.PYTHON} name the folder of another python3"
    remedy = f"{program} -m pip install {' '.join(wanted)}; or {another}"
    if _numbers(told.python) >= _PYTHON and cann.release < _NEWER_PYTHON:
        wrong.append(f"is too new for CANN {cann}")
        remedy = f"install Python 3.10 with CANN's packages, and {another}"
    said = f"{program}, {told.python}"
    if not wrong:
        return Finding("cann python", ok=True, said=f"{said} with all that atc needs", needed=needed)
    said = f"{said}, {' and '.join(wrong)}: atc fails when it compiles an operator (EC0010)"
    return Finding("cann python", ok=False, said=said, remedy=remedy, needed=needed)


def _numbers(version: str) -> tuple[int, ...]:
    """(3, 11) of `3.11.2`; nothing of what is no version."""
    found = re.match(r"(\d{1,4})\.(\d{1,4})", version, re.ASCII)
    return (int(found[1]), int(found[2])) if found else ()


def _read(text: str) -> _Told:
    """The child's last line. Raises `ValueError` where that is no answer: a sitecustomize may print, too."""
    lines = text.strip().splitlines()
    told = json.loads(lines[-1]) if lines else {}
    if not isinstance(told, dict) or not isinstance(missing := told.get("missing"), list):
        raise ValueError("it printed no answer")  # noqa: TRY004 - what a process prints is a value
    known = tuple(module for module in MODULES if module in missing)
    return _Told(str(told.get("python", ""))[:40], str(told.get("numpy", ""))[:40], known)


def measuring(site: Site) -> Iterator[Finding]:
    """The tools that run, measure and compare models on a device."""
    yield _ais_bench(site)
    msprof = site.installation.program("msprof")
    said = str(msprof or "not in the installation: operators cannot be profiled")
    remedy = "" if msprof else "install the toolkit; nnrt and nnae do not have it"
    yield Finding("msprof", ok=msprof is not None, said=said, remedy=remedy, needed=False)
    yield _msaccucmp(site)
    path = child_environment.variables(site.installation, work=Path.cwd())["PATH"]
    analyze = shutil.which("msprof-analyze", path=path)
    said = analyze or "not on PATH: the dossier goes without its advice"
    remedy = "" if analyze else "python3 -m pip install msprof-analyze"
    yield Finding("msprof-analyze", ok=analyze is not None, said=said, remedy=remedy, needed=False)


def _ais_bench(site: Site) -> Finding:
    found = ais_tools.find_tools(site)
    if found.python or found.command:
        how = [f"its Python session with {found.python}"] if found.python else []
        how += [f"its command {' '.join(found.command.prefix)}"] if found.command else []
        return Finding("ais_bench", ok=True, said=" and ".join(how), needed=False)
    said = f"not here, so no model runs: {'; '.join(found.why_not)}"
    return Finding("ais_bench", ok=False, said=said, remedy=ais_tools.INSTALL, needed=False)


def _msaccucmp(site: Site) -> Finding:
    try:
        tool = msaccucmp.of(site)
    except ToolFailed as error:
        said, _, remedy = str(error).partition(": ")
        remedy = remedy or "python3 -m pip install mindstudio-probe"
        return Finding("msaccucmp", ok=False, said=said, remedy=remedy, needed=False)
    return Finding("msaccucmp", ok=True, said=" ".join(tool.command), needed=False)
