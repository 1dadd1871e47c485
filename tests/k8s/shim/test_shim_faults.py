"""What goes wrong on demand, and that the real clients see it as they see it in a cluster."""

import time
from typing import Any

import pytest
import urllib3.exceptions
from dagster_k8s.client import DagsterK8sError, DagsterK8sUnrecoverableAPIError, WaitForPodState
from kube_shim import NoSuchPod, Shim
from kube_shim.kinds import Json
from kube_shim.samples import Clients, job, pod, until
from kubernetes.client.exceptions import ApiException


def started(shim: Shim, api: Clients, name: str = "a", **how: Any) -> str:
    """A job that goes on until it is ended; the name of its pod."""
    api.batch.create_namespaced_job("default", job(name, "sleep 600", **how))
    pods = until(lambda: [p for p in shim.pods(name) if p["status"]["phase"] == "Running"])
    found = str(pods[0]["metadata"]["name"])
    until(lambda: shim.pids(found))
    return found


def ended(shim: Shim, name: str) -> Json:
    """A pod's status when it has failed."""
    found: list[Json] = until(lambda: [p["status"] for p in shim.pods() if p["metadata"]["name"] == name and _over(p)])
    return found[0]


def _over(pod: Json) -> bool:
    return pod["status"]["phase"] in {"Failed", "Succeeded"}


def failed(shim: Shim, name: str = "a") -> Json:
    """A job's status when a pod of it counts as failed."""
    found: list[Json] = until(
        lambda: [j["status"] for j in shim.jobs() if j["metadata"]["name"] == name and j["status"].get("failed")]
    )
    return found[0]


def test_an_evicted_pod_has_failed_in_the_kubelets_words(shim: Shim, api: Clients) -> None:
    name = started(shim, api)
    shim.evict(name)
    status = ended(shim, name)
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert status["message"].startswith("The node was low on resource: memory. Threshold quantity:")
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    assert [c["reason"] for c in status["conditions"] if c["type"] == "DisruptionTarget"] == ["TerminationByKubelet"]
    assert not shim.running()
    with pytest.raises(DagsterK8sError, match="failed job pods"):
        api.dagster.wait_for_job_success("a", "default", wait_timeout=60, wait_time_between_attempts=0.05)
    assert "Evicted: The node was low on resource" in api.dagster.get_pod_debug_info(name, "default")


def test_a_pod_is_evicted_before_it_could_start(shim: Shim, api: Clients) -> None:
    shim.refuse_image("step:1")
    api.core.create_namespaced_pod("default", pod("p", "true"))
    until(lambda: shim.pods()[0]["status"].get("containerStatuses"))
    shim.evict("p")
    assert ended(shim, "p")["reason"] == "Evicted"


