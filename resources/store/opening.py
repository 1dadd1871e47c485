"""Which store an address means, opened once per process.

Here belongs the choice between stores. Not here: the stores, or which address is in force (`resources/home.py`).
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from resources.home import home, in_cluster
from resources.store.folder import FolderStore
from resources.store.objects import BadSetting, BlobStore

if TYPE_CHECKING:
    from resources.store.s3 import S3Store
    from resources.store.s3_settings import S3Settings


def open_store(address: str) -> BlobStore:
    """The store at `s3://bucket/prefix`, or in a folder. Nothing is asked of it yet.

    Raises `BadSetting`, in profile k8s for every folder: each pod has one of its own, which is gone with it.
    """
    if address.startswith("s3://"):
        from resources.store.s3_settings import S3Settings

        return _bucket(address, S3Settings.from_environment(os.environ), home().state / "cache")
    if "://" in address:
        raise BadSetting(f"{address[:200]!r} is no store that there is: ASCEND_STORE is s3://bucket/prefix or a folder")
    if in_cluster():
        raise BadSetting(
            f"the store is the folder {address[:200]}, which other pods do not see: in profile k8s set ASCEND_STORE to "
            "s3://bucket/prefix, for the code location, the daemon and the webserver alike"
        )
    return FolderStore(Path(address))


def watch(store: BlobStore, say: Callable[[str], None]) -> None:
    """Let a store say how far its long uploads are. A folder has none."""
    from resources.store.s3 import S3Store
    from resources.store.s3_upload import saying

    if isinstance(store, S3Store):
        store.progress = saying(say)


@cache
def _bucket(address: str, settings: "S3Settings", folder: Path) -> "S3Store":
    """Kept, so that connections are, and what was found out about the server."""
    from resources.store.s3 import S3Store
    from resources.store.s3_settings import S3Address

    return S3Store(S3Address.parse(address), settings, folder)
