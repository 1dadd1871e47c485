"""A whole candidate in a cluster: a pod per step, whoever starts the run, and NPUs for those that need one.

The pods that ask for CANN find stand-ins for it; those with an NPU one card each.
"""

import dagster as dg
import pytest
from cluster_site import CANN, IMAGE, RESOURCES
from cluster_world import World
from pod_watch import SeenPod

pytestmark = [pytest.mark.timeout(1200), pytest.mark.xdist_group("world")]

SUCCESS = dg.DagsterRunStatus.SUCCESS
STEP_IMAGE = CANN["8.1.RC1"]
ON_CANN = {"lint", "om", "om_current", "precision", "benchmark"}
LONG = 900.0


def stage(pod: SeenPod) -> tuple[str, str]:
    """SoC version and stage of a pod's step; the first is empty where it has none."""
    _, *words = pod.step.split("__")
    return (words[0], words[1]) if words[0] in RESOURCES and len(words) == 2 else ("", "__".join(words))


def assert_each_has_what_it_needs(pods: list[SeenPod]) -> None:
    """An NPU of its target's kind, and CANN, for those that need them, and for no other."""
    for pod in pods:
        soc, name = stage(pod)
        on_npu = name in {"precision", "benchmark"}
        assert pod.npus == ({RESOURCES[soc]: "1"} if on_npu else {}), pod
        assert pod.image == (STEP_IMAGE if name in ON_CANN else IMAGE), pod
        assert pod.requests == pod.limits, pod
        assert pod.node.startswith("npu-") == on_npu, pod


def steps_of(world: World, run_id: str) -> list[str]:
    """The steps that a run has planned."""
    run = world.run(run_id)
    assert run.execution_plan_snapshot_id is not None
    plan = world.instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return sorted(plan.step_keys_to_execute)


def test_a_commit_is_built_released_and_deployed(world: World) -> None:
    world.wait_for("a first look", lambda: world.ticks("commits_origin"))
    commit = world.push("digits_cnn", "train.py", "\n# Trained anew.\n")
    run = world.wait_for("its run", lambda: next(iter(world.runs(model="digits_cnn", commit=commit)), None))
    assert world.end_of(run.run_id, seconds=LONG).status == SUCCESS, world.why(run.run_id)
    pods = world.pods.of_run(run.run_id)
    assert sorted(pod.step for pod in pods) == steps_of(world, run.run_id), "a pod per step, and one only"
    assert {stage(pod) for pod in pods} >= {("Ascend310P3", "om"), ("Ascend910B3", "benchmark"), ("", "release")}
    assert_each_has_what_it_needs(pods)
    assert world.released("digits_cnn").commit == commit
    for soc in ("Ascend310P3", "Ascend910B3"):
        made = world.materialised(f"digits_cnn/{soc}/om")
        assert made is not None
        assert str(made.metadata["toolchain"].value).startswith("cann"), "where CANN is, nothing is emulated"


def test_a_click_on_materialize_makes_the_same_pods(world: World, clicked: str) -> None:
    assert world.run(clicked).status == SUCCESS, world.why(clicked)
    pods = world.pods.of_run(clicked)
    assert sorted(pod.step for pod in pods) == steps_of(world, clicked)
    assert_each_has_what_it_needs(pods)
    live = world.live("tiny")
    assert live is not None
    assert live.version == "1.0.0"


def test_no_card_is_promised_twice_and_none_is_kept(world: World) -> None:
    assert 1 <= world.pods.most_at_once(RESOURCES["Ascend310P3"]) <= 2
    assert world.pods.most_at_once(RESOURCES["Ascend910B3"]) == 1
    world.pods.assert_no_step_twice_at_once()