def test_a_pod_that_takes_too_much_memory_is_killed(shim: Shim, api: Clients) -> None:
    name = started(shim, api)
    shim.oom(name)
    terminated = ended(shim, name)["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (137, "OOMKilled")
    assert failed(shim)["failed"] == 1
    with pytest.raises(NoSuchPod):
        shim.oom(name)


def test_a_lost_nodes_pods_are_given_up_and_no_second_one_is_made(shim: Shim, api: Clients) -> None:
    name = started(shim, api, npus=1)
    shim.lose_node("npus")
    assert not shim.running(), "the machine is dead"
    ready = [c for c in api.core.read_node("npus").status.conditions if c.type == "Ready"]
    assert (ready[0].status, ready[0].reason) == ("Unknown", "NodeStatusUnknown")
    assert failed(shim)["failed"] == 1
    assert "active" not in shim.jobs()[0]["status"]
    [found] = shim.pods("a")
    assert found["metadata"]["deletionTimestamp"]
    assert found["status"]["reason"] == "NodeLost"
    assert found["status"]["phase"] == "Running", "nobody has said otherwise"
    with pytest.raises(ApiException) as refused:
        api.core.read_namespaced_pod_log(name, "default")
    assert refused.value.status == 500


def test_a_lost_node_takes_no_pods_until_it_is_back(shim: Shim, api: Clients) -> None:
    shim.lose_node("npus")
    api.batch.create_namespaced_job("default", job("a", "true", npus=1))
    told = until(lambda: [e["message"] for e in shim.events() if e["reason"] == "FailedScheduling"])[0]
    assert "node.kubernetes.io/unreachable" in told
    shim.restore_node("npus")
    api.dagster.wait_for_job_success("a", "default", wait_timeout=60, wait_time_between_attempts=0.05)


def test_pods_of_a_node_that_is_cut_off_go_on_unseen_and_end_when_it_is_back(shim: Shim, api: Clients) -> None:
    name = started(shim, api, npus=1)
    shim.lose_node("npus", partitioned=True)
    failed(shim)
    assert shim.running() == [name], "the job has failed and its process goes on"
    api.dagster.delete_job("a", "default")
    assert shim.running() == [name]
    shim.restore_node("npus")
    until(lambda: not shim.running() and not shim.pods())


def test_a_pod_that_was_removed_by_force_ends_when_its_node_is_back(shim: Shim, api: Clients) -> None:
    name = started(shim, api, npus=1)
    shim.lose_node("npus", partitioned=True)
    api.core.delete_namespaced_pod(name, "default", grace_period_seconds=0)
    assert not shim.pods()
    assert shim.running() == [name]
    shim.restore_node("npus")
    until(lambda: not shim.running())


def test_a_node_that_was_away_for_a_moment_loses_nothing(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "while ! test -e go; do sleep 0.05; done", npus=1))
    [name] = until(shim.running)
    shim.lose_node("npus", partitioned=True)
    (shim.folder(name) / "main" / "go").touch()
    until(lambda: not shim.running())
    shim.restore_node("npus")
    assert ended(shim, name)["phase"] in {"Succeeded", "Failed"}


def test_an_image_that_cannot_be_pulled_keeps_its_pod_waiting(shim: Shim, api: Clients) -> None:
    shim.refuse_image("step:1")
    api.batch.create_namespaced_job("default", job("a", "true"))
    reasons: set[str] = set()

    def seen() -> bool:
        for found in shim.pods("a"):
            for entry in found["status"].get("containerStatuses") or []:
                reasons.add(entry["state"]["waiting"]["reason"])
        return reasons >= {"ErrImagePull", "ImagePullBackOff"}

    until(seen)
    name = shim.pods("a")[0]["metadata"]["name"]
    with pytest.raises(DagsterK8sError, match=r'Failed: Reason="(ErrImagePull|ImagePullBackOff)"'):
        api.dagster.wait_for_pod(name, "default", WaitForPodState.Ready, wait_time_between_attempts=0.05)
    assert 'Failed to pull image "step:1"' in api.dagster.get_pod_debug_info(name, "default")
    assert not shim.jobs()[0]["status"].get("failed"), "it could still be pulled"
    shim.allow_image("step:1")
    api.dagster.wait_for_job_success("a", "default", wait_timeout=60, wait_time_between_attempts=0.05)


