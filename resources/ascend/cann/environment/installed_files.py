"""The files by which an installation, a driver and a firmware tell what they are.

Here belongs reading them, each bounded, none trusted: a file that is missing, unreadable, of another kind or nonsense
says nothing. Not here: where installations are looked for and which one is taken (`installation.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from resources.ascend.cann.environment.versions import Version
from resources.regular_files import open_regular

MAX_FILE = 64 * 1024
"""Bytes that are read of one file."""
MAX_SOCS = 512
"""SoC versions of one installation; CANN 8.1 has 45."""
MAX_LISTED = 4096
"""Entries that are looked at of one folder."""

Kind = Literal["toolkit", "nnae", "nnrt"]
_KINDS: tuple[Kind, ...] = ("toolkit", "nnae", "nnrt")

_LINE = re.compile(r"^[ \t]*([A-Za-z][\w.-]{0,63})[ \t]*=[ \t]*\"?([^\"\r\n]{0,1024})", re.MULTILINE)
_RUNNING = re.compile(r"\[([^\[\]:]{1,64}):([^\[\]:]{1,64})\]")
_RUNNING_OF = ("toolkit", "compiler", "runtime", "nnae", "nnrt", "opp")
_VERSION_INFO = ("compiler", "share/info/compiler", "share/info/ge-compiler", "runtime", "share/info/runtime")
_INSIDE = ("bin", "lib64", "opp", "runtime", "compiler")
_SOC_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}")
_DRIVER_FOLDERS = ("lib64", "lib64/common", "lib64/driver")
_PRINTABLE = re.compile(r"[!-~]{1,64}")


@dataclass(frozen=True)
class Package:
    """What a folder says of the package in it. `real`: where its files really are, by which two links are one."""

    real: Path
    arch: str
    kind: Kind
    version: str
    internal: str
    inner: str


@dataclass(frozen=True)
class Driver:
    """Versions, empty for none, and the folders of libraries that are there, in the loader's order."""

    version: str
    firmware: str
    libraries: tuple[Path, ...]


def read(home: Path, arch: str) -> Package | str:
    """The package in `home`, or why there is none for this `arch`, in words."""
    if not is_folder(home):
        return "a link to nothing" if home.is_symlink() else "not there"
    others = [path.name for path in listed(home, "*-linux") if path.name != f"{arch}-linux"]
    if others and not is_folder(home / f"{arch}-linux"):
        return f"for {others[0].removesuffix('-linux')}, and this machine is {arch}"
    kind, told = _install_info(home, arch)
    version, internal, inner = _versions(home, arch, told)
    if not version or not any(is_folder(home / name) for name in _INSIDE):
        return "a folder without a version file that can be read, or with nothing else in it"
    return Package(_real(home, arch), arch, kind or _kind_by_place(home, arch), version, internal, inner)


def _real(home: Path, arch: str) -> Path:
    """`latest` of the toolkit is a real folder of links up to 8.3: what the links lead to is the installation."""
    inside = (home / name for name in ("compiler", "runtime", "opp", f"{arch}-linux"))
    return next((path.resolve().parent for path in inside if is_folder(path)), home.resolve())


def _install_info(home: Path, arch: str) -> tuple[Kind | None, dict[str, str]]:
    for kind in _KINDS:
        for folder in (home / f"{arch}-linux", home):
            told = settings(folder / f"ascend_{kind}_install.info")
            if told:
                return kind, told
    return None, {}


def _kind_by_place(home: Path, arch: str) -> Kind:
    names = {*home.parts, *home.resolve().parts}
    named = next((kind for kind in _KINDS[1:] if kind in names), None)
    compiles = any(is_file(home / folder / "atc") for folder in ("bin", f"{arch}-linux/bin", "atc/bin"))
    return named or ("toolkit" if compiles else "nnrt")


