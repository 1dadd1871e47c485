"""Hostile requests and manifests: whatever is sent is answered with a verdict, and nothing brings the shim down."""

import contextlib
import copy
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kube_shim import BODY_LIMIT, Node, Shim, defaults, environment, routes, running_shim, scheduler, validation
from kube_shim.jobs import pod_of
from kube_shim.kinds import JOBS, KINDS
from kube_shim.samples import NPU, Clients, job, pod, send, token, until
from kube_shim.starting import node_object
from kube_shim.trouble import ApiError
from kubernetes.client.exceptions import ApiException

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a manifest: what holds it, and its key there."""
    entries = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    return [*((value, key) for key, _ in entries), *(found for _, entry in entries for found in places(entry))]


FULL = job("a", "true", npus=1, meta={"labels": {"a": "b"}, "annotations": {"c": "d"}})
FULL["spec"]["template"]["spec"] |= {
    "nodeSelector": {"a": "b"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "volumes": [{"name": "v", "emptyDir": {}}],
    "initContainers": [{"name": "i", "image": "i:1", "command": ["true"]}],
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["1"]}]}]
            }
        }
    },
}
FULL["spec"]["template"]["spec"]["containers"][0] |= {
    "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}, {"name": "B", "value": "b"}],
    "envFrom": [{"configMapRef": {"name": "c"}}],
    "volumeMounts": [{"name": "v", "mountPath": "/v"}],
}
ROOMS = scheduler.rooms_of([node_object(Node("n", {NPU: "2"}, {"a": "b"}))], [])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_manifest_with_anything_anywhere_is_refused_or_can_be_carried_out(data: st.DataObject) -> None:
    """No manifest brings a controller down: what is not refused is defaulted, scheduled and given an environment."""
    manifest = copy.deepcopy(FULL)
    holder, key = data.draw(st.sampled_from(places(manifest)))
    holder[key] = data.draw(ANYTHING)
    try:
        sent = defaults.manifest_of(JOBS, manifest, "default")
        validation.check(JOBS, sent, "1.35")
    except ApiError as refused:
        assert refused.code in {400, 422}, refused.message  # noqa: PT017 - most are refused, some are not
        return
    stored = defaults.completed(JOBS, sent)
    stored["metadata"] |= {"name": "a", "uid": "u"}
    made = pod_of(stored)
    made["metadata"] |= {"name": "a-1", "uid": "v"}
    scheduler.place(made, ROOMS)
    for container in made["spec"]["containers"]:
        with contextlib.suppress(environment.NotConfigured):
            environment.command(container, environment.variables(made, container, {}, lambda *_: None))


NAMES = st.sampled_from(
    ["metadata", "spec", "status", "data", "name", "labels", "finalizers", "ownerReferences", "kind"]
)
BODIES = st.dictionaries(
    NAMES | st.sampled_from(["preconditions", "gracePeriodSeconds", "allocatable", "phase"]), ANYTHING
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_anything_sent_anywhere_is_answered_with_a_verdict(everybodys: Shim, data: st.DataObject) -> None:
    """Never with 500, and the shim goes on: its end would say that a part of it failed."""
    method = data.draw(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]))
    path = data.draw(st.sampled_from(["configmaps/m", "pods/p", "pods/p/status", "secrets", "pods", "configmaps"]))
    body = data.draw(BODIES | ANYTHING)
    if isinstance(body, dict) and data.draw(st.booleans()):
        body["metadata"] = {"name": path.split("/")[1] if "/" in path else "n", **data.draw(BODIES)}
    status, said = send(everybodys, method, f"/api/v1/namespaces/default/{path}", json.dumps(body).encode())
    assert status in {200, 201, 400, 404, 405, 409, 415, 422}, said


@pytest.fixture(scope="module")
def everybodys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    with running_shim(tmp_path_factory.mktemp("shim"), [Node("n")], env={"PATH": "/usr/bin:/bin"}) as shim:
        shim.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}})
        shim.create(pod("p", "sleep 600"))
        yield shim


def test_what_cannot_be_executed_is_a_start_error_and_no_more(shim: Shim, api: Clients) -> None:
    spoilt = pod("p", "true")
    spoilt["spec"]["containers"][0] |= {"args": ["true", "a\0b"]}
    named = pod("q" * 253, "true")
    unnamed = pod("r", "true")
    unnamed["spec"]["containers"][0] |= {"args": ["\0"]}
    for manifest in (spoilt, named, unnamed):
        api.core.create_namespaced_pod("default", manifest)
    until(lambda: all(found["status"]["phase"] in {"Failed", "Succeeded"} for found in shim.pods()))
    phases = {found["metadata"]["name"][0]: found["status"]["phase"] for found in shim.pods()}
    assert phases == {"p": "Failed", "q": "Succeeded", "r": "Failed"}


def test_what_controllers_count_on_cannot_be_taken_away(shim: Shim, api: Clients) -> None:
    api.core.create_namespaced_pod("default", pod("p", "true", schedulerName="nobody"))
    attempts: list[Callable[[], object]] = [
        lambda: api.core.patch_namespaced_pod_status("p", "default", {"status": {"phase": "Odd"}}),
        lambda: api.core.patch_node_status("npus", {"status": {"allocatable": {"cpu": "many"}}}),
        lambda: api.core.patch_namespaced_pod("p", "default", {"metadata": {"name": "q"}}),
        lambda: api.core.create_namespaced_secret("default", {"metadata": {"name": "s"}, "data": {"a": "!"}}),
    ]
    for attempt in attempts:
        with pytest.raises(ApiException) as refused:
            attempt()
        assert refused.value.status in {400, 422}
    annotated = pod("q", "true", npus=1, meta={"annotations": {NPU: "all,of-them"}}, nodeName="npus")
    api.core.create_namespaced_pod("default", annotated)
    api.core.create_namespaced_pod("default", pod("r", "true", nodeName="nowhere"))
    api.core.create_namespaced_pod("default", pod("s", "true", npus=1))
    until(lambda: {f["status"]["phase"] for f in shim.pods() if f["metadata"]["name"] in "qs"} == {"Succeeded"})
    assert api.core.read_namespaced_pod("r", "default").status.phase == "Pending"


PODS_PATH = "/api/v1/namespaces/default/pods"


def test_strangers_are_not_let_in(shim: Shim) -> None:
    for said in ("", "Bearer wrong", f"Basic {token(shim)}", "Bearer"):
        assert send(shim, "GET", PODS_PATH, Authorization=said)[0] == 401
    assert send(shim, "GET", "/version", Authorization="Bearer wrong")[0] == 401
    assert shim.kubeconfig.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"x"',
        b"\xff\xfe",
        b"{'a': 1}",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"metadata": []}',
        b'{"kind": "Job"}',
    ],
)
def test_a_body_that_is_no_manifest_is_refused(shim: Shim, body: bytes) -> None:
    status, said = send(shim, "POST", PODS_PATH, body)
    assert (status, said["reason"]) == (400, "BadRequest")
    assert send(shim, "GET", "/healthz".replace("/healthz", "/version"))[0] == 200


def test_an_object_nested_as_deep_as_can_be_is_refused(shim: Shim) -> None:
    deep = b'{"metadata":{"name":"p","annotations":' + b'{"a":' * 400 + b"1" + b"}" * 400 + b"}}"
    assert send(shim, "POST", PODS_PATH, deep)[0] in {400, 422}
    assert not shim.pods()


def test_a_body_over_the_limit_is_not_read(shim: Shim) -> None:
    status, said = send(shim, "POST", PODS_PATH, b"", Content_Length=str(BODY_LIMIT + 1))
    assert (status, said["reason"]) == (413, "RequestEntityTooLarge")


def test_a_large_manifest_below_the_limit_is_taken(shim: Shim, api: Clients) -> None:
    large = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "m"},
        "data": {"x": "y" * (BODY_LIMIT - 1000)},
    }
    assert len(api.core.create_namespaced_config_map("default", large).data["x"]) == BODY_LIMIT - 1000
    assert len(shim.jobs()) == 0


@pytest.mark.parametrize("length", ["-1", "x", "1" * 20, "1.0"])
def test_a_length_that_is_none_is_refused(shim: Shim, length: str) -> None:
    assert send(shim, "POST", PODS_PATH, b"", Content_Length=length)[0] in {400, 413}


def test_bodies_in_pieces_are_refused(shim: Shim) -> None:
    assert send(shim, "POST", PODS_PATH, b"0\r\n\r\n", Transfer_Encoding="chunked")[0] == 411


def test_other_formats_are_refused(shim: Shim) -> None:
    assert send(shim, "POST", PODS_PATH, b"a: 1", Content_Type="application/yaml")[0] == 415
    assert send(shim, "PATCH", f"{PODS_PATH}/p", b"[]", Content_Type="application/json-patch+json")[0] == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1/namespaces/default/podss", 404),
        ("GET", "/api/v2/pods", 404),
        ("GET", "/apis/batch/v1/namespaces/default/jobs/a/log", 404),
        ("GET", "/api/v1/namespaces/default/pods/../secrets", 404),
        ("GET", "/api/v1/pods/p", 404),
        ("POST", "/api/v1/pods", 404),
        ("POST", f"{PODS_PATH}/p", 405),
        ("PUT", PODS_PATH, 405),
        ("GET", f"{PODS_PATH}?watch=true&resourceVersion=-1", 400),
        ("GET", f"{PODS_PATH}?watch=true&timeoutSeconds=1e9", 400),
        ("DELETE", f"{PODS_PATH}?propagationPolicy=Never", 400),
        ("DELETE", f"{PODS_PATH}?gracePeriodSeconds=-5", 400),
    ],
)
def test_what_is_not_served_is_refused(shim: Shim, method: str, path: str, status: int) -> None:
    assert send(shim, method, path)[0] == status


@given(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]), st.text(max_size=60))
def test_any_path_is_read_or_refused(method: str, path: str) -> None:
    with contextlib.suppress(ApiError):
        assert routes.parse(method, "/" + path).kind in KINDS


def test_a_connection_that_sends_rubbish_or_nothing_hurts_nobody(shim: Shim, api: Clients) -> None:
    port = int(shim.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as rubbish, socket.create_connection(("127.0.0.1", port)):
        rubbish.sendall(b"\x00\xff" * 1000 + b"\r\n\r\n")
        assert api.core.list_namespaced_pod("default").items == []
