"""What opens a compiled model where no CANN is: in a cluster, the steps and the command line beside those with CANN.

Here belongs what a file tells by itself: that it is whole, for which SoC it is, and what it was compiled from. Not
here: whether an installed CANN runs it (`om_identity.py`); in a cluster `precision` and `benchmark` have run it.
"""

from dataclasses import dataclass
from pathlib import Path

from resources.ascend.cann.om import om_file, om_identity
from resources.ascend.toolchain import OmInfo, ToolchainIdentity


@dataclass(frozen=True)
class FileOpener:
    """Reads files alone. `here`: the toolchain of this process, which is another one."""

    here: ToolchainIdentity

    def open(self, om: Path, soc_version: str) -> OmInfo:
        """Read what an `.om` is. Raises `NotLoadable`."""
        held = om_file.read(om)
        om_identity.require_made_for(held, soc_version)
        return om_identity.info(held, self.here)
