"""Which toolchain works here, and why that one: `ASCEND_TOOLCHAIN` is `auto`, `cann` or `emulated`.

Here belong the decision and its sentence. `auto` takes CANN where both a toolkit with `atc` and an NPU are there, and
says in every output what it took. Not here: what an installation is (`cann/environment/`), or what a toolchain does.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from resources.ascend.cann.environment.installation import Installation, find
from resources.ascend.cann.errors import NoInstallation
from resources.ascend.device_nodes import npus
from resources.ascend.toolchain import OmInfo, Toolchain, ToolchainError

Asked = Literal["auto", "cann", "emulated"]
ASKED: tuple[str, ...] = get_args(Asked)


class Opener(Protocol):
    """What tells what an `.om` is: a toolchain, say."""

    def open(self, om: Path, soc_version: str) -> OmInfo:
        """Read it. Raises `NotLoadable` for a damaged file or one for another SoC."""
        ...


class BadChoice(ToolchainError, ValueError):
    """`ASCEND_TOOLCHAIN` is none of the words that it may be."""


@dataclass(frozen=True)
class Chosen:
    """The toolchain in force. `why` says in a sentence why it is this one."""

    toolchain: Toolchain
    asked: Asked
    why: str

    def __str__(self) -> str:
        """One line for every output."""
        identity = self.toolchain.describe()
        return f"{identity.name} (CANN {identity.cann}, {identity.origin}): {self.why}"

    def as_json(self) -> dict[str, str]:
        """The same for a script."""
        return {**self.toolchain.describe().model_dump(mode="json"), "asked": self.asked, "why": self.why}


@dataclass(frozen=True)
class Decision:
    """What is taken, before it is opened."""

    kind: Literal["cann", "emulated"]
    why: str


def choose(
    asked: str = "",
    *,
    say: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] | None = None,
    root: Path = Path("/"),
) -> Chosen:
    """The toolchain in force here.

    `asked` empty: what `ASCEND_TOOLCHAIN` says, `auto` without it. `say` is told about the tools' progress. `root`:
    where the machine's files begin, another folder in tests alone. Raises `BadChoice`, and `NoInstallation` where CANN
    is asked for and is not there.
    """
    environ = os.environ if environ is None else environ
    word = wanted(asked or environ.get("ASCEND_TOOLCHAIN", ""))
    if word == "emulated":
        return _emulated(word, "ASCEND_TOOLCHAIN asks for it")
    try:
        found = find(environ, root)
    except NoInstallation:
        if word == "cann":
            raise
        return _emulated(word, "auto: no usable CANN is installed here (ascend doctor says where it was looked for)")
    decision = decide(word, found, count=len(npus(root)))
    if decision.kind == "emulated":
        return _emulated(word, decision.why)
    from resources.ascend.cann.npus.machine_locks import machine_folder
    from resources.ascend.cann.site import Site
    from resources.ascend.cann.toolchain import Cann

    return Chosen(Cann(Site(found, say, root), machine_folder(environ)), word, decision.why)


def that_made(name: str, here: Toolchain, *, apart: bool = False) -> Opener | None:
    """What opens what the toolchain called `name` compiled; None where it is not here.

    The emulator is at hand on every machine; CANN's files are judged beside the CANN that would load them. `apart`:
    that one is in another image, on purpose; then a file is judged by itself.
    """
    if name == here.describe().name:
        return here
    if name == "emulator":
        from resources.ascend.emulator.toolchain import Emulator

        return Emulator()
    if name == "cann" and apart:
        from resources.ascend.cann.om.opener import FileOpener

        return FileOpener(here.describe())
    return None


def wanted(text: str) -> Asked:
    """The word that was meant; `auto` for none. Raises `BadChoice`."""
    for word in get_args(Asked):
        if text.strip().lower() == word:
            found: Asked = word
            return found
    if not text.strip():
        return "auto"
    raise BadChoice(f"ASCEND_TOOLCHAIN is {text.strip()[:80]!r}: write one of {', '.join(ASKED)}")


def decide(asked: Asked, found: Installation, count: int) -> Decision:
    """Which of the two, for an installation and a number of NPUs. Raises `NoInstallation` for CANN without `atc`."""
    where = f"CANN {found.version} at {found.home}"
    if found.program("atc") is None:
        said = f"{where} is a {found.kind}, which has no atc: install the toolkit to compile"
        if asked == "cann":
            raise NoInstallation(said)
        return Decision("emulated", f"auto: {said}")
    if asked == "cann":
        return Decision("cann", f"ASCEND_TOOLCHAIN asks for it; {where}")
    if count == 0:
        remedy = "ASCEND_TOOLCHAIN=cann compiles all the same"
        return Decision(
            "emulated", f"auto: {where} is installed, but this machine shows no NPU (/dev/davinci*); {remedy}"
        )
    return Decision("cann", f"auto: {where} and {count} NPU{'s' if count > 1 else ''} are here")


def _emulated(asked: Asked, why: str) -> Chosen:
    from resources.ascend.emulator.toolchain import Emulator

    return Chosen(Emulator(), asked, why)
