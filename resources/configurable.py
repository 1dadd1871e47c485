"""Dagster's view of the world outside: the resources that assets ask for.

Here belong thin, configurable wrappers and their defaults. Not here: what they wrap, which is plain Python and tested
without Dagster. This is the only module of `resources` that imports Dagster.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import dagster as dg

from resources import dependency_lock
from resources.ascend.choice import Chosen, choose
from resources.dependency_lock import Lock
from resources.home import PROJECT, home, repository
from resources.registry.ledger import Ledger
from resources.registry.releases import Registry
from resources.store.blobs import Blobs, BlobStore
from resources.store.opening import open_store


class Warehouse(dg.ConfigurableResource[None]):
    """The store: artefacts, releases and ledgers.

    `location`: `s3://bucket/prefix` or a folder; empty for what `ASCEND_STORE` says.
    """

    location: str = ""

    def blobs(self) -> Blobs:
        """Artefacts by digest."""
        return Blobs(self._store())

    def registry(self) -> Registry:
        """Releases."""
        return Registry(self._store())

    def ledger(self) -> Ledger:
        """Environments' histories."""
        return Ledger(self._store())

    def _store(self) -> BlobStore:
        return open_store(self.location or home().store)


class AscendToolchain(dg.ConfigurableResource[None]):
    """The toolchain that compiles, runs and times models.

    `kind`: `auto`, `cann` or `emulated`; empty for what `ASCEND_TOOLCHAIN` says.
    """

    kind: Literal["", "auto", "cann", "emulated"] = ""

    def choose(self, say: Callable[[str], None] = lambda _: None) -> Chosen:
        """The toolchain, and why it is that one; `say` is told about its progress.

        Raises `NoInstallation`, `BadChoice`.
        """
        return choose(self.kind, say=say)


class Project(dg.ConfigurableResource[None]):
    """The project's folder, from whose git history candidates are built.

    `folder`: empty for what `ASCEND_PROJECT` says, and without that for the code that runs here.
    """

    folder: str = ""

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder) if self.folder else repository()

    def lock(self) -> Lock:
        """The lock that the code that runs was installed from, whatever the repository has by now."""
        return dependency_lock.installed_from(Path(self.folder) if self.folder else PROJECT)
