"""A container's environment and command, as a pod's processes find them."""

import base64
from typing import Any

import pytest
from kube_shim import Shim, environment
from kube_shim.kinds import CONFIG_MAPS, SECRETS, Json, Kind
from kube_shim.samples import Clients, pod, until

OBJECTS = {
    (CONFIG_MAPS, "settings"): {"data": {"COLOUR": "red", "SIZE": "1"}},
    (SECRETS, "keys"): {"data": {"password": base64.b64encode(b"hush").decode()}},
}


def find(kind: Kind, name: str) -> Json | None:
    return OBJECTS.get((kind, name))


POD: Json = {
    "metadata": {"name": "p", "namespace": "ns", "uid": "u1", "labels": {"a/b": "c"}, "annotations": {"x": "y"}},
    "spec": {"nodeName": "n1", "serviceAccountName": "runner"},
    "status": {"podIP": "127.0.0.1", "hostIP": "127.0.0.1"},
}


def made(*env: Json, given: dict[str, str] | None = None, **container: Any) -> dict[str, str]:
    return environment.variables(POD, {"env": list(env), "resources": {}, **container}, given or {}, find)


def field(path: str) -> str:
    return made({"name": "X", "valueFrom": {"fieldRef": {"fieldPath": path}}})["X"]


def test_it_begins_with_what_is_given_and_the_pods_name() -> None:
    assert made(given={"PATH": "/bin"}) == {"PATH": "/bin", "HOSTNAME": "p"}


def test_later_names_win() -> None:
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}, "prefix": "S_"}]
    found = made({"name": "COLOUR", "value": "blue"}, given={"SIZE": "0"}, envFrom=sources)
    assert found == {"HOSTNAME": "p", "COLOUR": "blue", "SIZE": "1", "S_password": "hush"}


def test_values_may_refer_to_what_stands_before() -> None:
    found = made(
        {"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)$$(A)"}, {"name": "C", "value": "2"}, {"name": "D"}
    )
    assert (found["B"], found["D"]) == ("1$(C)$(A)", "")


def test_fields_of_the_pod_can_be_had() -> None:
    assert [field(path) for path in ("metadata.name", "metadata.namespace", "metadata.uid")] == ["p", "ns", "u1"]
    assert field("metadata.labels['a/b']") == "c"
    assert field("metadata.annotations['x']") == "y"
    assert field("metadata.annotations['none']") == ""
    assert [field(path) for path in ("spec.nodeName", "spec.serviceAccountName", "status.podIP")] == [
        *("n1", "runner", "127.0.0.1")
    ]
    with pytest.raises(environment.NotConfigured):
        field("spec.containers")


def test_one_key_of_an_object_can_be_had() -> None:
    secret = {"name": "P", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "password"}}}
    setting = {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOUR"}}}
    found = made(secret, setting)
    assert (found["P"], found["C"]) == ("hush", "red")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"secretKeyRef": {"name": "none", "key": "k"}}, 'secret "none" not found'),
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, 'configmap "none" not found'),
        ({"secretKeyRef": {"name": "keys", "key": "k"}}, "couldn't find key k in Secret ns/keys"),
    ],
)
def test_what_is_not_there_is_said_unless_it_may_be_absent(source: Json, said: str) -> None:
    with pytest.raises(environment.NotConfigured, match=said):
        made({"name": "X", "valueFrom": source})
    [reference] = source.values()
    reference["optional"] = True
    assert "X" not in made({"name": "X", "valueFrom": source})


def test_limits_can_be_had_in_units() -> None:
    resources = {"limits": {"cpu": "1500m", "memory": "1Gi"}}

    def value(name: str, divisor: str) -> str:
        source = {"resourceFieldRef": {"resource": name, "divisor": divisor}}
        return made({"name": "X", "valueFrom": source}, resources=resources)["X"]

    assert (value("limits.cpu", "1"), value("limits.memory", "1Mi")) == ("2", "1024")


def test_command_and_arguments_are_expanded() -> None:
    container = {"command": ["$(PROGRAM)"], "args": ["--as=$(NAME)", "$(NONE)", "$$(NAME)"]}
    assert environment.command(container, {"PROGRAM": "p", "NAME": "n"}) == ["p", "--as=n", "$(NONE)", "$(NAME)"]


def test_a_process_finds_nothing_else(shim: Shim, api: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_TEST", "secret")
    manifest = pod("p", "env -0 | tr '\\0' '\\n'; pwd")
    manifest["spec"]["containers"][0]["args"] = ["env"]
    manifest["spec"]["containers"][0]["env"] = [{"name": "MINE", "value": "1"}]
    api.core.create_namespaced_pod("default", manifest)
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    assert set(shim.log("p").split()) == {"HOSTNAME=p", "MINE=1", "PATH=/usr/bin:/bin"}


def test_a_container_waits_for_its_secret(shim: Shim, api: Clients) -> None:
    manifest = pod("p", "echo $key")
    manifest["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "s"}}]
    api.core.create_namespaced_pod("default", manifest)

    def waiting() -> Json | None:
        entries = shim.pods()[0]["status"].get("containerStatuses") or [{"state": {}}]
        found: Json | None = entries[0]["state"].get("waiting")
        return found if found and found["reason"] == "CreateContainerConfigError" else None

    assert until(waiting)["message"] == 'secret "s" not found'
    shim.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "value"}})
    until(lambda: shim.pods()[0]["status"]["phase"] == "Succeeded")
    assert shim.log("p") == "value\n"
