"""Promotions, signatures and rollbacks at once, on a store in a folder. `tests/ceph` has the same on S3."""

from pathlib import Path

import pytest
from governed import make_world
from rivals import sixteen_at_once

from resources.store.folder import FolderStore


def test_sixteen_processes_at_once_leave_one_history_in_which_every_winner_stands_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path, monkeypatch)
    sixteen_at_once(world, lambda: FolderStore(world.store.root))
