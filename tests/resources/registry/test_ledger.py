"""The ledger: history that only grows, one writer at a time, and that shows where it was edited."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from races import dies_at_call, race
from registry_samples import deploy, entry, release

from resources.digests import canonical_json
from resources.registry.ledger import Entry, Ledger, LedgerBroken, LedgerMoved, entry_key
from resources.registry.releases import Registry, Release, release_key
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
    assert ledger.verify("dev", "digits")


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
        point += 11
    assert left == {1, 2}


def test_a_right_ledger_is_verified_to_its_head(ledger: Ledger, released: Release) -> None:
    last = deploy(ledger, released, times=5)
    audit = ledger.verify("dev", "digits")
    assert audit
    assert (audit.entries, audit.head, audit.fault) == (5, last.digest, None)
    assert ledger.verify("prod", "digits").entries == 0


def test_a_gap_is_found(ledger: Ledger, released: Release, store: FolderStore) -> None:
    deploy(ledger, released, times=4)
    store.local(key(2)).unlink()
    audit = ledger.verify("dev", "digits")
    assert not audit
    assert audit.fault is not None
    assert (audit.entries, audit.fault.key) == (1, key(2))
    with pytest.raises(LedgerBroken, match=r"00000002\.json: missing, though later entries exist"):
        ledger.history("dev", "digits")


@pytest.mark.parametrize("edited", [1, 2, 3])
def test_an_edited_entry_is_found(ledger: Ledger, released: Release, store: FolderStore, edited: int) -> None:
    deploy(ledger, released, times=4)
    was = ledger.history("dev", "digits")[edited - 1]
    rewrite(store, key(edited), was.model_copy(update={"actor": "somebody else"}).encoded())
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert audit.fault.key == key(edited)
    assert "was changed after" in audit.fault.why


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff", b"[" * 10_000, canonical_json({"kind": "deploy"})],
    ids=["empty", "nothing", "bytes", "deep", "part"],
)
def test_a_damaged_entry_is_found(ledger: Ledger, released: Release, store: FolderStore, content: bytes) -> None:
    deploy(ledger, released, times=3)
    rewrite(store, key(3), content)
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert (audit.entries, audit.fault.key) == (2, key(3))
    with pytest.raises(LedgerBroken, match=r"00000003\.json"):
        ledger.current("dev", "digits")
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
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert audit.fault.key.endswith(name)


def test_a_deployed_release_that_is_gone_or_changed_is_found(
    ledger: Ledger, released: Release, store: FolderStore
) -> None:
    deploy(ledger, released)
    manifest = release_key("digits", "1.0.0")
    rewrite(store, manifest, released.model_copy(update={"changelog": "nothing to see"}).encoded())
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert (audit.fault.key, "the ledger names" in audit.fault.why) == (key(1), True)
    store.local(manifest).unlink()
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert "no release 1.0.0" in audit.fault.why


def test_a_deployed_release_whose_files_are_gone_is_found(
    ledger: Ledger, released: Release, store: FolderStore
) -> None:
    deploy(ledger, released)
    Blobs(store).path(released.onnx).unlink()
    audit = ledger.verify("dev", "digits")
    assert audit.fault is not None
    assert released.onnx.sha256 in audit.fault.why


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
