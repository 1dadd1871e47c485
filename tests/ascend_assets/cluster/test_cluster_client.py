"""What is asked of a Kubernetes API that is busy, away, or has answered already."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster_k8s.client import DagsterK8sUnrecoverableAPIError, DagsterKubernetesClient
from kube_shim import Node, Pace, Shim, running_shim
from kubernetes.client import ApiClient, ApiException, BatchV1Api, Configuration, CoreV1Api
from kubernetes.config import new_client_from_config
from urllib3.exceptions import HTTPError

from ascend_assets.cluster.client import Client, StillWorking

QUICK = Pace(look=0.05, image_retry=0.2, restart=0.1, job_retry=0.1, node_lost=0.3)


@pytest.fixture
def shim(tmp_path: Path) -> Iterator[Shim]:
    with running_shim(tmp_path / "shim", [Node("one", {"cpu": "4"})], env={"PATH": "/usr/bin:/bin"}, pace=QUICK) as one:
        yield one


@pytest.fixture
def client(shim: Shim) -> Client:
    api = new_client_from_config(str(shim.kubeconfig))
    plain = DagsterKubernetesClient(BatchV1Api(api), CoreV1Api(api), print, print, print)  # type: ignore[no-untyped-call]
    made = Client.like(plain)
    made.sleep = lambda _: None
    return made


def job(name: str = "one", *command: str) -> Any:
    container = {"name": "c", "image": "registry.test/step:1", "command": list(command or ("sleep", "60"))}
    pod = {"restartPolicy": "Never", "containers": [container]}
    labels = {"dagster/run-id": "r", "app.kubernetes.io/component": "step_worker"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}},
    }


def create(client: Client, document: Any) -> None:
    client.create_namespaced_job_with_retries(document, "default", 0.01)


def test_a_job_that_is_there_is_this_attempts_own(client: Client, shim: Shim) -> None:
    create(client, job())
    create(client, job())
    assert len(shim.jobs()) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_api_is_asked_again(client: Client, shim: Shim, status: int) -> None:
    shim.respond(status, 6, "POST")
    create(client, job())
    assert len(shim.jobs()) == 1


def test_what_the_api_refuses_is_refused_at_once(client: Client, shim: Shim) -> None:
    with pytest.raises(DagsterK8sUnrecoverableAPIError):
        create(client, {**job(), "spec": {"template": {"spec": {}}}})
    assert shim.jobs() == []


def test_a_job_that_is_not_there_is_none(client: Client) -> None:
    assert client.job("one", "default") is None
    assert client.pods("one", "default") == ()
    client.delete_job("one", "default")


def test_how_a_job_is_can_be_told(client: Client, shim: Shim) -> None:
    create(client, job("fails", "false"))
    create(client, job("ends", "true"))
    until(lambda: shim.jobs() and all("completionTime" in j["status"] or "failed" in j["status"] for j in shim.jobs()))
    failed, ended = client.job("fails", "default"), client.job("ends", "default")
    assert failed is not None
    assert failed.failed
    assert not failed.succeeded
    assert ended is not None
    assert ended.succeeded
    (pod,) = client.pods("fails", "default")
    assert (pod.phase, pod.exit_code, pod.node) == ("Failed", 1, "one")


def test_the_jobs_of_a_run_that_go_on_are_found_and_ended(client: Client, shim: Shim) -> None:
    create(client, job("goes"))
    create(client, job("ends", "true"))
    until(lambda: client.jobs_of("r", "default") == ("goes",))
    assert client.end("another", "default") == ()
    assert client.end("r", "default") == ("goes",)
    assert shim.running() == []
    assert client.job("goes", "default") is None


def test_a_pod_that_may_still_work_is_not_taken_for_ended(client: Client, shim: Shim) -> None:
    create(client, job("goes"))
    until(shim.running)
    shim.lose_node("one", partitioned=True)
    until(lambda: client.jobs_of("r", "default") == ())
    with pytest.raises(StillWorking, match=r"goes-\w+ on one: left by run r"):
        client.end("r", "default", seconds=1.0)
    assert shim.running()


@pytest.mark.parametrize("status", [429, 500, 0], ids=["too many", "its own fault", "no answer"])
@pytest.mark.parametrize("verb", ["list", "DELETE"])
def test_what_ends_pods_is_asked_for_again(client: Client, shim: Shim, verb: str, status: int) -> None:
    create(client, job())
    until(shim.running)
    shim.respond(status, 4, verb)
    assert client.end("r", "default") == ("one",)
    assert client.job("one", "default") is None
    assert shim.running() == []


def test_what_the_api_forbids_is_asked_for_once(client: Client, shim: Shim) -> None:
    create(client, job())
    shim.respond(403, 1, "DELETE")
    with pytest.raises(ApiException, match="403"):
        client.delete_job("one", "default")


def test_a_conflict_that_is_another_s_passes(client: Client, shim: Shim) -> None:
    """As a quota's, which is answered with the same number as a name that is taken."""
    shim.respond(409, 3, "POST")
    create(client, job())
    assert len(shim.jobs()) == 1


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster-k8s's own requests have no limit."""
    monkeypatch.setattr("ascend_assets.cluster.client.REQUEST_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Configuration(host=f"http://127.0.0.1:{silent.getsockname()[1]}")
        settings.retries = False
        api = ApiClient(settings)
        plain = DagsterKubernetesClient(BatchV1Api(api), CoreV1Api(api), print, print, print)  # type: ignore[no-untyped-call]
        with pytest.raises(HTTPError, match="timed out"):
            Client.like(plain).batch_api.delete_namespaced_job("one", "default")


def until(look: Any) -> None:
    begin = time.monotonic()
    while not look():
        assert time.monotonic() - begin < 60
        time.sleep(0.1)
