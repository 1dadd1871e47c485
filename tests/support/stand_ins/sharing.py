"""One installation of stand-ins of each release for a whole test process, made when it is first asked for.

What they compute is kept by content, so that a suite compiles a model once.
"""

import atexit
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path

from stand_ins.installing import Release, StandIns, install

RELEASES: tuple[Release, ...] = ("7.0", "8.1", "9.1")


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ascend-stand-ins-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def shared(release: Release) -> StandIns:
    """The installation of a release: whoever breaks it mends it."""
    return install(_folder() / release, release, cache=_folder() / "cache")


def variables(made: StandIns) -> dict[str, str]:
    """What a process must have in its environment to find this installation and nothing else.

    The middle generation has a Python with what ais_bench needs, so that its session is used; the others have a bare
    one, so that commands are.
    """
    python = sys.executable if made.tree.generation == "8" else ""
    state = {"ASCEND_STATE": str(made.root / "state"), "ASCEND_DEVICE_LOCKS": str(made.root / "locks")}
    return {**made.environ, **state, "ASCEND_PYTHON": python}
