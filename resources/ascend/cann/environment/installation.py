"""Which CANN is installed here, and what it says about itself.

Here belongs what an installation is, where installations are looked for, and which of several is taken. Not here:
reading one (`installed_files.py`), the environment of its tools (`child_environment.py`), or what to do about what is
missing (`ascend_assets/operations`).
"""

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from resources.ascend.cann.environment import installed_files as files
from resources.ascend.cann.environment.installed_files import Kind
from resources.ascend.cann.errors import NoInstallation

NAMED_BY = ("ASCEND_HOME_PATH", "ASCEND_TOOLKIT_HOME")
"""Variables that name an installation, as its own set_env.sh exports them."""

_PREFIX = Path("usr/local/Ascend")
_LATEST = ("ascend-toolkit/latest", "cann", "nnae/latest", "nnrt/latest")
"""Below a prefix: the toolkit up to 8.3, everything since 8.5, and the packages that only run models."""
_BESIDE = (("ascend-toolkit", "[0-9]*"), (".", "cann-[0-9]*"), ("nnae", "[0-9]*"), ("nnrt", "[0-9]*"))
_MAX_BESIDE = 32
_PROGRAMS = ("bin", "{arch}-linux/bin", "tools/profiler/bin", "compiler/bin", "atc/bin", "fwkacllib/bin")
_ARCHES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True)
class Installation:
    """One installed package of CANN.

    `home`: what ASCEND_HOME_PATH names (`.../ascend-toolkit/latest`, `/usr/local/Ascend/cann`). `kind`: the toolkit has
    atc and msprof, nnae and nnrt run models only. `version`: external, such as `8.1.RC1`; `internal`: the compiler's,
    such as `7.7.0.1.238` (since 8.5 the same as `version`); `inner`: the build, such as `V100R001C21SPC001B238`. All
    three parse as `Version`; the last two are empty where nothing tells them. `soc_versions`: names that `atc` takes,
    sorted. `driver`, `firmware`: versions, empty where there are none. `found_by`: why this one, in words.
    `script`: its set_env.sh. `driver_libraries`: the folders of the driver's libraries that are there.
    """

    home: Path
    arch: str
    kind: Kind
    version: str
    internal: str = ""
    inner: str = ""
    soc_versions: tuple[str, ...] = ()
    driver: str = ""
    firmware: str = ""
    found_by: str = ""
    script: Path | None = None
    driver_libraries: tuple[Path, ...] = ()

    def program(self, name: str) -> Path | None:
        """The installation's own program of that name (`atc`, `msprof`), None where it has none."""
        folders = (self.home / folder.format(arch=self.arch) for folder in _PROGRAMS)
        return next((path for folder in folders if files.is_file(path := folder / name)), None)


def find(environ: Mapping[str, str] = os.environ, root: Path = Path("/"), machine: str = "") -> Installation:
    """The installation to use: the first that has `atc`, or else the first.

    Looked at in this order: ASCEND_HOME_PATH, ASCEND_TOOLKIT_HOME, the system's (`/usr/local/Ascend`, or where
    /etc/Ascend/ascend_cann_install.info says) and the user's (`$HOME/Ascend`) latest, then versions beside them, the
    newest first. Paths of the environment are taken as they are, the system's are below `root`. `machine`: the
    architecture, ours by default. Raises `NoInstallation`, whose `looked` has every place and what was wrong there.
    """
    found, looked = _search(environ, root, _arch(machine))
    if not found:
        raise NoInstallation(
            "no CANN is installed here, or none that can be used: install the toolkit (Ascend-cann-toolkit), or let "
            f"ASCEND_HOME_PATH name the folder that its set_env.sh is in or beside. Looked at: {'; '.join(looked)}",
            looked,
        )
    taken = next((each for each in found if each.program("atc")), found[0])
    return _with_reason(taken, found, looked)


def find_all(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/"), machine: str = ""
) -> tuple[Installation, ...]:
    """Every installation that can be used here, each once, in the order in which `find` looks."""
    return _search(environ, root, _arch(machine))[0]


def _arch(machine: str) -> str:
    name = (machine or platform.machine()).lower()
    return _ARCHES.get(name, name)


def _search(environ: Mapping[str, str], root: Path, arch: str) -> tuple[tuple[Installation, ...], tuple[str, ...]]:
    found: dict[Path, Installation] = {}
    looked: list[str] = []
    for home, why in _places(environ, root):
        read = files.read(home, arch)
        if isinstance(read, str):
            looked.append(f"{why}: {read}")
        elif read.real not in found:
            found[read.real] = _installation(home, why, read, root)
    return tuple(found.values()), tuple(looked)


def _installation(home: Path, why: str, read: files.Package, root: Path) -> Installation:
    driver = files.driver(root)
    return Installation(
        home=home,
        arch=read.arch,
        kind=read.kind,
        version=read.version,
        internal=read.internal,
        inner=read.inner,
        soc_versions=files.soc_versions(home, read.arch),
        driver=driver.version,
        firmware=driver.firmware,
        found_by=why,
        script=next((path for path in (home / "set_env.sh", home.parent / "set_env.sh") if files.is_file(path)), None),
        driver_libraries=driver.libraries,
    )


def _places(environ: Mapping[str, str], root: Path) -> Iterator[tuple[Path, str]]:
    for name in NAMED_BY:
        if value := environ.get(name, ""):
            named = Path(value).absolute()
            yield named, f"{name}={value}"
            if files.is_folder(named / "latest"):
                yield named / "latest", f"latest in {name}={value}"
    prefixes = [root / _PREFIX, *files.recorded_prefixes(root)]
    if user := environ.get("HOME", ""):
        prefixes.append(Path(user) / "Ascend")
    for part in (_LATEST[:2], _LATEST[2:]):
        for prefix in dict.fromkeys(prefixes):
            yield from ((prefix / name, str(prefix / name)) for name in part)
    for prefix in dict.fromkeys(prefixes):
        for folder, pattern in _BESIDE:
            yield from ((path, str(path)) for path in files.versions_in(prefix / folder, pattern, _MAX_BESIDE))


def _with_reason(taken: Installation, found: tuple[Installation, ...], looked: tuple[str, ...]) -> Installation:
    passed = [f"{each.found_by}, which has no atc" for each in found[: found.index(taken)]]
    by = taken.found_by.removeprefix("latest in ")
    named = [said for said in looked if said.startswith(NAMED_BY) and not said.startswith(f"{by}: ")]
    told = "; not ".join((taken.found_by, *passed, *named))
    return replace(taken, found_by=told)
