"""A commit is tried again on purpose: a form in the UI, and the daemon does the rest."""

import json
import sys
from pathlib import Path

import dagster as dg
import pytest
from daemon import daemon_of
from project_fixtures import make_checkout
from sandbox import git

pytestmark = [pytest.mark.xdist_group("daemon_retry"), pytest.mark.timeout(900)]

SUCCESS = dg.DagsterRunStatus.SUCCESS


def test_a_commit_that_somebody_asks_for_again_is_built(tmp_path: Path) -> None:
    checkout = make_checkout(tmp_path / "checkout")
    (checkout.root / "triggers.yaml").write_text("repositories: []\n")
    commit = git(checkout.root, "rev-parse", "HEAD")
    form = {"model": "tiny", "commit": "main", "reason": "to see it"}
    config = json.dumps({"ops": {"retry_commit_step": {"config": form}}})
    launch = (sys.executable, "-m", "dagster", "job", "launch", "-w", "workspace.yaml", "-j", "retry_commit")
    with daemon_of(checkout) as daemon:
        daemon.start()
        done = checkout.run(*launch, "--config-json", config, timeout=240)
        assert done.returncode == 0, done.stderr
        (run,) = daemon.wait_for("the attempt has ended", lambda: daemon.ended("tiny_candidate"))
        assert run.status == SUCCESS
        tags = {name: run.tags[f"ascend/{name}"] for name in ("commit", "why", "attempt", "trigger")}
        assert tags == {"commit": commit, "why": "retry", "attempt": "1", "trigger": "retried_commits"}
        assert daemon.live("tiny") is not None
