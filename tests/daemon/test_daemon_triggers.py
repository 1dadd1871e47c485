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
from project_fixtures import make_checkout
from sandbox import Checkout, git
from tiny import write_tiny

from ascend_assets import history
from sensors import toolchain_changed

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

TABLE = "resources/ascend/tables/published_throughput.csv"
"""A file that the emulator's version is taken of: a byte more, and what was compiled before is stale."""
ENVIRONMENTS = """\
environments:
  - {name: dev, hardware: {description: a CPU}, evidence: [emulated], allows_dirty: true,
     may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]}
  - {name: staging, hardware: {description: a CPU}, evidence: [emulated],
     may_stay_unjudged: [cve_high, task_metric_drop, latency_regression]}
"""
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True)
class World:
    """The installation, and what its tests compare with."""

    daemon: Daemon
    before: str
    """Version of `tiny` that was live in dev before the daemon started."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    checkout = make_checkout(tmp_path_factory.mktemp("daemon") / "checkout")
    with daemon_of(checkout, **{toolchain_changed.SWITCH: "1"}) as daemon:
        _furnish(checkout)
        _ascend(checkout, "run", "tiny")
        before = daemon.live("tiny")
        assert before is not None
        _ascend(checkout, "promote", "tiny", "--to", "staging", "--reason", "as it is")
        _upgrade(checkout)
        daemon.start()
        # Dagster shows this one only runs that fail after its first tick.
        daemon.wait_for("the first tick", lambda: daemon.ticks("refused_candidates"))
        _launch(checkout, "overflows_candidate")
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
    assert run.status == FAILURE
    seen = daemon.wait_for("its page is shown", lambda: _observation(daemon, "overflows/dossier"))
    assert seen.metadata[history.CANDIDATE].value == run.tags[history.CANDIDATE_TAG]
    assert "precision" in Path(str(seen.metadata["page"].value)).read_text()
    assert daemon.live("overflows") is None


def _furnish(checkout: Checkout) -> None:
    folder = checkout.root / "ascend_assets" / "defs" / "overflows"
    write_tiny(folder, scale=1e6)
    (folder / "defs.yaml").write_text((folder / "defs.yaml").read_text().replace("name: tiny", "name: overflows"))
    (checkout.root / "environments.yaml").write_text(ENVIRONMENTS)
    _commit(checkout, "a model that overflows, and environments without NPUs")


def _upgrade(checkout: Checkout) -> None:
    table = checkout.root / TABLE
    table.write_text(table.read_text() + "\n")
    _commit(checkout, "another toolchain")


def _commit(checkout: Checkout, message: str) -> str:
    git(checkout.root, "add", "-A")
    git(checkout.root, "commit", "-qm", message)
    return git(checkout.root, "rev-parse", "HEAD")


def _ascend(checkout: Checkout, *arguments: str) -> None:
    done = checkout.ascend(*arguments)
    assert done.returncode == 0, done.stderr


def _launch(checkout: Checkout, job: str) -> None:
    """What the button does: the run waits in the queue for the daemon."""
    done = checkout.run("dagster", "job", "launch", "-w", "workspace.yaml", "-j", job)
    assert done.returncode == 0, done.stderr


def _observation(daemon: Daemon, asset: str) -> dg.AssetObservation | None:
    found = daemon.instance.fetch_observations(dg.AssetKey(asset.split("/")), limit=1).records
    return found[0].asset_observation if found else None
