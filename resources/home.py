"""Which profile is in force, and where state lives on this machine.

Here belong the folders and the environment variables that move them. Not here: what is in them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from resources.ascend.device_nodes import npus

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds `pyproject.toml`: the code that runs here."""

Profile = Literal["local", "cann", "k8s"]


class BadProfile(ValueError):
    """`ASCEND_PROFILE` is no profile, or what the profile needs is not there."""


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


def profile(root: Path = Path("/"), environ: Mapping[str, str] = os.environ) -> Profile:
    """What `ASCEND_PROFILE` says; else `cann` where the kernel shows NPUs (/dev/davinci0 and so on), else `local`.

    `k8s` is never guessed. Raises `BadProfile`.
    """
    return _said(environ) or ("cann" if npus(root) else "local")


def in_cluster(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the profile is k8s, without a look at the devices that are here: it is asked for every step there is.

    Raises `BadProfile`.
    """
    return _said(environ) == "k8s"


def repository(project: Path = PROJECT, environ: Mapping[str, str] = os.environ) -> Path:
    """The git repository from whose history candidates are built: `ASCEND_PROJECT`, else the code that runs here.

    In a cluster the code is an image's, and the repository a clone on a volume.
    """
    said = environ.get("ASCEND_PROJECT", "").strip()
    return Path(said).absolute() if said else project


def prepare(project: Path = PROJECT) -> Home:
    """Make the folders, and Dagster's settings where there are none. What is there is left alone.

    In profile k8s Dagster's settings are the chart's, and without them Dagster would keep its records in the pod, which
    is gone tomorrow: raises `BadProfile` where they are missing.
    """
    places = home(project)
    apart = in_cluster()
    settings = places.dagster / "dagster.yaml"
    if apart and not settings.is_file():
        raise BadProfile(
            f"{settings} is missing: in profile k8s the chart mounts it. Set DAGSTER_HOME to the folder where it does"
        )
    folders = (places.state,) if apart else (places.state, places.store_folder, places.dagster)
    for folder in (*folders, places.locks):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
    if not settings.exists():
        temporary = settings.with_name(f".dagster.yaml.{os.getpid()}")
        temporary.write_bytes((PROJECT / "deploy" / profile() / "dagster.yaml").read_bytes())
        temporary.replace(settings)
    os.environ["DAGSTER_HOME"] = str(places.dagster)
    return places


def _said(environ: Mapping[str, str]) -> Profile | None:
    said = environ.get("ASCEND_PROFILE", "").strip()
    for name in get_args(Profile):
        if said == name:
            found: Profile = name
            return found
    if said:
        raise BadProfile(f"ASCEND_PROFILE is {said[:80]!r}: write one of {', '.join(get_args(Profile))}, or unset it")
    return None
