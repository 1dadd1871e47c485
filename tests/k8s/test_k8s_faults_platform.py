"""What runs and steps rest on is gone for a while: the API server, the daemon, a run's own pod."""

import time

import dagster as dg
import pytest
from cluster_world import World
from held_models import Hold
from held_runs import begin, export_of

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("world")]

CANCELED, FAILURE, SUCCESS = dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
AWAY_SECONDS = 60.0


def test_an_api_server_that_is_away_for_a_minute_is_waited_for(world: World, holds: dict[str, Hold]) -> None:
    hold = holds["away"]
    run_id = begin(world, "away")
    export_of(world, run_id, "away", hold)
    world.shim.away()
    try:
        hold.let_go()
        launched = begin(world, "tiny")
        time.sleep(AWAY_SECONDS)
        assert not world.run(run_id).is_finished
    finally:
        world.shim.back()
    assert world.end_of(run_id).status == SUCCESS
    assert world.last_of(launched).status == SUCCESS, "one that was to be launched meanwhile is launched by then"
    steps = [pod.step for pod in world.pods.of_run(run_id)]
    assert len(steps) == len(set(steps)), "no step was started anew"
    assert "away__onnx_conversion_risk" in steps, "one was to be started meanwhile"
    assert len(world.pods.workers(run_id)) == 1, "no second worker was set beside the first"


def test_an_api_server_that_is_busy_or_answers_late_is_asked_again(world: World) -> None:
    world.shim.respond(429, 2, "create", "jobs", retry_after=1)
    world.shim.respond(500, 2, "create", "jobs")
    world.shim.respond(0, 1, "create", "jobs", applied=True)
    world.shim.respond(503, 3, "get", "jobs")
    run_id = world.browser.materialise("tiny/source", "tiny/onnx", health_seconds=2)
    assert world.end_of(run_id).status == SUCCESS
    assert len(world.pods.workers(run_id)) == 1
    steps = [pod.step for pod in world.pods.of_run(run_id)]
    assert len(steps) == len(set(steps)), "a pod for each"
    world.shim.behave()


def test_runs_go_on_while_the_daemon_is_dead_and_others_wait_for_it(world: World, holds: dict[str, Hold]) -> None:
    hold = holds["lonely"]
    run_id = begin(world, "lonely")
    export_of(world, run_id, "lonely", hold)
    world.kill()
    hold.let_go()
    end = time.monotonic() + 240
    while not world.run(run_id).is_finished and time.monotonic() < end:
        time.sleep(0.5)
    assert world.run(run_id).status == SUCCESS
    queued = begin(world, "lonely")
    assert world.run(queued).status == dg.DagsterRunStatus.QUEUED
    world.start()
    assert world.end_of(queued).status == SUCCESS
    assert len(world.pods.workers(queued)) == 1


def test_a_run_whose_own_pod_is_killed_goes_on_in_another(world: World, holds: dict[str, Hold]) -> None:
    hold = holds["orphaned"]
    run_id = begin(world, "orphaned")
    export = export_of(world, run_id, "orphaned", hold)
    world.shim.oom(world.running(run_id, "").name)
    world.wait_for("another worker", lambda: len(world.pods.workers(run_id)) == 2)
    world.running(run_id, "")
    hold.let_go()
    assert world.end_of(run_id).status == SUCCESS
    assert [pod.name for pod in world.pods.of_run(run_id, "orphaned__onnx")] == [export], "the step was left alone"


def test_a_run_that_somebody_ends_takes_its_pods_along(world: World, holds: dict[str, Hold]) -> None:
    run_id = begin(world, "stopped")
    export = export_of(world, run_id, "stopped", holds["stopped"])
    world.browser.terminate(run_id)
    assert world.end_of(run_id).status == CANCELED
    world.wait_for("the end of its pod", lambda: export not in world.shim.running())
    world.wait_for("free slots", lambda: not world.held_slots())


def test_no_step_ran_twice_at_once(world: World) -> None:
    world.pods.assert_no_step_twice_at_once()
