"""A pod that never starts: no card for ever, an image that nobody can pull. Each ends in bounded time, with why.

`waiting_minutes` is 1 in these tests.
"""

import dagster as dg
import pytest
from cluster_site import CANN
from cluster_world import World

pytestmark = [pytest.mark.timeout(1200), pytest.mark.xdist_group("world")]

FAILURE = dg.DagsterRunStatus.FAILURE


def test_a_pod_for_which_there_is_no_card_is_given_up(world: World, waiting: dict[str, str]) -> None:
    run_id = waiting["crowded"]
    run = world.last_of(run_id, seconds=600)
    assert (run.run_id, run.status) == (run_id, FAILURE), "another try would wait as long"
    said = world.why(run_id)
    assert "waits: Unschedulable: 0/4 nodes are available" in said
    assert "given up after 6" in said
    on_npu = [pod for pod in world.pods.of_run(run_id) if pod.npus]
    assert sorted(pod.step for pod in on_npu) == ["crowded__Ascend310__benchmark", "crowded__Ascend310__precision"]
    for pod in on_npu:
        assert (pod.npus, pod.node, pod.began) == ({"huawei.com/Ascend310": "1"}, "", None)
        assert pod.ended is not None, "its Job is deleted: it starts no more"


def test_a_step_whose_image_cannot_be_pulled_is_given_up(world: World, waiting: dict[str, str]) -> None:
    run_id = waiting["unpulled"]
    run = world.last_of(run_id, seconds=600)
    assert (run.run_id, run.status) == (run_id, FAILURE)
    said = world.why(run_id)
    assert "ErrImagePull" in said or "ImagePullBackOff" in said
    assert CANN["7.0.0"] in said
    (pod,) = world.pods.of_run(run_id, "unpulled__lint")
    assert pod.image == CANN["7.0.0"]
    assert pod.ended is not None
    assert pod.began in {None, pod.ended}, "nothing of it ever ran"


def test_no_slot_is_held_for_them(world: World, waiting: dict[str, str]) -> None:
    for run_id in waiting.values():
        world.end_of(run_id)
    world.wait_for("free slots", lambda: not world.held_slots())
