"""In profile k8s a commit with another definition waits until the code location that has it is deployed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from project_fixtures import edit
from sandbox import Sandbox
from upstream import DEFS, Follower, Upstream, follow, upstream

from ascend_assets.commits import deploying
from ascend_assets.commits.cursor import MAX_UNDEPLOYED, Undeployed

__all__ = ["edit", "follow", "upstream"]

Follow = Callable[..., Follower]
Edit = Callable[[Path, str, str], None]


@pytest.fixture(autouse=True)
def _cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "k8s")


def change(upstream: Upstream, task: str, before: str = "classification") -> str:
    """A pushed commit with another definition of tiny."""
    path = upstream.work / DEFS / "tiny" / "defs.yaml"
    path.write_text(path.read_text().replace(f"task: {before}", f"task: {task}"))
    return upstream.pushed()


def deploy(upstream: Upstream, sandbox: Sandbox) -> None:
    """What an image of the newest commit has as tiny's definition is the loaded one now."""
    name = f"{DEFS}/tiny/defs.yaml"
    (sandbox.root / name).write_text((upstream.work / name).read_text())


def waiting(follower: Follower) -> dict[str, str]:
    return {one.ref: one.commit for one in follower.state.undeployed}


def test_a_changed_definition_waits_and_is_built_once_it_is_deployed(
    follow: Follow, upstream: Upstream, sandbox: Sandbox
) -> None:
    follower = follow()
    commit = change(upstream, "other")
    for _ in range(2):
        assert follower.tick() == []
        said = f"waits until the code location with its definition is deployed: tiny at {commit[:12]} (heads/main)"
        assert said in follower.told
        assert waiting(follower) == {"heads/main": commit}
    deploy(upstream, sandbox)
    assert follower.tick() == [("tiny", commit)]
    (request,) = follower.asked
    assert request.job_name == "tiny_candidate"
    assert request.run_config == {"ops": {"tiny__source": {"config": {"commit": commit}}}}
    assert (request.tags["ascend/why"], request.tags["ascend/ref"]) == ("commit", "main")
    assert waiting(follower) == {}
    follower.keep()
    assert follower.tick() == []
    assert follower.told == "no branch has a new commit"


def test_a_tick_that_was_lost_asks_again_and_no_run_is_made_twice(
    follow: Follow, upstream: Upstream, sandbox: Sandbox
) -> None:
    follower = follow()
    commit = change(upstream, "other")
    follower.tick()
    before = follower.cursor
    deploy(upstream, sandbox)
    assert follower.tick() == [("tiny", commit)]
    follower.cursor = before
    assert follower.tick() == [("tiny", commit)], "no run was made"
    follower.keep()
    follower.cursor = before
    assert follower.tick() == []
    assert waiting(follower) == {}


def test_a_newer_commit_of_the_branch_takes_its_place(follow: Follow, upstream: Upstream, sandbox: Sandbox) -> None:
    follower = follow()
    change(upstream, "other")
    assert follower.tick() == []
    newer = upstream.pushed()
    assert follower.tick() == []
    assert waiting(follower) == {"heads/main": newer}, "it has the definition of the one before"
    deploy(upstream, sandbox)
    assert follower.ticks(2) == [("tiny", newer)]


def test_a_definition_that_is_taken_back_is_built_at_once_and_nothing_waits(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    change(upstream, "other")
    assert follower.tick() == []
    back = change(upstream, "classification", before="other")
    assert follower.tick() == [("tiny", back)]
    assert waiting(follower) == {}


def test_other_models_and_branches_do_not_wait_for_it(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.git("checkout", "-qb", "feature")
    young = change(upstream, "other")
    upstream.git("checkout", "-q", "main")
    commit = upstream.pushed()
    assert follower.tick() == [("tiny", commit)]
    assert waiting(follower) == {"heads/feature": young}
    follower.keep()
    upstream.push(":feature")
    assert follower.tick() == []
    assert waiting(follower) == {}, "who deletes a branch does not want it built"


def test_a_model_that_the_image_does_not_have_waits_too(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.model("young")
    commit = upstream.pushed("README.md")
    assert follower.tick() == []
    assert follower.state.undeployed == (Undeployed(ref="heads/main", model="young", commit=commit),)


def test_a_commit_that_is_gone_does_not_wait_for_ever(follow: Follow) -> None:
    follower = follow()
    gone = Undeployed(ref="heads/main", model="tiny", commit="1" * 40)
    follower.cursor = follower.state.model_copy(update={"undeployed": (gone,)}).model_dump_json()
    assert follower.tick() == []
    assert "tiny at 111111111111 is not in the repository any more" in follower.told
    assert waiting(follower) == {}


def test_where_many_wait_each_is_asked_in_turn(
    follow: Follow, upstream: Upstream, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tick has no time for all: those that were not asked come first in the next."""
    monkeypatch.setattr(deploying, "SECONDS", 0.0)
    follower = follow()
    old = sandbox.commit_id
    commit = change(upstream, "other")
    assert follower.tick() == []
    others = tuple(Undeployed(ref="heads/main", model=f"model_{number}", commit=old) for number in range(4))
    state = follower.state
    follower.cursor = state.model_copy(update={"undeployed": (*others, *state.undeployed)}).model_dump_json()
    deploy(upstream, sandbox)
    asked = [follower.tick() for _ in range(5)]
    assert asked == [[], [], [], [], [("tiny", commit)]]
    assert len(follower.state.undeployed) == 4 < MAX_UNDEPLOYED


def test_outside_a_cluster_it_is_built_by_its_own_definition(
    follow: Follow, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASCEND_PROFILE", "local")
    follower = follow()
    commit = change(upstream, "other")
    assert follower.tick() == [("tiny", commit)]
    assert follower.asked[0].job_name == "candidate_of_commit"
    assert waiting(follower) == {}
