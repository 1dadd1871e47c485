"""A CANN installation as a tree of files: what the tools find on a disk, without a tool that works.

Here belong the folders, version files, scripts and platform configurations of each layout, and programs that only say
that they were called without arguments. Programs that do something are the stand-ins, which are put into this tree.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

Layout = Literal["toolkit", "cann", "user", "nnrt", "nnae"]

SOCS = ("Ascend310P3", "Ascend310B4", "Ascend910B", "Ascend910B3", "Ascend910B4")
KERNELS = ("ascend310p", "ascend910b")
ARCH = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())

BARE_ATC = """\
#!/bin/sh
echo 'ATC start working now, please wait for a moment.'
echo "ATC run failed, Please check the detail log, Try 'atc --help' for more information"
echo 'E10007: [PID: 77] 2026-11-20-10:00:00.000.001 [--framework] is required. The value must be [0 or 1 or 3 or 5].'
exit 255
"""
QUIET = "#!/bin/sh\nexit 0\n"

OLD_SCRIPT = """\
export ASCEND_TOOLKIT_HOME={home}
export LD_LIBRARY_PATH=${{ASCEND_TOOLKIT_HOME}}/lib64:${{ASCEND_TOOLKIT_HOME}}/lib64/plugin/opskernel:$LD_LIBRARY_PATH
export LD_LIBRARY_PATH=${{ASCEND_TOOLKIT_HOME}}/tools/aml/lib64:$LD_LIBRARY_PATH
export PYTHONPATH=${{ASCEND_TOOLKIT_HOME}}/python/site-packages:$PYTHONPATH
export PATH=${{ASCEND_TOOLKIT_HOME}}/bin:${{ASCEND_TOOLKIT_HOME}}/compiler/ccec_compiler/bin:$PATH
export ASCEND_AICPU_PATH=${{ASCEND_TOOLKIT_HOME}}
export ASCEND_OPP_PATH=${{ASCEND_TOOLKIT_HOME}}/opp
export TOOLCHAIN_HOME=${{ASCEND_TOOLKIT_HOME}}/toolkit
export ASCEND_HOME_PATH=${{ASCEND_TOOLKIT_HOME}}
"""
NEW_SCRIPT = """\
#!/bin/bash
prepend_env() {{
    local name="$1"
    local value="$2"
    export $name
}}
setenv_main() {{
    local version_dirpath
    version_dirpath="$(dirname "$(readlink -f "$BASH_SOURCE")")"
    if [ "$is_install_driver" = "n" ]; then
        append_env "LD_LIBRARY_PATH" "$version_dirpath/devlib"
    fi
    prepend_env "PATH" "$version_dirpath/bin:$version_dirpath/tools/profiler/bin"
    prepend_env "LD_LIBRARY_PATH" "$version_dirpath/lib64:$version_dirpath/tools/aml/lib64"
    export PYTHONPATH="$version_dirpath/python/site-packages:$PYTHONPATH"
    export ASCEND_OPP_PATH="$version_dirpath/opp"
    export ASCEND_HOME_PATH="$version_dirpath"
}}
setenv_main "$@"
"""


def build(
    root: Path,
    *,
    version: str = "8.1.RC1",
    layout: Layout = "toolkit",
    internal: str = "7.7.0.1.238",
    inner: str = "V100R001C21SPC001B238",
    arch: str = ARCH,
    socs: Sequence[str] = SOCS,
    kernels: Sequence[str] = KERNELS,
    driver: str = "24.1.0",
    firmware: str = "7.5.0.5.220",
    devices: int = 0,
    programs: Mapping[str, str] | None = None,
) -> Path:
    """Write the tree below `root` and hand out the home: what ASCEND_HOME_PATH would name.

    `layout`: `toolkit` is /usr/local/Ascend/ascend-toolkit/<version> with `latest` beside it, a real folder of links;
    `cann` is /usr/local/Ascend/cann-<version> with the link `cann`; `user` is the toolkit below /home/user; `nnrt` and
    `nnae` have no atc. `driver`, `firmware`: versions, empty for none. `devices`: how many /dev/davinci<n> there are.
    `programs`: name -> text of an executable in the home's bin; without them `atc` and `msprof` that do nothing.
    Several versions may be built into one root: `latest` and `cann` name the one that was built last.
    """
    home = _home(root, layout, version)
    real = home.parent / (f"cann-{version}" if layout == "cann" else version)
    _package(real, layout, version=version, internal=internal, inner=inner, arch=arch)
    compiles = layout not in {"nnrt", "nnae"}
    for name, text in (programs if programs is not None else {"atc": BARE_ATC, "msprof": QUIET}).items():
        if compiles or name != "atc":
            executable(real / f"{arch}-linux" / "bin" / name, text)
    for soc in socs if compiles else ():
        write(real / f"{arch}-linux" / "data" / "platform_config" / f"{soc}.ini", f"[version]\nSoC_version={soc}\n")
    for kernel in kernels if compiles else ():
        folder = real / "opp" / "built-in" / "op_impl" / "ai_core" / "tbe" / "kernel"
        write(folder / "config" / kernel / "add.json", "{}")
    link(real / "bin", f"{arch}-linux/bin")
    link(real / "lib64", f"{arch}-linux/lib64")
    link(real / "devlib", f"{arch}-linux/devlib")
    _latest(home, real, layout)
    _script(home, layout)
    install_driver(root, driver, firmware, devices=devices)
    return home


def install_driver(root: Path, driver: str, firmware: str = "", *, devices: int = 0, hal: bool = True) -> None:
    """Write the driver's and the firmware's version files, the driver's libraries and the device nodes."""
    ascend = root / "usr" / "local" / "Ascend"
    if driver:
        text = f"Version={driver}\nascendhal_version=7.35.23\nInnerversion=V100R001C19SPC002B226\n"
        write(ascend / "driver" / "version.info", f"{text}package_version={driver}\n")
        for name in ("common", "driver"):
            (ascend / "driver" / "lib64" / name).mkdir(parents=True, exist_ok=True)
        if hal:
            write(ascend / "driver" / "lib64" / "driver" / "libascend_hal.so", "")
    if firmware:
        write(ascend / "firmware" / "version.info", f"Version={firmware}\npackage_version={driver}\n")
    for name in (*(f"davinci{n}" for n in range(devices)), "davinci_manager", "devmm_svm", "hisi_hdc"):
        if devices:
            write(root / "dev" / name, "")


