"""Remedies change the options that they name, and no other; two that contradict each other are refused."""

from contextlib import suppress
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from edit_samples import graph, node
from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.remedies.apply import RemedyRefused, apply_graph, apply_options, apply_target, is_graph
from ascend_assets.remedies.kinds import (
    AnyRemedy,
    ChooseSoc,
    ClampConstants,
    DropOptions,
    EnableSmallChannel,
    KeepDtype,
    MixPrecision,
    Remedy,
    SetInputShapes,
    SetOpPrecision,
    SetPrecisionMode,
    SwitchFusionOff,
)
from ascend_assets.spec import Target
from resources.ascend.option_values import MixList, OpPrecision
from resources.ascend.options import CompileOptions
from resources.home import PROJECT

PLAIN = CompileOptions(soc_version="Ascend310P3")
TARGET = Target(soc_version="Ascend310P3", batch=8)
CLAMP = ClampConstants(tensors=("mask",), bound=1e4)

ONE_OF_EACH: dict[str, tuple[Remedy, dict[str, object]]] = {
    "shapes": (SetInputShapes(shapes={"x": (1, 3)}), {"input_shape": {"x": (1, 3)}}),
    "mode": (SetPrecisionMode(precision_mode="force_fp32"), {"precision_mode": "force_fp32"}),
    "second mode": (SetPrecisionMode(precision_mode_v2="origin"), {"precision_mode_v2": "origin"}),
    "keep": (KeepDtype(nodes=("a", "OpType::Exp")), {"keep_dtype": ("a", "OpType::Exp")}),
    "mix": (MixPrecision(), {"precision_mode": "allow_mix_precision"}),
    "black": (
        MixPrecision(black=("Exp",)),
        {"precision_mode": "allow_mix_precision", "modify_mixlist": MixList(black_to_add=("Exp",))},
    ),
    "op precision": (
        SetOpPrecision(modes=OpPrecision(by_type={"Exp": "high_precision"})),
        {"op_precision_mode": OpPrecision(by_type={"Exp": "high_precision"})},
    ),
    "fusion": (SwitchFusionOff(passes=("APass",)), {"fusion_switches": {"APass": "off"}}),
    "channels": (EnableSmallChannel(), {"enable_small_channel": True}),
}


@pytest.mark.parametrize("name", sorted(ONE_OF_EACH))
def test_a_remedy_changes_what_it_names_and_nothing_else(name: str) -> None:
    remedy, changed = ONE_OF_EACH[name]
    assert apply_options(PLAIN, [remedy]) == PLAIN.model_copy(update=changed)
    assert apply_target(TARGET, [remedy]) == TARGET.model_copy(update=changed)
    assert not is_graph(remedy)


@given(names=st.lists(st.sampled_from(sorted(ONE_OF_EACH)), max_size=6))
def test_a_remedy_that_is_given_again_changes_nothing(names: list[str]) -> None:
    remedies = [ONE_OF_EACH[name][0] for name in names if name not in {"mode", "second mode"}]
    once = apply_options(PLAIN, remedies)
    assert apply_options(PLAIN, [*remedies, *remedies]) == once
    assert apply_options(once, remedies) == once


@given(names=st.lists(st.sampled_from(sorted(ONE_OF_EACH)), max_size=6))
def test_options_after_remedies_are_options_or_refused(names: list[str]) -> None:
    after = PLAIN
    with suppress(RemedyRefused):
        after = apply_options(PLAIN, [ONE_OF_EACH[name][0] for name in names])
    assert CompileOptions.model_validate(after.model_dump()) == after


def test_no_remedy_of_options_can_touch_what_a_target_is_for() -> None:
    fields = {name for remedy, _ in ONE_OF_EACH.values() for name in type(remedy).model_fields}
    assert not fields & {"name", "batch", "gates", "limits"}
    with pytest.raises(RemedyRefused, match=r"choose_soc: target Ascend310P3 says .* defs\.yaml"):
        apply_target(TARGET, [ChooseSoc(soc_version="Ascend910B3")])
    for field in ("name", "batch", "soc_version"):
        with pytest.raises(RemedyRefused, match=f"{field} is no option"):
            apply_target(TARGET, [DropOptions(options=(field,))])


def test_what_is_kept_already_stays() -> None:
    kept = PLAIN.model_copy(update={"keep_dtype": ("b", "a")})
    assert apply_options(kept, [KeepDtype(nodes=("a", "c"))]).keep_dtype == ("b", "a", "c")


def test_mixed_precision_is_spelt_as_the_options_spell_modes() -> None:
    second = PLAIN.model_copy(update={"precision_mode_v2": "fp16"})
    assert apply_options(second, [MixPrecision()]).precision_mode_v2 == "mixed_float16"
    bf16 = CompileOptions(soc_version="Ascend910B3", precision_mode="allow_mix_precision_bf16")
    assert apply_options(bf16, [MixPrecision(black=("Exp",))]).precision_mode == "allow_mix_precision_bf16"


def test_a_type_on_the_black_list_stands_on_no_other() -> None:
    lists = MixList(black_to_add=("Log",), black_to_remove=("Exp",), white_to_add=("Exp", "Pow"))
    mixed = PLAIN.model_copy(update={"precision_mode": "allow_mix_precision", "modify_mixlist": lists})
    after = apply_options(mixed, [MixPrecision(black=("Exp",))]).modify_mixlist
    assert after == MixList(black_to_add=("Log", "Exp"), white_to_add=("Pow",))


