"""Promotions, signatures and rollbacks at once, on a real Ceph."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from ceph import Ceph
from governed import make_tools, make_world
from rivals import sixteen_at_once
from s3_server import s3_store

from resources.store.folder import FolderStore
from resources.store.s3 import S3Store


def test_sixteen_processes_at_once_leave_one_history_in_which_every_winner_stands_once(
    ceph: Ceph, store: S3Store, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path / "world", monkeypatch)
    world = replace(world, tools=make_tools(cast("FolderStore", store), world.tools.environments))
    sixteen_at_once(world, lambda: s3_store(ceph.endpoint, bucket, tmp_path / "cache"))
