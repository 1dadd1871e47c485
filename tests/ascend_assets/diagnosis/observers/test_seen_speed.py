"""Where the time goes, and whether anybody asked."""

from dataclasses import replace

import pytest
from numeric_faults import of_kind
from numeric_profiles import image_net, op, profile, slow

from ascend_assets.diagnosis.observers import speed
from resources.ascend.toolchain import Diagnostic


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_first_convolution_of_few_channels_is_padded(channels: int) -> None:
    (fact,) = list(speed.observe(slow(image_net(channels))))
    assert fact.kind == "small_channels"
    assert (fact.values["channels"], fact.values["slow"], fact.values["aipp"]) == (channels, 1, 0)
    assert "enable_small_channel" in fact.remedies


def test_it_has_its_effect_behind_a_static_aipp() -> None:
    (fact,) = list(speed.observe(slow(image_net(aipp=True))))
    assert fact.values["aipp"] == 1


def test_no_small_channels() -> None:
    assert not list(speed.observe(slow(image_net(8))))
    assert not list(speed.observe(slow(image_net(3, enable_small_channel=True))))


def test_what_nobody_asked_for_is_not_slow() -> None:
    (fact,) = list(speed.observe(image_net()))
    assert (fact.values["slow"], fact.from_) == (0, "options")


def test_ai_cpu_operators_are_told_with_their_share() -> None:
    timed = profile(op("a", "TopK", 60, core="AI_CPU"), op("b", "Conv2D", 40, core="AI_CORE"))
    (fact,) = of_kind(list(speed.observe(slow(image_net(8), timed))), "ai_cpu")
    assert fact.nodes == ("a",)
    assert (fact.values["share"], fact.values["ops"], fact.values["number"]) == (0.6, "TopK", 1)


def test_a_compilers_warning_is_enough() -> None:
    warned = replace(image_net(8), diagnostics=(Diagnostic(code="W11001", message="does not hit", nodes=("q",)),))
    (fact,) = of_kind(list(speed.observe(warned)), "ai_cpu")
    assert (fact.nodes, fact.from_) == (("q",), "log")


def test_moves_are_summed_and_little_of_them_is_passed_over() -> None:
    many = profile(op("t", "Transpose", 30), op("c", "Cast", 20), op("b", "Conv2D", 50))
    (fact,) = of_kind(list(speed.observe(slow(image_net(8), many))), "layout_moves")
    assert (fact.values["share"], fact.values["ops"]) == (0.5, "Transpose, Cast")
    few = profile(op("t", "Transpose", 5), op("b", "Conv2D", 95))
    assert not of_kind(list(speed.observe(slow(image_net(8), few))), "layout_moves")


@pytest.mark.parametrize(
    ("bound", "kind"),
    [("overhead", "launch_bound"), ("memory", "memory_bound"), ("cube", "compute_bound"), ("vector", "compute_bound")],
)
def test_a_model_is_bound_by_one_thing(bound: str, kind: str) -> None:
    timed = profile(op("a", "Conv2D", 70, bound), op("b", "Add", 30, bound), bound=bound)
    found = {fact.kind for fact in speed.observe(slow(image_net(8), timed))}
    assert found & {"launch_bound", "memory_bound", "compute_bound"} == {kind}


def test_a_single_sample_leaves_cores_idle() -> None:
    timed = profile(op("a", "Conv2D", 70), batch=1, aicore_utilisation=0.1)
    assert of_kind(list(speed.observe(slow(image_net(8), timed))), "small_batch")
    busy = profile(op("a", "Conv2D", 70), batch=1, aicore_utilisation=0.9)
    assert not of_kind(list(speed.observe(slow(image_net(8), busy))), "small_batch")


def test_islands_in_fp32_are_told_with_their_share() -> None:
    timed = profile(op("conv", "Conv2D", 80), op("y", "Relu", 20))
    (fact,) = of_kind(list(speed.observe(slow(image_net(8, keep_dtype=("y",)), timed))), "wide_nodes")
    assert (fact.values["number"], fact.values["share"], fact.values["kept"]) == (1, 0.2, 1)


def test_a_profile_without_times_divides_by_nothing() -> None:
    assert not list(speed.observe(slow(image_net(8), profile(op("a", "Add", 0.0), bound="memory"))))[1:]
