"""Every trigger with the real daemon: something happens outside, and without a hand the right thing follows, once.

One daemon serves all tests here, for it takes long to start, and what they wait for has its own pace. So all causes are
laid first (`world`), and each test waits for its own effect.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from daemon import Daemon, daemon_of
from installation import Installation, commit, write_model

from ascend_assets import history
from sensors import toolchain_changed

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

TABLE = "resources/ascend/tables/published_throughput.csv"
"""A file that the emulator's version is taken of: a byte more, and what was compiled before is stale."""


@dataclass(frozen=True)
class World:
    """The installation, and what its tests compare with."""

    daemon: Daemon
    before: str
    """Version of `tiny` that was live in dev before the daemon started."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = Installation.make(tmp_path_factory.mktemp("daemon"))
    root = place.checkout.root
    with daemon_of(place.checkout, **{toolchain_changed.SWITCH: "1"}) as daemon:
        write_model(root, "overflows", scale=1e6)
        commit(root, "a model that overflows")
        place.ascend("run", "tiny")
        before = daemon.live("tiny")
        assert before is not None
        place.ascend("promote", "tiny", "--to", "staging", "--reason", "as it is")
        _upgrade(root)
        daemon.start()
        # Dagster shows this one only runs that fail after its first tick.
        daemon.wait_for("the first tick", lambda: daemon.ticks("refused_candidates"))
        place.launch("overflows_candidate")
        yield World(daemon, before.version)


def test_what_the_command_line_deployed_is_shown(world: World) -> None:
    """Trigger `deployed`: a promotion, which tells Dagster nothing."""
    daemon = world.daemon
    shown = daemon.wait_for("the promotion is shown", lambda: daemon.materialised("tiny/staging/deployment"))
    live = daemon.live("tiny", "staging")
    assert live is not None
    assert shown.metadata[history.DATA_VERSION].value == live.digest
    assert daemon.wait_for("its checks answer", lambda: daemon.check("tiny/staging/deployment", "health"))


def test_models_of_an_older_toolchain_are_built_again_once(world: World) -> None:
    """Trigger `toolchain_changed`, switched on."""
    daemon = world.daemon
    (run,) = daemon.wait_for("a run", lambda: daemon.runs("tiny_candidate", trigger="toolchain_changed"))
    assert run.tags["dagster/sensor_name"] == "toolchain_changed"
    daemon.wait_for("it ends", lambda: daemon.ended("tiny_candidate", trigger="toolchain_changed"))
    current = daemon.check("tiny/Ascend310P3/om", "current")
    assert current is not None
    assert current.passed
    live = daemon.live("tiny")
    assert live is not None
    assert live.version != world.before


def test_a_refused_candidate_leaves_its_page(world: World) -> None:
    """Trigger `refused_candidates`: nobody watched that run."""
    daemon = world.daemon
    (run,) = daemon.wait_for("the run ends", lambda: daemon.ended("overflows_candidate"))
    assert run.status == dg.DagsterRunStatus.FAILURE
    seen = daemon.wait_for("its page is shown", lambda: _observation(daemon, "overflows/dossier"))
    assert seen.metadata[history.CANDIDATE].value == run.tags[history.CANDIDATE_TAG]
    assert "precision" in Path(str(seen.metadata["page"].value)).read_text()
    assert daemon.live("overflows") is None


def _upgrade(root: Path) -> None:
    table = root / TABLE
    table.write_text(table.read_text() + "\n")
    commit(root, "another toolchain")


def _observation(daemon: Daemon, asset: str) -> dg.AssetObservation | None:
    found = daemon.instance.fetch_observations(dg.AssetKey(asset.split("/")), limit=1).records
    return found[0].asset_observation if found else None
