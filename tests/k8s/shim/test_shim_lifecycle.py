"""Jobs and pods from their creation to their end, as the real client sees them."""

import time
from typing import Any

import pytest
from kube_shim import Shim
from kube_shim.kinds import Json
from kube_shim.samples import Clients, job, pod, until
from kubernetes.client.exceptions import ApiException


def pod_of(shim: Shim, name: str) -> Json:
    return until(lambda: shim.pods(name))[0]


def running(shim: Shim, name: str) -> str:
    """The name of a job's pod, once its process runs."""
    until(
        lambda: [p for p in shim.pods(name) if p["status"]["phase"] == "Running" and shim.pids(p["metadata"]["name"])]
    )
    return str(pod_of(shim, name)["metadata"]["name"])


def finished(api: Clients, name: str) -> Any:
    """A job's status, once it has a verdict."""

    def look() -> Any:
        status = api.batch.read_namespaced_job(name, "default").status
        kinds = {condition.type for condition in status.conditions or []}
        return status if kinds & {"Complete", "Failed"} else None

    return until(look)


def conditions(status: Any) -> dict[str, str]:
    return {condition.type: condition.reason for condition in status.conditions}


def test_a_job_makes_a_pod_that_runs_and_both_say_how_it_ended(shim: Shim, api: Clients) -> None:
    made = api.batch.create_namespaced_job("default", job("a", "echo done"))
    assert made.metadata.uid
    assert made.status.active is None, "the controller has not seen it yet"
    assert made.status.conditions is None
    status = finished(api, "a")
    assert (status.active, status.succeeded, status.failed) == (None, 1, None)
    assert status.start_time <= status.completion_time
    assert conditions(status) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
    [found] = api.core.list_namespaced_pod("default", label_selector="job-name=a").items
    assert found.metadata.name.startswith("a-")
    assert found.metadata.labels["batch.kubernetes.io/controller-uid"] == made.metadata.uid
    [owner] = found.metadata.owner_references
    assert (owner.kind, owner.uid, owner.controller) == ("Job", made.metadata.uid, True)
    assert found.status.phase == "Succeeded"
    [container] = found.status.container_statuses
    ended = container.state.terminated
    assert (ended.exit_code, ended.reason) == (0, "Completed")
    assert ended.started_at <= ended.finished_at
    reasons = {event["reason"] for event in shim.events(found.metadata.name)}
    assert {"Scheduled", "Pulled", "Created", "Started"} <= reasons
    assert {event["reason"] for event in shim.events("a")} == {"SuccessfulCreate", "Completed"}


def test_a_job_whose_pod_fails_has_failed_and_makes_no_other(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "exit 3"))
    status = finished(api, "a")
    assert (status.active, status.succeeded, status.failed) == (None, None, 1)
    assert conditions(status) == {"FailureTarget": "BackoffLimitExceeded", "Failed": "BackoffLimitExceeded"}
    [found] = shim.pods("a")
    assert found["status"]["phase"] == "Failed"
    ended = found["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (3, "Error")


def test_a_job_may_try_as_often_as_it_says(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "exit 1", backoffLimit=2))
    assert finished(api, "a").failed == 3
    assert len({p["metadata"]["uid"] for p in shim.pods("a")}) == 3


def test_a_second_attempt_may_succeed(shim: Shim, api: Clients) -> None:
    once = f"test -e {shim.kubeconfig.parent}/seen || {{ touch {shim.kubeconfig.parent}/seen; exit 1; }}"
    api.batch.create_namespaced_job("default", job("a", once, backoffLimit=1))
    status = finished(api, "a")
    assert (status.succeeded, status.failed) == (1, 1)


def test_a_command_that_is_not_there_is_a_start_error(shim: Shim, api: Clients) -> None:
    manifest = job("a", "")
    manifest["spec"]["template"]["spec"]["containers"][0]["args"] = ["dagsterr", "api"]
    api.batch.create_namespaced_job("default", manifest)
    finished(api, "a")
    ended = pod_of(shim, "a")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")
    assert 'exec: "dagsterr": executable file not found in $PATH' in ended["message"]


def test_a_container_without_a_command_is_a_start_error(shim: Shim, api: Clients) -> None:
    manifest = job("a", "")
    del manifest["spec"]["template"]["spec"]["containers"][0]["args"]
    api.batch.create_namespaced_job("default", manifest)
    finished(api, "a")
    ended = pod_of(shim, "a")["status"]["containerStatuses"][0]["state"]["terminated"]
    assert "no command specified" in ended["message"]


