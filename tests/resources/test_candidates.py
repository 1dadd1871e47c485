"""Names of candidates: one spelling, sorted by time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from resources.candidates import Candidate, CandidateName, InvalidCandidate, Kind

AT = datetime(2026, 11, 20, 14, 3, tzinfo=UTC)
hexadecimal = st.text("0123456789abcdef", min_size=12, max_size=12)
references: dict[str, st.SearchStrategy[str]] = {
    "ct": st.integers(0, 999_999_999).map("{:04}".format),
    "dirty": hexadecimal,
    "git": hexadecimal,
    "hub": st.from_regex(r"\A[0-9A-Za-z]([0-9A-Za-z._-]{0,62}[0-9A-Za-z])?\Z").filter(
        lambda text: not text.endswith("-repaired")
    ),
}
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
candidates = st.sampled_from(get_args(Kind)).flatmap(
    lambda kind: st.builds(Candidate, moments, st.just(kind), references[kind], st.booleans())
)


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("20261120-1403-git-1a2b3c4d5e6f", Candidate.from_commit("1a2b3c4d5e6f" + "0" * 28, AT)),
        ("20261120-1403-hub-v1.3.0", Candidate.from_hub("v1.3.0", AT)),
        ("20261120-1403-ct-0007", Candidate.from_training(7, AT)),
        ("20261120-1403-dirty-1a2b3c4d5e6f", Candidate.from_sources("1a2b3c4d5e6f" + "9" * 52, AT)),
    ],
)
def test_the_four_kinds(text: str, candidate: Candidate) -> None:
    assert str(candidate) == text
    assert Candidate.parse(text) == candidate
    assert candidate.is_dirty is ("dirty" in text)


@pytest.mark.parametrize("reference", ["git-1a2b3c4d5e6f", "hub-v1.3.0", "hub-v1-rc", "ct-0007", "dirty-1a2b3c4d5e6f"])
def test_what_was_repaired_of_one_says_so_in_its_name(reference: str) -> None:
    failed = Candidate.parse(f"20261120-1403-{reference}")
    repaired = failed.repaired()
    assert str(repaired) == f"20261120-1403-{reference}-repaired"
    assert Candidate.parse(str(repaired)) == repaired
    assert (repaired.kind, repaired.reference, repaired.at) == (failed.kind, failed.reference, failed.at)
    assert repaired.is_dirty == failed.is_dirty, "a repair commits nothing"
    assert repaired > failed
    with pytest.raises(InvalidCandidate, match="repaired already"):
        repaired.repaired()


def test_a_hub_version_cannot_pass_for_a_repaired_candidate() -> None:
    with pytest.raises(InvalidCandidate):
        Candidate.from_hub("v1-repaired", AT)
    with pytest.raises(InvalidCandidate):
        Candidate.parse("20261120-1403-hub-v1-repaired-repaired")


@given(candidates)
def test_a_name_reads_as_it_was_written(candidate: Candidate) -> None:
    assert Candidate.parse(str(candidate)) == candidate


@given(st.lists(candidates, max_size=10))
def test_names_and_their_texts_sort_alike_and_by_time(made: list[Candidate]) -> None:
    in_order = sorted(made)
    assert [str(c) for c in in_order] == sorted(map(str, made))
    assert [c.at for c in in_order] == sorted(c.at for c in made)


def test_time_is_utc_to_the_minute() -> None:
    in_shanghai = datetime(2026, 11, 20, 22, 3, 59, 999, tzinfo=timezone(timedelta(hours=8)))
    assert Candidate.from_hub("v1", in_shanghai) == Candidate.from_hub("v1", AT)
    with pytest.raises(InvalidCandidate, match="time zone"):
        Candidate.from_hub("v1", datetime(2026, 11, 20))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    "text",
    [
        "",
        "latest",
        "20261120-1403",
        "20261120-1403-git-",
        "20261120-1403-git-1a2b3c4d5e6",
        "20261120-1403-git-1a2b3c4d5e6f0",
        "20261120-1403-git-1A2B3C4D5E6F",
        "20261120-1403-git-1a2b3c4d5e6f\n",
        " 20261120-1403-git-1a2b3c4d5e6f",
        "20261120-1403-svn-1a2b3c4d5e6f",
        "2026112-1403-ct-0007",
        "20261120-1403-ct-7",
        "20261120-1403-ct-00007777777",
        "20261120-1403-hub-",
        "20261120-1403-hub--x",
        "20261120-1403-hub-a/b",
        "20261120-1403-hub-..",
        "20261120-1403-hub-" + "v" * 65,
        "20261320-1403-ct-0007",
        "20260230-1403-ct-0007",
        "20261120-2460-ct-0007",
        "00000101-0000-ct-0007",
        "\u0662\u0660261120-1403-ct-0007",
    ],
)
def test_anything_else_is_no_name(text: str) -> None:
    with pytest.raises(InvalidCandidate):
        Candidate.parse(text)
    with pytest.raises(ValidationError):
        TypeAdapter(CandidateName).validate_python(text)


def test_a_refusal_shows_what_names_look_like() -> None:
    with pytest.raises(InvalidCandidate, match=r"'latest' is no candidate's name; names look like 2026"):
        Candidate.parse("latest")
    with pytest.raises(InvalidCandidate, match="20260230-1403, which is no date"):
        Candidate.parse("20260230-1403-ct-0007")


def test_parts_that_make_no_name_are_refused() -> None:
    with pytest.raises(InvalidCandidate):
        Candidate.from_commit("xyz", AT)
    with pytest.raises(InvalidCandidate):
        Candidate.from_hub("../..", AT)
    with pytest.raises(InvalidCandidate):
        Candidate.from_training(-1, AT)
    with pytest.raises(InvalidCandidate):
        Candidate(AT, "git", "1a2b3c4d5e6f-and-more")
