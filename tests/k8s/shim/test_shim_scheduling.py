"""Where pods go: what they ask for, what nodes have, what is said where nothing fits."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kube_shim import Shim, defaults, scheduler
from kube_shim.kinds import PODS, Json
from kube_shim.samples import NPU, Clients, job, pod, until
from kube_shim.starting import Node, node_object


def pending(name: str = "p", *, npus: int = 0, **spec: Any) -> Json:
    manifest = pod(name, "true", npus=npus, meta={"namespace": "default"}, **spec)
    return defaults.completed(PODS, manifest)


def asking(**requests: str) -> Json:
    made = pending()
    made["spec"]["containers"][0]["resources"] = {"requests": {n.replace("_", "/"): v for n, v in requests.items()}}
    return made


def rooms(*nodes: Node) -> list[scheduler.Room]:
    return scheduler.rooms_of([node_object(node) for node in nodes], [])


ONE = Node("one", {NPU: "2", "cpu": "4", "memory": "8Gi"}, {"accelerator": "huawei-Ascend310P", "cards": "2"})


def test_a_pod_goes_to_the_node_that_has_what_it_asks_for() -> None:
    placed = scheduler.place(pending(npus=1), rooms(Node("zero"), ONE))
    assert placed.node == "one"
    assert placed.annotations == {NPU: "Ascend310P-0"}


def test_a_pod_that_asks_for_more_than_any_node_has_is_told_in_the_schedulers_words() -> None:
    placed = scheduler.place(pending(npus=3), rooms(Node("zero"), ONE))
    assert placed.node == ""
    assert placed.why == (
        "0/2 nodes are available: 2 Insufficient huawei.com/Ascend310P. "
        "preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod."
    )


def test_every_reason_is_counted() -> None:
    tainted = Node("tainted", taints=[{"key": "npu", "value": "only", "effect": "NoSchedule"}])
    wanted = pending(npus=3, nodeSelector={"accelerator": "huawei-Ascend310P"})
    assert scheduler.place(wanted, rooms(ONE, Node("other"), tainted)).why == (
        "0/3 nodes are available: 1 Insufficient huawei.com/Ascend310P, "
        "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) had untolerated taint(s) {npu: only}. "
        "preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, "
        "2 Preemption is not helpful for scheduling."
    )


def test_where_there_are_no_nodes_it_is_said() -> None:
    assert scheduler.place(pending(), []).why == "no nodes available to schedule pods"


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"cpu": "4"}, True),
        ({"cpu": "4001m"}, False),
        ({"memory": "8Gi"}, True),
        ({"memory": "8Gi", "cpu": "4100m"}, False),
        ({"memory": "8193Mi"}, False),
        ({"memory": "8.5e9"}, True),
        ({"huawei.com_npu": "1"}, False),
    ],
)
def test_what_is_asked_for_counts_exactly(asked: dict[str, str], fits: bool) -> None:  # noqa: FBT001
    assert bool(scheduler.place(asking(**asked), rooms(ONE)).node) is fits


def test_an_init_container_counts_if_it_asks_for_more() -> None:
    init = {"name": "i", "image": "i:1", "resources": {"limits": {NPU: "2"}}}
    assert scheduler.requests(pending(npus=1, initContainers=[init]))[NPU] == 2


@pytest.mark.parametrize(
    ("toleration", "fits"),
    [
        ({"key": "npu", "operator": "Exists"}, True),
        ({"key": "npu", "operator": "Equal", "value": "only", "effect": "NoSchedule"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "npu", "value": "other"}, False),
        ({"key": "npu", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_taint_needs_its_toleration(toleration: Json, fits: bool) -> None:  # noqa: FBT001
    tainted = Node("tainted", taints=[{"key": "npu", "value": "only", "effect": "NoSchedule"}])
    assert bool(scheduler.place(pending(tolerations=[toleration]), rooms(tainted)).node) is fits


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({"key": "accelerator", "operator": "In", "values": ["a", "huawei-Ascend310P"]}, True),
        ({"key": "accelerator", "operator": "NotIn", "values": ["huawei-Ascend310P"]}, False),
        ({"key": "accelerator", "operator": "Exists"}, True),
        ({"key": "accelerator", "operator": "DoesNotExist"}, False),
        ({"key": "cards", "operator": "Gt", "values": ["1"]}, True),
        ({"key": "cards", "operator": "Lt", "values": ["2"]}, False),
        ({"key": "absent", "operator": "Gt", "values": ["1"]}, False),
    ],
)
def test_required_affinity_is_a_selector(rule: Json, fits: bool) -> None:  # noqa: FBT001
    terms = {"nodeSelectorTerms": [{"matchExpressions": [rule]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    assert bool(scheduler.place(pending(affinity=affinity), rooms(ONE)).node) is fits


@given(st.lists(st.integers(min_value=0, max_value=3), max_size=12), st.lists(st.booleans(), max_size=12))
def test_a_device_is_never_held_twice_and_a_node_never_gives_more_than_it_has(
    asked: list[int], ended: list[bool]
) -> None:
    """Whatever comes and goes."""
    nodes = [node_object(Node("a", {NPU: "2", "huawei.com/npu": "2"})), node_object(Node("b", {NPU: "4"}))]
    pods: list[Json] = []
    for number, count in enumerate(asked):
        placed = scheduler.place(one := pending(f"p{number}", npus=count), scheduler.rooms_of(nodes, pods))
        if placed.node:
            one["spec"]["nodeName"] = placed.node
            one["metadata"]["annotations"] = dict(placed.annotations)
            one["status"]["phase"] = "Running"
            pods.append(one)
        if number < len(ended) and ended[number] and pods:
            pods[number % len(pods)]["status"]["phase"] = "Succeeded"
    for node, capacity in (("a", 2), ("b", 4)):
        mine = [p for p in pods if p["spec"]["nodeName"] == node and p["status"]["phase"] == "Running"]
        held = [device for p in mine for device in scheduler.assigned(p).get(NPU, [])]
        assert len(held) == len(set(held)) == sum(int(scheduler.requests(p).get(NPU, 0)) for p in mine) <= capacity


def test_a_pod_waits_until_another_gives_its_npus_back(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("first", "while ! test -e go; do sleep 0.05; done", npus=2))
    until(shim.running)
    api.batch.create_namespaced_job("default", job("second", "echo $ASCEND_VISIBLE_DEVICES", npus=1))
    waiting = until(lambda: [p for p in shim.pods("second") if p["status"].get("conditions")])[0]
    [scheduled] = waiting["status"]["conditions"]
    assert (scheduled["type"], scheduled["status"], scheduled["reason"]) == ("PodScheduled", "False", "Unschedulable")
    name = waiting["metadata"]["name"]
    assert [event["reason"] for event in shim.events(name)] == ["FailedScheduling"]
    assert "2 Insufficient huawei.com/Ascend310P" in api.dagster.get_pod_debug_info(name, "default")
    [first] = shim.running()
    (shim.folder(first) / "main" / "go").touch()
    api.dagster.wait_for_job_success("second", "default", wait_timeout=60, wait_time_between_attempts=0.05)
    assert shim.log(name) == "0\n"


def test_pods_that_run_at_once_get_different_devices(shim: Shim, api: Clients) -> None:
    for name in ("a", "b"):
        api.batch.create_namespaced_job("default", job(name, "echo $ASCEND_VISIBLE_DEVICES; sleep 600", npus=1))
    names = until(lambda: running if len(running := shim.running()) == 2 else None)
    assert sorted(until(partial(shim.log, name)) for name in names) == ["0\n", "1\n"]


def test_a_pod_may_learn_its_device_from_the_annotation(shim: Shim, api: Clients) -> None:
    manifest = pod("p", "echo $DEVICES", npus=2)
    field = {"fieldRef": {"fieldPath": f"metadata.annotations['{NPU}']"}}
    manifest["spec"]["containers"][0]["env"] = [{"name": "DEVICES", "valueFrom": field}]
    api.core.create_namespaced_pod("default", manifest)
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    assert shim.log("p") == "Ascend310P-0,Ascend310P-1\n"


@pytest.mark.parametrize(("scheduler_name", "placed"), [("volcano", True), ("nobody", False)])
def test_only_a_scheduler_that_is_there_schedules(
    shim: Shim,
    api: Clients,
    scheduler_name: str,
    placed: bool,  # noqa: FBT001
) -> None:
    api.core.create_namespaced_pod("default", pod("p", "true", schedulerName=scheduler_name))
    api.core.create_namespaced_pod("default", pod("after", "true"))
    until(lambda: all(p["status"]["phase"] == "Succeeded" for p in shim.pods() if p["metadata"]["name"] == "after"))
    if placed:
        until(lambda: all(p["status"]["phase"] == "Succeeded" for p in shim.pods()))
    else:
        assert api.core.read_namespaced_pod("p", "default").status.conditions is None


def test_a_pod_that_waits_for_ever_can_be_deleted_at_once(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true", npus=3))
    until(lambda: shim.pods("a"))
    assert api.dagster.delete_job("a", "default")
    assert not shim.pods()
    assert not shim.jobs()
