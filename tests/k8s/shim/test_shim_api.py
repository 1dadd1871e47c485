"""Objects over HTTP: reading, choosing, watching, changing, and what happens when two want the same."""

import json
import threading
import time
import urllib.request
from typing import Any

import pytest
import yaml
from kube_shim import Shim
from kube_shim.kinds import Json
from kube_shim.samples import Clients, job, pod, until
from kubernetes import watch
from kubernetes.client.exceptions import ApiException


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"of": name}}, "data": data}


def refusal(error: ApiException) -> Json:
    said = json.loads(error.body)
    assert (said["kind"], said["status"], said["code"]) == ("Status", "Failure", error.status)
    return dict(said)


def raw(shim: Shim, path: str) -> Any:
    token = yaml.safe_load(shim.kubeconfig.read_text())["users"][0]["user"]["token"]
    request = urllib.request.Request(shim.endpoint + path, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.read()


def test_the_same_name_twice_is_a_conflict(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", job("a", "true"))
    with pytest.raises(ApiException) as refused:
        api.batch.create_namespaced_job("default", job("a", "true"))
    assert refused.value.status == 409
    said = refusal(refused.value)
    assert said["reason"] == "AlreadyExists"
    assert said["message"] == 'jobs.batch "a" already exists'
    assert said["details"] == {"name": "a", "kind": "jobs", "group": "batch"}
    assert len(shim.jobs()) == 1


def test_of_many_that_create_one_name_one_wins(api: Clients) -> None:
    outcomes: list[int] = []

    def create() -> None:
        try:
            api.core.create_namespaced_config_map("default", config_map("one"))
        except ApiException as error:
            outcomes.append(error.status)
        else:
            outcomes.append(201)

    threads = [threading.Thread(target=create) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [201] + [409] * 9


def test_what_is_not_there_is_404(api: Clients) -> None:
    with pytest.raises(ApiException) as refused:
        api.batch.read_namespaced_job_status("none", "default")
    assert refused.value.status == 404
    assert refusal(refused.value)["message"] == 'jobs.batch "none" not found'


def test_a_change_of_what_another_changed_meanwhile_is_a_conflict(api: Clients) -> None:
    first = api.core.create_namespaced_config_map("default", config_map("m", x="1"))
    second = api.core.read_namespaced_config_map("m", "default")
    first.data["x"] = "2"
    api.core.replace_namespaced_config_map("m", "default", first)
    second.data["x"] = "3"
    with pytest.raises(ApiException) as refused:
        api.core.replace_namespaced_config_map("m", "default", second)
    assert refused.value.status == 409
    assert "the object has been modified" in refusal(refused.value)["message"]
    assert api.core.read_namespaced_config_map("m", "default").data == {"x": "2"}


def test_a_patch_changes_what_it_names(api: Clients) -> None:
    before = api.core.create_namespaced_config_map("default", config_map("m", x="1", y="2"))
    after = api.core.patch_namespaced_config_map("m", "default", {"data": {"x": None, "z": "3"}})
    assert after.data == {"y": "2", "z": "3"}
    assert after.metadata.uid == before.metadata.uid
    assert int(after.metadata.resource_version) > int(before.metadata.resource_version)


def test_what_a_pod_is_cannot_be_changed(api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "sleep 600"))
    with pytest.raises(ApiException) as refused:
        api.core.patch_namespaced_pod("p", "default", {"spec": {"activeDeadlineSeconds": 5}})
    assert refused.value.status == 422
    assert "immutable" in refusal(refused.value)["message"]
    labelled = api.core.patch_namespaced_pod("p", "default", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.metadata.labels == {"a": "b"}


def test_what_a_client_says_of_status_and_identity_does_not_count(api: Clients) -> None:
    manifest = pod("p", "sleep 600", meta={"uid": "mine", "resourceVersion": "7"})
    made = api.core.create_namespaced_pod("default", manifest | {"status": {"phase": "Succeeded"}})
    assert made.status.phase == "Pending"
    assert made.metadata.uid != "mine"


def test_a_list_is_chosen_from_by_labels_and_fields(api: Clients) -> None:
    for name in ("a", "b", "c"):
        api.core.create_namespaced_config_map("default", config_map(name))

    def names(**how: str) -> list[str]:
        return [item.metadata.name for item in api.core.list_namespaced_config_map("default", **how).items]

    assert names() == ["a", "b", "c"]
    assert names(label_selector="of=a") == ["a"]
    assert names(label_selector="of!=a,of") == ["b", "c"]
    assert names(label_selector="of in (a, c)") == ["a", "c"]
    assert names(label_selector="of notin (a,c)") == ["b"]
    assert names(label_selector="!of") == []
    assert names(field_selector="metadata.name=b") == ["b"]
    assert names(field_selector="metadata.name!=b", label_selector="of=b") == []


@pytest.mark.parametrize("how", [{"label_selector": "a=b=c"}, {"field_selector": "data.x=1"}, {"field_selector": "x"}])
def test_a_selector_that_cannot_be_read_is_refused(api: Clients, how: dict[str, str]) -> None:
    with pytest.raises(ApiException) as refused:
        api.core.list_namespaced_config_map("default", **how)
    assert refused.value.status == 400


def test_namespaces_keep_their_objects_apart(shim: Shim, api: Clients) -> None:
    shim.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    for namespace in ("default", "other"):
        api.core.create_namespaced_config_map(namespace, config_map("m"))
    assert len(api.core.list_namespaced_config_map("other").items) == 1
    assert len(api.core.list_config_map_for_all_namespaces().items) == 2
    assert api.core.list_namespaced_config_map("nowhere").items == []
    with pytest.raises(ApiException) as refused:
        api.core.create_namespaced_config_map("nowhere", config_map("m"))
    assert refusal(refused.value)["message"] == 'namespaces "nowhere" not found'
    with pytest.raises(ApiException) as contradicted:
        api.core.create_namespaced_config_map("other", config_map("n") | {"metadata": {"name": "n", "namespace": "x"}})
    assert contradicted.value.status == 400


def test_a_dry_run_changes_nothing(shim: Shim, api: Clients) -> None:
    made = api.batch.create_namespaced_job("default", job("a", "true"), dry_run="All")
    assert made.spec.template.spec.dns_policy == "ClusterFirst"
    assert not shim.jobs()


def test_many_can_be_deleted_at_once(api: Clients) -> None:
    for name in ("a", "b", "c"):
        api.core.create_namespaced_config_map("default", config_map(name))
    api.core.delete_collection_namespaced_config_map("default", label_selector="of in (a,b)")
    assert [item.metadata.name for item in api.core.list_namespaced_config_map("default").items] == ["c"]


def test_a_watch_tells_what_happens_from_a_version_on(api: Clients) -> None:
    api.core.create_namespaced_config_map("default", config_map("before"))
    version = api.core.list_namespaced_config_map("default").metadata.resource_version
    api.core.create_namespaced_config_map("default", config_map("m", x="1"))
    api.core.patch_namespaced_config_map("m", "default", {"data": {"x": "2"}})
    api.core.delete_namespaced_config_map("m", "default")
    stream = watch.Watch().stream(
        api.core.list_namespaced_config_map, "default", resource_version=version, timeout_seconds=1
    )
    seen = [(event["type"], event["object"].metadata.name, event["object"].data) for event in stream]
    assert seen == [("ADDED", "m", {"x": "1"}), ("MODIFIED", "m", {"x": "2"}), ("DELETED", "m", {"x": "2"})]


def test_a_watch_without_a_version_begins_with_what_is_there(api: Clients) -> None:
    api.core.create_namespaced_config_map("default", config_map("m"))
    stream = watch.Watch().stream(api.core.list_namespaced_config_map, "default", timeout_seconds=1)
    assert [(event["type"], event["object"].metadata.name) for event in stream] == [("ADDED", "m")]


def test_objects_come_into_the_sight_of_a_selector_and_leave_it(api: Clients) -> None:
    version = api.core.list_namespaced_config_map("default").metadata.resource_version
    api.core.create_namespaced_config_map("default", config_map("m"))
    for label in ("shown", "still shown", None):
        labels = {"sight": label.replace(" ", "-") if label else None}
        api.core.patch_namespaced_config_map("m", "default", {"metadata": {"labels": labels}})
    stream = watch.Watch().stream(
        *(api.core.list_namespaced_config_map, "default"),
        resource_version=version,
        label_selector="sight",
        timeout_seconds=1,
    )
    assert [event["type"] for event in stream] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_follows_a_job_to_its_end(api: Clients) -> None:
    watching = watch.Watch()
    api.batch.create_namespaced_job("default", job("a", "true"))
    for event in watching.stream(api.batch.list_namespaced_job, "default", timeout_seconds=60):
        if event["object"].status.succeeded:
            watching.stop()
    assert event["object"].metadata.name == "a"


def test_a_version_that_is_forgotten_is_gone(shim: Shim, api: Clients) -> None:
    version = api.core.list_namespaced_config_map("default").metadata.resource_version
    shim.forget_history()
    with pytest.raises(ApiException) as refused:
        list(watch.Watch().stream(api.core.list_namespaced_config_map, "default", resource_version=version))
    assert refused.value.status == 410
    assert "too old resource version" in str(refused.value.reason)


def test_a_watch_ends_when_its_time_is_over(api: Clients) -> None:
    began = time.monotonic()
    assert list(watch.Watch().stream(api.core.list_namespaced_pod, "default", timeout_seconds=1)) == []
    assert time.monotonic() - began >= 1


def test_a_status_can_be_set_apart(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "true", schedulerName="nobody"))
    api.core.patch_namespaced_pod_status("p", "default", {"status": {"phase": "Failed"}, "spec": {"hostname": "x"}})
    assert shim.pods()[0]["status"]["phase"] == "Failed"
    assert "hostname" not in shim.pods()[0]["spec"]


def test_secrets_given_as_text_are_kept_as_the_api_keeps_them(api: Clients) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "value"}}
    assert api.core.create_namespaced_secret("default", secret).data == {"key": "dmFsdWU="}


