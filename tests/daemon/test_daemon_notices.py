"""People are told by the real daemon, though it is killed while it tells them."""

from functools import partial
from pathlib import Path

import pytest
from daemon import Daemon, daemon_of
from installation import Installation, commit, model_folder, write_model
from webhook_server import serving

pytestmark = pytest.mark.timeout(900)

TRIGGERS = """\
    repositories:
      - {name: origin, branches: [main], every_seconds: 10}
    notices:
      group_seconds: 0
      channels:
        - {name: team, url_env: TEAM_CHAT}
    """


def ended(daemon: Daemon, sensor: str) -> int:
    """How many of its last ticks have ended."""
    return len(daemon.ticks(sensor, limit=500))


def test_a_refused_commit_is_told_in_chinese_though_the_daemon_is_killed_meanwhile(tmp_path: Path) -> None:
    place = Installation.make(tmp_path)
    place.triggers(TRIGGERS)
    definition = model_folder(place.checkout.root, "tiny") / "defs.yaml"
    definition.write_text(definition.read_text() + "  repair: {automatic: false}\n")
    commit(place.checkout.root, "an installation")
    place.share()
    with serving() as hook, daemon_of(place.checkout, TEAM_CHAT=hook.address) as daemon:
        daemon.start()
        for sensor in ("commits_origin", "notices"):
            daemon.wait_for(f"a first look of {sensor}", partial(ended, daemon, sensor))
        hook.mode = "hang"
        write_model(place.author, "tiny", scale=1e6)
        commit(place.author, "weights beyond FP16")
        place.push()
        daemon.wait_for("somebody is being told", lambda: hook.got)
        daemon.kill()
        hook.mode = "ok"
        hook.got.clear()
        daemon.start()
        (body,) = daemon.wait_for("it is told", lambda: hook.bodies)
        (run,) = daemon.ended("tiny_candidate")
        assert f"候选 {run.tags['ascend/candidate']} 未通过门禁" in body["title"]
        assert "overflow_layers" in body["message"]
        assert "可能已发送过" in body["message"]
        later = ended(daemon, "notices")
        daemon.wait_for("another tick", lambda: ended(daemon, "notices") > later)
        assert len(hook.got) == 1, "once"
