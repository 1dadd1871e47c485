"""A power cut in the middle of a burst of commits: afterwards each has been built, once, and one at a time."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from daemon import Daemon, daemon_of
from installation import Installation, commit, write_model

from ascend_assets import history

pytestmark = pytest.mark.timeout(900)

MODELS = ("other", "tiny")
COMMITS = 3
TRIGGERS = """\
    repositories:
      - {name: origin, branches: [main], every_seconds: 10}
    """
SUCCESS, STARTED, STARTING = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING
RETRIED_TAG = "dagster/parent_run_id"


def test_power_cuts_in_a_burst_of_commits(tmp_path: Path) -> None:
    """The first comes while runs are asked for, the second while one goes on."""
    place = Installation.make(tmp_path)
    write_model(place.checkout.root, "other")
    place.triggers(TRIGGERS)
    commit(place.checkout.root, "an installation")
    place.share()
    with daemon_of(place.checkout) as daemon:
        _notices_soon(daemon)
        daemon.start()
        daemon.wait_for("a first look", lambda: daemon.ticks("commits_origin"))
        burst = [_commit(place.author, number) for number in range(COMMITS)]
        place.push()
        _cut(daemon, "a run is asked for", lambda: bool(daemon.runs()))
        _cut(daemon, "a run goes on", lambda: _goes_on(daemon))
        everything = {(each, model) for each in burst for model in MODELS}
        daemon.wait_for("every commit is built", lambda: _built(daemon) >= everything)
        daemon.wait_for("nothing goes on", daemon.idle)
        first = Counter(_what(run) for run in daemon.runs() if RETRIED_TAG not in run.tags)
        assert first == Counter(everything), "each is built, and Dagster started no run twice"
        again = [run for run in daemon.runs() if RETRIED_TAG in run.tags]
        assert 1 <= len(again) <= 2 * len(MODELS), "only what was cut off had another try"
        for model in MODELS:
            daemon.assert_one_at_a_time(model)
        for model in MODELS:
            assert daemon.released(model).commit == burst[-1], "what was cut off and came late replaces nothing"


def _commit(author: Path, number: int) -> str:
    for model in MODELS:
        write_model(author, model, seed=number + 1)
    return commit(author, f"weights {number}")


def _notices_soon(daemon: Daemon) -> None:
    """As shipped, Dagster looks for dead runs every two minutes, and gives one three to start."""
    settings = daemon.home / "dagster.yaml"
    text = settings.read_text()
    assert "run_monitoring:\n  enabled: true\n" in text
    soon = "run_monitoring:\n  enabled: true\n  poll_interval_seconds: 5\n  start_timeout_seconds: 60\n"
    settings.write_text(text.replace("run_monitoring:\n  enabled: true\n", soon))


def _cut(daemon: Daemon, moment: str, has_come: Callable[[], bool]) -> None:
    """Kill everything in that moment, and start it again."""
    daemon.wait_for(moment, has_come, every=0.02)
    daemon.kill()
    daemon.start()


def _goes_on(daemon: Daemon) -> bool:
    """A run goes on, and none is about to: those Dagster gives a minute."""
    states = {run.status for run in daemon.runs()}
    return STARTED in states and STARTING not in states


def _what(run: dg.DagsterRun) -> tuple[str, str]:
    return run.tags[history.COMMIT_TAG], run.tags[history.MODEL_TAG]


def _built(daemon: Daemon) -> set[tuple[str, str]]:
    return {_what(run) for run in daemon.runs() if run.status == SUCCESS}
