"""Projects in git for benchmarks that let processes build candidates: their models alone, or with a copy of the code.

Here belong laying them out and committing. Not here: what the models are (`tiny_models.py`).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from resources.home import PROJECT

DEFS = Path("ascend_assets", "defs")
_CODE = ("ascend_assets", "resources", "sensors", "deploy")
_FILES = ("pyproject.toml", "requirements.lock", "environments.yaml", "workspace.yaml", ".gitignore")
_GIT = shutil.which("git") or "git"


def git(folder: Path, *arguments: str) -> str:
    """Run git there. Raises `CalledProcessError`."""
    own = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    return subprocess.run([_GIT, *own, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(root: Path, message: str) -> None:
    """Everything as it is now; a repository is made where there is none."""
    if not (root / ".git").exists():
        git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def copy_code(root: Path) -> None:
    """This project's code and settings, without its models."""
    shipped = {path.parent.name for path in (PROJECT / DEFS).glob("*/defs.yaml")}
    root.mkdir(parents=True)
    for name in _CODE:
        shutil.copytree(PROJECT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", *shipped))
    for name in _FILES:
        shutil.copy(PROJECT / name, root / name)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without the settings of any installation, with its Python first in PATH."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ASCEND_", "DAGSTER_", "GIT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "DAGSTER_DISABLE_TELEMETRY": "1", **more}