def test_a_finished_job_is_removed_with_its_pods_when_its_time_is_over(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true", ttlSecondsAfterFinished=1))
    finished(api, "a")
    until(lambda: not shim.jobs() and not shim.pods())


def test_a_finished_job_stays_without_a_time_to_live(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true"))
    finished(api, "a")
    time.sleep(0.5)
    assert len(shim.jobs()) == len(shim.pods()) == 1


def test_a_job_over_its_deadline_is_ended(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600", activeDeadlineSeconds=1))
    name = running(shim, "a")
    status = finished(api, "a")
    assert conditions(status)["Failed"] == "DeadlineExceeded"
    assert not [found for found in shim.running() if found == name]


def test_a_pod_over_its_own_deadline_has_failed(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "sleep 600", activeDeadlineSeconds=1))
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Failed"])[0]
    assert status["reason"] == "DeadlineExceeded"


def test_a_deleted_pod_may_say_goodbye(shim: Shim, api: Clients) -> None:
    script = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    api.core.create_namespaced_pod("default", pod("p", script))
    until(lambda: shim.pods() and shim.pods()[0]["status"]["phase"] == "Running" and "up" in shim.log("p"))
    log = shim.folder("p") / "main.0.log"
    deleted = api.core.delete_namespaced_pod("p", "default")
    assert deleted.metadata.deletion_timestamp is not None
    assert deleted.metadata.deletion_grace_period_seconds == 30
    until(lambda: not shim.pods())
    assert "bye" in log.read_text()
    assert "Killing" in {event["reason"] for event in shim.events("p")}


def test_a_deleted_pod_that_does_not_listen_is_killed(shim: Shim, api: Clients) -> None:
    script = "trap 'echo told' TERM; echo up; while :; do sleep 0.05; done"
    api.core.create_namespaced_pod("default", pod("p", script, terminationGracePeriodSeconds=1))
    until(lambda: shim.running() and "up" in shim.log("p"))
    log = shim.folder("p") / "main.0.log"
    api.core.delete_namespaced_pod("p", "default")
    until(lambda: not shim.pods() and not shim.running())
    assert "told" in log.read_text()


def test_a_pod_can_be_killed_at_once(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "trap '' TERM; while :; do sleep 0.05; done"))
    until(shim.running)
    api.core.delete_namespaced_pod("p", "default", grace_period_seconds=0)
    assert not shim.pods()
    until(lambda: not shim.running())


def test_a_deleted_pod_of_a_job_counts_as_failed(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600"))
    api.core.delete_namespaced_pod(running(shim, "a"), "default")
    assert finished(api, "a").failed == 1
    assert not shim.pods("a"), "there is no replacement"


def test_a_pod_that_vanishes_counts_as_failed(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600"))
    api.core.delete_namespaced_pod(running(shim, "a"), "default", grace_period_seconds=0)
    assert finished(api, "a").failed == 1


def test_a_job_deleted_without_a_word_leaves_its_pods(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600"))
    name = running(shim, "a")
    said = api.batch.delete_namespaced_job("a", "default")
    assert said.status == "Success"
    assert not shim.jobs()
    time.sleep(0.3)
    assert shim.running() == [name]
    assert shim.pods()[0]["metadata"]["ownerReferences"] == []


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_a_job_can_take_its_pods_along(shim: Shim, api: Clients, policy: str) -> None:
    api.batch.create_namespaced_job("default", job("a", "sleep 600"))
    running(shim, "a")
    api.batch.delete_namespaced_job("a", "default", propagation_policy=policy)
    until(lambda: not shim.jobs() and not shim.pods() and not shim.running())


def test_a_foreground_deletion_waits_for_the_pods(shim: Shim, api: Clients) -> None:
    script = "trap 'while ! test -e go; do sleep 0.05; done; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    api.batch.create_namespaced_job("default", job("a", script))
    name = running(shim, "a")
    until(lambda: "up" in shim.log(name))
    api.batch.delete_namespaced_job("a", "default", propagation_policy="Foreground")
    until(lambda: shim.pods()[0]["metadata"].get("deletionTimestamp"))
    [found] = shim.jobs()
    assert found["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert found["metadata"]["deletionTimestamp"]
    (shim.folder(name) / "main" / "go").touch()
    until(lambda: not shim.jobs())
    assert not shim.pods()


def test_what_a_pod_owns_ends_with_it(shim: Shim, api: Clients) -> None:
    owner = api.core.create_namespaced_pod("default", pod("run", "sleep 600"))
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "run", "uid": owner.metadata.uid}
    owned = job("step", "sleep 600", meta={"ownerReferences": [reference]})
    api.batch.create_namespaced_job("default", owned)
    running(shim, "step")
    api.core.delete_namespaced_pod("run", "default")
    until(lambda: not shim.jobs() and not shim.pods() and not shim.running())


def test_what_is_owned_by_nothing_is_collected(shim: Shim, api: Clients) -> None:
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "run", "uid": "0000"}
    api.batch.create_namespaced_job("default", job("a", "sleep 600", meta={"ownerReferences": [reference]}))
    until(lambda: not shim.jobs() and not shim.pods())


def test_init_containers_come_one_after_the_other_and_first(shim: Shim, api: Clients) -> None:
    first = {"name": "one", "image": "i:1", "args": ["sh", "-c", "echo one"]}
    second = {"name": "two", "image": "i:1", "args": ["sh", "-c", "echo two"]}
    api.core.create_namespaced_pod("default", pod("p", "echo three", initContainers=[first, second]))
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Succeeded"])[0]
    assert [entry["name"] for entry in status["initContainerStatuses"]] == ["one", "two"]
    assert [shim.log("p", name) for name in ("one", "two", "main")] == ["one\n", "two\n", "three\n"]


def test_a_failed_init_container_fails_the_pod_and_nothing_else_starts(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod(
        "default", pod("p", "echo no", initContainers=[{"name": "one", "image": "i:1", "args": ["sh", "-c", "exit 1"]}])
    )
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Failed"])[0]
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"


def test_a_pod_has_failed_if_one_of_its_containers_has(shim: Shim, api: Clients) -> None:
    manifest = pod("p", "exit 0")
    manifest["spec"]["containers"].append({"name": "side", "image": "i:1", "args": ["sh", "-c", "exit 1"]})
    api.core.create_namespaced_pod("default", manifest)
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Failed"])[0]
    codes = [entry["state"]["terminated"]["exitCode"] for entry in status["containerStatuses"]]
    assert codes == [0, 1]


def test_a_container_is_started_anew_where_the_pod_says_so(shim: Shim, api: Clients) -> None:
    script = "test -e seen && { echo second; exit 0; }; touch seen; echo first; exit 1"
    api.core.create_namespaced_pod("default", pod("p", script, restartPolicy="OnFailure"))
    status = until(lambda: [p["status"] for p in shim.pods() if p["status"]["phase"] == "Succeeded"])[0]
    [container] = status["containerStatuses"]
    assert container["restartCount"] == 1
    assert container["lastState"]["terminated"]["exitCode"] == 1
    assert api.dagster.retrieve_pod_logs("p", "default") == "second\n"
    assert api.dagster.retrieve_pod_logs("p", "default", previous=True) == "first\n"


def test_a_container_that_fails_again_and_again_waits_ever_longer(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "exit 1", restartPolicy="Always"))

    def backing_off() -> bool:
        [container] = shim.pods()[0]["status"].get("containerStatuses") or [{}]
        waiting = container.get("state", {}).get("waiting", {})
        return bool(container.get("restartCount", 0) >= 2) and waiting.get("reason") == "CrashLoopBackOff"

    until(backing_off)
    assert "BackOff" in {event["reason"] for event in shim.events("p")}


def test_a_name_is_free_again_after_a_deletion_and_means_another_object(shim: Shim, api: Clients) -> None:
    first = api.batch.create_namespaced_job("default", job("a", "true"))
    finished(api, "a")
    api.batch.delete_namespaced_job("a", "default", propagation_policy="Background")
    until(lambda: not shim.jobs())
    second = api.batch.create_namespaced_job("default", job("a", "true"))
    assert first.metadata.uid != second.metadata.uid
    with pytest.raises(ApiException) as refused:
        api.batch.delete_namespaced_job("a", "default", body={"preconditions": {"uid": first.metadata.uid}})
    assert refused.value.status == 409
