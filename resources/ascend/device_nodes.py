"""The NPUs that the kernel shows, without asking a tool.

Here belongs reading /dev alone. Not here: what the devices are, or whether they are fit (`cann/npus/devices.py`).
"""

import re
from pathlib import Path

_NODE = re.compile(r"davinci(\d{1,9})", re.ASCII)


def npus(root: Path = Path("/")) -> tuple[Path, ...]:
    """The nodes /dev/davinci0 and so on, by number; the driver's manager beside them is none."""
    found = ((_NODE.fullmatch(path.name), path) for path in (root / "dev").glob("davinci[0-9]*"))
    return tuple(path for _, path in sorted((int(match[1]), path) for match, path in found if match))
