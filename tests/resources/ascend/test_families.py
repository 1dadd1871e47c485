"""A SoC's family is told by its name, and a first-generation part is not an A2 card."""

import pytest

from resources.ascend.families import Family, family


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        ("Ascend310", "310"),
        ("Ascend310P1 Ascend310P3 Ascend310P7", "310P"),
        ("Ascend310B1 Ascend310B4", "310B"),
        ("Ascend910 Ascend910A Ascend910B Ascend910ProA Ascend910ProB Ascend910PremiumA", "910"),
        ("Ascend910B1 Ascend910B2 Ascend910B2C Ascend910B3 Ascend910B4 Ascend910B4-1", "A2"),
        ("Ascend910_9362 Ascend910_9391 Ascend910_9392", "A3"),
        ("Ascend910_95 Ascend910_9589 Ascend950PR_9599", "950"),
        ("Ascend910_5591 Ascend610 Ascend031 BS9SX1A Ascend3100 ascend310 Ascend910C", ""),
    ],
)
def test_by_name(names: str, kind: Family) -> None:
    assert {family(name) for name in names.split()} == {kind}


@pytest.mark.parametrize("name", ["", "Ascend310P3\n", "Ascend310P3 ", "x" * 100_000])
def test_any_other_text_tells_nothing(name: str) -> None:
    assert family(name) == ""
