"""The command line as a process of its own, without a checkout: what preflight needs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from resources.home import PROJECT


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str

    @property
    def object(self) -> dict[str, Any]:
        """The one JSON object on stdout; NaN and infinity are not JSON."""
        (line,) = self.out.splitlines()
        found: dict[str, Any] = json.loads(line, parse_constant=_refuse)
        return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


Ascend = Callable[..., Ended]


@pytest.fixture
def ascend(tmp_path: Path) -> Ascend:
    def run(*arguments: str | Path, timeout: float = 60, **env: str) -> Ended:
        state = {"ASCEND_STATE": str(tmp_path / "state"), "PYTHONPATH": str(PROJECT)}
        ended = subprocess.run(
            [sys.executable, "-m", "ascend_assets.cli", *map(str, arguments)],
            capture_output=True,
            timeout=timeout,
            check=False,
            cwd=tmp_path,
            env={**os.environ, **state, **env},
        )
        return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    return run


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The same in this process, where a process of its own would add nothing but time."""
    from ascend_assets.cli import commands

    def run(*arguments: str) -> tuple[int, str, str]:
        code = commands.run(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
