"""Versions of CANN compare as they were released, in any spelling, and nothing but `ValueError` comes of nonsense."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.ascend.cann.environment.versions import MAX_LENGTH, Version

RELEASED = (
    "6.0.1",
    "7.0.0",
    "7.0.1",
    "7.0.1.1",
    "8.0.RC1",
    "8.0.RC2.alpha001",
    "8.0.RC2.alpha002",
    "8.0.RC2",
    "8.0.RC3",
    "8.0.0.beta1",
    "8.0.0",
    "8.1.T20",
    "8.1.RC1.alpha001",
    "8.1.RC1.beta1",
    "8.1.RC1",
    "8.2.RC1.alpha003",
    "8.2.RC1",
    "8.2.RC1.1",
    "8.5.0.alpha001",
    "8.5.0",
    "8.5.1",
    "8.10.0",
    "9.1.0-beta.1",
    "9.1.0-beta.2",
    "9.1.0",
)
"""In the order of their release."""

BUILDS = ("V100R001C20SPC001B100", "V100R001C21B238", "V100R001C21SPC001B079", "V100R001C21SPC001B238", "V100R001C22")

TEXTS = st.one_of(
    st.sampled_from((*RELEASED, *BUILDS, "7.7.0.1.238", "7.7.0.1", "24.1.rc2.2", "7.0.t9.0.B798")),
    st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,4}([.-](RC|alpha|beta|T)\.?[0-9]{1,3}){0,2}", fullmatch=True),
    st.from_regex(r"V[0-9]{1,3}R[0-9]{1,3}C[0-9]{1,2}(SPC[0-9]{1,3})?(B[0-9]{1,3})?", fullmatch=True),
)


@pytest.mark.parametrize(("earlier", "later"), [*pairwise(RELEASED), *pairwise(BUILDS)])
def test_what_was_released_earlier_is_less(earlier: str, later: str) -> None:
    assert Version.parse(earlier) < Version.parse(later)
    assert Version.parse(later) > Version.parse(earlier)
    assert Version.parse(earlier) != Version.parse(later)


@given(TEXTS, TEXTS, TEXTS)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    a, b, c = map(Version.parse, (one, two, three))
    assert (a < b) + (a == b) + (a > b) == 1
    assert not (a <= b <= c) or a <= c
    assert sorted([a, b, c]) == sorted([c, b, a])
    assert a != b or hash(a) == hash(b)


@given(TEXTS)
def test_case_and_blanks_do_not_count_and_the_text_is_kept(text: str) -> None:
    version = Version.parse(f"  {text}\n")
    assert str(version) == text
    assert version == Version.parse(text.lower()) == Version.parse(text.upper())


@pytest.mark.parametrize(
    ("text", "kind", "release"),
    [
        ("8.1.RC1", "external", (8, 1)),
        ("8", "external", (8, 0)),
        ("9.1.0-beta.1", "external", (9, 1)),
        ("7.0.t9.0.B798", "external", (7, 0)),
        ("7.0.1.1", "external", (7, 0)),
        ("7.7.0.1.238", "internal", (7, 7)),
        ("V100R001C21SPC001B238", "inner", (100, 1)),
    ],
)
def test_kinds_and_releases(text: str, kind: str, release: tuple[int, int]) -> None:
    version = Version.parse(text)
    assert (version.kind, version.release) == (kind, release)


def test_spellings_of_one_version() -> None:
    assert Version.parse("9.1.0-beta.1") == Version.parse("9.1.0.beta1") == Version.parse("v9.1.0.BETA01")
    assert Version.parse("V100R001C21B238") == Version.parse("v100r001c21spc000b238")


@pytest.mark.parametrize(
    "text", ["", " ", "8.", ".8", "8..1", "x", "v", "RC1", "8.1 RC1", "8.1.RC1;ls", "8.1\x00", "\u0668.1", "1" * 65]
)
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        Version.parse(text)


@given(st.text(max_size=2 * MAX_LENGTH))
def test_any_text_is_a_version_or_a_value_error(text: str) -> None:
    try:
        version = Version.parse(text)
    except ValueError:
        return
    assert version == Version.parse(str(version))
