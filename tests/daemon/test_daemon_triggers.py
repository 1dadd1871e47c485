"""Every trigger with the real daemon: something happens outside, and without a hand the right thing follows, once.

One daemon serves all tests here, for it takes long to start, and what they wait for has its own pace. So all causes are
laid first (`world`), and each test waits for its own effect. Power cuts have a daemon of their own
(`test_daemon_killed.py`).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from daemon import Daemon
from daemon_world import BROKEN, World, lived_in
from hub_project import HUB_MODEL, hub_files
from installation import commit, write_model

from ascend_assets import history

pytestmark = pytest.mark.timeout(900)

SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True)
class Happened:
    """The world after all causes were laid. Commits: good, overflowing, and one that changes its defs.yaml."""

    world: World
    good: str
    overflows: str
    redefined: str

    @property
    def daemon(self) -> Daemon:
        return self.world.daemon


@pytest.fixture(scope="module")
def happened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Happened]:
    with lived_in(tmp_path_factory.mktemp("daemon")) as world:
        world.serve_white_on_black(0)
        (world.production / "samples" / "torn.parquet").write_bytes(b"PAR1 and no more")
        daemon = world.daemon
        daemon.start()
        for sensor in ("commits_origin", "hub_releases", "refused_candidates"):
            daemon.wait_for(f"{sensor} has looked once: only what comes then is new", _has_ticked(daemon, sensor))
        for version in ("v1.9.0", "v1.10.0"):
            world.hub.publish(HUB_MODEL, version, hub_files(seed=3), at=1_720_000_000)
        good = world.push("other weights", seed=1)
        overflows = world.push("weights beyond FP16", seed=2, scale=1e6)
        redefined = _redefine(world)
        daemon.wait_for("a first look at production", lambda: daemon.check("digits_cnn/drift", "psi"))
        world.serve_white_on_black(1)
        yield Happened(world, good, overflows, redefined)


def test_samples_are_looked_at_and_a_torn_file_is_told(happened: Happened) -> None:
    """Triggers `production` and `notices`: a check that blocks nothing."""
    daemon, world = happened.daemon, happened.world
    valid = daemon.check("digits_cnn/production", "samples_valid")
    assert valid is not None
    assert not valid.passed
    assert "torn.parquet" in (valid.description or "")
    daemon.wait_for("it is told", lambda: world.told("digits_cnn/production", "samples_valid", "failed"))
    (world.production / "samples" / "torn.parquet").unlink()  # that it is well again is awaited below


def test_what_the_command_line_deployed_is_shown(happened: Happened) -> None:
    """Trigger `deployed`: a promotion, of which the command line tells Dagster nothing."""
    daemon = happened.daemon
    shown = daemon.wait_for("the promotion is shown", lambda: daemon.materialised("tiny/staging/deployment"))
    live = daemon.live("tiny", "staging")
    assert live is not None
    assert shown.metadata[history.DATA_VERSION].value == live.digest
    assert daemon.wait_for("its checks answer", lambda: daemon.check("tiny/staging/deployment", "health")).passed


def test_models_of_an_older_toolchain_are_built_again_once(happened: Happened) -> None:
    """Trigger `toolchain_changed`, switched on."""
    daemon = happened.daemon
    (run,) = daemon.wait_for("a run ends", lambda: daemon.ended(trigger="toolchain_changed"))
    assert (run.job_name, run.status) == ("tiny_candidate", SUCCESS)
    current = daemon.check("tiny/Ascend310P3/om", "current")
    assert current is not None
    assert current.passed
    assert daemon.released("tiny").version != happened.world.before


def test_a_commit_becomes_a_release(happened: Happened) -> None:
    """Trigger `commits_origin`."""
    run = _of_commit(happened, happened.good)
    assert (run.job_name, run.status) == ("pushed_candidate", SUCCESS)
    assert run.tags[history.CANDIDATE_TAG].endswith(f"-git-{happened.good[:12]}")


def test_a_refused_commit_leaves_its_page(happened: Happened) -> None:
    """Triggers `commits_origin` and `refused_candidates`: nobody watched that run."""
    daemon = happened.daemon
    run = _of_commit(happened, happened.overflows)
    assert run.status == FAILURE
    seen = daemon.wait_for("its page is shown", lambda: _observation(daemon, "pushed/dossier"))
    assert seen.metadata[history.CANDIDATE].value == run.tags[history.CANDIDATE_TAG]
    assert "overflow_layers" in Path(str(seen.metadata["page"].value)).read_text()


def test_a_commit_with_another_definition_is_built_by_it_after_one_that_failed(happened: Happened) -> None:
    """Trigger `commits_origin`: the loaded assets do not know that definition."""
    daemon = happened.daemon
    run = _of_commit(happened, happened.redefined)
    assert (run.job_name, run.status) == ("candidate_of_commit", SUCCESS)
    assert daemon.released("pushed").commit == happened.redefined
    daemon.assert_one_at_a_time("pushed")


def test_a_commit_is_tried_again_on_purpose(happened: Happened) -> None:
    """Trigger `retried_commits`: somebody filled in the form of `retry_commit`."""
    daemon = happened.daemon
    happened.world.place.launch(
        "retry_commit", "retry_commit_step", model="pushed", commit=happened.overflows, reason="was it the weather?"
    )
    (run,) = daemon.wait_for("it was tried again", lambda: daemon.ended(commit=happened.overflows, attempt="2"))
    assert (run.job_name, run.status) == ("pushed_candidate", FAILURE), "the same is refused again"
    assert run.tags["dagster/sensor_name"] == "retried_commits"


def test_the_forge_hears_how_each_commit_does(happened: Happened) -> None:
    """Trigger `commit_status_origin`."""
    daemon, forge = happened.daemon, happened.world.forge
    wanted = {happened.good: "success", happened.overflows: "failure", happened.redefined: "success"}

    def last_words() -> dict[str, str]:
        """What was said last: another attempt at a commit begins with pending again."""
        return {sha: state for sha, context, state in list(forge.statuses) if context == "ascend/pushed"}

    daemon.wait_for("the last word on each is told", lambda: wanted.items() <= last_words().items())
    assert {sent.headers["authorization"] for sent in forge.sent} == {"Bearer s3cret"}


def test_the_greatest_new_version_of_the_hub_becomes_a_release(happened: Happened) -> None:
    """Trigger `hub_releases`: v1.10.0 is after v1.9.0."""
    daemon = happened.daemon
    (run,) = daemon.wait_for("a run ends", lambda: daemon.ended(trigger="hub_releases"))
    assert (run.job_name, run.status) == ("hubbed_candidate", SUCCESS)
    assert run.tags[history.CANDIDATE_TAG].endswith("-hub-v1.10.0")
    assert daemon.released("hubbed").candidate == run.tags[history.CANDIDATE_TAG]


def test_drift_has_the_model_trained_again_and_the_better_one_is_released(happened: Happened) -> None:
    """Trigger `retraining`, end to end: from a world that changes to another release in dev without a hand."""
    daemon, world = happened.daemon, happened.world
    (run,) = daemon.wait_for("a retraining ends", lambda: daemon.ended(trigger="retraining"))
    assert (run.job_name, run.status) == ("digits_cnn_retrain", SUCCESS)
    assert run.tags[history.WHY_TAG] in {"accuracy", "drift"}
    beats = daemon.check("digits_cnn/challenger", "beats_champion")
    assert beats is not None
    assert beats.passed
    assert daemon.released("digits_cnn").version == "1.1.0"
    assert "-ct-0001" in run.tags[history.CANDIDATE_TAG]
    assert len(daemon.runs("digits_cnn_production")) >= 2, "drift is said after two looks at new samples"
    daemon.wait_for("drift is told", lambda: world.told("digits_cnn: production data has drifted"))
    daemon.wait_for("the release is told", lambda: world.told("digits_cnn: a better challenger"))


def test_people_hear_what_waits_for_them_and_what_stopped(happened: Happened) -> None:
    """Trigger `notices`."""
    daemon, world = happened.daemon, happened.world
    daemon.wait_for("signatures are asked for", lambda: world.told("tiny: a promotion to prod waits for signatures"))
    daemon.wait_for("the refusal is told", lambda: world.told("pushed: candidate", "was refused"))
    daemon.wait_for("a recovery is told", lambda: world.told("samples_valid", "passes again"))
    daemon.wait_for("the watchdog is heard", lambda: world.told(f"Sensor {BROKEN} has stopped"))
    messages = [(body["title"], body["message"]) for body in world.chat.bodies]
    assert len(messages) == len(set(messages)), "nothing is told twice"


def test_each_cause_had_one_run(happened: Happened) -> None:
    """The last: nothing else was started meanwhile."""
    daemon = happened.daemon
    daemon.wait_for("nothing goes on", daemon.idle)
    keys = [run.tags["dagster/run_key"] for run in daemon.runs() if "dagster/run_key" in run.tags]
    assert len(keys) == len(set(keys))
    started = Counter(run.tags.get("dagster/sensor_name", "") for run in daemon.runs())
    assert started["commits_origin"] == 3
    for sensor in ("hub_releases", "retraining", "retried_commits", "toolchain_changed"):
        assert started[sensor] == 1, sensor


def _has_ticked(daemon: Daemon, sensor: str) -> Callable[[], bool]:
    return lambda: bool(daemon.ticks(sensor))


def _redefine(world: World) -> str:
    """A commit that changes defs.yaml as well, which the daemon has not loaded."""
    folder = write_model(world.place.author, "pushed", seed=4)
    definition = folder / "defs.yaml"
    definition.write_text(definition.read_text().replace("batch: 4", "batch: 2"))
    made = commit(world.place.author, "another batch")
    world.place.push()
    return made


def _of_commit(happened: Happened, made: str) -> dg.DagsterRun:
    daemon = happened.daemon
    (run,) = daemon.wait_for(f"{made[:12]} is built", lambda: daemon.ended(commit=made, attempt="1"))
    assert (run.tags[history.MODEL_TAG], run.tags[history.TRIGGER_TAG]) == ("pushed", "commits_origin")
    return run


def _observation(daemon: Daemon, asset: str) -> dg.AssetObservation | None:
    found = daemon.instance.fetch_observations(dg.AssetKey(asset.split("/")), limit=1).records
    return found[0].asset_observation if found else None
