"""Versions say what changed."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from resources.registry.versions import Change, Contents, InvalidVersion, Version, VersionText, change, next_version

numbers = st.integers(0, 999_999_999)
versions = st.builds(Version, numbers, numbers, numbers)
few = st.sampled_from("abc")
contents = st.builds(Contents, few, few, st.dictionaries(st.sampled_from(["310P3", "910B3"]), few))
BEFORE = Contents("signature", "onnx", {"310P3": "om"})


@dataclass(frozen=True)
class Released:
    version: str
    contents: Contents


@given(versions)
def test_a_version_reads_as_it_was_written(version: Version) -> None:
    assert Version.parse(str(version)) == version


@given(versions, versions)
def test_versions_sort_as_numbers(one: Version, other: Version) -> None:
    as_numbers = [tuple(map(int, str(v).split("."))) for v in (one, other)]
    assert (one < other) == (as_numbers[0] < as_numbers[1])


def test_ten_comes_after_nine() -> None:
    assert Version.parse("1.10.0") > Version.parse("1.9.12")


WRONG = [
    "1",
    "1.0",
    "1.0.0.0",
    "v1.0.0",
    "1.0.0-rc1",
    "01.0.0",
    "-1.0.0",
    "1..0",
    "1.0.x",
    "\u0661.0.0",
    "1.0.9999999999",
]


@pytest.mark.parametrize("text", ["", "1.0.0 ", "1.0.0\n", *WRONG])
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(InvalidVersion, match="give three numbers"):
        Version.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(VersionText).validate_python(text)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BEFORE, None),
        (replace(BEFORE, oms={"310P3": "recompiled"}), "1.2.4"),
        (replace(BEFORE, oms={"310P3": "om", "910B3": "om"}), "1.2.4"),
        (replace(BEFORE, oms={}), "1.2.4"),
        (replace(BEFORE, onnx="new weights"), "1.3.0"),
        (replace(BEFORE, onnx="new weights", oms={"310P3": "recompiled"}), "1.3.0"),
        (replace(BEFORE, signature="another"), "2.0.0"),
        (replace(BEFORE, signature="another", onnx="new weights"), "2.0.0"),
    ],
)
def test_the_greatest_change_decides(now: Contents, expected: str | None) -> None:
    found = next_version(Released("1.2.3", BEFORE), now)
    assert (str(found) if found else None) == expected


def test_the_first_release_is_1_0_0() -> None:
    assert str(next_version(None, BEFORE)) == "1.0.0"


@given(versions, contents, contents)
def test_a_new_version_is_later_and_comes_only_with_a_change(version: Version, old: Contents, new: Contents) -> None:
    found = next_version(Released(str(version), old), new)
    assert (found is None) == (old == new)
    assert found is None or found > version


@given(contents, contents)
def test_a_change_is_as_great_in_both_directions(old: Contents, new: Contents) -> None:
    assert change(old, new) == change(new, old)


@given(versions)
def test_a_greater_change_gives_a_later_version(version: Version) -> None:
    patch, minor, major = (version.next(kind) for kind in (Change.PATCH, Change.MINOR, Change.MAJOR))
    assert version < patch < minor < major