def _versions(home: Path, arch: str, told: dict[str, str]) -> tuple[str, str, str]:
    """External, internal, inner version: each from the first file that tells it, in the order of CANN's own tools."""
    external, internal, inner = [told.get("version", "")], list[str](), [told.get("innerversion", "")]
    running = settings(home / "version.cfg")
    for part in _RUNNING_OF:
        if both := _RUNNING.search(running.get(f"{part}_running_version", "")):
            internal.append(both[1])
            external.append(both[2])
    for folder in _VERSION_INFO:
        info = settings(home / folder / "version.info")
        internal.append(info.get("version", ""))
        external.append(info.get("version_dir", ""))
        inner.append(info.get("innerversion", ""))
    # Since 8.5 a component's version is the release's own.
    external += [_real(home, arch).name.removeprefix("cann-"), home.name.removeprefix("cann-"), *internal]
    return _first(external, "external"), _first(internal, "internal", "external"), _first(inner, "inner")


def _first(texts: Iterable[str], *kinds: str) -> str:
    return next((text for text in texts if (version := _version(text)) and version.kind in kinds), "")


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None


def soc_versions(home: Path, arch: str) -> tuple[str, ...]:
    """The names of data/platform_config/*.ini, by which `atc` knows a SoC; also where a package has its own folder."""
    places = [home / f"{arch}-linux", home]
    places += [path for path in listed(home, "*") if not path.name.endswith("-linux")]
    found: set[str] = set()
    for place in places:
        configured = place / "data" / "platform_config"
        for pattern in ("*.ini", "*/*.ini"):
            found.update(path.stem for path in listed(configured, pattern) if _SOC_NAME.fullmatch(path.stem))
    return tuple(sorted(found)[:MAX_SOCS])


def driver(root: Path) -> Driver:
    """The driver and the firmware of the machine whose files begin at `root`."""
    told = settings(root / "etc/ascend_install.info")
    standard = "/usr/local/Ascend"
    folder = _below(root, told.get("driver_install_path_param", standard)) / "driver"
    firmware = _below(root, told.get("firmware_install_path_param", standard)) / "firmware"
    # The boards with the SoC on them (Atlas 200) have the second place.
    homes = (folder, root / "var/davinci/driver")
    libraries = tuple(path for home in homes for name in _DRIVER_FOLDERS if is_folder(path := home / name))
    version = next((said for home in homes if (said := _stated(home / "version.info"))), "")
    return Driver(version, _stated(firmware / "version.info"), libraries)


def _stated(path: Path) -> str:
    told = settings(path)
    said = told.get("version") or told.get("package_version", "")
    return said if _PRINTABLE.fullmatch(said) else ""


def recorded_prefixes(root: Path) -> tuple[Path, ...]:
    """Where the installer says that it put CANN: `Install_Path` and `..._Install_Path_Param` of its record."""
    told = settings(root / "etc/Ascend/ascend_cann_install.info")
    said = [value for name, value in told.items() if "install_path" in name and value.startswith("/")]
    return tuple(dict.fromkeys(_below(root, value) for value in said))


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def versions_in(folder: Path, pattern: str, limit: int) -> list[Path]:
    """Folders of `folder` that are named for a version, the newest first."""
    named = [(path.name.removeprefix("cann-"), path) for path in listed(folder, pattern)]
    known = [(version, path) for name, path in named if (version := _version(name))]
    return [path for _, path in sorted(known, reverse=True)[:limit]]


def settings(path: Path) -> dict[str, str]:
    """`name=value` lines, names in lower case, the first of a name. Empty where nothing can be read."""
    found: dict[str, str] = {}
    for line in _LINE.finditer(text(path)):
        found.setdefault(line[1].lower(), line[2].strip())
    return found


def text(path: Path) -> str:
    """The beginning of a regular file, empty where it cannot be read: it then says nothing, as if it were not there."""
    try:
        file, _ = open_regular(path)
        with file:
            return file.read(MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def listed(folder: Path, pattern: str) -> list[Path]:
    """At most MAX_LISTED entries that match, sorted; none where the folder cannot be read."""
    try:
        return sorted(islice(folder.glob(pattern), MAX_LISTED))
    except (OSError, ValueError):
        return []


def is_file(path: Path) -> bool:
    """Whether there is a file that we may see: what cannot be looked at cannot be used either."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder that we may see."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
