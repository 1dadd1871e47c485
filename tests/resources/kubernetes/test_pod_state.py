"""Reading how a pod is: why it waits, why it was lost, and whether another may do better."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.kubernetes import pod_state
from resources.kubernetes.pod_state import Pod

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "spec",
                    "status",
                    "phase",
                    "name",
                    "containerStatuses",
                    "state",
                    "waiting",
                    "terminated",
                    "reason",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


def pod(phase: str, **status: Any) -> Pod:
    document = {
        "metadata": {"name": "step-x"},
        "spec": {"nodeName": "node-1"},
        "status": {"phase": phase, **status},
    }
    return pod_state.read(document)


def container(**state: Any) -> list[dict[str, Any]]:
    return [{"name": "dagster", "state": state}]


UNSCHEDULED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available: 3 Insufficient huawei.com/Ascend310P.",
}
BAD_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example/step:1"'}}


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_whatever_the_api_says_is_read(document: dict[str, Any]) -> None:
    found = pod_state.read(document)
    pod_state.waiting([found])
    pod_state.lost([found], "", "")


def test_a_pod_without_a_node_says_what_it_waits_for() -> None:
    waits = pod("Pending", conditions=[UNSCHEDULED])
    assert pod_state.waiting([waits]) == (
        "pod step-x waits: Unschedulable: 0/3 nodes are available: 3 Insufficient huawei.com/Ascend310P."
    )
    assert pod_state.patience([waits], 1800, 600) == 1800


def test_an_image_that_cannot_be_pulled_is_waited_for_less_long() -> None:
    waits = pod("Pending", containerStatuses=container(**BAD_IMAGE))
    assert "ImagePullBackOff" in pod_state.waiting([waits])
    assert pod_state.patience([waits], 1800, 600) == 600
    assert pod_state.patience([waits], 60, 600) == 60


def test_a_name_that_is_no_image_is_not_waited_for() -> None:
    waits = pod("Pending", containerStatuses=container(waiting={"reason": "InvalidImageName"}))
    assert pod_state.patience([waits], 1800, 600) == 0


def test_a_job_without_a_pod_waits_too() -> None:
    assert "quota" in pod_state.waiting([])


@pytest.mark.parametrize("phase", ["Running", "Succeeded", "Failed", "Unknown"])
def test_a_pod_that_has_begun_does_not_wait(phase: str) -> None:
    assert pod_state.waiting([pod(phase)]) == ""


def test_a_pod_of_a_node_that_does_not_answer_may_still_work() -> None:
    begun = [pod(phase) for phase in ("Pending", "Running", "Unknown", "Succeeded", "Failed")]
    assert [one.phase for one in pod_state.unconfirmed(begun)] == ["Running", "Unknown"]


def test_an_evicted_pod_is_lost_by_no_fault_of_the_step() -> None:
    found = pod_state.lost([pod("Failed", reason="Evicted", message="The node was low on resource: memory.")], "", "")
    assert found.again
    assert "Evicted: The node was low on resource: memory." in found.why
    assert "on node-1" in found.why


def test_a_pod_that_was_killed_for_memory_would_be_killed_again() -> None:
    found = pod_state.lost([pod("Failed", containerStatuses=container(terminated={"reason": "OOMKilled"}))], "", "")
    assert not found.again
    assert "resources.<stage>.memory" in found.why


def test_a_process_that_ended_without_a_word_is_tried_again() -> None:
    ended = pod("Failed", containerStatuses=container(terminated={"reason": "Error", "exitCode": 137}))
    found = pod_state.lost([ended], "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert found.again
    assert "exit code 137" in found.why


def test_a_pod_that_is_gone_is_tried_again() -> None:
    assert pod_state.lost([], "", "").again


def test_what_took_too_long_would_again() -> None:
    found = pod_state.lost([pod("Failed")], "DeadlineExceeded", "Job was active longer than specified deadline")
    assert not found.again
    assert "minutes" in found.why
