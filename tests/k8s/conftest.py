"""What every test of a cluster stands on: one PostgreSQL and one Ceph for the session."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ceph import CephMissing, running_ceph
from cluster_site import CANN
from cluster_world import Backing, World, running_world
from held_models import Hold, write_model
from held_runs import OFTEN
from installation import model_folder
from postgres import PostgresMissing, running_postgres
from sandbox import Checkout

from resources.home import PROJECT

TRIGGERS = """\
repositories:
  - {name: origin, branches: [main], every_seconds: 10}
"""
HELD = ("evicted", "starved", "drained", "lonely", "stopped", "orphaned", "away")
"""Models whose export waits for the test."""


@pytest.fixture(scope="session")
def backing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backing]:
    try:
        with (
            running_postgres(tmp_path_factory.mktemp("postgres")) as postgres,
            running_ceph(tmp_path_factory.mktemp("ceph")) as ceph,
        ):
            yield Backing(postgres, ceph)
    except (CephMissing, PostgresMissing) as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def holds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Hold]:
    folder = tmp_path_factory.mktemp("holds")
    return {name: Hold(folder / name) for name in HELD}


@dataclass(frozen=True)
class Begun:
    """A world, and what goes on in it from the start. `waiting`: model -> the run of its candidate."""

    world: World
    waiting: dict[str, str]


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, backing: Backing, holds: dict[str, Hold]) -> Iterator[Begun]:
    """One for all tests, with runs that wait for what never comes: that takes minutes, so they begin first.

    Of Ascend310 cluster.yaml says that there is a card, and no node has one; an image cannot be pulled.
    """

    def lay_out(checkout: Checkout) -> None:
        digits = model_folder(checkout.root, "digits_cnn")
        shutil.copytree(model_folder(PROJECT, "digits_cnn"), digits, ignore=shutil.ignore_patterns("__pycache__"))
        for name, hold in holds.items():
            write_model(model_folder(checkout.root, name), name, hold=hold.folder)
        (checkout.root / "triggers.yaml").write_text(TRIGGERS)
        write_model(model_folder(checkout.root, "refused"), "refused", p99_ms=1e-6)
        write_model(model_folder(checkout.root, "crowded"), "crowded", soc_version="Ascend310")
        write_model(model_folder(checkout.root, "unpulled"), "unpulled", cann="<8")

    cards = {"Ascend310P3": 2, "Ascend910B3": 1}
    folder = tmp_path_factory.mktemp("world")
    with running_world(folder, backing, cards, lay_out=lay_out, promised={"Ascend310": 1}) as running:
        running.shim.refuse_image(CANN["7.0.0"])
        jobs = {name: f"{name}_candidate" for name in ("crowded", "unpulled")}
        yield Begun(running, {name: running.browser.launch(job, health_seconds=OFTEN) for name, job in jobs.items()})


@pytest.fixture(scope="session")
def world(begun: Begun) -> World:
    return begun.world


@pytest.fixture(scope="session")
def waiting(begun: Begun) -> dict[str, str]:
    return begun.waiting


@pytest.fixture(scope="session")
def clicked(world: World) -> str:
    """The run that somebody started with a click on Materialize all of `tiny`, when it is over."""
    return world.end_of(world.browser.materialise_group("tiny"), seconds=900).run_id
