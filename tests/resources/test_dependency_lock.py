"""The lock that what runs was installed from: a checkout's, or an image's, whose tree has less."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ascend_assets.operations import doctor
from resources import dependency_lock
from resources.configurable import Project
from resources.dependency_lock import Lock
from resources.digests import sha256_file
from resources.home import PROJECT

CHECKOUT, IMAGE = dependency_lock.NAMES


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's folder as it is in an image: what `.dockerignore` lets in."""
    tree = tmp_path_factory.mktemp("image")
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    for admitted in (line.removeprefix("!") for line in lines if line.startswith("!")):
        source, target = PROJECT / admitted, tree / admitted
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tree


def test_an_image_names_the_lock_that_it_was_installed_from(image: Path) -> None:
    found = Project(folder=str(image)).lock()
    assert found == Lock("requirements.runtime.lock", sha256_file(PROJECT / "requirements.runtime.lock"))
    assert re.fullmatch("[0-9a-f]{64}", found.sha256)


def test_so_does_the_code_that_runs_there(image: Path) -> None:
    """As it runs in an image: nobody says where its folder is."""
    asked = (
        "from ascend_assets.cli.tools import registry_tools; from ascend_assets.operations import doctor;"
        "from resources.configurable import Project; from resources.home import PROJECT;"
        "print(Project().lock().sha256, registry_tools().lock.sha256, bool(doctor.lock_file(PROJECT)), PROJECT)"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(image), "ASCEND_STATE": str(image / "state")}
    command = [sys.executable, "-c", asked]
    done = subprocess.run(command, cwd=image, env=env, capture_output=True, text=True, check=True, timeout=120)
    digest = sha256_file(PROJECT / "requirements.runtime.lock")
    assert done.stdout.split() == [digest, digest, "True", str(image)]


def test_doctor_is_content_with_it(image: Path) -> None:
    found = doctor.lock_file(image)
    assert found
    assert found.said == str(image / IMAGE)


def test_a_checkout_names_its_whole_lock(tmp_path: Path) -> None:
    for name in dependency_lock.NAMES:
        (tmp_path / name).write_text(f"# {name}\n")
    assert dependency_lock.path(tmp_path) == tmp_path / CHECKOUT
    assert Project(folder=str(tmp_path)).lock() == Lock(CHECKOUT, sha256_file(tmp_path / CHECKOUT))
    assert Project().lock() == Lock(CHECKOUT, sha256_file(PROJECT / CHECKOUT))


def test_without_either_nothing_is_named(tmp_path: Path) -> None:
    found = Project(folder=str(tmp_path)).lock()
    assert found.sha256 == ""
    finding = doctor.lock_file(tmp_path)
    assert not finding
    assert "requirements.lock and requirements.runtime.lock are missing" in finding.said
    assert "make lock" in finding.remedy


def test_a_folder_of_that_name_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / CHECKOUT).mkdir()
    assert dependency_lock.path(tmp_path) is None


@pytest.mark.parametrize(
    ("pipeline", "lock"),
    [
        ({"code": "c", CHECKOUT: "a" * 64}, Lock(CHECKOUT, "a" * 64)),
        ({"code": "c", IMAGE: "b" * 64}, Lock(IMAGE, "b" * 64)),
        ({"code": "c", CHECKOUT: ""}, Lock()),
        ({"code": "c"}, Lock()),
    ],
)
def test_which_lock_a_release_names(pipeline: dict[str, str], lock: Lock) -> None:
    assert dependency_lock.recorded(pipeline) == lock
