"""What is tried, in which order: confident causes first, a remedy once, parts of one that fails as a whole."""

import math

from repair_benches import compiled, layer, options
from test_loop import cause

from ascend_assets.remedies.kinds import (
    ClampConstants,
    ConvertOpset,
    EnableSmallChannel,
    KeepDtype,
    MixPrecision,
    ScaleWeights,
    SetInputShapes,
    SetPrecisionMode,
    SwitchFusionOff,
)
from ascend_assets.repair.proposals import (
    Proposal,
    length,
    merged,
    parts,
    proposed,
    ranked,
    together,
    unattended,
    without_rules,
)
from resources.ascend.toolchain import FusionTrial

KEPT = KeepDtype(nodes=("a", "b"))


def test_the_most_confident_causes_remedies_come_first_each_once() -> None:
    weak = cause(EnableSmallChannel(), KEPT, rule="test.weak", confidence=0.3)
    sure = cause(KEPT, ConvertOpset(to=17), rule="test.sure", confidence=0.9)
    found = proposed([weak, sure], [], unattended)
    assert [(one.remedy, one.rule) for one in found] == [
        (KEPT, "test.sure"),
        (ConvertOpset(to=17), "test.sure"),
        (EnableSmallChannel(), "test.weak"),
    ]
    assert [one.remedy for one in proposed([weak, sure], [KEPT], unattended)] == [
        ConvertOpset(to=17),
        EnableSmallChannel(),
    ]


def test_weights_are_not_proposed_unless_somebody_answers_for_them() -> None:
    scaled = cause(ScaleWeights(nodes=("a",), power=1))
    assert proposed([scaled], [], unattended) == ()
    assert len(proposed([scaled], [], lambda _: True)) == 1


def test_several_faults_together_are_the_first_remedy_of_each() -> None:
    found = proposed([cause(KEPT, EnableSmallChannel()), cause(ConvertOpset(to=17), rule="other")], [], unattended)
    assert [one.remedy for one in together(found)] == [KEPT, ConvertOpset(to=17)]


def test_what_names_several_things_has_parts() -> None:
    both = ClampConstants(tensors=("a", "b"), bound=1.0)
    assert parts(both) == (ClampConstants(tensors=("a",), bound=1.0), ClampConstants(tensors=("b",), bound=1.0))
    assert parts(ClampConstants(tensors=("a",), bound=1.0)) == ()
    assert parts(ClampConstants(tensors=tuple("abcdefghij"), bound=1.0)) == ()
    assert parts(ConvertOpset(to=17)) == ()
    assert parts(SetInputShapes(shapes={"x": (1,), "y": (1,)})) == ()


def test_the_layers_own_errors_rank_nodes_and_what_is_no_number_stands_first() -> None:
    layers = [
        layer("small", error=0.001, index=0),
        layer("wide", error=0.9, dtype="float32", index=1),
        layer("nan", error=math.nan, index=2),
        layer("large", error=0.5, index=3),
        layer("inf", error=math.inf, index=4),
        layer("integer", error=0.0, dtype="other", index=5),
        layer("bf16", error=0.02, dtype="bfloat16", index=6),
        layer('quo"ted', error=0.7, index=7),
    ]
    found = ranked(compiled(options(), layers=layers))
    assert found == ("nan", "inf", "large", "bf16", "small"), "a name with a quote fits no file of ATC's"


def test_without_rules_the_whole_model_in_fp32_comes_last() -> None:
    layers = [layer("a", error=0.9)]
    found = list(without_rules(compiled(options(), layers=layers)))
    assert [one.kind for one in found] == ["mix_precision", "mix_precision", *["set_precision_mode"] * 3]
    assert found[1] == MixPrecision(black=("MatMul",))
    assert found[-1] == SetPrecisionMode(precision_mode="force_fp32")


def test_fusion_is_blamed_where_the_trial_without_it_says_so() -> None:
    trial = FusionTrial(fused=0.9, unfused=0.1, passes=("OnePass",), verdict="fusion")
    first = next(iter(without_rules(compiled(options(), fusion=trial))))
    assert first == SwitchFusionOff(passes=("OnePass",))
    innocent = trial.model_copy(update={"verdict": "arithmetic"})
    assert not any(isinstance(one, SwitchFusionOff) for one in without_rules(compiled(options(), fusion=innocent)))
    unspeakable = trial.model_copy(update={"passes": ("no pass; rm -rf",)})
    assert not any(isinstance(one, SwitchFusionOff) for one in without_rules(compiled(options(), fusion=unspeakable)))


def test_nodes_that_are_kept_twice_are_kept_once() -> None:
    other = KeepDtype(nodes=("b", "c"))
    assert merged([KEPT, EnableSmallChannel(), other]) == (EnableSmallChannel(), KeepDtype(nodes=("a", "b", "c")))
    assert merged([KEPT]) == (KEPT,)
    assert merged([]) == ()


def test_a_rival_of_what_passes_is_another_thing_and_no_guess() -> None:
    sure = 0.9
    passing = (KEPT,)
    assert Proposal(ClampConstants(tensors=("t",), bound=1.0), "r", sure).rivals(passing)
    assert not Proposal(ClampConstants(tensors=("t",), bound=1.0), "r", 0.3).rivals(passing)
    assert not Proposal(MixPrecision(), "r", sure).rivals(passing)
    assert not Proposal(KeepDtype(nodes=("c", "b", "a")), "r", sure).rivals(passing)
    assert Proposal(KeepDtype(nodes=("a",)), "r", sure).rivals(passing)


def test_how_much_a_remedy_names() -> None:
    assert [length(one) for one in (KEPT, ConvertOpset(to=17), SetInputShapes(shapes={"x": (1, 2, 3)}))] == [2, 0, 1]