def test_an_answer_of_500_is_tried_again(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true"))
    shim.respond(500, times=2, verb="list", path="/jobs")
    api.dagster.wait_for_job("a", "default", wait_timeout=60, wait_time_between_attempts=0.05)
    codes = [asked.code for asked in shim.asked() if asked.verb == "list" and asked.resource == "jobs"]
    assert codes == [500, 500, 200]


def test_a_creation_that_was_carried_out_before_the_answer_was_lost_is_not_made_twice(shim: Shim, api: Clients) -> None:
    shim.respond(500, verb="create", path="/jobs", applied=True)
    api.dagster.create_namespaced_job_with_retries(job("a", "true"), "default", wait_time_between_attempts=0.05)
    assert len(shim.jobs()) == 1
    assert [asked.code for asked in shim.asked() if asked.verb == "create"] == [500, 409]


def test_a_creation_whose_connection_breaks_is_tried_again(shim: Shim, api: Clients) -> None:
    shim.respond(0, times=2, verb="POST")
    api.dagster.create_namespaced_job_with_retries(job("a", "true"), "default", wait_time_between_attempts=0.05)
    assert len(shim.jobs()) == 1
    assert [asked.code for asked in shim.asked()] == [0, 0, 201], "the client itself does not try a creation again"


def test_429_is_waited_for_by_the_client_itself_where_that_is_safe(shim: Shim, api: Clients) -> None:
    shim.respond(429, verb="list", path="/pods", retry_after=1)
    began = time.monotonic()
    assert api.core.list_namespaced_pod("default").items == []
    assert time.monotonic() - began >= 1
    assert [asked.code for asked in shim.asked()] == [429, 200]


def test_429_of_a_creation_is_an_error_that_dagster_does_not_try_again(shim: Shim, api: Clients) -> None:
    shim.respond(429, verb="create", retry_after=1)
    with pytest.raises(DagsterK8sUnrecoverableAPIError) as refused:
        api.dagster.create_namespaced_job_with_retries(job("a", "true"), "default", wait_time_between_attempts=0.05)
    assert isinstance(refused.value.k8s_api_exception, ApiException)
    assert refused.value.k8s_api_exception.headers["Retry-After"] == "1"
    assert not shim.jobs()


@pytest.mark.parametrize(("code", "reason"), [(409, "Conflict"), (503, "ServiceUnavailable"), (504, "Timeout")])
def test_any_answer_can_be_had(shim: Shim, api: Clients, code: int, reason: str) -> None:
    shim.respond(code, path="/configmaps/m")
    assert api.core.list_namespaced_config_map("default").items == [], "it is not about this path"
    with pytest.raises(ApiException) as refused:
        api.core.read_namespaced_config_map("m", "default")
    assert refused.value.status == code
    assert reason in refused.value.body
    with pytest.raises(ApiException) as honest:
        api.core.read_namespaced_config_map("m", "default")
    assert honest.value.status == 404


def test_answers_that_were_asked_for_can_be_taken_back(shim: Shim, api: Clients) -> None:
    shim.respond(500, times=1000)
    shim.behave()
    assert api.core.list_namespaced_pod("default").items == []


def test_an_answer_can_be_slow(shim: Shim, api: Clients) -> None:
    shim.respond(None, times=10, verb="get", delay=30)
    with pytest.raises(urllib3.exceptions.HTTPError):
        api.core.read_namespaced_pod("p", "default", _request_timeout=0.2)


def test_while_the_server_is_away_connections_are_refused_and_pods_go_on(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "while ! test -e go; do sleep 0.05; done; echo done"))
    [name] = until(shim.running)
    shim.away()
    with pytest.raises(urllib3.exceptions.MaxRetryError, match="refused"):
        api.core.list_namespaced_pod("default")
    (shim.folder(name) / "main" / "go").touch()
    until(lambda: "done" in shim.log(name))
    shim.back()
    api.dagster.wait_for_job_success("a", "default", wait_timeout=60, wait_time_between_attempts=0.05)


def test_a_watch_and_a_log_break_when_the_server_goes_away(shim: Shim, api: Clients) -> None:
    name = started(shim, api)
    stream = api.core.read_namespaced_pod_log(name, "default", follow=True, _preload_content=False)
    shim.away()
    with pytest.raises(urllib3.exceptions.HTTPError):
        stream.read()
    assert shim.running() == [name]
    shim.back()
    assert len(api.core.list_namespaced_pod("default").items) == 1


def test_going_away_twice_and_coming_back_twice_is_once(shim: Shim, api: Clients) -> None:
    for _ in range(2):
        shim.away()
    for _ in range(2):
        shim.back()
    assert api.core.list_namespaced_pod("default").items == []
