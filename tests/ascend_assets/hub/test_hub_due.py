"""The newest formal version is due, once; those between are passed over and named."""

from hypothesis import given
from hypothesis import strategies as st

from ascend_assets.hub.releases import due
from resources.hub.versions import Version, formal

TAGS = st.lists(
    st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True) | st.sampled_from(["master", "v1-rc1"])
)


def test_ten_is_newer_than_nine() -> None:
    found = due(["v1.9", "v1.10", "master", "v2.0-rc1"], since="v1.2", seen="v1.9")
    assert found is not None
    assert str(found.version) == "v1.10"
    assert found.passed_over == ()


def test_only_the_newest_is_due_and_the_others_are_named() -> None:
    found = due(["v1.3", "v1.5", "v1.4", "v1.2"], since="v1.2")
    assert found is not None
    assert (str(found.version), [str(v) for v in found.passed_over]) == ("v1.5", ["v1.3", "v1.4"])


def test_what_the_model_began_with_is_not_due_nor_what_is_older() -> None:
    assert due(["v1.2", "v1.1"], since="v1.2") is None
    assert due(["1.2.0"], since="v1.2") is None, "another spelling of the same"
    assert due(["v1.3"], since="v1.2", seen="v1.3") is None
    assert due([], since="v1.2") is None


def test_a_version_that_was_taken_away_brings_no_older_one_back() -> None:
    assert due(["v1.3"], since="v1.0", seen="v1.4") is None


@given(TAGS, st.from_regex(r"v[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True))
def test_what_is_due_is_greater_than_all_that_was_seen_and_then_seen(tags: list[str], since: str) -> None:
    found = due(tags, since)
    begin = Version.parse(since)
    assert begin is not None
    assert (found is None) == (not [v for v in formal(tags) if v.is_after(begin)])
    if found is not None:
        assert all(not v.is_after(found.version) for v in formal(tags))
        assert due(tags, since, str(found.version)) is None
