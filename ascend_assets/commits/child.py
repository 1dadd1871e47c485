"""A candidate of a commit whose definition is not the loaded one: the command line, as a child, reads its own.

Here belong waiting for the model, running the child, and reading how it ended. Not here: what it does
(`ascend_assets/cli/run_command.py`), or the job (`ascend_assets/operator_jobs/commits.py`).
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from resources import process
from resources.home import PROJECT
from resources.locks import ModelBusy, model_lock
from resources.output import last_lines
from resources.process import Limits

REFUSED = 1
SECONDS = 36 * 3600.0
"""More than the longest time that a model's own code may take."""
BUSY_SECONDS = 3600.0
"""How long somebody else may be at the model, at a command line, before this candidate gives up."""
_POLL_SECONDS = 5.0
_OUTPUT = 8 * 1024 * 1024

Text = Annotated[str, StringConstraints(max_length=20_000)]


class CandidateRefused(Exception):
    """A gate said no: the candidate is judged, and trying it again gives the same."""


class CandidateUnusable(Exception):
    """The candidate could not be built. The message has what the child said."""


class Ended(BaseModel):
    """What the child prints in the end."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    candidate: Text = ""
    deployed: bool = False
    version: Text | None = None
    environment: Text | None = None
    dossier: Text | None = None
    because: Text = ""


def build(
    model: str, commit: str, locks: Path, say: Callable[[str], None], *, busy_seconds: float = BUSY_SECONDS
) -> Ended:
    """Build a commit's candidate and carry it to the first environment.

    Raises `CandidateRefused`, `CandidateUnusable`, `ModelBusy`, and `process.ProcessError`.
    """
    _wait(locks, model, say, busy_seconds)
    done = process.run(
        (sys.executable, "-m", "ascend_assets.cli", "run", model, "--commit", commit, "--json"),
        cwd=PROJECT,
        limits=Limits(timeout=SECONDS, output=_OUTPUT),
        env=dict(os.environ),  # the same program as this one: it needs the same store, home and tools
        on_line=lambda line: None if line.startswith("{") else say(line),
        check=False,
    )
    ended = _read(done.stdout)
    if done.returncode == 0 and ended is not None:
        return ended
    because = (ended.because if ended else "") or last_lines(done.stderr) or f"it ended with {done.returncode}"
    if done.returncode == REFUSED:
        raise CandidateRefused(f"{model} at {commit[:12]} is refused: {because}")
    raise CandidateUnusable(f"{model} at {commit[:12]} could not be built: {because}")


def _read(stdout: str) -> Ended | None:
    lines = [line for line in stdout.splitlines() if line.startswith("{")]
    try:
        return Ended.model_validate_json(lines[-1]) if lines else None
    except ValidationError:
        return None


def _wait(locks: Path, model: str, say: Callable[[str], None], seconds: float) -> None:
    """Wait until nobody is at the model. Dagster's queue keeps other runs away, not a person's command line."""
    begin = time.monotonic()
    while True:
        try:
            with model_lock(locks, model):
                return
        except ModelBusy as busy:
            if time.monotonic() - begin >= seconds:
                raise
            say(f"waiting: {busy}")
        time.sleep(min(_POLL_SECONDS, seconds))