def test_a_mode_takes_the_place_of_the_other_spelling_and_of_lists_that_it_has_no_use_for() -> None:
    lists = MixList(black_to_add=("Exp",))
    mixed = PLAIN.model_copy(update={"precision_mode_v2": "mixed_float16", "modify_mixlist": lists})
    after = apply_options(mixed, [SetPrecisionMode(precision_mode="must_keep_origin_dtype")])
    assert (after.precision_mode, after.precision_mode_v2, after.modify_mixlist) == (
        "must_keep_origin_dtype",
        None,
        None,
    )
    still = apply_options(mixed, [SetPrecisionMode(precision_mode="allow_mix_precision")])
    assert still.modify_mixlist == lists


def test_modes_of_operators_are_merged() -> None:
    before = PLAIN.model_copy(update={"op_precision_mode": OpPrecision(by_type={"Exp": "high_performance"})})
    wanted = OpPrecision(by_type={"Exp": "high_precision"}, by_node={"n": "keep_fp16"})
    assert apply_options(before, [SetOpPrecision(modes=wanted)]).op_precision_mode == wanted


def test_a_shape_takes_the_place_of_a_range() -> None:
    ranged = CompileOptions(soc_version="Ascend310P3", input_shape_range={"x": ((1, 8), 3), "y": ((1, 8),)})
    after = apply_options(ranged, [SetInputShapes(shapes={"x": (4, 3)})])
    assert after.input_shape == {"x": (4, 3)}
    assert after.input_shape_range == {"y": ((1, 8),)}


def test_dropped_options_are_at_their_defaults_by_atcs_names_too() -> None:
    given = CompileOptions(
        soc_version="Ascend310P3", sparsity=True, fusion_switches={"A": "off"}, precision_mode="force_fp32"
    )
    assert apply_options(given, [DropOptions(options=("sparsity", "fusion_switch_file", "precision_mode"))]) == PLAIN


def test_another_soc_needs_its_own_confirmation() -> None:
    first = CompileOptions(soc_version="Ascend910B", first_generation=True)
    assert apply_options(first, [ChooseSoc(soc_version="Ascend910B3")]) == CompileOptions(soc_version="Ascend910B3")


CONTRADICTIONS: dict[str, tuple[list[Remedy], str]] = {
    "two modes": (
        [SetPrecisionMode(precision_mode="force_fp16"), SetPrecisionMode(precision_mode="force_fp32")],
        "precision_mode was set otherwise",
    ),
    "mixed and not": ([MixPrecision(), SetPrecisionMode(precision_mode="force_fp16")], "mixed precision was set"),
    "not mixed and mixed": ([SetPrecisionMode(precision_mode="force_fp16"), MixPrecision()], "mixed precision was set"),
    "two shapes": (
        [SetInputShapes(shapes={"x": (1,)}), SetInputShapes(shapes={"x": (2,)})],
        "input_shape of 'x' was set otherwise",
    ),
    "kept and dropped": ([KeepDtype(nodes=("a",)), DropOptions(options=("keep_dtype",))], "a remedy before sets keep"),
    "two modes of an operator": (
        [
            SetOpPrecision(modes=OpPrecision(by_type={"Exp": "high_precision"})),
            SetOpPrecision(modes=OpPrecision(by_type={"Exp": "keep_fp16"})),
        ],
        "op_precision_mode of 'Exp'",
    ),
    "two chips": ([ChooseSoc(soc_version="Ascend310"), ChooseSoc(soc_version="Ascend310P3")], "soc_version was set"),
    "no such option": ([DropOptions(options=("make_it_faster",))], "make_it_faster is no option"),
}


@pytest.mark.parametrize("name", sorted(CONTRADICTIONS))
def test_remedies_that_contradict_each_other_are_refused_in_words(name: str) -> None:
    remedies, words = CONTRADICTIONS[name]
    with pytest.raises(RemedyRefused, match=words):
        apply_options(PLAIN, remedies)


def test_what_the_options_exclude_is_refused_in_their_words() -> None:
    old = CompileOptions(soc_version="Ascend310P3", op_select_implmode="high_precision_for_all")
    remedy = SetOpPrecision(modes=OpPrecision(by_type={"Exp": "high_precision"}))
    with pytest.raises(RemedyRefused, match="set_op_precision: op_precision_mode and op_select_implmode exclude"):
        apply_options(old, [remedy])


def test_a_dropped_option_can_be_set_anew() -> None:
    kept = PLAIN.model_copy(update={"keep_dtype": ("misspelt",)})
    remedies = [DropOptions(options=("keep_dtype",)), KeepDtype(nodes=("spelt",))]
    assert apply_options(kept, remedies).keep_dtype == ("spelt",)


def test_options_pass_over_remedies_of_the_graph_and_the_graph_over_those_of_options() -> None:
    model = graph([node("Add", "x mask", "y")], {"x": (4,)}, ["y"], {"mask": [0.0, -1e9, 0, 0]})
    assert apply_options(PLAIN, [CLAMP]) == PLAIN
    assert apply_graph(model, [KeepDtype(nodes=("Add_0",))]) is model
    edited = apply_graph(model, [KeepDtype(nodes=("Add_0",)), CLAMP])
    assert is_graph(CLAMP)
    assert min(np.frombuffer(edited.graph.initializer[0].raw_data, np.float32)) == -1e4


def test_every_remedy_of_the_graph_has_its_edit() -> None:
    union, _ = get_args(AnyRemedy)
    graphs = {each.model_fields["kind"].default for each in get_args(union) if each.touches != "options"}
    edits = PROJECT / "resources" / "onnx_files" / "edits"
    assert len(graphs) > 10
    assert {Path(edits / f"{kind}.py") for kind in graphs} <= set(edits.glob("*.py"))
