"""Puts the stand-ins into a fake installation, in the places and spellings of three generations of CANN.

`7.0`: 310P cards, `python3 -m ais_bench` as a command. `8.1`: A2 cards, ais_bench with its Python session. `9.1`: A3
cards, `msit benchmark`, the newer home. Here belong the launchers and the tree. Not here: what a program does.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import fake_install

from stand_ins import tree
from stand_ins.tree import Chip, Generation, Tree

Release = Literal["7.0", "8.1", "9.1"]

SUPPORT = Path(__file__).parents[1]
SOCS = ("Ascend310", "Ascend310B4", "Ascend310P3", "Ascend910A", "Ascend910B", "Ascend910B3", "Ascend910_9391")

_LAUNCHER = """\
#!{python} -I
# A stand-in for tests: see tests/support/stand_ins.
import sys
sys.path.insert(0, {support!r})
from stand_ins import {module}
sys.exit({module}.main(sys.argv[1:], {home!r}{more}))
"""
_SCRIPT = """\
# A stand-in for tests: whatever Python runs this, the work is done by the one that has what it needs.
import os, sys
sys.stdout.flush()
os.execv({python!r}, [{python!r}, "-I", {target!r}, *sys.argv[1:]])
"""
_INTERFACE = """\
import sys
import numpy  # as the real one does
sys.path.append({support!r})
from stand_ins import ais_session
ais_session.HOME = {home!r}
InferSession = ais_session.InferSession
"""


@dataclass(frozen=True)
class StandIns:
    """Installed stand-ins. `root`: where the machine's files begin. `soc`: of its devices; `other_soc`: legal too."""

    root: Path
    tree: Tree
    other_soc: str

    @property
    def home(self) -> Path:
        return self.tree.home

    @property
    def soc(self) -> str:
        return self.tree.soc

    @property
    def environ(self) -> dict[str, str]:
        """What names the installation."""
        return {"ASCEND_HOME_PATH": str(self.home)}

    def break_(self, tool: str, name: str, **details: Any) -> None:
        """Let a program do something wrong from now on."""
        path = self.home / tree.FAULTS
        asked = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps({**asked, tool: {"name": name, **details}}), encoding="utf-8")

    def mend(self) -> None:
        """Let every program do right again, and forget how they were called."""
        for name in (tree.FAULTS, tree.CALLS, tree.RUNS):
            (self.home / name).unlink(missing_ok=True)

    def calls(self, tool: str) -> list[dict[str, Any]]:
        """How a program was called, in order: argv, cwd, pid, env."""
        return [call for call in self.tree.lines(tree.CALLS) if call["tool"] == tool]


@dataclass(frozen=True)
class _Kind:
    generation: Generation
    version: str
    internal: str
    layout: fake_install.Layout
    soc: str
    other_soc: str
    chips: tuple[Chip, ...]


_KINDS: Mapping[Release, _Kind] = {
    "7.0": _Kind(
        *("7", "7.0.0", "7.1.0.1.238", "toolkit", "Ascend310P3", "Ascend910B3"),
        (Chip(24, 0, 0, "310P3", 21527), Chip(96, 0, 1, "310P3", 21527)),
    ),
    "8.1": _Kind(
        *("8", "8.1.RC1", "7.7.0.1.238", "toolkit", "Ascend910B3", "Ascend310P3"),
        (Chip(0, 0, 0, "910B3", 65536), Chip(1, 0, 1, "910B3", 65536)),
    ),
    "9.1": _Kind(
        *("9", "9.1.0", "9.1.0", "cann", "Ascend910_9391", "Ascend310P3"),
        (Chip(0, 0, 0, "Ascend910", 65536), Chip(0, 1, 1, "Ascend910", 65536)),
    ),
}


def install(root: Path, release: Release = "8.1", *, cache: Path | None = None, driver: bool = True) -> StandIns:
    """Build an installation of stand-ins below `root`. `cache`: shared by trees, so that a model compiles once."""
    kind = _KINDS[release]
    home = fake_install.build(
        root,
        version=kind.version,
        layout=kind.layout,
        internal=kind.internal,
        socs=SOCS,
        devices=len(kind.chips) if driver else 0,
        driver="24.1.0" if driver else "",
        programs={},
    )
    made = Tree(
        home, kind.generation, kind.version, kind.internal, kind.soc, kind.chips, cache or root / "stand-in-cache"
    )
    made.write()
    _programs(root, home, kind.generation)
    for soc in SOCS:
        _platform(home, soc)
    return StandIns(root, made, kind.other_soc)


def _programs(root: Path, home: Path, generation: Generation) -> None:
    for name in ("atc", "msprof"):
        _launcher(home / "bin" / name, home, name)
    _launcher(root / "usr" / "local" / "bin" / "npu-smi", home, "npu_smi")
    compare = home / "tools" / "operator_cmp" / "compare"
    target = _launcher(home / "stand_ins" / "msaccucmp", home, "msaccucmp")
    _script(compare / "msaccucmp.py", target)
    if generation == "9":
        _launcher(home / "bin" / "msit", home, "ais_bench", ", 'msit'")
        return
    _package(home, home / "python" / "site-packages", session=generation == "8")


def _package(home: Path, site: Path, *, session: bool) -> None:
    target = _launcher(home / "stand_ins" / "ais_bench", home, "ais_bench")
    package = site / "ais_bench"
    fake_install.write(package / "__init__.py", "")
    _script(package / "__main__.py", target)
    fake_install.write(site / "ais_bench-0.0.2.dist-info" / "METADATA", "Name: ais_bench\nVersion: 0.0.2\n")
    if session:
        fake_install.write(site / "aclruntime.py", '__version__ = "0.0.2"\n')
        fake_install.write(package / "infer" / "__init__.py", "")
        text = _INTERFACE.format(support=str(SUPPORT), home=str(home))
        fake_install.write(package / "infer" / "interface.py", text)


def _launcher(path: Path, home: Path, module: str, more: str = "") -> Path:
    text = _LAUNCHER.format(python=sys.executable, support=str(SUPPORT), module=module, home=str(home), more=more)
    return fake_install.executable(path, text)


def _script(path: Path, target: Path) -> None:
    fake_install.write(path, _SCRIPT.format(python=sys.executable, target=str(target)))


def _platform(home: Path, soc: str) -> None:
    """The figures that a real platform configuration has, as far as anything asks for them."""
    from resources.ascend.soc import soc as known

    chip = known(soc)
    text = (
        f"[version]\nSoC_version={soc}\nShort_SoC_version={chip.family}\nAIC_version={chip.generation}\n\n"
        f"[SoCInfo]\nai_core_cnt={chip.cores}\ncube_core_cnt={chip.cores}\nvector_core_cnt={chip.vector_units}\n"
        f"memory_size={chip.memory_bytes}\nl2_size={chip.l2_bytes}\n\n"
        f"[AICoreSpec]\ncube_freq={chip.clock_hz / 1e6:.0f}\nvec_freq={chip.clock_hz / 1e6:.0f}\n"
    )
    for path in home.glob(f"*/data/platform_config/{soc}.ini"):
        path.write_text(text, encoding="utf-8")


def remove(stand_ins: StandIns) -> None:
    """Take an installation away."""
    shutil.rmtree(stand_ins.root)
