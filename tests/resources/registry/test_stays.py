"""What a ledger's moves mean: for how long each release was live, how it ended, and what one can return to."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from registry_samples import NOON, entry, release

from resources.registry.ledger import Entry, Kind
from resources.registry.releases import Release
from resources.registry.stays import Record, others, record_of, stays
from resources.store.blobs import Blobs, FolderStore

HOUR = timedelta(hours=1)
Moves = list[tuple[str, int]]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    folder: Path = tmp_path_factory.mktemp("store")
    return [release(Blobs(FolderStore(folder)), f"1.{number}.0") for number in range(4)]


def newest_first(releases: list[Release], moves: Moves) -> list[Entry]:
    """One entry an hour; `say` moves nothing."""
    made: list[Entry] = []
    for number, (kind, which) in enumerate(moves):
        fields = {"kind": Kind.RESULT, "result": "0" * 64} if kind == "say" else {"kind": Kind(kind)}
        made.append(entry(made[-1] if made else None, releases[which], at=NOON + number * HOUR, **fields))
    return made[::-1]


def record(releases: list[Release], moves: Moves, which: int, *, enough: float = 1e6) -> Record:
    return record_of(
        newest_first(releases, moves),
        releases[which].digest,
        NOON + len(moves) * HOUR,
        enough=timedelta(hours=enough),
        not_before=NOON,
    )


def test_a_stay_lasts_until_the_next_move(releases: list[Release]) -> None:
    entries = newest_first(releases, [("deploy", 0), ("say", 1), ("deploy", 1), ("say", 2)])
    found = list(stays(entries))
    assert [(s.entry.version, s.ended_by and s.ended_by.version) for s in found] == [
        ("1.1.0", None),
        ("1.0.0", "1.1.0"),
    ]
    assert [s.lasted(NOON + 4 * HOUR) for s in found] == [2 * HOUR, 2 * HOUR]
    assert not any(s.failed for s in found)


def test_a_stay_that_a_rollback_ended_has_failed(releases: list[Release]) -> None:
    entries = newest_first(releases, [("deploy", 0), ("deploy", 1), ("rollback", 0)])
    assert [(s.entry.version, s.failed) for s in stays(entries)] == [
        ("1.0.0", False),
        ("1.1.0", True),
        ("1.0.0", False),
    ]


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], []),
        ([("deploy", 0)], []),
        ([("deploy", 0), ("deploy", 1), ("deploy", 2)], ["1.1.0", "1.0.0"]),
        ([("deploy", 0), ("deploy", 1), ("rollback", 0)], []),
        ([("deploy", 0), ("deploy", 1), ("deploy", 2), ("rollback", 1)], ["1.0.0"]),
        ([("deploy", 0), ("deploy", 1), ("rollback", 0), ("deploy", 1), ("deploy", 2)], ["1.1.0", "1.0.0"]),
        ([("deploy", 0), ("deploy", 1), ("deploy", 0), ("deploy", 1)], ["1.0.0"]),
    ],
)
def test_one_returns_to_what_was_live_and_was_not_left_by_a_rollback_since(
    releases: list[Release], moves: Moves, expected: list[str]
) -> None:
    assert [s.entry.version for s in others(newest_first(releases, moves))] == expected


@given(st.lists(st.tuples(st.sampled_from(["deploy", "rollback", "say"]), st.integers(0, 3)), max_size=12))
def test_nothing_one_can_return_to_is_live_or_was_left(releases: list[Release], moves: Moves) -> None:
    entries = newest_first(releases, moves)
    found = [s.entry.release_digest for s in others(entries)]
    moved = [e for e in entries if e.kind is not Kind.RESULT]
    assert len(found) == len(set(found))
    assert not moved or moved[0].release_digest not in found
    for digest in found:
        after, last = next((moved[i - 1], e) for i, e in enumerate(moved) if e.release_digest == digest)
        assert after.release_digest != last.release_digest
        assert after.kind is Kind.DEPLOY


def test_a_releases_time_is_the_sum_of_its_stays(releases: list[Release]) -> None:
    moves: Moves = [("deploy", 0), ("deploy", 1), ("deploy", 0), ("deploy", 2)]
    assert record(releases, moves, 0).lived == 2 * HOUR
    assert (record(releases, moves, 2).lived, record(releases, moves, 2).is_live) == (HOUR, True)
    assert record(releases, moves, 3) == Record(None, timedelta())


def test_what_was_left_by_a_rollback_begins_anew(releases: list[Release]) -> None:
    moves: Moves = [("deploy", 0), ("deploy", 1), ("rollback", 0)]
    assert (record(releases, moves, 1).failed, record(releases, moves, 1).lived) == (True, timedelta())
    again: Moves = [*moves, ("deploy", 1)]
    assert (record(releases, again, 1).failed, record(releases, again, 1).lived) == (False, HOUR)


def test_no_more_is_read_than_needed(releases: list[Release]) -> None:
    entries = iter(newest_first(releases, [("deploy", n) for n in (0, 1, 2, 3)]))
    found = record_of(entries, releases[2].digest, NOON + 4 * HOUR, enough=HOUR, not_before=NOON)
    assert found.lived == HOUR
    assert [e.version for e in entries] == ["1.1.0", "1.0.0"]
    entries = iter(newest_first(releases, [("deploy", n) for n in (0, 1, 2, 3)]))
    record_of(entries, "0" * 64, NOON, enough=HOUR, not_before=NOON + 2 * HOUR)
    assert [e.version for e in entries] == ["1.0.0"]
