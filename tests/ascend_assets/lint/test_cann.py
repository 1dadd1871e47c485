"""CANN's versions in a declared range: its own spelling, Python's order."""

import itertools

import pytest

from ascend_assets.lint import cann

ASCENDING = ("7.0.0", "8.0.RC2", "8.0.RC3.alpha001", "8.0.RC3.alpha003", "8.0.RC3.beta1", "8.0.RC3", "8.0.0", "8.1.RC1")


@pytest.mark.parametrize(("earlier", "later"), list(itertools.combinations(ASCENDING, 2)))
def test_versions_are_in_the_order_of_their_release(earlier: str, later: str) -> None:
    assert cann.within(later, f">{earlier}")
    assert not cann.within(earlier, f">={later}")
    assert cann.within(earlier, f"<{later}") or later == "8.0.0"


@pytest.mark.parametrize(
    ("version", "allowed", "fits"),
    [
        ("8.1.RC1", ">=7.0,<10", True),
        ("8.1.RC1", ">=8.1.RC1", True),
        ("8.1.RC1", "==8.1.RC1", True),
        ("8.1.RC1", ">=8.1", False),
        ("8.1.RC1", ">=9", False),
        ("10.0.RC1", ">=7.0,<10", False),
        ("8.0.RC3.alpha003", "==8.0.RC3.alpha003", True),
        ("6.0.1", ">=7.0,<10", False),
    ],
)
def test_ranges(version: str, allowed: str, fits: bool) -> None:  # noqa: FBT001 - a case of the table
    assert cann.within(version, allowed) is fits
    count = cann.count(version, allowed)
    assert count.judged
    assert count.value == (0 if fits else 1)
    assert len(count.findings) == count.value


def test_a_finding_says_that_a_candidate_comes_before_its_release() -> None:
    assert "8.1.RC1 < 8.1" in cann.count("8.1.RC1", ">=8.1").findings[0].message


@pytest.mark.parametrize(("version", "allowed"), [("", ">=7"), ("unknown", ">=7"), ("8.1.RC1", "about 8")])
def test_what_cannot_be_compared_is_not_judged(version: str, allowed: str) -> None:
    with pytest.raises(cann.CannVersionError):
        cann.within(version, allowed)
    count = cann.count(version, allowed)
    assert not count.judged
    assert count.note


@pytest.mark.parametrize(
    ("allowed", "chosen"),
    [
        (">=7", "8.1.RC1"),
        ("<8.1.RC1", "8.0.0"),
        ("<8", "7.0.0"),
        ("<=8.0.RC3", "8.0.RC3"),
        (">8.1", None),
        ("<7", None),
    ],
)
def test_the_newest_of_some_versions_that_a_range_admits(allowed: str, chosen: str | None) -> None:
    assert cann.newest(["8.0.RC3", "8.1.RC1", "7.0.0", "8.0.0"], allowed) == chosen
