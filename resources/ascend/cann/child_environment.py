"""The variables that CANN's tools run with, built by ourselves and not by sourcing a shell script.

Here belongs what `set_env.sh` exports, and the two additions that are ours: private folders for what tools leave
behind, and stub libraries for `atc` alone. Not here: finding the installation (`installation.py`).
"""

from collections.abc import Sequence
from pathlib import Path

from resources.ascend.cann.installation import Installation


def variables(found: Installation, *, work: Path, devices: Sequence[int] = (), for_atc: bool = False) -> dict[str, str]:
    """What a child gets beside the clean environment of `resources/process.py`.

    `work`: a private folder; logs, caches and side files go there. `devices`: logical ids for
    ASCEND_RT_VISIBLE_DEVICES, ascending; none leaves it unset.
    """
    found_in = {"ASCEND_HOME_PATH": str(found.home), "ASCEND_WORK_PATH": str(work)}
    if devices:
        found_in["ASCEND_RT_VISIBLE_DEVICES"] = ",".join(str(number) for number in sorted(devices))
    return found_in
