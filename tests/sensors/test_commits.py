"""Every new commit becomes a candidate of the models that it concerns: once, in order, and within bounds."""

from collections.abc import Callable

import pytest
from sandbox import Sandbox, git
from upstream import DEFS, Follower, Upstream, follow, upstream

__all__ = ["follow", "upstream"]

Follow = Callable[..., Follower]


def test_the_first_look_builds_nothing_and_remembers_where_it_began(follow: Follow, sandbox: Sandbox) -> None:
    follower = follow()
    assert follower.state.refs == {"heads/main": sandbox.commit_id}
    assert "followed from here on" in follower.told
    assert follower.tick() == []
    assert follower.told == "no branch has a new commit"


def test_a_commit_is_a_candidate_of_the_model_whose_files_it_changes(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commit = upstream.pushed()
    assert follower.tick() == [("tiny", commit)]
    (request,) = follower.asked
    assert request.job_name == "tiny_candidate"
    assert request.run_key == f"commit:tiny:{commit}:1"
    assert request.run_config == {"ops": {"tiny__source": {"config": {"commit": commit}}}}
    assert request.tags["ascend/trigger"] == "commits_origin"
    assert (request.tags["ascend/why"], request.tags["ascend/ref"]) == ("commit", "main")
    assert follower.state.refs == {"heads/main": commit}
    assert follower.tick() == []
