"""What deploy/prometheus ships is what promtool accepts, and does what its own tests say."""

import re
from pathlib import Path

import pytest
import yaml
from prometheus_server import promtool

from ascend_assets import models
from ascend_assets.policy_file import in_force
from resources.home import PROJECT

FOLDER = PROJECT / "deploy" / "prometheus"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", "--lint=all", "--lint-fatal", "rules.yml", "limits.yml"),
        ("check", "config", "scrape.yml"),
        ("test", "rules", "rules.test.yml"),
    ],
    ids=["check rules", "check config", "test rules"],
)
def test_promtool_is_content(arguments: tuple[str, ...]) -> None:
    done = promtool(*arguments, folder=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alarm_has_a_test_and_says_what_to_do() -> None:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    alarms = [rule for group in groups for rule in group["rules"] if "alert" in rule]
    tests = yaml.safe_load((FOLDER / "rules.test.yml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test.get("alert_rule_test", ()) if one["exp_alerts"]}
    assert {alarm["alert"] for alarm in alarms} == fired
    assert all({"summary", "description"} <= set(alarm["annotations"]) for alarm in alarms)
    assert all(alarm["labels"]["severity"] in {"critical", "warning"} for alarm in alarms)


def test_the_limits_are_those_of_the_models() -> None:
    rules = yaml.safe_load((FOLDER / "limits.yml").read_text())["groups"][0]["rules"]
    found = {}
    for rule in rules:
        number = re.fullmatch(r"vector\((.+)\)", rule["expr"])
        assert number
        found[rule["labels"]["model"], rule["labels"]["environment"]] = float(number[1])
    wanted = {
        (spec.name, environment): pytest.approx(spec.limits("latency_p99_ms")[environment] / 1000)
        for spec in models.load_all(models.DEFS)[0].values()
        for environment in in_force().names
    }
    assert found == wanted


def test_a_broken_rule_would_be_told(tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text((FOLDER / "rules.yml").read_text().replace("[5m]", "5m", 1))
    assert promtool("check", "rules", "rules.yml", folder=tmp_path).returncode != 0
