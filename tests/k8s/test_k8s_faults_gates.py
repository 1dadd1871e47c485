"""A gate that says no is an answer: nothing in a cluster turns it into a pass by trying again."""

import dagster as dg
import pytest
from cluster_world import World

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("world")]


def test_a_failed_gate_is_never_tried_again(world: World) -> None:
    run_id = world.browser.launch("refused_candidate", health_seconds=2)
    run = world.last_of(run_id, seconds=600)
    assert (run.run_id, run.status) == (run_id, dg.DagsterRunStatus.FAILURE)
    assert run.tags["dagster/will_retry"] == "false"
    judged = world.check("refused/Ascend310P3/benchmark", "latency_p99_ms")
    assert judged is not None
    assert not judged.passed
    steps = [pod.step for pod in world.pods.of_run(run_id)]
    assert len(steps) == len(set(steps)), "each step had one pod"
    assert "refused__release" not in steps
    assert world.live("refused") is None
    assert [run.run_id for run in world.runs("refused_candidate")] == [run_id], "no other run of it followed"
