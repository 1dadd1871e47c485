"""Where state lives on this machine.

Here belong the folders of the local profile and the environment variables that move them. Not here: what is in them.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resources.ascend.device_nodes import npus

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds `pyproject.toml`."""


@dataclass(frozen=True)
class Home:
    """Where things are. `ASCEND_STATE` moves all; `ASCEND_STORE`, `DAGSTER_HOME` and `ASCEND_PRODUCTION` one each.

    `store`: an address, `s3://bucket/prefix` or an absolute folder (`resources/store/opening.py` opens it).
    """

    state: Path
    store: str
    dagster: Path
    production: Path
    """What the serving side writes: samples, feedback and metrics of `<model>/<environment>/`."""

    @property
    def store_folder(self) -> Path | None:
        """The store's folder, None where it is not on a file system."""
        return None if "://" in self.store else Path(self.store)

    @property
    def dossiers(self) -> Path:
        """Copies of candidates' pages, for a person to open."""
        return self.state / "dossiers"

    @property
    def locks(self) -> Path:
        """Locks of runs on this machine."""
        return self.state / "locks"


def home(project: Path = PROJECT) -> Home:
    """What is in force, folders absolute. None is created here."""
    state = Path(os.environ.get("ASCEND_STATE") or project / ".ascend").absolute()
    store = os.environ.get("ASCEND_STORE", "").strip() or str(state / "store")
    return Home(
        state=state,
        store=store if "://" in store else str(Path(store).absolute()),
        dagster=Path(os.environ.get("DAGSTER_HOME") or state / "dagster").absolute(),
        production=Path(os.environ.get("ASCEND_PRODUCTION") or state / "production").absolute(),
    )


def profile(root: Path = Path("/")) -> Literal["local", "cann"]:
    """`cann` on a machine whose kernel shows NPUs (/dev/davinci0 and so on)."""
    return "cann" if npus(root) else "local"


def prepare(project: Path = PROJECT) -> Home:
    """Make the folders, and Dagster's settings where there are none. What is there is left alone."""
    places = home(project)
    for folder in (places.state, places.store_folder, places.dagster, places.locks):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    settings = places.dagster / "dagster.yaml"
    if not settings.exists():
        temporary = settings.with_name(f".dagster.yaml.{os.getpid()}")
        temporary.write_bytes((PROJECT / "deploy" / profile() / "dagster.yaml").read_bytes())
        temporary.replace(settings)
    os.environ["DAGSTER_HOME"] = str(places.dagster)
    return places
