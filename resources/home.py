"""Where state lives on this machine.

Here belong the folders of the local profile and the environment variables that move them. Not here: what is in them.
"""

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds `pyproject.toml`."""


@dataclass(frozen=True)
class Home:
    """State folders. `ASCEND_STATE` moves all of them, `ASCEND_STORE` the store and `DAGSTER_HOME` Dagster's own."""

    state: Path
    store: Path
    dagster: Path

    @property
    def dossiers(self) -> Path:
        """Copies of candidates' pages, for a person to open."""
        return self.state / "dossiers"

    @property
    def locks(self) -> Path:
        """Locks of runs on this machine."""
        return self.state / "locks"


def home(project: Path = PROJECT) -> Home:
    """The folders in force, absolute. None is created here."""
    state = Path(os.environ.get("ASCEND_STATE") or project / ".ascend").absolute()
    return Home(
        state=state,
        store=Path(os.environ.get("ASCEND_STORE") or state / "store").absolute(),
        dagster=Path(os.environ.get("DAGSTER_HOME") or state / "dagster").absolute(),
    )


def prepare(project: Path = PROJECT) -> Home:
    """Make the folders, and Dagster's settings where there are none. What is there is left alone."""
    places = home(project)
    for folder in (places.state, places.store, places.dagster, places.locks):
        folder.mkdir(parents=True, exist_ok=True)
    settings = places.dagster / "dagster.yaml"
    if not settings.exists():
        temporary = settings.with_name(f".dagster.yaml.{os.getpid()}")
        temporary.write_bytes((PROJECT / "deploy" / "local" / "dagster.yaml").read_bytes())
        temporary.replace(settings)
    os.environ["DAGSTER_HOME"] = str(places.dagster)
    return places
