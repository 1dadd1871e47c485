"""Manifests that are refused, and in which words."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kube_shim import Node, Shim, running_shim, validation
from kube_shim.kinds import JOBS, PODS, Json
from kube_shim.quantity import NotAQuantity, parse
from kube_shim.samples import NPU, Clients, clients, job, pod
from kube_shim.trouble import ApiError
from kubernetes.client.exceptions import ApiException


def causes(kind: Any, manifest: Json) -> list[tuple[str, str]]:
    """Field and message of everything that is refused."""
    try:
        validation.check(kind, manifest, "1.35")
    except ApiError as refused:
        return [(cause["field"], cause["message"]) for cause in refused.details["causes"]]
    return []


def with_resources(limits: Json, requests: Json) -> Json:
    manifest = job("a", "true")
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": limits, "requests": requests}
    return manifest


def test_what_dagster_sends_is_accepted() -> None:
    assert causes(JOBS, job("a", "true", npus=1)) == []
    assert causes(PODS, pod("a", "true", npus=1)) == []


@pytest.mark.parametrize(
    ("limits", "requests", "said"),
    [
        ({NPU: "2"}, {NPU: "1"}, f'Invalid value: "1": must be equal to {NPU} limit of 2'),
        ({}, {NPU: "1"}, "Required value: Limit must be set for non overcommitable resources"),
        ({"cpu": "1"}, {"cpu": "1500m"}, 'Invalid value: "1500m": must be less than or equal to cpu limit of 1'),
    ],
)
def test_requests_and_limits_of_npus_are_the_same(limits: Json, requests: Json, said: str) -> None:
    [(field, message)] = causes(JOBS, with_resources(limits, requests))
    assert field.startswith("spec.template.spec.containers[0].resources.")
    assert message == said


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({NPU: "500m"}, "must be an integer"),
        ({NPU: "-1"}, "must be greater than or equal to 0"),
        ({"memory": "2Gb"}, "quantities must match the regular expression"),
        ({"npus": "1"}, "must be a standard resource type or fully qualified"),
    ],
)
def test_amounts_are_amounts(resources: Json, said: str) -> None:
    assert any(said in message for _, message in causes(JOBS, with_resources(resources, resources)))


def test_a_limit_alone_is_a_request_too(shim: Shim, api: Clients) -> None:
    api.batch.create_namespaced_job("default", with_resources({NPU: "3"}, {}))
    stored = shim.jobs()[0]["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert stored["requests"] == {NPU: "3"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": {"name": "A_b"}}, "a lowercase RFC 1123 subdomain"),
        ({"metadata": {"name": "a" * 64}}, "must be no more than 63 characters"),
        ({"metadata": {}}, "name or generateName is required"),
        ({"metadata": {"name": "a", "labels": {"x": "a/b"}}}, "a valid label must be"),
        ({"metadata": {"name": "a", "labels": {"x": "a" * 64}}}, "a valid label must be"),
        ({"spec": {"template": {}, "backofLimit": 0}}, "'backofLimit' was unexpected"),
        ({"spec": {}}, "'template' is a required property"),
        ({"spec": None}, "spec.template.spec.containers: Required value"),
        ({"surprise": 1}, "'surprise' was unexpected"),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_the_reason(
    shim: Shim, api: Clients, change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ApiException) as refused:
        api.batch.create_namespaced_job("default", job("a", "true") | change)
    assert refused.value.status == 422
    assert said in json.loads(refused.value.body)["message"]
    assert not shim.jobs()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"restartPolicy": "Always"}, 'valid values: "OnFailure", "Never"'),
        ({"containers": []}, "Required value"),
        ({"containers": [{"name": "a"}]}, "Required value"),
        ({"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]}, "Duplicate value"),
        ({"containers": [{"name": "a", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/"}]}]}, "Not found"),
        (
            {"initContainers": [{"name": "i", "image": "i", "restartPolicy": "Always"}]},
            "this shim does not run sidecars",
        ),
    ],
)
def test_a_template_that_is_none_is_refused(spec: Json, said: str) -> None:
    manifest = job("a", "true")
    manifest["spec"]["template"]["spec"] |= spec
    assert any(said in message for _, message in causes(JOBS, manifest))


@pytest.mark.parametrize("spec", [{"parallelism": 2}, {"completions": 3}, {"suspend": True}])
def test_what_the_shim_cannot_do_it_says(spec: Json) -> None:
    [(_, message)] = causes(JOBS, job("a", "true", **spec))
    assert "this shim does not" in message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../up"}, "RFC 1123 label"),
        ({"env": [{"name": "A", "valueFrom": {}}]}, "must specify exactly one source"),
        ({"env": [{"name": "A", "value": "1", "valueFrom": {"fieldRef": {"fieldPath": "x"}}}]}, "may not be specified"),
        ({"envFrom": [{}]}, "must specify exactly one source"),
    ],
)
def test_a_container_that_is_none_is_refused(change: Json, said: str) -> None:
    manifest = pod("p", "true")
    manifest["spec"]["containers"][0] |= change
    assert any(said in message for _, message in causes(PODS, manifest))


@pytest.mark.parametrize("seconds", [-1, 2**31])
def test_times_and_counts_are_within_bounds(seconds: int) -> None:
    for manifest in (job("a", "true", backoffLimit=seconds), job("a", "true", activeDeadlineSeconds=seconds)):
        assert any("must be between 0 and" in message for _, message in causes(JOBS, manifest))
    assert causes(PODS, pod("p", "true", terminationGracePeriodSeconds=seconds))


def test_every_reason_is_told_at_once() -> None:
    manifest = with_resources({NPU: "2"}, {NPU: "1"})
    manifest["metadata"]["name"] = "A"
    assert len(causes(JOBS, manifest)) == 2


def test_another_version_has_other_schemas(tmp_path: Path) -> None:
    manifest = pod("p", "true")
    manifest["spec"]["containers"][0]["lifecycle"] = {"stopSignal": "SIGTERM"}  # new in 1.33
    for version, accepted in (("1.31", False), ("1.35", True)):
        with running_shim(tmp_path / version, [Node("n")], version=version) as shim:
            api = clients(shim.kubeconfig)
            if accepted:
                api.core.create_namespaced_pod("default", manifest)
            else:
                with pytest.raises(ApiException) as refused:
                    api.core.create_namespaced_pod("default", manifest)
                assert "stopSignal" in refused.value.body


@given(st.text(max_size=12) | st.integers() | st.floats())
def test_a_quantity_is_a_number_or_refused(value: object) -> None:
    try:
        assert parse(value) is not None
    except NotAQuantity:
        assert not str(value).isdigit() or len(str(value)) > 20 or not str(value).isascii()


@given(st.integers(min_value=0, max_value=10**9))
def test_quantities_are_exact(number: int) -> None:
    assert parse(str(number)) == parse(number) == parse(f"{number}000m") == parse(f"{number}e0")
    assert parse(f"{number}Ki") == 1024 * number
    assert parse(f"{number}k") == 1000 * number