def write(path: Path, text: str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def executable(path: Path, text: str) -> Path:
    """Write a program."""
    write(path, text).chmod(0o755)
    return path


def link(path: Path, target: str) -> None:
    """Make, or make anew, a symbolic link."""
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _home(root: Path, layout: Layout, version: str) -> Path:
    ascend = root / "home" / "user" / "Ascend" if layout == "user" else root / "usr" / "local" / "Ascend"
    if layout == "cann":
        return ascend / "cann"
    folder = ascend / ("ascend-toolkit" if layout in {"toolkit", "user"} else layout)
    (folder / version).mkdir(parents=True, exist_ok=True)
    return folder / "latest"


def _package(real: Path, layout: Layout, *, version: str, internal: str, inner: str, arch: str) -> None:
    kind = layout if layout in {"nnrt", "nnae"} else "toolkit"
    own = real / f"{arch}-linux"
    write(
        own / f"ascend_{kind}_install.info",
        f"package_name=Ascend-cann-{kind}\nversion={version}\ninnerversion={inner}\narch={arch}\nos=linux\n",
    )
    info = f'Version={internal}\nversion_dir={version}\ntimestamp=20250428_203017761\nrequired_opp_version="7.7"\n'
    for part in ("compiler", "runtime", "opp"):
        folder = real / "share" / "info" / part if layout == "cann" else real / part
        write(folder / "version.info", info)
    folders = ("lib64/plugin/opskernel", "lib64/plugin/nnengine", "lib64/stub", "devlib", "bin")
    for folder in (*(own / name for name in folders), *(real / name for name in _folders(arch))):
        folder.mkdir(parents=True, exist_ok=True)
    write(own / "devlib" / "libascend_hal.so", "")
    if layout != "cann":
        write(real / "runtime" / "lib64" / "stub" / "libascend_hal.so", "")
        running = "".join(
            f"{part}_running_version=[{internal}:{version}]\n" for part in ("runtime", "compiler", "opp", "toolkit")
        )
        write(real / "version.cfg", f"# version: 1.0\n{running}")


def _folders(arch: str) -> tuple[str, ...]:
    tbe = "opp/built-in/op_impl/ai_core/tbe"
    return (
        "python/site-packages",
        f"{tbe}/op_tiling/lib/linux/{arch}",
        "tools/aml/lib64/plugin",
        "tools/ccec_compiler/bin",
        "tools/profiler/bin",
        "compiler/ccec_compiler/bin",
        "toolkit",
    )


def _latest(home: Path, real: Path, layout: Layout) -> None:
    if layout == "cann":
        link(home, real.name)
        return
    home.mkdir(exist_ok=True)
    for entry in sorted(real.iterdir()):
        if entry.name == "version.cfg":
            write(home / entry.name, entry.read_text(encoding="utf-8"))
        else:
            link(home / entry.name, os.path.join("..", real.name, entry.name))  # noqa: PTH118 - a link's text


def _script(home: Path, layout: Layout) -> None:
    if layout == "cann":
        write(home / "set_env.sh", NEW_SCRIPT.format())
    else:
        write(home.parent / "set_env.sh", OLD_SCRIPT.format(home=home))
