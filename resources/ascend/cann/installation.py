"""Which CANN is installed here, and what it says about itself.

Here belongs finding an installation and reading its version, its SoC list, its driver and firmware. Not here: the
environment of its tools (`child_environment.py`), or what to do about what is missing (`ascend_assets/operations`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Installation:
    """One installed package of CANN.

    `home`: what ASCEND_HOME_PATH names (`.../ascend-toolkit/latest`, `/usr/local/Ascend/cann`). `kind`: the toolkit has
    atc and msprof, nnae and nnrt run models only. `version`: external, such as `8.1.RC1`; `internal`: the compiler's,
    such as `7.7.0.1.238`; `inner`: the build, such as `V100R001C21SPC001B238`. `soc_versions`: names that `atc` takes.
    `driver`, `firmware`: versions, empty where there are none. `found_by`: why this one, in words.
    """

    home: Path
    arch: str
    kind: Literal["toolkit", "nnae", "nnrt"]
    version: str
    internal: str = ""
    inner: str = ""
    soc_versions: tuple[str, ...] = ()
    driver: str = ""
    firmware: str = ""
    found_by: str = ""

    def program(self, name: str) -> Path | None:
        """The installation's own program of that name (`atc`, `msprof`), None where it has none."""
        candidates = (self.home / "bin" / name, self.home / f"{self.arch}-linux" / "bin" / name)
        return next((path for path in candidates if path.is_file()), None)
