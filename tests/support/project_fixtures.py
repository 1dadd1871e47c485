"""Fixtures: a project in git with one tiny model, in this process or for real processes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from sandbox import CODE, FILES, Checkout, Sandbox, git
from tiny import write_tiny

from resources.home import PROJECT


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    root = tmp_path / "project"
    write_tiny(root / "ascend_assets" / "defs" / "tiny")
    (root / "requirements.lock").write_text("numpy==2.0 --hash=sha256:0\n")
    git(tmp_path, "init", "-q", "-b", "main", str(root))
    with dg.DagsterInstance.ephemeral() as instance:
        made = Sandbox(root, instance)
        made.commit("a tiny model")
        yield made


def make_checkout(root: Path) -> Checkout:
    root.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "digits_cnn")
    for name in CODE:
        shutil.copytree(PROJECT / name, root / name, ignore=ignore)
    for name in FILES:
        shutil.copy(PROJECT / name, root / name)
    write_tiny(root / "ascend_assets" / "defs" / "tiny")
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "a tiny model")
    return Checkout(root)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path / "checkout")


@pytest.fixture
def edit() -> Callable[[Path, str, str], None]:
    def _edit(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return _edit
