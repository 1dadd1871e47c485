"""The ledger: history that only grows, one writer at a time, and that shows where it was edited."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from races import dies_at_call, race
from registry_samples import NOON, POLICY, deploy, entry, release

from resources.digests import canonical_json
from resources.registry.approvals import Approval, Statement
from resources.registry.ledger import (
    CLOCK_TOLERANCE,
    ClockBehind,
    Entry,
    Kind,
    Ledger,
    LedgerBroken,
    LedgerMoved,
    Present,
    entry_key,
)
from resources.registry.releases import Registry, Release
from resources.store.blobs import Blobs, FolderStore

SIXTEEN = 16


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store")


@pytest.fixture
def ledger(store: FolderStore) -> Ledger:
    return Ledger(store)


@pytest.fixture
def released(store: FolderStore) -> Release:
    made = release(Blobs(store))
    Registry(store).publish(made)
    return made


def rewrite(store: FolderStore, key: str, content: bytes) -> None:
    path = store.local(key)
    path.chmod(0o644)
    path.write_bytes(content)


def key(sequence: int) -> str:
    return entry_key("dev", "digits", sequence)


def fields(about: Release, **more: Any) -> dict[str, Any]:
    own = entry(None, about).model_dump(exclude={"sequence", "previous", "model", "environment"})
    return own | more


def result_after(after: Entry, about: Release, **more: Any) -> Entry:
    return entry(after, about, **{"kind": Kind.RESULT, "result": "1" * 64} | more)


def approval(about: Release) -> Approval:
    said = Statement.model_validate(
        {
            "model": about.model,
            "version": about.version,
            "release_digest": about.digest,
            "environment": "dev",
            "decision": "approve",
            "live": None,
            "policy_digest": POLICY,
            "reason": "better",
            "at": NOON,
        }
    )
    return Approval(statement=said, signer="ada@example.com", signature="-----BEGIN SSH SIGNATURE-----")


def test_the_last_entry_is_the_present(ledger: Ledger, released: Release) -> None:
    assert ledger.current("dev", "digits") is None
    first = entry(None, released)
    assert ledger.append(first) == first.digest
    second = entry(first, released, reason="again")
    ledger.append(second)
    assert ledger.current("dev", "digits") == second
    assert ledger.history("dev", "digits") == (first, second)


def test_environments_and_models_have_their_own(ledger: Ledger, released: Release, store: FolderStore) -> None:
    ledger.append(entry(None, released))
    ledger.append(entry(None, released, environment="staging"))
    ledger.append(entry(None, released, model="digits_2"))
    assert list(store.list("environments/")) == [
        "environments/dev/digits/00000001.json",
        "environments/dev/digits_2/00000001.json",
        "environments/staging/digits/00000001.json",
    ]
    assert len(ledger.history("dev", "digits")) == 1


def test_who_decided_on_an_older_present_is_told_what_stands_now(ledger: Ledger, released: Release) -> None:
    first = deploy(ledger, released, actor="ada")
    deploy(ledger, released, actor="bob", reason="mine is better")
    with pytest.raises(
        LedgerMoved, match=r"entry 2 was not written; won: entry 2 .*by bob .*mine is better.*decide again"
    ):
        ledger.append(entry(first, released, actor="eve"))
    assert [e.actor for e in ledger.history("dev", "digits")] == ["ada", "bob"]


@pytest.mark.parametrize("field", [{"previous": "0" * 64}, {"sequence": 3}, {"sequence": 1, "previous": None}])
def test_an_entry_must_follow_the_last_one(ledger: Ledger, released: Release, field: dict[str, Any]) -> None:
    first = deploy(ledger, released)
    with pytest.raises(LedgerMoved):
        ledger.append(entry(first, released, **field))
    assert ledger.history("dev", "digits") == (first,)


def test_of_sixteen_writers_one_wins_and_the_others_are_told_who(ledger: Ledger, released: Release) -> None:
    last = None
    for _ in range(4):
        entries = [entry(last, released, actor=f"writer_{number:02}") for number in range(SIXTEEN)]
        results = race(lambda me, entries=entries: ledger.append(entries[me]))  # type: ignore[misc]
        last = ledger.current("dev", "digits")
        assert last is not None
        assert results.count(last.digest) == 1
        assert sum(r.startswith("LedgerMoved") and f"by {last.actor} at" in r for r in results) == SIXTEEN - 1
    assert len(ledger.history("dev", "digits")) == 4


def test_a_writer_killed_anywhere_leaves_the_entry_or_none(
    ledger: Ledger, released: Release, store: FolderStore
) -> None:
    first = deploy(ledger, released)
    second = entry(first, released)
    point, left = 1, set()
    while dies_at_call(lambda: ledger.append(second), point):
        history = ledger.history("dev", "digits")
        left.add(len(history))
        assert history in ((first,), (first, second))
        if len(history) == 1:
            ledger.append(second)
        store.local(key(2)).unlink()
        point += 23
    assert left == {1, 2}


def test_a_gap_is_found(ledger: Ledger, released: Release, store: FolderStore) -> None:
    deploy(ledger, released, times=4)
    store.local(key(2)).unlink()
    with pytest.raises(LedgerBroken, match=r"00000002\.json: missing, though later entries exist"):
        ledger.history("dev", "digits")
    with pytest.raises(LedgerBroken, match=r"00000002\.json: missing"):
        list(ledger.backwards("dev", "digits"))


@pytest.mark.parametrize("edited", [1, 2, 3])
def test_an_edited_entry_is_found_from_both_ends(
    ledger: Ledger, released: Release, store: FolderStore, edited: int
) -> None:
    deploy(ledger, released, times=4)
    was = ledger.history("dev", "digits")[edited - 1]
    rewrite(store, key(edited), was.model_copy(update={"actor": "somebody else"}).encoded())
    for read in (ledger.history, ledger.backwards):
        with pytest.raises(LedgerBroken, match="was changed after") as found:
            list(read("dev", "digits"))
        assert found.value.key == key(edited)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff", b"[" * 10_000, canonical_json({"kind": "deploy"})],
    ids=["empty", "nothing", "bytes", "deep", "part"],
)
def test_a_damaged_entry_is_never_handed_out(
    ledger: Ledger, released: Release, store: FolderStore, content: bytes
) -> None:
    deploy(ledger, released, times=3)
    rewrite(store, key(3), content)
    for read in (ledger.current, ledger.present, ledger.live):
        with pytest.raises(LedgerBroken, match=r"00000003\.json"):
            read("dev", "digits")
    with pytest.raises(LedgerBroken):
        ledger.append(entry(None, released))


def test_an_entry_of_a_kind_that_nobody_here_knows_is_not_guessed_at(
    ledger: Ledger, released: Release, store: FolderStore
) -> None:
    deploy(ledger, released)
    content = ledger.history("dev", "digits")[0].encoded()
    rewrite(store, key(1), content.replace(b'"deploy"', b'"teleport"'))
    with pytest.raises(LedgerBroken, match="kind"):
        ledger.current("dev", "digits")


def test_an_entry_in_anothers_place_is_found(ledger: Ledger, released: Release, store: FolderStore) -> None:
    staged = entry(None, released, environment="staging")
    store.put_if_absent(key(1), staged.encoded())
    with pytest.raises(LedgerBroken, match=r"in staging .* which belongs elsewhere"):
        ledger.current("dev", "digits")


@pytest.mark.parametrize("name", ["1.json", "00000000.json", "000000001.json", "00000001.json.bak", "notes.txt"])
def test_a_foreign_file_is_named(ledger: Ledger, released: Release, store: FolderStore, name: str) -> None:
    deploy(ledger, released)
    store.put_if_absent(f"environments/dev/digits/{name}", b"{}")
    with pytest.raises(LedgerBroken, match="something else put it there") as found:
        ledger.history("dev", "digits")
    assert found.value.key.endswith(name)


def test_a_gap_does_not_hide_what_comes_after(ledger: Ledger, released: Release, store: FolderStore) -> None:
    deploy(ledger, released, times=9)
    for missing in (2, 4, 8):
        store.local(key(missing)).unlink()
        current = ledger.current("dev", "digits")
        assert current is not None
        assert current.sequence == 9


@pytest.mark.parametrize("near", [0, 1, 4, 5, 8, 9, 10, 1000])
def test_the_end_is_the_same_wherever_one_begins_to_look(
    ledger: Ledger, released: Release, store: FolderStore, near: int
) -> None:
    last = deploy(ledger, released, times=9)
    store.local(key(5)).unlink()
    assert ledger.current("dev", "digits", near=near) == last


@pytest.mark.parametrize("length", [1, 2, 3, 4, 7, 8, 9, 31, 33])
def test_the_end_is_found_without_reading_the_rest(ledger: Ledger, released: Release, length: int) -> None:
    assert ledger.current("dev", "digits") is None
    assert deploy(ledger, released, times=length) == ledger.current("dev", "digits")


def test_going_back_in_time_is_found(ledger: Ledger, released: Release, store: FolderStore) -> None:
    first = deploy(ledger, released)
    earlier = entry(first, released, at=NOON - timedelta(seconds=1))
    store.put_if_absent(key(2), earlier.encoded())
    for read in (ledger.history, ledger.backwards):
        with pytest.raises(LedgerBroken, match=r"before entry 1 .*no writer goes back in time"):
            list(read("dev", "digits"))


def test_the_present_is_the_newest_move_and_what_was_said_since(ledger: Ledger, released: Release) -> None:
    assert ledger.present("dev", "digits") == Present("dev", "digits", None, None, ())
    first = deploy(ledger, released)
    second = deploy(ledger, released, kind=Kind.ROLLBACK)
    said = [result_after(second, released)]
    ledger.append(said[0])
    said.append(result_after(said[0], released, result="2" * 64))
    ledger.append(said[1])
    present = ledger.present("dev", "digits")
    assert (present.head, present.live, present.since) == (said[1], second, tuple(said))
    assert present.live_digest == second.digest
    assert ledger.live("dev", "digits") == second
    assert tuple(ledger.backwards("dev", "digits")) == (*reversed(said), second, first)


def test_reading_backwards_reads_no_more_than_it_is_asked_for(
    ledger: Ledger, released: Release, store: FolderStore
) -> None:
    last = deploy(ledger, released, times=4)
    rewrite(store, key(1), b"damaged")
    assert next(ledger.backwards("dev", "digits")) == last
    assert ledger.present("dev", "digits").live == last
    second = ledger._read("dev", "digits", 2)
    assert next(ledger.backwards("dev", "digits", start=second)) == second
    with pytest.raises(LedgerBroken, match="00000001"):
        list(ledger.backwards("dev", "digits", start=second))


def test_what_follows_the_present_can_be_appended(ledger: Ledger, released: Release) -> None:
    for number in range(3):
        present = ledger.present("dev", "digits")
        ledger.append(present.follow(**fields(released, at=NOON + timedelta(hours=number))))
    assert [e.sequence for e in ledger.history("dev", "digits")] == [1, 2, 3]


def test_a_decision_on_an_older_present_is_refused(ledger: Ledger, released: Release) -> None:
    present = ledger.present("dev", "digits")
    deploy(ledger, released, actor="bob")
    with pytest.raises(LedgerMoved, match="by bob"):
        ledger.append(present.follow(**fields(released)))


def test_a_clock_that_runs_behind_a_little_is_put_right(ledger: Ledger, released: Release) -> None:
    deploy(ledger, released)
    present = ledger.present("dev", "digits")
    assert present.follow(**fields(released, at=NOON - CLOCK_TOLERANCE)).at == NOON
    with pytest.raises(ClockBehind, match=r"says 2026-11-20T11:54:59.*set the clock right \(NTP\)"):
        present.follow(**fields(released, at=NOON - CLOCK_TOLERANCE - timedelta(seconds=1)))


LAYOUT_1 = (
    b'{"actor":"ada","at":"2026-11-20T12:00:00Z","environment":"dev","kind":"deploy","model":"digits",'
    b'"policy_digest":"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff","previous":null,'
    b'"reason":"better","release_digest":"b557ee91ea26092aceff3a5c0420645a0cddffe2a235aeef8c2e336b6b452ac0",'
    b'"schema_version":1,"sequence":1,"version":"1.0.0"}'
)


def test_an_entry_of_the_first_layout_is_read_byte_for_byte(ledger: Ledger, store: FolderStore) -> None:
    store.put_if_absent(key(1), LAYOUT_1)
    read = ledger.live("dev", "digits")
    assert read is not None
    assert (read.encoded(), read.admission) == (LAYOUT_1, None)
    assert read.digest == "581bde1e816c63450d562e2f7a5cc5525b20f3a917eb4765273c31b158e8969c"


def test_a_ledger_goes_on_in_the_second_layout(ledger: Ledger, released: Release, store: FolderStore) -> None:
    store.put_if_absent(key(1), LAYOUT_1)
    deploy(ledger, released)
    assert [e.schema_version for e in ledger.history("dev", "digits")] == [1, 2]


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"kind": "rollback"}, "layout 1 does not know rollback"),
        ({"admission": "0" * 64}, "layout 1 does not know this field"),
    ],
)
def test_the_first_layout_holds_what_it_held(released: Release, field: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        entry(None, released, schema_version=1, **field)


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"admission": None}, "admission: an entry of kind deploy needs one"),
        ({"kind": "rollback", "admission": None}, "kind rollback needs one"),
        ({"result": "0" * 64}, "result: an entry of kind deploy has none"),
        ({"kind": "result", "result": None}, "kind result needs one"),
        ({"kind": "result", "result": "0" * 64, "admission": "0" * 64}, "kind result has none"),
        ({"kind": "approve"}, "approval: an entry of kind approve needs one"),
        ({"kind": "reject"}, "approval: an entry of kind reject needs one"),
    ],
)
def test_an_entry_holds_what_its_kind_needs(released: Release, field: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        entry(None, released, **field)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "other"),
        ("environment", "staging"),
        ("version", "1.0.1"),
        ("release_digest", "0" * 64),
        ("policy_digest", "0" * 64),
        ("reason", "another"),
        ("kind", "reject"),
    ],
)
def test_an_entry_says_what_was_signed(released: Release, field: str, value: str) -> None:
    signed = approval(released)
    assert entry(None, released, kind="approve", approval=signed).approval == signed
    fields: dict[str, Any] = {"kind": "approve", "approval": signed, field: value}
    with pytest.raises(ValidationError, match=field):
        entry(None, released, **fields)


@pytest.mark.parametrize(
    ("field", "why"),
    [
        ({"kind": "teleport"}, "kind"),
        ({"sequence": 0, "previous": None}, "sequence"),
        ({"sequence": 10**8, "previous": "0" * 64}, "sequence"),
        ({"previous": "0" * 64}, "previous"),
        ({"sequence": 2}, "previous"),
        ({"environment": "../prod"}, "environment"),
        ({"actor": ""}, "actor"),
        ({"policy_digest": "none"}, "policy_digest"),
        ({"at": datetime(2026, 11, 20)}, "at"),  # noqa: DTZ001 - what is refused
        ({"sneaked": 1}, "sneaked"),
    ],
)
def test_an_entry_is_validated(released: Release, field: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        entry(None, released, **field)


def test_names_of_nothing_are_refused(ledger: Ledger) -> None:
    for environment, model in (("../dev", "digits"), ("dev", "a/b"), ("", "digits")):
        with pytest.raises(ValueError, match="is no name"):
            ledger.current(environment, model)


def test_keys_sort_as_their_numbers() -> None:
    numbers = [1, 9, 10, 99, 100, 12345678]
    assert sorted(map(key, numbers)) == [key(number) for number in numbers]


def test_an_entry_reads_as_a_sentence(released: Release) -> None:
    said = str(entry(None, released, at=datetime(2026, 11, 20, 14, 3, tzinfo=UTC)))
    assert said == "entry 1 (deploy digits 1.0.0 in dev by ada at 2026-11-20T14:03:00+00:00: better)"
    assert isinstance(entry(None, released), Entry)
