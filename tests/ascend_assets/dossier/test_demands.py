"""What a reviewer is told that an environment wants beside evidence: one line, in both languages."""
# ruff: noqa: RUF001 - Chinese punctuation is meant

import pytest

from ascend_assets.dossier.demands import demands
from ascend_assets.environments import Approvals, Environment, Hardware
from ascend_assets.policy_file import in_force

LAB = Environment(name="lab")
SOC = ("Ascend310P3",)


def field(**demanded: object) -> Environment:
    return Environment.model_validate({"name": "field", **demanded})


def test_the_first_environment_wants_nothing_more() -> None:
    assert demands(LAB, None, SOC) == ("", "")


@pytest.mark.parametrize(
    ("environment", "en", "zh"),
    [
        (field(), "live in lab", "先部署到 lab"),
        (field(soak_hours=1.5), "1.5 h live in lab", "在 lab 运行 1.5 h"),
        (
            field(approvals=Approvals(required=1, signers="x")),
            "live in lab, 1 signature (not an author's)",
            "先部署到 lab、1 人签名（作者除外）",
        ),
        (
            field(approvals=Approvals(required=2, author_may_sign=True, signers="x")),
            "live in lab, 2 signatures",
            "先部署到 lab、2 人签名",
        ),
        (
            field(required_checks=["rollout_result"]),
            "live in lab, a canary or A/B result",
            "先部署到 lab、灰度或 A/B 结果",
        ),
        (field(hardware=Hardware(soc_versions=SOC)), "live in lab", "先部署到 lab"),
        (
            field(hardware=Hardware(soc_versions=("Ascend910B3", "Ascend910B4"))),
            "a target for Ascend910B3 or Ascend910B4, live in lab",
            "面向 Ascend910B3/Ascend910B4 的目标、先部署到 lab",
        ),
    ],
)
def test_each_demand_is_named(environment: Environment, en: str, zh: str) -> None:
    assert demands(environment, LAB, SOC) == (f"then: {en}", f"另需：{zh}")


def test_the_projects_prod_fits_on_a_line() -> None:
    policy = in_force()
    en, _ = demands(policy.get("prod"), policy.get("staging"), SOC)
    assert en == "then: 24 h live in staging, 2 signatures (not an author's), a canary or A/B result"
