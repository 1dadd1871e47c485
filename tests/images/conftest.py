"""Both images, built once for the session from the commit that is checked out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from image_builder import Builder, Image, ImagesMissing, require
from image_samples import BASE, CANN, SET_ENV, STEP_PACKAGES, cloned, trimmed


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    try:
        require()
    except ImagesMissing as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    made = Builder(tmp_path_factory.mktemp("images"))
    made.debian(BASE)
    yield made
    # Gigabytes, of which pytest would keep the last three.
    made.buildah("rm", "--all")
    made.buildah("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the commit that is checked out, which stays what it is while it is built."""
    return cloned(tmp_path_factory.mktemp("project") / "clone")


@pytest.fixture(scope="session")
def orchestrator(builder: Builder, project: Path) -> Image:
    builder.build(project, "orchestrator", "--tag", "localhost/orchestrator:1", "--base", BASE)
    return builder.opened("localhost/orchestrator:1")


@pytest.fixture(scope="session")
def step(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """On a stand-in of CANN, and with the few packages that `ascend` needs to answer.

    The whole lock is installed in the orchestrator, by the same command.
    """
    builder.with_file(BASE, CANN, "/usr/local/Ascend/ascend-toolkit/set_env.sh", SET_ENV)
    shorter = trimmed(tmp_path_factory.mktemp("shorter") / "clone", STEP_PACKAGES)
    builder.build(shorter, "step", "--tag", "localhost/step:1", "--base", CANN)
    return builder.opened("localhost/step:1")
