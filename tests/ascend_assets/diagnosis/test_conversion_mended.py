"""What conversion rules propose removes what was refused: applied, and asked of the emulator again."""

import pytest
from conversion_cases import CASES, tried

from ascend_assets.diagnosis.case import Case
from ascend_assets.diagnosis.diagnose import diagnose
from ascend_assets.remedies.apply import apply_graph, apply_options
from ascend_assets.remedies.kinds import AnyRemedy

ONE_AFTER_THE_OTHER = ("inputs.wrong_name", "options.kept_name", "options.one_gear")
"""Rules whose remedies belong together."""
BY_ONE = (
    "domains.needed",
    "domains.unneeded",
    "dtypes.bfloat16",
    "dtypes.bfloat16_refused",
    "dtypes.type_refused",
    "dynamic.refused_foldable",
    "einsum.many_inputs",
    "inputs.fixed_axis",
    "inputs.sizes_forced",
    "inputs.sizes_open",
    "inputs.unfitting",
    "inputs.wrong_rank",
    "operators.constant_control_flow",
    "operators.contrib",
    "operators.local_function",
    "opset.too_new",
    "opset.too_old",
    "options.gears_without_axis",
    "options.mode_without_bf16",
    "options.unsupported",
    "soc.misspelt",
)


def codes(case: Case) -> set[str]:
    return {item.code for item in case.diagnostics if not item.code.startswith("W")}


def proposed(rule: str) -> tuple[Case, tuple[AnyRemedy, ...]]:
    case = CASES[rule][0]()
    return case, next(cause.remedies for cause in diagnose(case) if cause.rule == rule)


def after(case: Case, remedies: tuple[AnyRemedy, ...]) -> set[str]:
    assert case.model is not None
    options = apply_options(case.options, remedies)
    return codes(tried(apply_graph(case.model, remedies), **options.model_dump()))


@pytest.mark.parametrize("rule", BY_ONE)
def test_the_first_remedy_removes_what_was_refused(rule: str) -> None:
    case, remedies = proposed(rule)
    assert codes(case)
    assert not after(case, remedies[:1])


@pytest.mark.parametrize("rule", ONE_AFTER_THE_OTHER)
def test_the_remedies_together_remove_what_was_refused(rule: str) -> None:
    case, remedies = proposed(rule)
    assert codes(case)
    assert not after(case, remedies)
