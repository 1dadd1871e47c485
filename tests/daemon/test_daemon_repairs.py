"""A commit that FP16 spoils, with the real daemon: refused, explained, repaired and released to dev without a hand."""

from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from daemon import Daemon, daemon_of
from installation import Installation, commit, model_folder
from repairable import write_masked
from webhook_server import serving

from ascend_assets import history
from ascend_assets.repair.repairing import OF_TAG

pytestmark = pytest.mark.timeout(900)

TRIGGERS = """\
    repositories:
      - {name: origin, branches: [main], every_seconds: 10}
    notices:
      group_seconds: 0
      channels:
        - {name: team, url_env: TEAM_CHAT, language: en}
    """
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


def test_a_refused_commit_is_repaired_and_released_without_a_hand(tmp_path: Path) -> None:
    place = Installation.make(tmp_path)
    place.triggers(TRIGGERS)
    commit(place.checkout.root, "an installation")
    place.share()
    with serving() as hook, daemon_of(place.checkout, TEAM_CHAT=hook.address) as daemon:
        daemon.start()
        for sensor in ("commits_origin", "repairs"):
            daemon.wait_for(f"a first look of {sensor}", partial(daemon.ticks, sensor))
        write_masked(model_folder(place.author, "tiny"))
        made = commit(place.author, "a mask that FP16 does not hold")
        place.push()
        (failed,) = daemon.wait_for("it is refused", lambda: daemon.ended(commit=made))
        assert (failed.job_name, failed.status) == ("tiny_candidate", FAILURE)
        (repaired,) = daemon.wait_for("it is repaired", lambda: daemon.ended(trigger="repairs"))
        assert (repaired.job_name, repaired.status) == ("tiny_repair", SUCCESS)
        assert repaired.tags[OF_TAG] == failed.run_id
        assert repaired.tags[history.CANDIDATE_TAG] == f"{failed.tags[history.CANDIDATE_TAG]}-repaired"
        release = daemon.released("tiny")
        assert (release.commit, release.candidate) == (made, repaired.tags[history.CANDIDATE_TAG])
        answer = daemon.check("tiny/repair", "repaired")
        assert answer is not None
        assert answer.passed
        daemon.wait_for("people hear of the refusal", lambda: _told(hook.bodies, "was refused"))
        daemon.wait_for("and of the repair", lambda: _told(hook.bodies, "was repaired and released"))
        _looks_again(daemon)
        assert len(daemon.runs(trigger="repairs")) == 1, "once"
        daemon.assert_one_at_a_time("tiny")


def _looks_again(daemon: Daemon) -> None:
    """Until the sensor has asked once more after everything was over."""
    daemon.wait_for("nothing goes on", daemon.idle)
    before = daemon.ticks("repairs")[0].timestamp
    daemon.wait_for("another look", lambda: daemon.ticks("repairs")[0].timestamp > before)


def _told(bodies: list[dict[str, str]], words: str) -> bool:
    return any(words in f"{body['title']}\n{body['message']}" for body in bodies)
