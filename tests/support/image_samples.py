"""What the tests of images build from, where that is not this project as it is.

Here belong a stand-in of CANN's environment script, and this project with a shorter lock. Not here: building.
"""

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from image_builder import ROOT

BASE = "localhost/debian-python:12"
CANN = "localhost/stand-in-of-cann:8"

SET_ENV = """\
export ASCEND_TOOLKIT_HOME=/usr/local/Ascend/ascend-toolkit/latest
export LD_LIBRARY_PATH=$ASCEND_TOOLKIT_HOME/lib64:$LD_LIBRARY_PATH
export PATH=$ASCEND_TOOLKIT_HOME/bin:$PATH
echo "set_env.sh got $# arguments" >&2
"""
"""As CANN's: it reads a variable that may not be set, and puts its own before what is there."""

STEP_PACKAGES = frozenset(
    {
        "annotated-types", "click", "editables", "hatchling", "packaging", "pathspec", "pluggy", "pydantic",
        "pydantic-core", "pyyaml", "tomlkit", "trove-classifiers", "typing-extensions", "typing-inspection",
    }
)  # fmt: skip
"""What `ascend --version` needs, and what installs the project."""


def cloned(clone: Path) -> Path:
    """A clone of this project."""
    git("clone", "--quiet", str(ROOT), str(clone))
    return clone


def trimmed(clone: Path, packages: Collection[str]) -> Path:
    """A clone of this project whose runtime lock holds these packages alone, hashes and all, committed."""
    lock = cloned(clone) / "requirements.runtime.lock"
    entries = lock.read_text().replace("\\\n", "\0").splitlines()
    kept = [entry.replace("\0", "\\\n") for entry in entries if entry.partition("==")[0] in packages]
    lock.write_text("\n".join(kept) + "\n")
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
    git("-C", str(clone), *identity, "commit", "--quiet", "-am", "Shorter")
    return clone


def git(*arguments: str) -> str:
    """What git prints. Raises `CalledProcessError`."""
    program = shutil.which("git") or "git"
    result = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, timeout=300)
    return result.stdout.strip()
