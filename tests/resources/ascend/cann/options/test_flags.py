"""The table of atc's flags agrees with the typed options, and versions are compared where they are known."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from resources.ascend.cann.environment.versions import Version
from resources.ascend.cann.options.flags import FLAGS, RUN_FLAGS, Flag, RunOptions
from resources.ascend.families import Family
from resources.ascend.options import CompileOptions
from resources.ascend.spelling import FILE_OPTIONS

NOT_FLAGS = {"input_shape_range", "first_generation", "aipp", "fusion_switches"}


def test_every_option_has_its_flag() -> None:
    fields = set(CompileOptions.model_fields) - NOT_FLAGS
    assert fields <= FLAGS.keys()
    assert FILE_OPTIONS.keys() <= FLAGS.keys()
    assert all(FLAGS[name].offered for name in (*fields, *FILE_OPTIONS))
    assert all(FLAGS[name].needs_file for name in FILE_OPTIONS)


def test_every_flag_that_is_offered_has_its_option() -> None:
    offered = {name for name, flag in FLAGS.items() if flag.offered}
    known = set(CompileOptions.model_fields) | FILE_OPTIONS.keys() | RUN_FLAGS | {"framework", "model", "output"}
    assert offered <= known
    assert set(RunOptions.model_fields) == RUN_FLAGS


@pytest.mark.parametrize("name", sorted(name for name, flag in FLAGS.items() if flag.values and flag.offered))
def test_a_default_is_a_legal_value(name: str) -> None:
    assert not FLAGS[name].default or FLAGS[name].default in FLAGS[name].values


def literals(annotation: Any) -> set[str]:
    """The words and numbers that a field of a Literal takes, as atc spells them."""
    found = get_args(annotation)
    nested = [literals(each) for each in found if get_args(each)]
    return {str(each) for each in found if isinstance(each, str | int)}.union(*nested)


@pytest.mark.parametrize(
    "name",
    [
        "input_format",
        "precision_mode",
        "precision_mode_v2",
        "op_select_implmode",
        "buffer_optimize",
        "core_type",
        "deterministic_level",
        "external_weight",
        "jit_compile",
    ],
)
def test_table_and_type_have_the_same_values(name: str) -> None:
    assert literals(CompileOptions.model_fields[name].annotation) == set(FLAGS[name].values)


@pytest.mark.parametrize("name", ["mode", "log", "op_debug_level", "op_compiler_cache_mode"])
def test_table_and_run_options_have_the_same_values(name: str) -> None:
    assert literals(RunOptions.model_fields[name].annotation) == set(FLAGS[name].values)


def test_families_are_known_ones() -> None:
    assert all(set(flag.families) <= set(get_args(Family)) for flag in FLAGS.values())


def test_what_is_gone_says_what_to_do_instead() -> None:
    assert FLAGS["auto_tune_mode"].removed
    assert "aoe" in FLAGS["auto_tune_mode"].instead
    for name in ("input_shape_range", "op_select_implmode", "optypelist_for_implmode"):
        assert FLAGS[name].deprecated
        assert FLAGS[name].instead
    assert FLAGS["shape_generalized_build_mode"].deprecated


class TestVersions:
    @pytest.mark.parametrize(
        ("flag", "version", "missing"),
        [
            (Flag(since="8.0.RC1"), "7.0.1", True),
            (Flag(since="8.0.RC1"), "8.0.RC1", False),
            (Flag(since="8.0.RC1"), "8.1.RC1", False),
            (Flag(until="7.0"), "7.0", False),
            (Flag(until="7.0"), "8.0.0", True),
            (Flag(), "5.0.4", False),
        ],
    )
    def test_a_flag_is_missing_only_where_that_is_known(self, flag: Flag, version: str, *, missing: bool) -> None:
        assert flag.missing_in(Version.parse(version)) is missing


class TestRunOptions:
    def test_nothing_given_is_nothing_said(self) -> None:
        assert RunOptions().arguments() == []

    def test_what_is_given_is_spelt(self) -> None:
        run = RunOptions(mode=0, log="error", op_debug_level=4, op_compiler_cache_dir="/tmp/a-b_c")  # noqa: S108
        assert run.arguments() == [
            "--mode=0",
            "--log=error",
            "--op_debug_level=4",
            "--op_compiler_cache_dir=/tmp/a-b_c",
        ]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"log": "loud"},
            {"mode": 2},
            {"op_debug_level": 5},
            {"check_report": "a b"},
            {"check_report": "$(x)"},
            {"x": 1},
        ],
    )
    def test_anything_else_is_refused(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            RunOptions.model_validate(wrong)
