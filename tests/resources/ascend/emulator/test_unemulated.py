"""The emulator never ignores an option that it cannot honour."""

from typing import Any

import pytest
from emulated_models import chain, options

from resources.ascend.emulator import refusals
from resources.ascend.emulator.messages import render
from resources.ascend.emulator.unemulated import judge
from resources.ascend.options import CompileOptions

IMAGE = {"aipp_mode": "static", "input_format": "RGB888_U8"}
CUSTOM = {"op_type": "Relu", "inputs": ["float16"], "outputs": ["float16"]}

REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("insert_op_conf", {"aipp": [IMAGE]}),
    ("customize_dtypes", {"customize_dtypes": [CUSTOM]}),
    ("output_type", {"output_type": "FP16"}),
    ("out_nodes", {"out_nodes": ["y"]}),
    ("input_fp16_nodes", {"input_fp16_nodes": ["x"]}),
    ("precision_mode_v2", {"precision_mode_v2": "mixed_hif8"}),
]
WARNED: list[tuple[str, dict[str, Any]]] = [
    ("op_precision_mode", {"op_precision_mode": {"by_type": {"Relu": "high_precision"}}}),
    ("op_select_implmode", {"op_select_implmode": "high_precision"}),
    ("enable_small_channel", {"enable_small_channel": True}),
    ("sparsity", {"sparsity": True}),
    ("virtual_type", {"virtual_type": True}),
    ("aicore_num", {"aicore_num": [4]}),
    ("core_type", {"core_type": "VectorCore"}),
]
SILENT: list[dict[str, Any]] = [
    {"buffer_optimize": "off_optimize"},
    {"deterministic": True, "deterministic_level": 2},
    {"external_weight": 1},
    {"fusion_switches": {"ALL": "off"}},
    {"disable_reuse_memory": True},
    {"jit_compile": 0},
    {"host_env_os": "linux", "host_env_cpu": "aarch64"},
    {"status_check": True},
]


@pytest.mark.parametrize(("flag", "given"), REFUSED)
def test_what_would_change_results_is_refused(flag: str, given: dict[str, Any]) -> None:
    (found,) = refusals.judge(chain("Relu"), options(**given))
    assert found.code == "EX0006"
    assert f"--{flag}]" in found.message
    assert found.solution
    assert refusals.refused((found,))
    assert "EX0006: " in render((found,), ok=False)


def test_a_range_is_refused_once() -> None:
    given = options(input_shape_range={"x": ((1, 10), 3, 4, 4)})
    (found,) = refusals.judge(chain("Relu", shape=["n", 3, 4, 4]), given)
    assert found.code == "EX0003"
    assert "range" in found.message
    assert "cann" in found.solution


def test_a_range_of_an_input_that_is_not_there_says_so() -> None:
    found = refusals.judge(chain("Relu"), options(input_shape_range={"z": ((1, 10),)}))
    assert {item.code for item in found} == {"EX0003", "E10016"}


@pytest.mark.parametrize(("flag", "given"), WARNED)
def test_what_is_left_out_of_numbers_or_times_is_warned_of(flag: str, given: dict[str, Any]) -> None:
    (found,) = refusals.judge(chain("Relu"), options(**given))
    assert found.code == "WX0003"
    assert f"--{flag}]" in found.message
    assert not refusals.refused((found,))


@pytest.mark.parametrize("given", SILENT, ids=lambda given: next(iter(given)))
def test_what_has_no_influence_is_silent(given: dict[str, Any]) -> None:
    assert refusals.judge(chain("Relu"), options(**given)) == ()


def test_every_option_is_one_or_the_other() -> None:
    shown = {name for _, given in (*REFUSED, *WARNED) for name in given} | {name for given in SILENT for name in given}
    # A list of types needs its mode, which is warned of; the others have tests of their own.
    elsewhere = {"optypelist_for_implmode", "input_shape_range", "first_generation"}
    assert shown | elsewhere >= CompileOptions.LATER
    assert tuple(judge(options())) == ()


def test_a_first_generation_part_that_is_meant_is_not_warned_of() -> None:
    sounding = refusals.judge(chain("Relu"), options(soc_version="Ascend910B"))
    assert [item.code for item in sounding] == ["WX0001"]
    assert refusals.judge(chain("Relu"), options(soc_version="Ascend910B", first_generation=True)) == ()
