"""A step's pod is lost: evicted, out of memory, with its node. What recovers, how often it is tried, what is told."""

import dagster as dg
import pytest
from cluster_world import World
from held_models import Hold
from held_runs import OFTEN, begin, export_of

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("world")]

FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


def test_an_evicted_pods_step_is_started_anew(world: World, holds: dict[str, Hold]) -> None:
    hold = holds["evicted"]
    run_id = begin(world, "evicted")
    world.shim.evict(export_of(world, run_id, "evicted", hold))
    export_of(world, run_id, "evicted", hold, times=2)
    hold.let_go()
    assert world.end_of(run_id).status == SUCCESS
    assert len(world.pods.of_run(run_id, "evicted__onnx")) == 2
    assert "Evicted: The node was low on resource: memory" in world.why(run_id)


def test_a_step_that_took_too_much_memory_fails_at_once_and_says_what_to_do(
    world: World, holds: dict[str, Hold]
) -> None:
    run_id = begin(world, "starved")
    world.shim.oom(export_of(world, run_id, "starved", holds["starved"]))
    run = world.last_of(run_id)
    assert (run.run_id, run.status) == (run_id, FAILURE), "nobody tries it again"
    assert len(world.pods.of_run(run_id, "starved__onnx")) == 1
    assert "was killed for memory: give its stage more (resources.<stage>.memory)" in world.why(run_id)


def test_whoever_loses_a_third_pod_fails(world: World, holds: dict[str, Hold]) -> None:
    hold = holds["drained"]
    run_id = begin(world, "drained")
    for times in (1, 2, 3):
        world.shim.evict(export_of(world, run_id, "drained", hold, times))
    run = world.last_of(run_id)
    assert (run.run_id, run.status) == (run_id, FAILURE)
    assert len(world.pods.of_run(run_id, "drained__onnx")) == 3


def test_a_step_whose_node_is_lost_is_started_anew_when_nothing_of_it_can_run_any_more(
    world: World, clicked: str
) -> None:
    assert world.run(clicked).status == SUCCESS
    step = "tiny__Ascend310P3__precision"
    run_id = world.browser.materialise("tiny/Ascend310P3/precision", health_seconds=OFTEN)
    pod = world.running(run_id, step)
    world.shim.lose_node(pod.node)
    world.wait_for("the loss", lambda: f"waiting until Kubernetes says that {pod.name}" in world.why(run_id))
    assert len(world.pods.of_run(run_id, step)) == 1, "nobody knows yet whether it still works"
    world.shim.restore_node(pod.node)
    assert world.end_of(run_id).status == SUCCESS
    assert len(world.pods.of_run(run_id, step)) == 2


def test_no_step_ran_twice_at_once_and_nothing_is_held(world: World) -> None:
    world.wait_for("free slots", lambda: not world.held_slots())
    world.pods.assert_no_step_twice_at_once()
