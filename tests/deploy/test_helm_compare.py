"""The comparison that a site makes with the real chart, on a rendering made of the assumptions themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import helm_compare
import helm_pods
import helm_values
import pytest
import yaml

Rendered = list[dict[str, Any]]


def as_assumed(values: dict[str, Any]) -> Rendered:
    settings = yaml.safe_dump(helm_values.instance_config(values))
    instance = {"kind": "ConfigMap", "metadata": {"name": "dagster-instance"}, "data": {"dagster.yaml": settings}}
    return [instance, *helm_pods.deployments(values)]


def change(rendered: Rendered, alter: Callable[[dict[str, Any]], Any]) -> None:
    settings = yaml.safe_load(rendered[0]["data"]["dagster.yaml"])
    alter(settings)
    rendered[0]["data"]["dagster.yaml"] = yaml.safe_dump(settings)


def test_what_is_as_assumed_has_no_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rendered.yaml"
    path.write_text(yaml.safe_dump_all(as_assumed(helm_values.load())))
    assert helm_compare.main([str(path)]) == 0
    assert capsys.readouterr().out == "as the tests assume\n"


def test_a_site_s_values_are_laid_over_ours(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("postgresql: {postgresqlHost: db.example}\n")
    values = helm_values.load(site)
    assert values["postgresql"]["postgresqlUsername"] == "dagster"
    assert helm_compare.differences(as_assumed(values), values) == []
    (*_, last) = helm_compare.differences(as_assumed(values), helm_values.load())
    assert "db.example" in last


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda one: one["run_retries"].pop("retry_on_asset_or_op_failure"), "retry_on_asset_or_op_failure"),
        (lambda one: one["run_monitoring"].update(free_slots_after_run_end_seconds=0), "free_slots_after_run_end"),
        (lambda one: one.update(surprise={}), "surprise: the chart makes {}"),
        (lambda one: one["concurrency"].pop("pools"), "pools: the chart makes None"),
    ],
)
def test_a_chart_that_drops_or_changes_a_setting_is_told(alter: Callable[[dict[str, Any]], Any], said: str) -> None:
    values = helm_values.load()
    rendered = as_assumed(values)
    change(rendered, alter)
    (difference,) = helm_compare.differences(rendered, values)
    assert said in difference


def code_server(rendered: Rendered) -> dict[str, Any]:
    found: dict[str, Any] = rendered[3]["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (lambda one: one[1]["metadata"].update(name="web"), "Deployment dagster-webserver: template: spec: containers"),
        (lambda one: one[2]["spec"]["template"]["metadata"]["labels"].pop("component"), "labels: component: the chart"),
        (lambda one: one[3]["spec"].pop("strategy"), "strategy: type: the chart makes None"),
        (lambda one: code_server(one)["envFrom"].pop(), "envFrom: one of them: secretRef: name: the chart makes None"),
        (lambda one: code_server(one)["volumeMounts"].pop(0), "volumeMounts: the chart makes no {'name': 'instance'"),
        (lambda one: code_server(one)["args"].append("--fixed"), "args: the chart makes ['dagster', 'code-server'"),
        (
            lambda one: code_server(one)["env"].append({"name": "DAGSTER_CONTAINER_CONTEXT", "value": "{}"}),
            "set includeConfigInLaunchedRuns to false",
        ),
    ],
)
def test_a_deployment_that_is_otherwise_is_told(alter: Callable[[Rendered], Any], said: str) -> None:
    values = helm_values.load()
    rendered = as_assumed(values)
    alter(rendered)
    assert any(said in one for one in helm_compare.differences(rendered, values))


def test_a_deployment_may_have_more_than_is_assumed() -> None:
    values = helm_values.load()
    rendered = as_assumed(values)
    code_server(rendered)["envFrom"].insert(0, {"configMapRef": {"name": "dagster-webserver-env"}})
    code_server(rendered)["ports"] = [{"containerPort": 4000}]
    rendered[3]["spec"]["replicas"] = 1
    assert helm_compare.differences(rendered, values) == []


def test_a_site_may_name_its_image_by_the_chart_s_field_for_a_digest() -> None:
    image = {"repository": "registry.example/orchestrator", "tag": "1", "digest": "sha256:22"}
    assert helm_pods.image_of(image) == "registry.example/orchestrator@sha256:22"


def test_a_pod_of_the_chart_s_that_breaks_a_rule_is_told() -> None:
    values = helm_values.load()
    rendered = as_assumed(values)
    rendered[1]["spec"]["template"]["spec"]["containers"][0].pop("resources")
    assert any("no limits of memory" in one for one in helm_compare.differences(rendered, values))