def test_the_server_tells_what_it_is_and_serves(shim: Shim) -> None:
    assert raw(shim, "/healthz") == b"ok"
    assert json.loads(raw(shim, "/version"))["minor"] == "35"
    assert {r["name"] for r in json.loads(raw(shim, "/apis/batch/v1"))["resources"]} == {"jobs"}
    assert "v1" in json.loads(raw(shim, "/api"))["versions"]
    assert {g["name"] for g in json.loads(raw(shim, "/apis"))["groups"]} >= {"batch", "rbac.authorization.k8s.io"}


def test_every_object_that_is_served_is_one_that_the_schemas_know(shim: Shim, api: Clients) -> None:
    import kubernetes_validate

    api.batch.create_namespaced_job("default", job("a", "exit 1", npus=1))
    api.batch.create_namespaced_job("default", job("b", "true", npus=9))
    until(lambda: any(j["status"].get("failed") for j in shim.jobs()) and len(shim.events()) > 3)
    for path in ("apis/batch/v1/jobs", "api/v1/pods", "api/v1/events", "api/v1/nodes", "api/v1/namespaces"):
        items = json.loads(raw(shim, f"/{path}"))["items"]
        assert items, path
        for item in items:
            kubernetes_validate.validate(item, "1.35", strict=True)
