"""What operations need, built without Dagster: the store in force, the policy in force, this machine's toolchain.

Here belongs building it for the command line. Not here: the same for Dagster's steps (`graph.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ascend_assets import models
from ascend_assets.cli.console import Unusable
from ascend_assets.stage import Tools
from resources import dependency_lock
from resources.home import home, repository
from resources.registry import released
from resources.registry.bundles import Bundles
from resources.registry.ledger import Ledger
from resources.registry.manifests import NotReleased
from resources.registry.releases import Registry
from resources.store.blobs import Blobs
from resources.store.opening import open_store


def registry_tools() -> Tools:
    """Tools on the store in force. Raises `BadSetting`, `BadPolicy`, `BadChoice`, `NoInstallation`."""
    from resources.ascend.choice import choose

    chosen = choose()
    store = open_store(home().store)
    return Tools(
        blobs=Blobs(store),
        registry=Registry(store),
        ledger=Ledger(store),
        toolchain=chosen.toolchain,
        chosen=str(chosen),
        repository=repository(),
        lock=dependency_lock.installed_from(),
    )


def model_names() -> tuple[str, ...]:
    """Models that have a file."""
    return tuple(folder.name for folder in models.folders(models.DEFS))


@contextmanager
def known(tools: Tools, name: str) -> Iterator[None]:
    """Say that there is no such model rather than that it has no release yet. Raises `Unusable`."""
    try:
        yield
    except NotReleased:
        require_known(tools, name)
        raise


def require_known(tools: Tools, name: str) -> None:
    """Raise `Unusable` for a name that is neither a model's nor a bundle's, with those that are."""
    if name in model_names() or released.versions(tools.registry.store, name):
        return
    known = (*model_names(), *Bundles(tools.registry.store).names())
    raise Unusable(f"no model {name!r}; there are: {', '.join(known) or 'none'}")
