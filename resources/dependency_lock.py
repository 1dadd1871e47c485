"""The lock of the pipeline's dependencies: which one this installation was made from, and its digest.

Here belongs finding it, for whoever names it or misses it. Not here: making it (`make lock`), or whether a candidate
may be released without it (`ascend_assets/gates/release.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from resources.digests import sha256_file
from resources.home import PROJECT

NAMES = ("requirements.lock", "requirements.runtime.lock")
"""A checkout is installed from the first, which holds the tools of its tests too. An image is installed from the
second, and the first is not let into it (`.dockerignore`): the one that is there says what is installed."""


@dataclass(frozen=True)
class Lock:
    """A lock file. `name`: the file's; `sha256`: of what it holds, empty where there is none."""

    name: str = NAMES[0]
    sha256: str = ""


def path(project: Path = PROJECT) -> Path | None:
    """The lock file that a project's folder was installed from; None where there is none."""
    return next((project / name for name in NAMES if (project / name).is_file()), None)


def installed_from(project: Path = PROJECT) -> Lock:
    """The lock that a project's folder was installed from, without a digest where there is none. Raises `OSError`."""
    found = path(project)
    return Lock(found.name, sha256_file(found)) if found else Lock()


def recorded(pipeline: Mapping[str, str]) -> Lock:
    """The lock among what a release says of the pipeline that made it."""
    return next((Lock(name, pipeline[name]) for name in NAMES if pipeline.get(name)), Lock())
