"""Every new commit becomes a candidate of the models that it concerns: once, in order, and within bounds."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from project_fixtures import edit
from sandbox import Sandbox
from tiny import DEFS_YAML
from upstream import DEFS, Follower, Upstream, follow, keep, upstream

from ascend_assets.commits.plan import MAX_QUEUED, MAX_REQUESTS
from ascend_assets.commits.refs import UNKNOWN_HISTORY

__all__ = ["edit", "follow", "upstream"]

Follow = Callable[..., Follower]
Edit = Callable[[Path, str, str], None]


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


def test_a_commit_that_changes_nothing_of_a_model_is_no_candidate(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commit = upstream.pushed("README.md")
    assert follower.tick() == []
    assert follower.state.refs == {"heads/main": commit}


def test_a_burst_is_built_commit_by_commit_within_bounds_and_nothing_twice(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commits = [upstream.commit() for _ in range(50)]
    upstream.push()
    found: list[tuple[str, str]] = []
    for _ in range(40):
        asked = follower.tick()
        assert len(asked) <= MAX_REQUESTS
        follower.keep()
        found += asked
        if found and not asked:
            break
    assert found == [("tiny", commit) for commit in commits]
    assert follower.state.waiting == 0


def test_what_does_not_fit_waits_and_is_told(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commits = [upstream.commit() for _ in range(MAX_QUEUED + 3)]
    upstream.push()
    first = follower.tick()
    queued = follower.keep(dg.DagsterRunStatus.QUEUED)
    assert first == [("tiny", commit) for commit in commits[: len(first)]]
    while follower.tick():
        queued += follower.keep(dg.DagsterRunStatus.QUEUED)
    assert len(queued) == MAX_QUEUED, "the queue is behind, so the rest waits"
    assert "candidates wait, for these models' queues are full: tiny" in follower.told
    assert follower.state.refs == {"heads/main": commits[MAX_QUEUED - 1]}
    assert follower.state.waiting > 0
    for run_id in queued:
        follower.sandbox.instance.delete_run(run_id)
    assert follower.ticks(5) == [("tiny", commit) for commit in commits[MAX_QUEUED:]]


def test_a_merge_counts_with_what_it_brings_to_the_branch(follow: Follow, upstream: Upstream) -> None:
    follower = follow(branches=["main"])
    upstream.git("checkout", "-qb", "side")
    inside = [upstream.commit() for _ in range(3)]
    upstream.git("checkout", "-q", "main")
    other = upstream.commit("README.md")
    upstream.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    upstream.push("main")
    merge = upstream.git("rev-parse", "HEAD")
    assert follower.ticks() == [("tiny", merge)], f"neither {inside} nor {other}"


def test_a_forced_push_gives_what_was_rewritten_and_nothing_else(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    kept, dropped = upstream.commit(), upstream.commit()
    upstream.push()
    assert follower.ticks(3) == [("tiny", kept), ("tiny", dropped)]
    upstream.git("reset", "-q", "--hard", kept)
    new = [upstream.commit(text="other"), upstream.commit()]
    upstream.push()
    assert follower.ticks(3) == [("tiny", commit) for commit in new]
    upstream.git("reset", "-q", "--hard", kept)
    upstream.push()
    assert follower.ticks(3) == [], "back to what was handled"
    assert follower.state.refs == {"heads/main": kept}


def test_a_branch_whose_past_is_unknown_is_taken_within_a_bound_that_is_told(
    follow: Follow, upstream: Upstream
) -> None:
    follower = follow()
    commits = [upstream.commit() for _ in range(UNKNOWN_HISTORY + 2)]
    upstream.push()
    assert follower.cursor is not None
    follower.cursor = follower.cursor.replace(
        follower.state.refs["heads/main"] if follower.state.refs else "", "0" * 40
    )
    asked, told = [], []
    for _ in range(5):
        asked += follower.tick()
        told.append(follower.told)
        follower.keep()
    assert asked == [("tiny", commit) for commit in commits[2:]]
    assert follower.state.refs == {"heads/main": commits[-1]}


def test_a_deleted_branch_is_forgotten_and_a_renamed_one_builds_nothing_again(
    follow: Follow, upstream: Upstream
) -> None:
    follower = follow()
    upstream.git("checkout", "-qb", "feature")
    commit = upstream.pushed()
    assert follower.ticks(2) == [("tiny", commit)]
    upstream.push(":feature")
    assert follower.ticks(2) == []
    assert set(follower.state.refs or {}) == {"heads/main"}
    upstream.push("feature:feature/renamed")
    assert follower.ticks(2) == [], "its commits were handled under the other name, which stands in no branch's way"
    upstream.push("feature:other", ":feature/renamed")
    assert follower.ticks(2) == []
    assert set(follower.state.refs or {}) == {"heads/main", "heads/other"}


def test_a_new_branch_begins_where_it_left_what_is_handled(follow: Follow, upstream: Upstream) -> None:
    first = [upstream.commit() for _ in range(3)]
    upstream.push()
    follower = follow()
    upstream.git("checkout", "-qb", "feature", first[1])
    commit = upstream.pushed()
    assert follower.ticks(2) == [("tiny", commit)]
    assert follower.asked == []


def test_wider_patterns_do_not_build_the_past_of_old_branches(follow: Follow, upstream: Upstream) -> None:
    follower = follow(branches=["main"])
    upstream.git("checkout", "-qb", "old")
    old = upstream.pushed()
    assert follower.tick() == []
    follower.settings["branches"] = ["main", "old"]
    assert follower.tick() == []
    assert (follower.state.refs or {})["heads/old"] == old
    assert "followed from here on: 1 branch or tag more" in follower.told
    new = upstream.pushed()
    assert follower.tick() == [("tiny", new)]


def test_a_commit_on_two_branches_is_one_candidate(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commit = upstream.commit()
    upstream.push("HEAD:main", "HEAD:release", "HEAD:z/later")
    assert follower.tick() == [("tiny", commit)]
    assert set((follower.state.refs or {}).values()) == {commit}


def test_two_repositories_with_one_commit_ask_for_it_once(follow: Follow, upstream: Upstream) -> None:
    one, other = follow(), follow(name="mirror")
    commit = upstream.pushed()
    assert one.tick() == [("tiny", commit)]
    one.keep()
    assert other.tick() == []
    assert other.state.refs == {"heads/main": commit}


def test_a_tag_is_a_wish_for_every_model_that_is_there(follow: Follow, upstream: Upstream) -> None:
    follower = follow(branches=["main"], tags=["v*"])
    upstream.model("second")
    commit = upstream.commit()
    upstream.git("tag", "-m", "one", "v1")
    upstream.git("tag", "unfollowed")
    upstream.git("tag", "light-v2")
    upstream.push("v1", "unfollowed", "light-v2")
    assert follower.tick() == [("second", commit), ("tiny", commit)]
    assert {each.tags["ascend/why"] for each in follower.asked} == {"tag"}
    assert {each.tags["ascend/ref"] for each in follower.asked} == {"v1"}
    follower.keep()
    upstream.push("main")
    assert follower.tick() == [], "the branch brings what the tag had"


def test_a_tag_of_no_commit_is_told_and_passed(follow: Follow, upstream: Upstream) -> None:
    follower = follow(tags=["*"])
    upstream.git("tag", "file", upstream.git("write-tree"))
    upstream.push("refs/tags/file")
    assert follower.tick() == []
    assert "tags/file is of no commit" in follower.told
    assert follower.tick() == []
    assert follower.told == "no branch has a new commit"


def test_a_model_that_only_the_commit_has_is_built_by_its_own_definition(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.model("young", watch="shared/labels.txt")
    commit = upstream.pushed("README.md")
    assert follower.tick() == [("young", commit)]
    (request,) = follower.asked
    assert request.job_name == "candidate_of_commit"
    assert request.run_config == {"ops": {"candidate_of_commit_step": {"config": {"model": "young", "commit": commit}}}}
    assert request.tags["dagster/max_retries"] == "1", "after a crash, and never after a refusal"
    assert request.tags["ascend/model"] == "young", "so that the queue keeps its candidates apart"
    follower.keep()
    later = upstream.pushed("shared/labels.txt")
    assert follower.tick() == [("young", later)], "what it watches stands in the commit"


def test_a_changed_definition_is_built_by_itself(follow: Follow, upstream: Upstream, edit: Edit) -> None:
    follower = follow()
    edit(upstream.work / DEFS / "tiny" / "defs.yaml", "task: classification", "task: other")
    commit = upstream.pushed()
    assert follower.tick() == [("tiny", commit)]
    assert follower.asked[0].job_name == "candidate_of_commit"


def test_a_watched_path_makes_a_candidate(follow: Follow, upstream: Upstream, sandbox: Sandbox) -> None:
    (sandbox.model / "defs.yaml").write_text(DEFS_YAML + "  watch: [shared]\n")
    follower = follow()
    (upstream.work / DEFS / "tiny" / "defs.yaml").write_text(DEFS_YAML + "  watch: [shared]\n")
    first = upstream.pushed("other.txt")
    second = upstream.pushed("shared/deep/labels.txt")
    third = upstream.pushed("shared_not")
    assert follower.ticks(2) == [("tiny", first), ("tiny", second)]
    assert (follower.state.refs or {})["heads/main"] == third


def test_a_removed_model_is_no_candidate(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.git("rm", "-rq", f"{DEFS}/tiny")
    upstream.pushed("README.md")
    assert follower.tick() == []


def test_a_broken_definition_is_remembered_with_its_reason_and_others_go_on(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.model("young")
    upstream.model("zany")
    (upstream.work / DEFS / "young" / "defs.yaml").write_text("type: nonsense\nattributes: {}\n")
    bad = upstream.commit()
    (upstream.work / DEFS / "young" / "defs.yaml").unlink()
    (upstream.work / DEFS / "young" / "defs.yaml").symlink_to("/etc/passwd")
    linked = upstream.commit()
    good = upstream.pushed()
    asked = follower.ticks(3)
    assert asked == [("tiny", bad), ("zany", bad), ("tiny", linked), ("tiny", good)]
    why = {each.commit: (each.model, each.why) for each in follower.state.poisoned}
    assert why[bad][0] == "young"
    assert "type must be" in why[bad][1]
    assert why[linked] == ("young", "defs.yaml is a link: commit the file itself")


def test_a_commit_that_git_cannot_read_is_tried_thrice_and_passed_over(
    follow: Follow, upstream: Upstream, sandbox: Sandbox
) -> None:
    follower = follow()
    bad, good = upstream.commit(), upstream.commit()
    upstream.git("checkout", "-qb", "other")
    elsewhere = upstream.commit("README.md")
    upstream.push("main", "other")
    before = follower.cursor
    follower.tick()
    follower.cursor = before
    damage(sandbox.root, upstream.git("rev-parse", f"{bad}^{{tree}}"))
    assert [follower.tick() for _ in range(2)] == [[], []], "both branches hold it"
    assert "cannot be read, try 2 of 3" in follower.told
    assert follower.state.stuck["heads/main"].tries == 2
    assert follower.ticks(3) == [("tiny", good)], "it holds what the other changed"
    assert [each.commit for each in follower.state.poisoned] == [bad]
    assert follower.state.stuck == {}
    assert follower.state.refs == {"heads/main": good, "heads/other": elsewhere}


def test_a_commit_that_can_be_read_again_is_not_lost(follow: Follow, upstream: Upstream, sandbox: Sandbox) -> None:
    follower = follow()
    commit = upstream.pushed()
    before = follower.cursor
    follower.tick()
    follower.cursor = before
    restore = damage(sandbox.root, upstream.git("rev-parse", f"{commit}^{{tree}}"))
    assert follower.tick() == []
    assert set(follower.state.stuck) == {"heads/main"}
    restore()
    assert follower.tick() == [("tiny", commit)]
    assert follower.state.stuck == {}
    assert follower.state.poisoned == ()


def damage(repo: Path, oid: str) -> Callable[[], object]:
    """Lose one object, as a disk does; what brings it back."""
    path = repo / ".git" / "objects" / oid[:2] / oid[2:]
    data = path.read_bytes()
    path.unlink()
    return lambda: path.write_bytes(data)


def test_where_superseded_commits_are_skipped_only_the_newest_of_a_branch_is_built(
    follow: Follow, upstream: Upstream
) -> None:
    follower = follow(superseded="skip")
    upstream.model("young")
    first = upstream.commit()
    commits = [upstream.commit() for _ in range(3)]
    upstream.push()
    assert follower.tick() == [("young", first), ("tiny", commits[-1])]
    assert follower.state.refs == {"heads/main": commits[-1]}


def test_a_queued_run_of_a_superseded_commit_is_cancelled(follow: Follow, upstream: Upstream, tmp_path: Path) -> None:
    follower = follow(superseded="skip")
    coordinator = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    with dg.instance_for_test(temp_dir=str(tmp_path), overrides={"run_coordinator": coordinator}) as instance:
        runs = {}
        for branch in ("main", "other"):
            upstream.git("checkout", "-qB", branch)
            upstream.pushed()
            assert len(follower.tick(instance)) == 1
            runs[branch] = keep(instance, follower.asked[0], dg.DagsterRunStatus.QUEUED)
        started = keep(instance, follower.asked[0], dg.DagsterRunStatus.STARTED)
        upstream.git("checkout", "-q", "main")
        new = upstream.pushed()
        assert follower.tick(instance) == [("tiny", new)]

        def status(run_id: str) -> dg.DagsterRunStatus:
            run = instance.get_run_by_id(run_id)
            assert run is not None
            return run.status

        assert status(runs["main"]) == dg.DagsterRunStatus.CANCELED
        assert status(runs["other"]) == dg.DagsterRunStatus.QUEUED, "another branch's newest"
        assert status(started) == dg.DagsterRunStatus.STARTED, "what has begun goes on"


def test_nothing_is_cancelled_where_superseded_commits_are_built(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    upstream.pushed()
    follower.tick()
    (run_id,) = follower.keep(dg.DagsterRunStatus.QUEUED)
    upstream.pushed()
    assert len(follower.tick()) == 1
    run = follower.sandbox.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.QUEUED


def test_a_tick_that_came_to_nothing_loses_nothing(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    commits = [upstream.commit() for _ in range(3)]
    upstream.push()
    before = follower.cursor
    first = follower.tick()
    assert first[0] == ("tiny", commits[0])
    keep(follower.sandbox.instance, follower.asked[0], dg.DagsterRunStatus.QUEUED)
    follower.cursor = before  # the daemon died after it had made one run, and never stored the cursor
    assert follower.ticks(3) == [("tiny", commit) for commit in commits[1:]]


def test_a_commit_of_many_models_is_asked_for_in_parts(follow: Follow, upstream: Upstream) -> None:
    follower = follow()
    names = [f"model_{number:02}" for number in range(MAX_REQUESTS + 5)]
    for name in names:
        upstream.model(name)
    commit = upstream.pushed("README.md")
    first = follower.tick()
    assert len(first) == MAX_REQUESTS
    follower.keep()
    assert follower.state.refs != {"heads/main": commit}
    assert follower.state.waiting == 5
    assert first + follower.tick() == [(name, commit) for name in names]
    assert follower.state.refs == {"heads/main": commit}
    assert follower.state.begun == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"refs": 3}', "null"])
def test_a_cursor_that_cannot_be_read_starts_anew(follow: Follow, upstream: Upstream, text: str) -> None:
    follower = follow()
    upstream.pushed()
    follower.cursor = text
    assert follower.tick() == []
    assert (follower.state.refs or {})["heads/main"] == upstream.git("rev-parse", "HEAD")
