"""A SoC's cores and clock, as the installation's own platform configuration has them.

Here belongs reading the few figures that formulas need from `<SoC>.ini`. Not here: which SoCs there are
(`installation.py`), or what the figures are used for (`utilisation.py`).
"""

import math
import re
from dataclasses import dataclass

from resources.ascend.cann.environment.installation import Installation
from resources.regular_files import open_regular

MAX_BYTES = 1 << 20

_SECTION = re.compile(r"\[([A-Za-z]\w{0,63})\]")
_ENTRY = re.compile(r"([A-Za-z]\w{0,63})[ \t]*=[ \t]*(\d{1,12}(?:\.\d{1,6})?)\b")

SCALED = ("Ascend310P",)
"""SoCs whose cards change their clock (300I Pro, 300V): by msprof's manual their core times are a reference only."""


@dataclass(frozen=True)
class Chip:
    """Cores of each kind, and the cube's clock in MHz; 0 and NaN where the file does not tell."""

    soc_version: str
    cores: int = 0
    vector_cores: int = 0
    clock_mhz: float = math.nan

    @property
    def scales(self) -> bool:
        """Whether the card's clock changes under load, so that core times are a reference only."""
        return self.soc_version.startswith(SCALED)


def chip(found: Installation, soc_version: str) -> Chip:
    """The figures of a SoC; unknown ones where the installation has no readable file of it."""
    if soc_version not in found.soc_versions:
        return Chip(soc_version)
    places = (f"{found.arch}-linux", "", "*")
    patterns = [
        f"{place}/data/platform_config/{deep}{soc_version}.ini".lstrip("/") for place in places for deep in ("", "*/")
    ]
    for path in (path for pattern in patterns for path in sorted(found.home.glob(pattern))):
        try:
            file, _ = open_regular(path)
            with file:
                return parse(file.read(MAX_BYTES).decode("utf-8", "replace"), soc_version)
        except OSError:
            continue
    return Chip(soc_version)


def parse(text: str, soc_version: str) -> Chip:
    """The figures in a platform configuration's text: `[SoCInfo] ai_core_cnt`, `[AICoreSpec] cube_freq`."""
    section = ""
    figures: dict[str, float] = {}
    for line in text.splitlines():
        head, entry = _SECTION.match(line.strip()), _ENTRY.match(line.strip())
        if head:
            section = head[1].lower()
        elif entry:
            figures.setdefault(f"{section}.{entry[1].lower()}", float(entry[2]))
    clock = figures.get("aicorespec.cube_freq", 0.0)
    return Chip(
        soc_version,
        cores=int(figures.get("socinfo.cube_core_cnt") or figures.get("socinfo.ai_core_cnt", 0)),
        vector_cores=int(figures.get("socinfo.vector_core_cnt", 0)),
        clock_mhz=clock if clock > 0 else math.nan,
    )
