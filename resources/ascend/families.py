"""Which family of chips a SoC version belongs to, by its name.

Here belongs the reading of the name alone, because what ATC supports is documented per family. Not here: figures of a
SoC (`soc.py`), or which names an installation takes: those are its own list, and nothing here stands for it.
"""

import re
from typing import Literal

Family = Literal["310", "310P", "310B", "910", "A2", "A3", "950", ""]
"""`A2` is Ascend910B1 to B4 and their variants, `910` the first generation; empty for a name that tells nothing."""

_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"Ascend310", "310"),
    (r"Ascend310P\d\w*", "310P"),
    (r"Ascend310B\d\w*", "310B"),
    (r"Ascend910_95\w*|Ascend950\w*", "950"),
    (r"Ascend910_9[1-4]\w*", "A3"),
    (r"Ascend910B\d\w*(-\d)?", "A2"),
    (r"Ascend910(A|B|Pro[AB]|PremiumA)?", "910"),
)


def family(soc_version: str) -> Family:
    """The family of a SoC version. `Ascend910B` is of the first generation, `Ascend910B1` of the second."""
    return next((name for pattern, name in _FAMILIES if re.fullmatch(pattern, soc_version)), "")
