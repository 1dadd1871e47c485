"""Fusion that changes a result."""

from numeric_profiles import fused, image_net

from ascend_assets.diagnosis.observers import fusion


def test_passes_that_were_reported_before_come_first() -> None:
    (fact,) = list(fusion.observe(fused(image_net(), "ConvReluFusionPass", "GroupNormFusionPass")))
    assert fact.remedies["switch_fusion_off.reported"].model_dump()["passes"] == ("GroupNormFusionPass",)
    both = ("GroupNormFusionPass", "ConvReluFusionPass")
    assert fact.remedies["switch_fusion_off"].model_dump()["passes"] == both


def test_without_a_name_all_are_switched_off() -> None:
    (fact,) = list(fusion.observe(fused(image_net())))
    assert fact.remedies["switch_fusion_off"].model_dump()["passes"] == ("ALL",)
    assert list(fact.remedies) == ["switch_fusion_off"]


def test_arithmetic_is_no_fault_of_fusion() -> None:
    assert not list(fusion.observe(fused(image_net(), "GroupNormFusionPass", verdict="arithmetic")))
    assert not list(fusion.observe(image_net()))
